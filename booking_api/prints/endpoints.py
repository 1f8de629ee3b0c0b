"""The print queue over HTTP: members their own, staff all of a machine, gateways the file of a print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select
from starlette.responses import FileResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, check_csrf, require, somebody
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.paging import Cursor, Limit, Page, page
from booking_api.prints import files, service
from booking_api.prints.models import PrintJob, PrintState
from booking_api.prints.pricing import Priced
from booking_api.prints.service import PrintDetails, Queue
from booking_api.prints.upload import Uploads, take_body
from booking_api.sessions.seen import LineSeen
from floor.errors import Refused
from floor.tariff import Line

router = Router(prefix="/api", tags=["prints"])
Of = Annotated[str, Query(max_length=64)]
Known = Annotated[Who, Depends(somebody)]
_MONEY = ("price_micro", "commodity", "tariffs")


class PrintSeen(BaseModel):
    """A print. `quantities` is what it will use, in base units, `missing` what its price leaves out.

    Prices are micro-units of `commodity`, None where no price was in force, and for those who may not see
    that member's money; `lines` explain the price of one that waits for its member to agree.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    member: str
    account: str | None
    machine: str
    name: str
    size: int
    quantities: dict[str, int]
    weighed: bool
    missing: list[str]
    price_micro: int | None
    commodity: str | None
    tariffs: list[str] | None
    note: str
    state: PrintState
    session: str | None
    words: str
    created_ms: int
    closed_ms: int | None
    lines: list[LineSeen] | None = None


class Agreed(BaseModel):
    """The price that the member agrees to, in micro-units."""

    price_micro: int | None


def queue_of(context: Context) -> Queue:
    """Return what the queue works with now."""
    return Queue(context.vault, context.settings.prints, context.clock.now_ms())


def uploads_of(request: Request) -> Uploads:
    """Return the files that come in now."""
    uploads: Uploads = request.app.state.uploads
    return uploads


def seen(job: PrintJob, who: Who, priced: Priced | None = None) -> PrintSeen:
    """Return a print as it is shown to somebody."""
    shown = PrintSeen.model_validate(job)
    if not who.may_see(job.member, Permission.LEDGER_READ):
        return shown.model_copy(update=dict.fromkeys((*_MONEY, "account")))
    if priced is None:
        return shown
    update = {"price_micro": priced.total_micro, "commodity": priced.commodity, "lines": _lines(priced.lines)}
    return shown.model_copy(update=update)


def visible(session: Session, who: Who, id: str) -> PrintJob:
    """Return a print that somebody may see: their own, or any with the right to sessions."""
    job = session.get(PrintJob, id)
    if job is None or not who.may_see(job.member, Permission.SESSIONS_READ):
        raise service.not_found(id)
    return job


def manageable(session: Session, who: Who, id: str) -> PrintJob:
    """Return a print that somebody may cancel: their own, or any of a machine that they operate."""
    job = visible(session, who, id)
    require(who, Permission.ME_WRITE if job.member == who.id else Permission.MACHINES_OPERATE)
    return job


def quoted(session: Session, context: Context, job: PrintJob) -> Priced | None:
    """Return what a print that waits for its member's word costs now; None for any other."""
    return queue_of(context).quote(session, job) if job.state is PrintState.UPLOADED else None


@router.get("/v1/prints")
def list_prints(
    session: Reading,
    who: SignedIn,
    machine: Of = "",
    member: Of = "",
    state: PrintState | None = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[PrintSeen]:
    """List prints, newest first: one's own, or of everybody with the right to sessions."""
    everyone = who.may(Permission.SESSIONS_READ)
    wanted = member if member or everyone else who.id
    if not (everyone or who.may_see(wanted, Permission.SESSIONS_READ)):
        raise Refused("forbidden", "This is another member's.")
    query = select(PrintJob)
    for column, value in ((PrintJob.machine, machine), (PrintJob.member, wanted), (PrintJob.state, state)):
        query = query.where(col(column) == value) if value else query
    rows, following = page(session, query, PrintJob.id, cursor, limit, newest_first=True)
    return Page(items=[seen(row, who) for row in rows], next=following)


@router.post("/v1/prints", status_code=201)
async def submit(
    request: Request, who: Known, context: Ctx, details: Annotated[PrintDetails, Query()]
) -> PrintSeen:
    """Submit G-code, which is the body as it is; it is queued by `confirm`."""
    check_csrf(who, request.headers.get("x-csrf-token"))
    require(who, Permission.ME_WRITE)
    bounds, database = context.settings.prints, context.database
    queue = queue_of(context)
    await database.look(lambda session: queue.check(session, who.member, details))
    if int(request.headers.get("content-length") or 0) > bounds.max_file_bytes:
        raise files.too_large()
    async with uploads_of(request).one(who.id, database.data, bounds.max_file_bytes) as incoming:
        taken = await take_body(request, incoming)
        id = context.clock.new_id()
        job = await database.transact(lambda session: queue.submit(session, who.member, details, taken, id))
    quote = await database.look(lambda session: queue.quote(session, job))
    return seen(job, who, quote)


@router.get("/v1/prints/{id}")
def get_print(session: Reading, who: SignedIn, context: Ctx, id: str) -> PrintSeen:
    """Return a print; one that waits for its member's word with what it costs now, line by line."""
    job = visible(session, who, id)
    return seen(job, who, quoted(session, context, job))


@router.post("/v1/prints/{id}/confirm")
def confirm(session: Writing, who: SignedIn, context: Ctx, id: str, agreed: Agreed) -> PrintSeen:
    """Agree to the price: the print is queued, and begins at the member's next tap at the machine."""
    require(who, Permission.ME_WRITE)
    return seen(queue_of(context).confirm(session, id, who.id, agreed.price_micro), who)


@router.post("/v1/prints/{id}/cancel")
def cancel(session: Writing, who: SignedIn, context: Ctx, id: str) -> PrintSeen:
    """Take a print out of the queue."""
    return seen(queue_of(context).cancel(session, manageable(session, who, id)), who)


@router.post("/v1/prints/{id}/earlier")
def earlier(session: Writing, who: SignedIn, context: Ctx, id: str) -> PrintSeen:
    """Have one's print done before the one that is before it."""
    require(who, Permission.ME_WRITE)
    return seen(queue_of(context).earlier(session, id, who.id), who)


@router.post("/v1/prints/{id}/again", status_code=201)
def again(session: Writing, who: SignedIn, context: Ctx, id: str) -> PrintSeen:
    """Submit a print that is over once more, for a new price."""
    require(who, Permission.ME_WRITE)
    made = queue_of(context).again(session, id, who.id, context.clock.new_id())
    return seen(made, who, quoted(session, context, made))


@router.get("/print-files/{id}", include_in_schema=False)
def get_file(
    session: Reading, context: Ctx, id: str, x_print_token: Annotated[str, Header(max_length=64)] = ""
) -> Response:
    """Give the file of a print to whoever holds its token, which is the gateway of its machine."""
    path = service.file_for(session, context.vault, id, x_print_token)
    if not path.is_file():
        raise Refused("print_not_found", "There is no such file.")
    return FileResponse(path, media_type="text/x.gcode")


def _lines(lines: Sequence[Line]) -> list[LineSeen]:
    return [
        LineSeen(
            tariff_version=line.tariff,
            tier="",
            component=line.component,
            unit=line.unit,
            window=line.window,
            metered=str(line.metered),
            billed=str(line.billed),
            price_micro=str(line.price_micro),
            amount_micro=line.amount_micro,
            bound=line.bound,
        )
        for line in lines
    ]
