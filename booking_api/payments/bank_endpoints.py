"""The bank over HTTP: files of statements, and the lines that wait for a person."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.payments import bank, bank_csv, camt
from booking_api.payments.booking import BYTES_MAX, Booking
from booking_api.payments.models import LineState
from floor.errors import PeerError, Refused

router = Router(prefix="/api/v1", tags=["payments"])
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Looks = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]


class LineSeen(BaseModel):
    """A line of the bank. `account` is whose it is, a suggestion while it is open; `words` say why."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    day: str
    amount_micro: int
    commodity: str
    name: str
    iban: str
    remittance: str
    end_to_end: str
    returned: bool
    reason: str
    state: LineState
    account: str | None
    entry: str | None
    words: str


class ImportedSeen(BaseModel):
    """What came of a file: `known` lines were there before and changed nothing."""

    new: int
    known: int
    posted: int
    waiting: int
    lines: list[LineSeen]


class Target(BaseModel):
    """Whose a line is: an account's id, a member's number or email, or one of the places of the chart."""

    target: Annotated[str, Field(min_length=1, max_length=254)]


class Why(BaseModel):
    """Why a line is ignored or opened again."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


@router.post("/bank/files", status_code=201)
async def import_file(
    who: Writes,
    request: Request,
    context: Ctx,
    preset: Annotated[str, Query(max_length=40, description="The mapping of a CSV file.")] = "",
    name: Annotated[str, Query(max_length=200)] = "",
) -> ImportedSeen:
    """Import a statement: camt.053 as the body, or CSV with `preset`. The same again changes nothing."""
    body = await bounded_body(request, BYTES_MAX)
    bookings = await run_in_threadpool(read_file, body, preset)
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    done = await context.database.transact(
        lambda session: bank.take(session, bookings, currency, who.id, now_ms, name)
    )
    return ImportedSeen(
        new=done.new,
        known=done.known,
        posted=done.posted,
        waiting=done.waiting,
        lines=[LineSeen.model_validate(line) for line in done.lines[:200]],
    )


@router.get("/bank/lines")
def list_lines(
    who: Looks, session: Reading, state: Annotated[LineState, Query()] = LineState.OPEN
) -> list[LineSeen]:
    """Return the lines that wait, oldest first, or those that are done, newest first."""
    if state is LineState.OPEN:
        found = bank.waiting(session)
    else:
        found = [line for line in bank.done(session, 200) if line.state is state]
    return [LineSeen.model_validate(line) for line in found]


@router.post("/bank/lines/{id}/assign")
def assign(who: Writes, session: Writing, context: Ctx, id: str, details: Target) -> LineSeen:
    """Post a line to an account or a place."""
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    return LineSeen.model_validate(bank.assign(session, id, details.target, currency, who.id, now_ms))


@router.post("/bank/lines/{id}/ignore")
def ignore(who: Writes, session: Writing, id: str, details: Why) -> LineSeen:
    """Take that a line is none of ours."""
    return LineSeen.model_validate(bank.ignore(session, id, details.reason))


@router.post("/bank/lines/{id}/release")
def release(who: Writes, session: Writing, context: Ctx, id: str, details: Why) -> LineSeen:
    """Open a line again; what it posted is reversed."""
    line = bank.release(session, id, details.reason, who.id, context.clock.now_ms())
    return LineSeen.model_validate(line)


async def bounded_body(request: Request, most: int) -> bytes:
    """Return a request's body; raises Refused as soon as it is larger than `most` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Refused("body_length", "The file is too large.")
    return bytes(body)


def read_file(data: bytes, preset: str) -> list[Booking]:
    """Return the bookings of a file, camt.053 or CSV by a preset; raises Refused with what is wrong."""
    try:
        if camt.looks_like_camt(data):
            return camt.read(data)
        mapping = bank_csv.PRESETS.get(preset)
        if mapping is None:
            known = ", ".join(bank_csv.PRESETS)
            raise PeerError(f"The file is not camt.053. For CSV choose one of: {known}.")
        return bank_csv.read(data, mapping)
    except PeerError as error:
        raise Refused("file_malformed", str(error)) from error
