"""Upkeep as pages: what is due and to do, which parts run low, labels, and faults that members report."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, File, Form, Query, UploadFile
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.machines import service as machines
from booking_api.maintenance import downtime, labels, pictures, plans, work
from booking_api.maintenance.models import Source, WorkOrder
from booking_api.maintenance.plans import Standing
from booking_api.maintenance.work import FaultDetails, Opening
from booking_api.payments import items
from booking_api.web.board import names_of
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.statement import machine_names
from booking_api.web.upkeep_words import SOURCES, STATES, due_row, reliability_rows
from floor.errors import Refused
from floor.maintenance import DueState

router = Router(include_in_schema=False)
Operates = Annotated[Who, Depends(holds(Permission.MACHINES_OPERATE))]
Title = Annotated[str, Form(max_length=200)]
Words = Annotated[str, Form(max_length=2_000)]
LATELY, HISTORY = 15, 10
NEAR_MAX, LATER_MAX = 100, 50
"""So many plans are drawn, the most urgent first; of a large floor it says how many more there are."""
FAR = frozenset({DueState.GOOD, DueState.UNKNOWN})


@router.get("/upkeep")
def upkeep(who: Operates, session: Reading, page: Paged) -> Response:
    """Show what is due, what is to do, and what runs low."""
    now_ms = page.context.clock.now_ms()
    near: list[Standing] = []
    later: list[Standing] = []
    for one in plans.standings(session, now_ms):
        (later if one.due.state in FAR else near).append(one)
    to_do, lately = work.open_orders(session), work.closed_orders(session, "", LATELY)
    values = {
        "near": [due_row(one, page.f, now_ms) for one in near[:NEAR_MAX]],
        "later": [due_row(one, page.f, now_ms) for one in later[:LATER_MAX]],
        "near_count": len(near),
        "later_count": len(later),
        "to_do": to_do,
        "lately": lately,
        "low": items.low(session),
        "machines": machines.listed(session),
        "workers": work.workers(session),
        **_of_orders(session, [*to_do, *lately], page),
    }
    return page.answer("upkeep.html", values)


@router.post("/upkeep/orders")
def open_order(
    who: Operates,
    session: Writing,
    page: Paged,
    machine: Annotated[str, Form(max_length=64)],
    title: Title,
    words: Words = "",
    assignee: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Open a work order."""
    if not title.strip():
        raise Refused("title_missing", "Say what there is to do.")
    opening = Opening(Source.TECHNICIAN, who.id, words.strip(), assignee=assignee or None)
    order = work.open_order(session, machine, title, opening, page.context.clock.now_ms())
    return RedirectResponse(f"/upkeep/orders/{order.id}?notice=work_opened", 303)


@router.post("/upkeep/plans/{id}/{machine}/done")
def plan_done(who: Operates, session: Writing, page: Paged, id: str, machine: str) -> Response:
    """Say that a plan's work is done."""
    plans.done(session, id, machine, who.id, page.context.clock.now_ms())
    return RedirectResponse("/upkeep?notice=work_done", 303)


@router.get("/upkeep/labels")
def label_page(who: Operates, session: Reading, page: Paged) -> Response:
    """Ask which labels to print, and on which sheet."""
    there = machines.listed(session)
    kinds = sorted({one.kind for one in there})
    return page.answer("labels.html", {"sheets": labels.SHEETS, "machines": there, "kinds": kinds})


@router.get("/upkeep/labels.pdf")
def label_sheet(
    who: Operates,
    session: Reading,
    page: Paged,
    sheet: Annotated[str, Query(max_length=20)] = "a4-3x8",
    machine: Annotated[str, Query(max_length=64)] = "",
    kind: Annotated[str, Query(max_length=32)] = "",
    skip: Annotated[int, Query(ge=0, le=100)] = 0,
) -> Response:
    """Print labels of all machines, of a kind, or of one."""
    there = [machines.get(session, machine)] if machine else machines.listed(session)
    chosen = [one for one in there if not kind or one.kind == kind]
    words = page.f.texts.gettext("Scan it: prices, rules, and reporting a fault.")
    made = labels.print_labels(chosen, labels.sheet_of(sheet), page.context.settings.address, words, skip)
    headers = {"Content-Disposition": 'inline; filename="labels.pdf"'}
    return Response(made, media_type="application/pdf", headers=headers)


@router.get("/faults/{machine}")
def fault_page(who: SignedIn, session: Reading, page: Paged, machine: str) -> Response:
    """Ask what is wrong with a machine, and show what is known already."""
    require(who, Permission.ME_READ)
    values = {"machine": machines.get(session, machine), "known": work.open_orders(session, machine)}
    return page.answer("fault.html", values | {"states": STATES})


@router.post("/faults/{machine}")
def report_fault(
    who: SignedIn,
    session: Writing,
    page: Paged,
    machine: str,
    title: Title,
    words: Words = "",
    urgent: Annotated[str, Form(max_length=3)] = "",
    photo: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Take a fault, with a photo if there is one."""
    require(who, Permission.ME_WRITE)
    if not title.strip():
        raise Refused("title_missing", "Say what is wrong.")
    picture = read_photo(photo)
    details = FaultDetails(title=title, words=words, urgent=bool(urgent))
    now_ms = page.context.clock.now_ms()
    order = work.report(session, machine, details, who.id, now_ms)
    if picture is not None:
        pictures.keep(page.context.database.data, picture)
        work.add_photo(session, order, picture, who.id, now_ms)
    page.context.live.touch(machine)
    return RedirectResponse(f"/machines/{machine}?notice=reported", 303)


def read_photo(sent: UploadFile | None) -> pictures.Picture | None:
    """Return the photo of a form, None where none was chosen; raises Refused."""
    if sent is None or not sent.filename:
        return None
    return pictures.read(sent.file.read(pictures.FILE_MAX + 1))


def of_machine(session: Session, machine: str, page: Page) -> dict[str, object]:
    """Return what a machine's own page shows of its upkeep."""
    now_ms = page.context.clock.now_ms()
    if page.who is None:
        return {"known": (), "states": STATES, "upkeep": None}
    known = work.open_orders(session, machine)
    if not page.may(Permission.MACHINES_OPERATE):
        return {"known": known, "states": STATES, "upkeep": None}
    shown = {
        "due": [due_row(one, page.f, now_ms) for one in plans.standings(session, now_ms, machine)],
        "lately": work.closed_orders(session, machine, HISTORY),
        "downs": downtime.history(session, machine, 0, HISTORY),
        "reliability": reliability_rows(downtime.reliable(session, machine, now_ms), page.f),
        "days": downtime.WINDOW_DAYS,
        "now_ms": now_ms,
    }
    return {"known": known, "states": STATES, "upkeep": shown}


def _of_orders(session: Session, orders: list[WorkOrder], page: Page) -> dict[str, object]:
    people = {one.assignee or "" for one in orders} | {one.member or "" for one in orders}
    return {
        "names": machine_names(session),
        "people": names_of(session, people, staff=True),
        "states": STATES,
        "sources": SOURCES,
        "now_ms": page.context.clock.now_ms(),
    }
