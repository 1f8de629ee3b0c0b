"""A work order's page: its state, notes, photos and parts, and the lockout of its machine."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import Depends, File, Form, UploadFile
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.machines import service as machines
from booking_api.machines.orders import Outcome
from booking_api.maintenance import endpoints, pictures, plans, work
from booking_api.maintenance.models import CLOSED, OrderState
from booking_api.maintenance.work import OrderChanges
from booking_api.payments import items
from booking_api.web.board import names_of
from booking_api.web.pages import Paged
from booking_api.web.upkeep import read_photo
from booking_api.web.upkeep_words import SOURCES, STATES, called
from floor.errors import Refused

router = Router(prefix="/upkeep/orders/{id}", include_in_schema=False)
Operates = Annotated[Who, Depends(holds(Permission.MACHINES_OPERATE))]
Words = Annotated[str, Form(max_length=2_000)]
Reason = Annotated[str, Form(max_length=200)]


@router.get("")
def order_page(who: SignedIn, session: Reading, page: Paged, id: str) -> Response:
    """Show a work order: technicians any, a member what they reported."""
    require(who, Permission.ME_READ)
    order = endpoints.visible(session, who, id)
    notes, used = work.notes(session, id), work.parts(session, id)
    operates = page.may(Permission.MACHINES_OPERATE)
    plan = plans.get(session, order.plan) if order.plan else None
    people = {one.author for one in notes} | {order.member or "", order.assignee or "", order.closed_by or ""}
    every = items.listed(session, archived=True)
    values = {
        "order": order,
        "machine": machines.get(session, order.machine),
        "plan_text": called(plan.texts, page.f) if plan else "",
        "notes": notes,
        "photos": work.photos(session, id),
        "used": used,
        "items": {one.id: one for one in every},
        "parts": [one for one in every if one.archived_ms is None and one.stock_milli is not None],
        "workers": work.workers(session) if operates else (),
        "people": names_of(session, people, staff=True),
        "states": STATES,
        "sources": SOURCES,
        "is_open": order.state not in CLOSED,
        "operates": operates,
        "now_ms": page.context.clock.now_ms(),
    }
    return page.answer("work_order.html", values)


@router.post("")
def change(
    who: Operates,
    session: Writing,
    page: Paged,
    id: str,
    state: Annotated[OrderState | None, Form()] = None,
    assignee: Annotated[str | None, Form(max_length=64)] = None,
    words: Words = "",
) -> Response:
    """Change a work order's state or who does it, and note something."""
    order = work.get(session, id)
    given: dict[str, object] = {"words": words}
    if state is not None and state is not order.state:
        given["state"] = state
    if assignee is not None and (assignee or None) != order.assignee:
        given["assignee"] = assignee or None
    work.change(session, id, OrderChanges.model_validate(given), who.id, page.context.clock.now_ms())
    return _back(id, "work_done" if given.get("state") is OrderState.DONE and order.plan else "kept")


@router.post("/parts")
def use_part(
    who: Operates,
    session: Writing,
    page: Paged,
    id: str,
    item: Annotated[str, Form(max_length=64)],
    quantity: Annotated[str, Form(max_length=20)],
) -> Response:
    """Take a part from the stock."""
    order, now_ms = work.get(session, id), page.context.clock.now_ms()
    work.use_part(session, order, item, _milli(quantity), who.id, now_ms)
    return _back(id, "part_used")


@router.post("/photos")
def add_photo(
    who: SignedIn, session: Writing, page: Paged, id: str, photo: Annotated[UploadFile, File()]
) -> Response:
    """Add a photo."""
    require(who, Permission.ME_WRITE)
    order, picture = endpoints.visible(session, who, id), read_photo(photo)
    if picture is None:
        raise Refused("photo_missing", "Choose a photo.")
    pictures.keep(page.context.database.data, picture)
    work.add_photo(session, order, picture, who.id, page.context.clock.now_ms())
    return _back(id, "photo_kept")


@router.get("/photos/{photo}")
def photo(who: SignedIn, session: Reading, page: Paged, id: str, photo: str) -> Response:
    """Return a photo."""
    require(who, Permission.ME_READ)
    return endpoints.photo_answer(session, page.context, who, id, photo)


@router.post("/lockout")
async def lock_out(who: Operates, page: Paged, id: str, reason: Reason) -> Response:
    """Take the machine out of order, for this work order."""
    return _answered(id, await endpoints.lock_out(page.context, id, reason, who.id))


@router.post("/clear")
async def clear(who: Operates, page: Paged, id: str, reason: Reason) -> Response:
    """Put the machine in order again."""
    return _answered(id, await endpoints.clear(page.context, id, reason, who.id))


def _answered(id: str, outcome: Outcome) -> Response:
    return _back(id, "done" if outcome.done else "recorded" if outcome.recorded else "refused")


def _back(id: str, notice: str) -> Response:
    return RedirectResponse(f"/upkeep/orders/{id}?notice={notice}", 303)


def _milli(text: str) -> int:
    """Return thousandths of what was typed; raises Refused."""
    try:
        milli = Decimal(text.strip().replace(",", ".")) * 1000
    except InvalidOperation:
        milli = Decimal(0)
    if not milli.is_finite() or milli <= 0 or milli != milli.to_integral_value():
        raise Refused("count_malformed", "Write how much there is, like 12 or 0.5.")
    return int(milli)
