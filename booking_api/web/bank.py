"""The bank on a page: statements read, and lines that wait for a person."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, File, Form, UploadFile
from fastapi.concurrency import run_in_threadpool
from sqlmodel import col, select
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.members.models import Member
from booking_api.payments import bank, bank_csv, books
from booking_api.payments.bank_endpoints import read_file
from booking_api.payments.booking import BYTES_MAX
from booking_api.web.pages import Paged
from booking_api.web.typed import Memo, Text
from floor.errors import Refused

router = Router(include_in_schema=False)
Cashier = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]


@router.get("/desk/bank")
def bank_page(who: Cashier, page: Paged) -> Response:
    """Show the lines that wait, each with what it may be, and those that were posted last."""
    with page.context.database.read() as session:
        waiting, done = bank.waiting(session, 100), bank.done(session, 30)
        accounts = {line.account for line in (*waiting, *done) if line.account}
        names = {account: books.name_of(session, account) for account in accounts}
        numbers = dict(
            session.exec(select(Member.account, Member.number).where(col(Member.account).in_(accounts))).all()
        )
    values = {
        "waiting": waiting,
        "done": done,
        "names": names,
        "numbers": numbers,
        "presets": list(bank_csv.PRESETS),
        "places": list(bank.PLACES),
    }
    return page.answer("desk_bank.html", values)


@router.post("/desk/bank")
async def import_file(
    who: Cashier,
    page: Paged,
    file: Annotated[UploadFile, File()],
    preset: Annotated[str, Form(max_length=40)] = "plain",
) -> Response:
    """Read a statement; the same again changes nothing."""
    data = await file.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise Refused("body_length", "The file is too large.")
    bookings = await run_in_threadpool(read_file, data, preset)
    context, name = page.context, (file.filename or "")[:200]
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    await context.database.transact(
        lambda session: bank.take(session, bookings, currency, who.id, now_ms, name)
    )
    return RedirectResponse("/desk/bank?notice=imported", 303)


@router.post("/desk/bank/{id}/assign")
def assign(who: Cashier, session: Writing, page: Paged, id: str, target: Text) -> Response:
    """Post a line to an account or a place."""
    context = page.context
    bank.assign(session, id, target, context.settings.currency, who.id, context.clock.now_ms())
    return RedirectResponse("/desk/bank?notice=assigned", 303)


@router.post("/desk/bank/{id}/ignore")
def ignore(who: Cashier, session: Writing, page: Paged, id: str, memo: Memo) -> Response:
    """Set a line aside that is none of ours."""
    bank.ignore(session, id, memo)
    return RedirectResponse("/desk/bank?notice=ignored", 303)
