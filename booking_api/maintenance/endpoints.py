"""Upkeep over HTTP: members report faults, technicians see what is due and work on orders."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from starlette.responses import FileResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, check_csrf, holds, require, somebody
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.machines import orders as machine_orders
from booking_api.machines import service as machines
from booking_api.machines.endpoints import Reason
from booking_api.machines.orders import Outcome
from booking_api.maintenance import downtime, pictures, plans, work
from booking_api.maintenance.models import OrderState, Source, WorkOrder, WorkPhoto
from booking_api.maintenance.plans import Standing
from booking_api.maintenance.work import FaultDetails, Opening, OrderChanges, OrderDetails
from floor.errors import Refused
from floor.maintenance import DueState, Measure, WhenOverdue

router = Router(prefix="/api/v1", tags=["upkeep"])
PICTURES: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}, "image/png": {}}}}
Reads = Annotated[Who, Depends(holds(Permission.MACHINES_READ))]
Operates = Annotated[Who, Depends(holds(Permission.MACHINES_OPERATE))]
Writes = Annotated[Who, Depends(holds(Permission.MACHINES_WRITE))]
Known = Annotated[Who, Depends(somebody)]
Of = Annotated[str, Query(max_length=64)]
SEALED = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "inline",
    "Cache-Control": "private, max-age=3600",
}
"""Headers of a photo: it is a picture and nothing else, whatever a browser makes of it."""


class PlanSeen(BaseModel):
    """A maintenance plan; `every` is in base units: milliseconds, jobs, milliwatt hours."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    names: dict[str, str]
    texts: dict[str, str]
    machines: list[str]
    kinds: list[str]
    every: dict[Measure, int]
    soon_percent: int
    grace_percent: int
    when_overdue: WhenOverdue
    alarms: list[str]
    stopped: bool


class PlanKept(BaseModel):
    """What came of a plan of a file: added, changed, as it was."""

    id: str
    what: str


class PlansFile(BaseModel):
    """A maintenance.toml."""

    text: Annotated[str, Field(max_length=1_000_000)]


class PartSeen(BaseModel):
    """One count of a plan in base units; `used` None was never metered, `due_ms` None is unknown or never."""

    model_config = ConfigDict(from_attributes=True)

    measure: Measure
    used: int | None
    limit: int
    due_ms: int | None
    is_known: bool


class DueSeen(BaseModel):
    """How a plan stands at a machine. `due_ms` is at today's rate of use; `is_latest`: it may be before."""

    plan: str
    machine: str
    state: DueState
    since_ms: int
    due_ms: int | None
    is_latest: bool
    parts: list[PartSeen]


class ReliabilitySeen(BaseModel):
    """How reliable a machine was over so many days of calendar time; None before the first failure."""

    days: int
    down_ms: int
    failures: int
    mended: int
    availability: float | None
    mtbf_ms: int | None
    mttr_ms: int | None


class NoteSeen(BaseModel):
    """What was noted; `change` is the state that the order went to, "" for words alone."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    author: str
    at_ms: int
    words: str
    change: str


class PhotoSeen(BaseModel):
    """A photo of a work order; its file is at `/work-orders/ORDER/photos/ID`."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    author: str
    at_ms: int
    media_type: str
    size: int
    width: int
    height: int


class PartUsed(BaseModel):
    """A part that was taken from the stock, in thousandths of its unit."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")

    item: Annotated[str, Field(max_length=64)]
    quantity_milli: Annotated[int, Field(gt=0, lt=1 << 50)]


class OrderSeen(BaseModel):
    """A work order; times are UTC milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    n: int
    machine: str
    source: Source
    state: OrderState
    title: str
    urgent: bool
    plan: str | None
    alarm: str | None
    member: str | None
    assignee: str | None
    opened_ms: int
    begun_ms: int | None
    closed_ms: int | None


class OrderWhole(OrderSeen):
    """A work order with all that belongs to it."""

    notes: list[NoteSeen]
    photos: list[PhotoSeen]
    parts: list[PartUsed]


class Words(BaseModel):
    """Something to note."""

    words: Annotated[str, Field(min_length=1, max_length=2_000)]


def visible(session: Session, who: Who, id: str) -> WorkOrder:
    """Return a work order that somebody may see: technicians any, a member what they reported."""
    order = work.get(session, id)
    if order.member != who.id and not who.may(Permission.MACHINES_OPERATE):
        raise Refused("work_order_not_found", "There is no such work order.")
    return order


def photo_answer(session: Session, context: Context, who: Who, id: str, photo: str) -> Response:
    """Return a photo's file, with headers that make it no more than a picture."""
    order, row = visible(session, who, id), session.get(WorkPhoto, photo)
    path = pictures.place(context.database.data, row.sha256) if row else None
    if row is None or path is None or row.work_order != order.id or not path.is_file():
        raise Refused("photo_not_found", "There is no such photo.")
    return FileResponse(path, media_type=row.media_type, headers=SEALED)


async def lock_out(context: Context, id: str, reason: str, by: str) -> Outcome:
    """Take a work order's machine out of order, for this work order."""
    machine = await _machine(context, id)
    return await machine_orders.lock_out(
        context, machine, reason, by, lambda session: work.tie_lockout(session, id)
    )


async def clear(context: Context, id: str, reason: str, by: str) -> Outcome:
    """Put a work order's machine in order again; what was done is noted."""
    now_ms = context.clock.now_ms()
    machine = await _machine(context, id)
    return await machine_orders.clear(
        context,
        machine,
        reason,
        by,
        lambda session: work.note(session, work.get(session, id), by, reason, now_ms),
    )


async def _machine(context: Context, id: str) -> str:
    def read() -> str:
        with context.database.read() as session:
            return work.get(session, id).machine

    return await asyncio.to_thread(read)


@router.get("/maintenance/plans")
def list_plans(session: Reading, who: Operates) -> list[PlanSeen]:
    """List the maintenance plans."""
    return [PlanSeen.model_validate(one) for one in plans.listed(session)]


@router.post("/maintenance/plans")
def put_plans(session: Writing, context: Ctx, who: Writes, file: PlansFile) -> list[PlanKept]:
    """Add and change plans by a maintenance.toml; what it does not name stays."""
    kept = plans.put_file(session, file.text, "maintenance.toml", context.clock.now_ms())
    return [PlanKept(id=plan.id, what=what) for plan, what in kept]


@router.get("/maintenance/due")
def list_due(session: Reading, context: Ctx, who: Operates, machine: Of = "") -> list[DueSeen]:
    """Say how every plan stands, at all machines or one, the most urgent first."""
    return [_due(one) for one in plans.standings(session, context.clock.now_ms(), machine)]


def _due(one: Standing) -> DueSeen:
    return DueSeen(
        plan=one.plan.id,
        machine=one.machine.id,
        state=one.due.state,
        since_ms=one.since_ms,
        due_ms=one.due.due_ms,
        is_latest=one.due.is_latest,
        parts=[PartSeen.model_validate(part) for part in one.due.parts],
    )


@router.post("/maintenance/plans/{id}/machines/{machine}/done", status_code=204)
def plan_done(session: Writing, context: Ctx, who: Operates, id: str, machine: str) -> None:
    """Say that a plan's work is done at a machine: it counts from now on."""
    plans.done(session, id, machine, who.id, context.clock.now_ms())


@router.get("/machines/{machine}/reliability")
def get_reliability(
    session: Reading, context: Ctx, who: Reads, machine: str, days: Annotated[int, Query(ge=1, le=3_650)] = 90
) -> ReliabilitySeen:
    """Say how reliable a machine was over the last days: availability, MTBF, MTTR."""
    machines.get(session, machine)
    found = downtime.reliable(session, machine, context.clock.now_ms(), days)
    return ReliabilitySeen(
        days=days,
        down_ms=found.down_ms,
        failures=found.failures,
        mended=found.mended,
        availability=None if found.availability is None else float(found.availability),
        mtbf_ms=found.mtbf_ms,
        mttr_ms=found.mttr_ms,
    )


@router.post("/machines/{machine}/faults", status_code=201)
def report_fault(
    session: Writing, context: Ctx, who: SignedIn, machine: str, details: FaultDetails
) -> OrderSeen:
    """Report a fault of a machine."""
    require(who, Permission.ME_WRITE)
    order = work.report(session, machine, details, who.id, context.clock.now_ms())
    return OrderSeen.model_validate(order)


@router.get("/work-orders")
def list_orders(session: Reading, who: Operates, machine: Of = "", closed: bool = False) -> list[OrderSeen]:
    """List what is to do, at most 200: the urgent first, then the oldest; or what was done, newest first."""
    found = work.closed_orders(session, machine, 200) if closed else work.open_orders(session, machine)
    return [OrderSeen.model_validate(one) for one in found]


@router.post("/work-orders", status_code=201)
def open_order(session: Writing, context: Ctx, who: Operates, details: OrderDetails) -> OrderSeen:
    """Open a work order."""
    opening = Opening(
        Source.TECHNICIAN, who.id, details.words, details.urgent, assignee=details.assignee or None
    )
    now_ms = context.clock.now_ms()
    return OrderSeen.model_validate(work.open_order(session, details.machine, details.title, opening, now_ms))


@router.get("/work-orders/{id}")
def get_order(session: Reading, who: SignedIn, id: str) -> OrderWhole:
    """Return a work order: technicians any, a member what they reported."""
    order = visible(session, who, id)
    return OrderWhole(
        **OrderSeen.model_validate(order).model_dump(),
        notes=[NoteSeen.model_validate(one) for one in work.notes(session, id)],
        photos=[PhotoSeen.model_validate(one) for one in work.photos(session, id)],
        parts=[PartUsed.model_validate(one) for one in work.parts(session, id)],
    )


@router.patch("/work-orders/{id}")
def change_order(session: Writing, context: Ctx, who: Operates, id: str, changes: OrderChanges) -> OrderSeen:
    """Change what is given of a work order; done sets its plan's count back."""
    return OrderSeen.model_validate(work.change(session, id, changes, who.id, context.clock.now_ms()))


@router.post("/work-orders/{id}/notes", status_code=201)
def add_note(session: Writing, context: Ctx, who: Operates, id: str, said: Words) -> NoteSeen:
    """Note something about a work order."""
    order = work.get(session, id)
    return NoteSeen.model_validate(work.note(session, order, who.id, said.words, context.clock.now_ms()))


@router.post("/work-orders/{id}/parts", status_code=201)
def use_part(session: Writing, context: Ctx, who: Operates, id: str, part: PartUsed) -> PartUsed:
    """Take a part from the stock for a work order."""
    order, now_ms = work.get(session, id), context.clock.now_ms()
    row = work.use_part(session, order, part.item, part.quantity_milli, who.id, now_ms)
    return PartUsed.model_validate(row, from_attributes=True)


@router.post("/work-orders/{id}/photos", status_code=201)
async def add_photo(request: Request, context: Ctx, who: Known, id: str) -> PhotoSeen:
    """Add a photo, which is the body as it is: JPEG or PNG, at most 8 MiB."""
    check_csrf(who, request.headers.get("x-csrf-token"))
    require(who, Permission.ME_WRITE)
    database, now_ms = context.database, context.clock.now_ms()
    await database.look(partial(visible, who=who, id=id))
    picture = await asyncio.to_thread(pictures.read, await request.body())
    await asyncio.to_thread(pictures.keep, database.data, picture)
    row = await database.transact(
        lambda session: work.add_photo(session, visible(session, who, id), picture, who.id, now_ms)
    )
    return PhotoSeen.model_validate(row)


@router.get("/work-orders/{id}/photos/{photo}", response_class=Response, responses=PICTURES)
def get_photo(session: Reading, context: Ctx, who: SignedIn, id: str, photo: str) -> Response:
    """Return a photo's file."""
    return photo_answer(session, context, who, id, photo)


@router.post("/work-orders/{id}/lockout")
async def lock_out_machine(context: Ctx, who: Operates, id: str, why: Reason) -> Outcome:
    """Take the machine of a work order out of order."""
    return await lock_out(context, id, why.reason, who.id)


@router.post("/work-orders/{id}/clear")
async def clear_machine(context: Ctx, who: Operates, id: str, why: Reason) -> Outcome:
    """Put the machine of a work order in order again; gives no power."""
    return await clear(context, id, why.reason, who.id)
