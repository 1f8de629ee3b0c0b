"""Suppliers' invoices: what a pool really cost, owed until paid. Mistakes are reversed, never edited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from booking_api.clock import make_id
from booking_api.costing import versions
from booking_api.costing.models import SupplierCost, SupplierInvoice
from booking_api.db import zone_of
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import BANK, CASH, PAYABLE, TAX, pool_cost
from booking_api.ledger.models import LedgerEntry
from booking_api.periods.calendar import month_at, open_from_ms
from floor.costing import Actual, CostKind, CostPool
from floor.errors import Refused
from floor.ledger import Entry, EntryKind, Posting

Micro = Annotated[int, Field(gt=-(1 << 53), lt=1 << 53, description="Micro-units: 1 EUR is 1,000,000.")]
PAYERS = {"bank": BANK, "cash": CASH}
"""What an invoice can be paid from."""


class InvoiceLine(BaseModel):
    """What an invoice cost a pool, without tax; less than 0 for a supplier's credit note."""

    model_config = ConfigDict(frozen=True)

    pool: Annotated[str, Field(min_length=1, max_length=40)]
    kind: CostKind
    amount_micro: Micro


class InvoiceDetails(BaseModel):
    """An invoice as it came. `tax_micro` is input tax that the space gets back; else it is in the lines."""

    model_config = ConfigDict(frozen=True)

    supplier: Annotated[str, Field(min_length=1, max_length=80)]
    number: Annotated[str, Field(min_length=1, max_length=60)]
    dated_ms: Annotated[int, Field(ge=0, lt=1 << 47, description="UTC milliseconds.")]
    lines: Annotated[tuple[InvoiceLine, ...], Field(min_length=1, max_length=200)]
    tax_micro: Micro = 0
    memo: Annotated[str, Field(max_length=200)] = ""

    @property
    def total_micro(self) -> int:
        """What is owed to the supplier."""
        return self.tax_micro + sum(line.amount_micro for line in self.lines)


@dataclass(frozen=True, slots=True)
class InvoiceSeen:
    """An invoice, its lines, and what became of it."""

    invoice: SupplierInvoice
    lines: tuple[SupplierCost, ...]
    paid: bool
    reversed: bool


def enter(session: Session, details: InvoiceDetails, author: str, now_ms: int) -> SupplierInvoice:
    """Post an invoice as a cost; the same one again returns the first.

    Raises Refused for a pool or a kind that takes none, and for one of the same number that says otherwise.
    One that is dated in a closed month is booked at the begin of the open one.
    """
    known = check(session, details)
    if known is not None:
        return known
    code = _costs(session, details.dated_ms)[0]
    base, id = _key(details), make_id(now_ms)
    count = len(_entered(session, details))
    occurred_ms = max(details.dated_ms, open_from_ms(session))
    late = "" if occurred_ms == details.dated_ms else f" of {month_at(details.dated_ms, zone_of(session))}"
    entry = Entry(
        id=make_id(now_ms),
        kind=EntryKind.COST,
        source=f"invoice:{id}",
        occurred_ms=occurred_ms,
        posted_ms=now_ms,
        postings=tuple(_postings(details, code)),
        author=author,
        memo=f"{details.supplier} {details.number}{late} {details.memo}".strip(),
    )
    ledger.post(session, [entry])
    invoice = SupplierInvoice(
        id=id,
        key=f"{base}#{count + 1}" if count else base,
        supplier=details.supplier,
        number=details.number,
        dated_ms=details.dated_ms,
        commodity=code,
        tax_micro=details.tax_micro,
        total_micro=details.total_micro,
        memo=details.memo,
        entry=entry.id,
        author=author,
        created_ms=now_ms,
    )
    session.add(invoice)
    session.flush()
    for n, line in enumerate(details.lines, 1):
        session.add(SupplierCost(invoice=id, n=n, **line.model_dump()))
    session.flush()
    return invoice


def check(session: Session, details: InvoiceDetails) -> SupplierInvoice | None:
    """Return the invoice if it stands in the books already; raises Refused when it cannot be entered."""
    for seen in _entered(session, details):
        if seen.reversed:
            continue
        if _same(seen, details):
            return seen.invoice
        words = f"{details.supplier} {details.number} was entered with other figures. Reverse that one first."
        raise Refused("invoice_exists", words)
    if not any(line.amount_micro for line in details.lines):
        raise Refused("amount_malformed", "An invoice of nothing is not entered.")
    _, pools = _costs(session, details.dated_ms)
    for line in details.lines:
        if problem := _cannot_book(pools, line):
            raise Refused("cost_not_bookable", problem)
    return None


def pay(session: Session, id: str, paid_from: str, author: str, now_ms: int) -> InvoiceSeen:
    """Post that an invoice was paid from the bank or in cash; raises Refused when it was, or is reversed."""
    seen = get(session, id)
    if paid_from not in PAYERS:
        raise Refused("payer_invalid", 'An invoice is paid from "bank" or "cash".')
    if seen.paid or seen.reversed:
        raise Refused("invoice_settled", "This invoice is paid or reversed already.")
    one = seen.invoice
    entry = Entry(
        id=make_id(now_ms),
        kind=EntryKind.PAYMENT,
        source=f"invoice-paid:{id}",
        occurred_ms=max(now_ms, open_from_ms(session)),
        posted_ms=now_ms,
        postings=(
            Posting(PAYABLE, one.commodity, one.total_micro),
            Posting(PAYERS[paid_from], one.commodity, -one.total_micro),
        ),
        author=author,
        memo=f"{one.supplier} {one.number}",
    )
    ledger.post(session, [entry])
    return get(session, id)


def reverse(session: Session, id: str, reason: str, author: str, now_ms: int) -> InvoiceSeen:
    """Undo an invoice that is not paid; raises Refused otherwise, and without a reason."""
    seen = get(session, id)
    if seen.paid or seen.reversed:
        raise Refused("invoice_settled", "This invoice is paid or reversed already.")
    ledger.reverse(session, seen.invoice.entry, reason, author, now_ms)
    return get(session, id)


def get(session: Session, id: str) -> InvoiceSeen:
    """Return an invoice; raises Refused for none."""
    found = session.get(SupplierInvoice, id)
    if found is None:
        raise Refused("invoice_not_found", "There is no such invoice of a supplier.")
    return _seen(session, [found])[0]


def find(session: Session, supplier: str, number: str) -> InvoiceSeen:
    """Return an invoice that stands, by supplier and number; raises Refused for none."""
    wanted = select(SupplierInvoice).where(col(SupplierInvoice.number) == number)
    for seen in _seen(session, session.exec(wanted)):
        if seen.invoice.supplier.lower() == supplier.strip().lower() and not seen.reversed:
            return seen
    raise Refused("invoice_not_found", f"There is no invoice {number} of {supplier}.")


def listed(session: Session, limit: int = 100, offset: int = 0) -> list[InvoiceSeen]:
    """Return invoices, newest first."""
    order = (col(SupplierInvoice.dated_ms).desc(), col(SupplierInvoice.id).desc())
    query = select(SupplierInvoice).order_by(*order).limit(limit).offset(offset)
    return _seen(session, session.exec(query))


def bookable(pool: CostPool, kind: CostKind) -> bool:
    """Whether invoices of a kind count for a pool, so that nothing is counted twice."""
    if kind is CostKind.MANAGEMENT:
        return False
    items = [item for item in pool.items if item.kind is kind]
    return not items or any(item.actual is Actual.BOOKED for item in items)


def _cannot_book(pools: dict[str, CostPool], line: InvoiceLine) -> str:
    pool = pools.get(line.pool)
    if pool is None:
        return f"{line.pool} is no pool of the cost file: {', '.join(sorted(pools))}."
    if not bookable(pool, line.kind):
        here = "is a part of the other costs"
        if line.kind is not CostKind.MANAGEMENT:
            here = 'comes from plan or meters; write actual = "booked" in the cost file to enter invoices'
        return f"{line.kind} of {line.pool} {here}."
    return ""


def _costs(session: Session, dated_ms: int) -> tuple[str, dict[str, CostPool]]:
    """Return commodity and pools of the cost file by which an invoice of that day is booked."""
    month = month_at(max(dated_ms, open_from_ms(session)), zone_of(session))
    found = versions.in_force(session, month)
    if found is None:
        words = f"No cost file is in force in {month}: add one with `makerfloor costs add`."
        raise Refused("costs_missing", words)
    return found[1].commodity.code, {pool.id: pool for pool in found[1].pools}


def _postings(details: InvoiceDetails, code: str) -> Iterable[Posting]:
    for line in details.lines:
        if line.amount_micro:
            yield Posting(pool_cost(line.pool, line.kind), code, line.amount_micro)
    if details.tax_micro:
        yield Posting(TAX, code, details.tax_micro)
    yield Posting(PAYABLE, code, -details.total_micro)


def _key(details: InvoiceDetails) -> str:
    return f"{details.supplier.strip().lower()[:80]}|{details.number}"


def _entered(session: Session, details: InvoiceDetails) -> list[InvoiceSeen]:
    """Return the invoices of this supplier and number, those that were reversed with them."""
    key = _key(details)
    same = select(SupplierInvoice).where(col(SupplierInvoice.number) == details.number)
    found = _seen(session, session.exec(same))
    return [seen for seen in found if seen.invoice.key == key or seen.invoice.key.startswith(f"{key}#")]


def _same(seen: InvoiceSeen, details: InvoiceDetails) -> bool:
    lines = sorted((line.pool, line.kind, line.amount_micro) for line in seen.lines)
    others = sorted((line.pool, line.kind, line.amount_micro) for line in details.lines)
    kept = seen.invoice
    return lines == others and (kept.dated_ms, kept.tax_micro) == (details.dated_ms, details.tax_micro)


def _seen(session: Session, invoices: Iterable[SupplierInvoice]) -> list[InvoiceSeen]:
    rows = list(invoices)
    lines: dict[str, list[SupplierCost]] = {}
    query = select(SupplierCost).where(col(SupplierCost.invoice).in_([row.id for row in rows]))
    for line in session.exec(query.order_by(SupplierCost.invoice, col(SupplierCost.n))):
        lines.setdefault(line.invoice, []).append(line)
    told = [f"invoice-paid:{row.id}" for row in rows] + [f"reversal:{row.entry}" for row in rows]
    posted = set(session.exec(select(LedgerEntry.source).where(col(LedgerEntry.source).in_(told))))
    return [
        InvoiceSeen(
            row,
            tuple(lines.get(row.id, ())),
            paid=f"invoice-paid:{row.id}" in posted,
            reversed=f"reversal:{row.entry}" in posted,
        )
        for row in rows
    ]
