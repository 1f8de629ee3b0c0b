"""What of an account stands on no invoice yet, and how it is divided into invoices and credit notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from babel.numbers import is_currency
from sqlalchemy import and_, func
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account, AccountKind
from booking_api.billing.models import Charge
from booking_api.documents.models import Invoice, InvoiceItem, InvoiceKind, InvoiceWaiting
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import LedgerEntry, LedgerPosting
from floor.ledger import EntryKind

KINDS = frozenset(
    {
        EntryKind.CHARGE,
        EntryKind.FEE,
        EntryKind.SALE,
        EntryKind.CREDIT,
        EntryKind.CONVERSION,
        EntryKind.ROUNDING,
        EntryKind.REBATE,
        EntryKind.VISIT,
    }
)
"""The kinds of entries that an invoice lists, with their reversals. Payments and allowances are none."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an entry did to an account in one commodity, in micro-units; `original` is what it reverses."""

    entry: LedgerEntry
    account: str
    commodity: str
    amount_micro: int
    original: LedgerEntry | None = None


@dataclass(slots=True)
class Draft:
    """An invoice before it has a number: what it shows, and what it takes along without showing it.

    An entry and its reversal that both stand on no invoice yet are taken along. `own_units` are listed with
    their worth. `corrects` is the invoice that a credit note corrects.
    """

    commodity: str
    corrects: Invoice | None = None
    shown: list[Waiting] = field(default_factory=list)
    taken_along: list[Waiting] = field(default_factory=list)
    own_units: list[Waiting] = field(default_factory=list)

    @property
    def total_micro(self) -> int:
        """What it asks for."""
        return sum(one.amount_micro for one in self.shown)

    @property
    def kind(self) -> InvoiceKind:
        """What it is: less than nothing is given back by a credit note."""
        back = self.corrects is not None or self.total_micro < 0
        return InvoiceKind.CREDIT_NOTE if back else InvoiceKind.INVOICE


def family(session: Session, account: Account) -> list[Account]:
    """Return an account and its cost centres, in order of their names."""
    query = select(Account).where(Account.parent == account.id).order_by(col(Account.name), col(Account.id))
    return [account, *session.exec(query)]


def waiting(session: Session, account: str, before_ms: int) -> list[Waiting]:
    """Return what an account was charged or given back before an instant and stands on no invoice yet."""
    on_invoice = and_(
        col(InvoiceItem.entry) == col(LedgerEntry.id),
        col(InvoiceItem.account) == account,
        col(InvoiceItem.commodity) == col(LedgerPosting.commodity),
    )
    amount = func.sum(LedgerPosting.amount_micro)
    query = (
        select(LedgerEntry, LedgerPosting.commodity, amount)
        .join(LedgerPosting, col(LedgerPosting.entry) == col(LedgerEntry.id))
        .outerjoin(InvoiceItem, on_invoice)
        .where(LedgerPosting.account == member_account(account), col(LedgerEntry.occurred_ms) < before_ms)
        .where(col(InvoiceItem.entry).is_(None), col(LedgerEntry.kind).in_([*KINDS, EntryKind.REVERSAL]))
        .group_by(col(LedgerEntry.id), col(LedgerPosting.commodity))
        .order_by(col(LedgerEntry.occurred_ms), col(LedgerEntry.seq))
    )
    rows = session.exec(query).all()
    undone = [entry.reverses for entry, _, _ in rows if entry.reverses]
    originals = {
        row.id: row for row in session.exec(select(LedgerEntry).where(col(LedgerEntry.id).in_(undone)))
    }
    found = [
        Waiting(entry, account, commodity, int(micro), originals.get(entry.reverses or ""))
        for entry, commodity, micro in rows
    ]
    return [one for one in found if one.original is None or one.original.kind in KINDS]


def accounts_waiting(session: Session, month: str) -> list[str]:
    """Return the accounts with something until the end of a month that stands on no invoice yet.

    Cost centres stand for their team's account; what visitors used their home pays.
    """
    root = func.coalesce(Account.parent, Account.id)
    query = (
        select(root)
        .join(InvoiceWaiting, col(InvoiceWaiting.account) == col(Account.id))
        .where(col(InvoiceWaiting.month) <= month, col(InvoiceWaiting.entries) > 0)
        .where(Account.kind != AccountKind.VISITOR)
        .distinct()
    )
    return sorted(session.exec(query))


def plan(session: Session, items: Sequence[Waiting], currency: str) -> list[Draft]:
    """Divide what waits: an invoice for each currency, a credit note for each invoice that is corrected."""
    cancelled = _cancelled(items)
    drafts: dict[tuple[str, str], Draft] = {}
    for one in items:
        if (one.entry.id, one.account) not in cancelled and _is_money(one.commodity, currency):
            corrects = _corrected(session, one) if one.amount_micro < 0 else None
            key = one.commodity, corrects.id if corrects else ""
            drafts.setdefault(key, Draft(one.commodity, corrects)).shown.append(one)
    found = sorted(drafts.values(), key=lambda draft: draft.kind is InvoiceKind.CREDIT_NOTE)
    for one in items:
        money = one.commodity if _is_money(one.commodity, currency) else currency
        first = next((draft for draft in found if draft.commodity == money), None)
        if first is None:
            continue
        if (one.entry.id, one.account) in cancelled:
            first.taken_along.append(one)
        elif money != one.commodity and first.kind is InvoiceKind.INVOICE:
            first.own_units.append(one)
    return found


def _is_money(commodity: str, currency: str) -> bool:
    return commodity == currency or is_currency(commodity)


def _cancelled(items: Sequence[Waiting]) -> set[tuple[str, str]]:
    """Return the entries that wait together with their reversals, as both."""
    here = {(one.entry.id, one.account) for one in items}
    found: set[tuple[str, str]] = set()
    for one in items:
        if one.original is not None and (one.original.id, one.account) in here:
            found |= {(one.entry.id, one.account), (one.original.id, one.account)}
    return found


def _corrected(session: Session, one: Waiting) -> Invoice | None:
    """Return the invoice on which what is taken back stands, None where it stands on none."""
    entry = one.original.id if one.original is not None else _charge_entry(session, one.entry)
    if entry is None:
        return None
    query = select(Invoice).join(InvoiceItem, col(InvoiceItem.invoice) == col(Invoice.id))
    return session.exec(query.where(InvoiceItem.entry == entry, InvoiceItem.account == one.account)).first()


def _charge_entry(session: Session, entry: LedgerEntry) -> str | None:
    charge = credited_charge(session, entry)
    return charge.entry if charge else None


def credited_charge(session: Session, entry: LedgerEntry) -> Charge | None:
    """Return the charge of which a credit gives a part back: its source reads `credit:session:ID:MONTH:…`.

    Of a session that is split it is the one of the account that is credited.
    """
    parts = entry.source.split(":")
    if entry.kind is not EntryKind.CREDIT or len(parts) < 4:
        return None
    visit = Charge.session if parts[1] == "session" else Charge.fee
    query = (
        select(Charge)
        .join(LedgerEntry, col(LedgerEntry.id) == col(Charge.entry))
        .where(visit == parts[2], Charge.period == parts[3], col(LedgerEntry.seq) < entry.seq)
    )
    found = session.exec(query.order_by(col(LedgerEntry.seq).desc())).all()
    credited = select(LedgerPosting.account).where(LedgerPosting.entry == entry.id)
    accounts = set(session.exec(credited)) if len(found) > 1 else set()
    return next(
        (one for one in found if member_account(one.account) in accounts), found[0] if found else None
    )
