"""What a doctor looks at: does every invoice still say what was issued, and is every number there?"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.documents import content as contents
from booking_api.documents.models import Invoice, InvoiceItem, InvoiceSeries

CHUNK = 500


def check_invoices(session: Session) -> Iterator[tuple[str, str]]:
    """Yield (where, words) for each series with a gap, and each invoice that is not what was issued."""
    series, year = col(Invoice.series), col(Invoice.year)
    columns = (Invoice.series, Invoice.year, func.count(), func.max(Invoice.n))
    numbers = {
        (one, in_year): (count, last)
        for one, in_year, count, last in session.exec(select(*columns).group_by(series, year))
    }
    for row in session.exec(select(InvoiceSeries)):
        count, last = numbers.get((row.series, row.year), (0, 0))
        if not count == last == row.n:
            yield (
                f"invoices {row.series}{row.year}",
                f"{row.n} numbers were given, {count} invoices are there",
            )
    items = (col(InvoiceItem.invoice), col(InvoiceItem.commodity))
    sums = select(*items, func.sum(InvoiceItem.amount_micro)).group_by(*items)
    totals = {(invoice, unit): int(micro) for invoice, unit, micro in session.exec(sums)}
    for one in session.exec(select(Invoice).execution_options(yield_per=CHUNK)):
        if contents.sha256(one.content) != one.sha256:
            yield f"invoice {one.number}", "its content is not what was issued"
        elif contents.read(one.content).total_micro != one.total_micro:
            yield f"invoice {one.number}", "its total is not that of its content"
        if totals.get((one.id, one.commodity), 0) != one.total_micro:
            yield f"invoice {one.number}", "its entries do not sum to its total"
