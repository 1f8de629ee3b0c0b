"""The print queue as pages: what a member submits and agrees to, and what waits at a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Request
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.accounts.choice import choices
from booking_api.accounts.models import Account
from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing, check_csrf, holds, require, somebody
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.certifications import standing
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.prints import upload
from booking_api.prints.endpoints import manageable, queue_of, quoted, uploads_of, visible
from booking_api.prints.models import OPEN, PrintJob, PrintState
from booking_api.prints.service import PrintDetails, waiting
from booking_api.web.board import names_of
from booking_api.web.explain import Row, explain
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.statement import machine_names, metered_words
from booking_api.web.vocabulary import QUANTITIES
from floor.errors import Refused
from floor.meter import Quantity
from floor.training import in_force

router = Router(include_in_schema=False)
Known = Annotated[Who, Depends(somebody)]
SeesQueues = Annotated[Who, Depends(holds(Permission.SESSIONS_READ))]
PRINTER = "printer"
SHOWN = (Quantity.JOB_TIME_MS, Quantity.FILAMENT_UM, Quantity.FILAMENT_MG)
RECENT = 20


@dataclass(frozen=True, slots=True)
class Card:
    """A print as a list shows it; `progress` is from 0 to 1 while it runs."""

    job: PrintJob
    machine: str
    estimate: tuple[str, ...]
    price: str
    progress: float | None
    first: bool


@router.get("/prints")
def prints_page(who: SignedIn, session: Reading, page: Paged) -> Response:
    """Show the form, what waits, and what became of earlier prints."""
    require(who, Permission.ME_READ)
    query = select(PrintJob).where(PrintJob.member == who.id)
    over = query.where(col(PrintJob.state).not_in(OPEN)).order_by(col(PrintJob.closed_ms).desc())
    open_jobs = session.exec(query.where(col(PrintJob.state).in_(OPEN))).all()
    values: dict[str, object] = {
        "waiting": _cards(session, page, sorted(open_jobs, key=lambda job: (job.position, job.id))),
        "over": _cards(session, page, list(session.exec(over.limit(RECENT)))),
        "machines": _usable(session, page, who.id),
        "accounts": [("", ""), *((one.id, one.name) for one in choices(session, {who.id}).get(who.id, ()))],
        "default": who.member.charges_to or "",
        "limit_mib": page.context.settings.prints.max_file_bytes >> 20,
    }
    return page.answer("prints.html", values)


@router.post("/prints")
async def submit(request: Request, who: Known, page: Paged) -> Response:
    """Take a file; the page that follows shows its price."""
    require(who, Permission.ME_WRITE)
    context = page.context
    queue, limit = queue_of(context), context.settings.prints.max_file_bytes
    found: list[PrintDetails] = []

    def check(form: upload.Form) -> None:
        check_csrf(who, request.headers.get("x-csrf-token", form.fields.get("csrf")))
        details = _details(form, who)
        with context.database.read() as session:
            queue.check(session, who.member, details)
        found.append(details)

    async with uploads_of(request).one(who.id, context.database.data, limit) as incoming:
        _, taken = await upload.take_form(request, incoming, check, limit)
        id = context.clock.new_id()
        await context.database.transact(
            lambda session: queue.submit(session, who.member, found[0], taken, id)
        )
    return RedirectResponse(f"/prints/{id}", 303)


@router.get("/prints/{id}")
def print_page(who: SignedIn, session: Reading, page: Paged, id: str) -> Response:
    """Show a print; one that waits for its member's word with its price, line by line."""
    job = visible(session, who, id)
    priced = quoted(session, page.context, job)
    money = who.may_see(job.member, Permission.LEDGER_READ)
    account = session.get(Account, job.account)
    rows: list[Row] = []
    if priced is not None and money and priced.charges:
        rows = explain(priced.lines, priced.versions or {}, priced.charges[0].tier, priced.commodity, page.f)
    missing = priced.missing if priced is not None else [Quantity(name) for name in job.missing]
    values = {
        "card": _cards(session, page, [job])[0],
        "rows": rows,
        "priced": priced if money else None,
        "missing": _listed([QUANTITIES[one] for one in missing], page),
        "account": account.name if account and money and account.id != who.member.account else "",
        "person": names_of(session, {job.member}).get(job.member, ""),
        "mine": job.member == who.id,
    }
    return page.answer("print.html", values)


@router.post("/prints/{id}/confirm")
def confirm(
    who: SignedIn, session: Writing, page: Paged, id: str, price: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    """Agree to the price that the page showed."""
    require(who, Permission.ME_WRITE)
    try:
        queue_of(page.context).confirm(session, id, who.id, int(price) if price.isdecimal() else None)
    except Refused as refused:
        if refused.code != "price_changed":
            raise
        return RedirectResponse(f"/prints/{id}?notice=price_changed", 303)
    return RedirectResponse("/prints?notice=print_queued", 303)


@router.post("/prints/{id}/cancel")
def cancel(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Take a print out of the queue."""
    job = queue_of(page.context).cancel(session, manageable(session, who, id))
    back = "/prints" if job.member == who.id else f"/machines/{job.machine}/prints"
    return RedirectResponse(f"{back}?notice=print_cancelled", 303)


@router.post("/prints/{id}/earlier")
def earlier(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Put a print before the one before it."""
    require(who, Permission.ME_WRITE)
    queue_of(page.context).earlier(session, id, who.id)
    return RedirectResponse("/prints", 303)


@router.post("/prints/{id}/again")
def again(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Submit a print that is over once more."""
    require(who, Permission.ME_WRITE)
    made = queue_of(page.context).again(session, id, who.id, page.context.clock.new_id())
    return RedirectResponse(f"/prints/{made.id}", 303)


@router.get("/machines/{id}/prints")
def machine_queue(who: SeesQueues, session: Reading, page: Paged, id: str) -> Response:
    """Show what waits at a machine, in the order in which its gateway is told."""
    machine = machines.get(session, id)
    runs = select(PrintJob).where(PrintJob.machine == id, PrintJob.state == PrintState.PRINTING)
    jobs = [*session.exec(runs), *waiting(session, [id]).get(id, [])]
    station = page.context.live.station(id)
    values = {
        "machine": machine,
        "cards": _cards(session, page, jobs),
        "people": names_of(session, {job.member for job in jobs}, staff=True),
        "reach": station.prints if station else "",
    }
    return page.answer("prints_machine.html", values)


def _details(form: upload.Form, who: Who) -> PrintDetails:
    fields = form.fields
    try:
        return PrintDetails(
            machine=fields.get("machine", ""),
            account=fields.get("account") or who.member.account,
            note=fields.get("note", ""),
            name=form.name[-400:],
        )
    except ValueError as error:
        raise Refused("form_malformed", "Something in the form is missing or not as it should be.") from error


def _usable(session: Session, page: Page, member: str) -> list[Machine]:
    """Return the machines that print files and that a member may use, printers first."""
    now_ms = page.context.clock.now_ms()
    there = [machine for machine in machines.listed(session) if _prints(page, machine)]
    mine = standing.allowed(session, [member], there, now_ms).get(member, {})
    return [
        machine
        for machine in sorted(there, key=lambda machine: machine.kind != PRINTER)
        if not machine.requires_certification or in_force(mine.get(machine.id), now_ms)
    ]


def _prints(page: Page, machine: Machine) -> bool:
    station = page.context.live.station(machine.id)
    return machine.kind == PRINTER or (station is not None and station.prints != "none")


def _cards(session: Session, page: Page, jobs: list[PrintJob]) -> list[Card]:
    names, seen, cards = machine_names(session), set(), []
    for job in jobs:
        station = page.context.live.station(job.machine)
        runs = station is not None and station.session_id == job.session and job.session is not None
        used = {str(name): job.quantities.get(name, 0) for name in SHOWN}
        queue = (job.machine, job.member)
        money = page.who is not None and page.who.may_see(job.member, Permission.LEDGER_READ)
        cards.append(
            Card(
                job=job,
                machine=names.get(job.machine, job.machine),
                estimate=tuple(text for _, text in metered_words(used, page.f)),
                price=_price(job, page) if money else "",
                progress=station.progress if station and runs else None,
                first=job.state is PrintState.QUEUED and queue not in seen,
            )
        )
        if job.state is PrintState.QUEUED:
            seen.add(queue)
    return cards


def _price(job: PrintJob, page: Page) -> str:
    if job.price_micro is None:
        return ""
    return page.f.money(job.price_micro, job.commodity or page.context.settings.currency.code)


def _listed(texts: list[str], page: Page) -> str:
    return ("、" if page.f.language == "zh" else ", ").join(page.f.texts.gettext(text) for text in texts)
