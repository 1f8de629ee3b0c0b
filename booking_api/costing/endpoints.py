"""Cost files, suppliers' invoices and closed months over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.costing import importing, invoices, versions
from booking_api.costing.invoices import InvoiceDetails, InvoiceLine, InvoiceSeen
from booking_api.costing.source import TEXT_MAX
from booking_api.idempotency import IdempotencyKey
from booking_api.paging import LISTED_MAX
from booking_api.periods import service as periods
from booking_api.periods.service import Outcome
from booking_api.periods.statement import CloseStated
from floor.errors import ConfigError, Refused

router = Router(prefix="/api/v1", tags=["costing"])
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Prices = Annotated[Who, Depends(holds(Permission.TARIFFS_WRITE))]


class CostsDetails(BaseModel):
    """A new version of the cost file: its TOML, as docs/cost-sharing.md says."""

    text: Annotated[str, Field(min_length=1, max_length=TEXT_MAX)]


class CostsSeen(BaseModel):
    """A version of the cost file, in force from a month on."""

    model_config = ConfigDict(from_attributes=True)

    n: int
    valid_from: str
    text: str
    sha256: str
    author: str
    created_ms: int


class InvoiceAnswer(BaseModel):
    """A supplier's invoice; amounts are micro-units, times UTC milliseconds."""

    id: str
    supplier: str
    number: str
    dated_ms: int
    commodity: str
    tax_micro: int
    total_micro: int
    memo: str
    entry: str
    lines: list[InvoiceLine]
    paid: bool
    reversed: bool


class ImportDetails(BaseModel):
    """A CSV file of suppliers' invoices, as docs/cost-sharing.md says; `dry_run` enters nothing."""

    text: Annotated[str, Field(min_length=1, max_length=4_000_000)]
    dry_run: bool = False


class ImportSeen(BaseModel):
    """What an import entered, or would: new invoices, those that the books have, and what is wrong."""

    new: list[InvoiceDetails]
    known: int
    problems: list[str]


class Payment(BaseModel):
    """Where an invoice is paid from: "bank" or "cash"."""

    paid_from: Annotated[str, Field(max_length=8)] = "bank"


class Reason(BaseModel):
    """Why something is undone."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


class CloseDetails(BaseModel):
    """How a month is closed: `dry_run` posts nothing, `accept_exceptions` lets waiting sessions be."""

    dry_run: bool = False
    accept_exceptions: bool = False


class CloseAnswer(BaseModel):
    """A month's statement; `posted`: this request closed it; `closed_ms` is None while it is open."""

    statement: CloseStated
    posted: bool
    closed_ms: int | None
    closed_by: str


class MonthSeen(BaseModel):
    """A closed month; times are UTC milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    month: str
    to_ms: int
    closed_ms: int
    closed_by: str


@router.get("/costs/versions")
def list_versions(session: Reading, who: Reads) -> list[CostsSeen]:
    """List every version of the cost file, newest first."""
    return [CostsSeen.model_validate(version) for version in versions.listed(session)]


@router.post("/costs/versions", status_code=201)
def add_version(who: Prices, session: Writing, context: Ctx, details: CostsDetails) -> CostsSeen:
    """Keep a version of the cost file; the same text again is the same version."""
    try:
        version = versions.add(session, details.text, who.id, context.clock.now_ms())
    except ConfigError as error:
        raise Refused("costs_invalid", str(error)) from error
    return CostsSeen.model_validate(version)


@router.get("/costs/invoices")
def list_invoices(
    session: Reading,
    who: Reads,
    offset: Annotated[int, Query(ge=0, le=1_000_000, deprecated=True)] = 0,
) -> list[InvoiceAnswer]:
    """List suppliers' invoices, newest first."""
    return [_answer(seen) for seen in invoices.listed(session, LISTED_MAX, offset)]


@router.post("/costs/invoices", status_code=201)
def enter_invoice(who: Writes, session: Writing, context: Ctx, details: InvoiceDetails) -> InvoiceAnswer:
    """Enter a supplier's invoice; the same one again is the same."""
    entered = invoices.enter(session, details, who.id, context.clock.now_ms())
    return _answer(invoices.get(session, entered.id))


@router.post("/costs/import")
def import_invoices(who: Writes, session: Writing, context: Ctx, details: ImportDetails) -> ImportSeen:
    """Enter all invoices of a CSV file, or none when a row is bad."""
    seen = importing.preview(session, details.text)
    if not seen.problems and not details.dry_run:
        importing.bring_in(session, details.text, who.id, context.clock.now_ms())
    new = [one.details for one in seen.found if not one.known]
    return ImportSeen(new=new, known=len(seen.found) - len(new), problems=seen.problems)


@router.post("/costs/invoices/{id}/pay", status_code=201)
def pay_invoice(
    who: Writes, session: Writing, context: Ctx, id: str, details: Payment, key: IdempotencyKey
) -> InvoiceAnswer:
    """Post that an invoice was paid."""
    return _answer(invoices.pay(session, id, details.paid_from, who.id, context.clock.now_ms()))


@router.post("/costs/invoices/{id}/reverse", status_code=201)
def reverse_invoice(
    who: Writes, session: Writing, context: Ctx, id: str, details: Reason, key: IdempotencyKey
) -> InvoiceAnswer:
    """Undo an invoice that is not paid."""
    return _answer(invoices.reverse(session, id, details.reason, who.id, context.clock.now_ms()))


@router.get("/periods")
def list_months(session: Reading, who: Reads) -> list[MonthSeen]:
    """List the closed months, newest first."""
    return [MonthSeen.model_validate(period) for period in periods.listed(session)]


@router.post("/periods/{month}/close")
def close_month(
    who: Writes, session: Writing, context: Ctx, month: str, details: CloseDetails
) -> CloseAnswer:
    """Close a month, or say what a close would state; a closed month stays as it is."""
    currency, now_ms, accept = (
        context.settings.currency,
        context.clock.now_ms(),
        details.accept_exceptions,
    )
    if details.dry_run:
        return _closed(periods.preview(session, month, currency, now_ms, accept_exceptions=accept))
    return _closed(periods.close(session, month, currency, who.id, now_ms, accept_exceptions=accept))


@router.post("/periods/{month}/reopen", status_code=204)
def reopen_month(who: Writes, session: Writing, context: Ctx, month: str, details: Reason) -> None:
    """Open the latest closed month again: what its close posted is reversed, with the reason."""
    periods.reopen(session, month, details.reason, who.id, context.clock.now_ms())


def _closed(done: Outcome) -> CloseAnswer:
    return CloseAnswer(
        statement=done.statement, posted=done.posted, closed_ms=done.closed_ms, closed_by=done.closed_by
    )


def _answer(seen: InvoiceSeen) -> InvoiceAnswer:
    kept = seen.invoice.model_dump(exclude={"key", "author", "created_ms"})
    lines = [
        InvoiceLine(pool=line.pool, kind=line.kind, amount_micro=line.amount_micro) for line in seen.lines
    ]
    return InvoiceAnswer(**kept, lines=lines, paid=seen.paid, reversed=seen.reversed)
