"""Sums of what stands on no invoice, by account and month, kept as entries are posted and invoices issued."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select

from booking_api.db import insert_rows, zone_of
from booking_api.documents.gather import KINDS, Waiting
from booking_api.documents.models import InvoiceWaiting
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import LedgerEntry
from booking_api.periods.calendar import month_at
from floor.ledger import Entry, EntryKind

Key = tuple[str, str, str]
_ADD = (
    "ON CONFLICT (account, commodity, month) DO UPDATE SET"
    " entries = invoice_waiting.entries + excluded.entries,"
    " amount_micro = invoice_waiting.amount_micro + excluded.amount_micro"
)
"""Adds to what stands there now, so that a posting and an issue at once both count."""


def posted(session: Session, entries: Sequence[Entry]) -> None:
    """Count what entries did to accounts, as far as invoices list it."""
    listed = _listed(session, entries)
    zone, prefix = zone_of(session), member_account("")
    sums: dict[Key, list[int]] = {}
    for entry in listed:
        month, here = month_at(entry.occurred_ms, zone), set[Key]()
        for posting in entry.postings:
            if posting.account.startswith(prefix):
                key = posting.account.removeprefix(prefix), posting.commodity, month
                kept = sums.setdefault(key, [0, 0])
                kept[0] += key not in here
                kept[1] += posting.amount_micro
                here.add(key)
    _add(session, sums)


def issued(session: Session, items: Iterable[Waiting]) -> None:
    """Take away what stands on an invoice now."""
    zone = zone_of(session)
    sums: dict[Key, list[int]] = {}
    for one in items:
        kept = sums.setdefault((one.account, one.commodity, month_at(one.entry.occurred_ms, zone)), [0, 0])
        kept[0] -= 1
        kept[1] -= one.amount_micro
    _add(session, sums)


def _listed(session: Session, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries of the kinds that invoices list, and the reversals of such."""
    kinds = {entry.id: entry.kind for entry in entries}
    undone = [entry.reverses for entry in entries if entry.reverses]
    if undone:
        query = select(LedgerEntry.id, LedgerEntry.kind).where(col(LedgerEntry.id).in_(undone))
        kinds |= {id: EntryKind(kind) for id, kind in session.exec(query)}
    return [
        entry
        for entry in entries
        if entry.kind in KINDS
        or (entry.kind is EntryKind.REVERSAL and kinds.get(entry.reverses or "") in KINDS)
    ]


def _add(session: Session, sums: dict[Key, list[int]]) -> None:
    rows = [
        {"account": account, "commodity": commodity, "month": month, "entries": n, "amount_micro": micro}
        for (account, commodity, month), (n, micro) in sorted(sums.items())
        if n or micro
    ]
    insert_rows(session, InvoiceWaiting, rows, _ADD)
