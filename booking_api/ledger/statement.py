"""A member's account as they read it: where it stood, what happened, where it stands. Read from the books."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.billing.models import Charge
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import AccountBalance, ChargeLine, LedgerEntry, LedgerPosting
from booking_api.sessions.models import MachineSession
from floor.ledger import EntryKind


@dataclass(frozen=True, slots=True)
class Item:
    """What an entry did to the account; `amount_micro` > 0 is owed.

    `charge` is what was charged (several may be for one session: one a month), `session` for which use.
    """

    entry: str
    kind: EntryKind
    at_ms: int
    amount_micro: int
    commodity: str
    memo: str
    reverses: str | None
    charge: Charge | None = None
    session: MachineSession | None = None
    lines: tuple[ChargeLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """A period of an account in one commodity; times are UTC ms, amounts micro-units, > 0 is owed."""

    commodity: str
    from_ms: int
    to_ms: int
    opening_micro: int
    closing_micro: int
    items: tuple[Item, ...]


def balances(session: Session, account: str) -> dict[str, int]:
    """Return what a member's account owes (> 0) or has in credit (< 0), by commodity."""
    kept = select(AccountBalance).where(AccountBalance.account == member_account(account))
    return {row.commodity: row.amount_micro for row in session.exec(kept)}


def statement(session: Session, account: str, commodity: str, from_ms: int, to_ms: int) -> Statement:
    """Return what happened on an account from `from_ms` to before `to_ms` (UTC ms), newest first."""
    mine = (
        select(LedgerEntry, LedgerPosting.amount_micro)
        .join(LedgerPosting, col(LedgerPosting.entry) == col(LedgerEntry.id))
        .where(LedgerPosting.account == member_account(account), LedgerPosting.commodity == commodity)
        .where(col(LedgerEntry.occurred_ms) >= from_ms, col(LedgerEntry.occurred_ms) < to_ms)
        .order_by(col(LedgerEntry.occurred_ms).desc(), col(LedgerEntry.seq).desc())
    )
    rows = list(session.exec(mine))
    charges = _charges(session, [entry.id for entry, _ in rows])
    sessions = _sessions(session, {one.session for one in charges.values() if one.session})
    lines = lines_by_charge(session, [one.id for one in charges.values()])
    items = tuple(
        _item(entry, amount, commodity, charges.get(entry.id), sessions, lines) for entry, amount in rows
    )
    opening = _sum_before(session, account, commodity, from_ms)
    closing = opening + sum(item.amount_micro for item in items)
    return Statement(commodity, from_ms, to_ms, opening, closing, items)


def charge_lines(session: Session, sessions: Sequence[str]) -> dict[str, tuple[ChargeLine, ...]]:
    """Return the lines of what sessions cost, by session, in order of their months."""
    found: dict[str, tuple[ChargeLine, ...]] = {}
    query = (
        select(ChargeLine)
        .join(Charge, col(Charge.id) == col(ChargeLine.charge))
        .where(col(ChargeLine.session).in_(sessions), col(Charge.replaced_ms).is_(None))
        .order_by(col(ChargeLine.session), col(Charge.period), col(Charge.id), col(ChargeLine.n))
    )
    for line in session.exec(query):
        key = line.session or ""
        found[key] = (*found.get(key, ()), line)
    return found


def lines_by_charge(session: Session, charges: Collection[str]) -> dict[str, tuple[ChargeLine, ...]]:
    """Return the lines of charges, by charge, in order."""
    found: dict[str, tuple[ChargeLine, ...]] = {}
    query = select(ChargeLine).where(col(ChargeLine.charge).in_(charges))
    for line in session.exec(query.order_by(ChargeLine.charge, col(ChargeLine.n))):
        found[line.charge] = (*found.get(line.charge, ()), line)
    return found


def _item(
    entry: LedgerEntry,
    amount_micro: int,
    commodity: str,
    charge: Charge | None,
    sessions: dict[str, MachineSession],
    lines: dict[str, tuple[ChargeLine, ...]],
) -> Item:
    return Item(
        entry=entry.id,
        kind=entry.kind,
        at_ms=entry.occurred_ms,
        amount_micro=amount_micro,
        commodity=commodity,
        memo=entry.memo,
        reverses=entry.reverses,
        charge=charge,
        session=sessions.get(charge.session or "") if charge else None,
        lines=lines.get(charge.id, ()) if charge else (),
    )


def _charges(session: Session, entries: Collection[str]) -> dict[str, Charge]:
    query = select(Charge).where(col(Charge.entry).in_(entries))
    return {found.entry: found for found in session.exec(query) if found.entry}


def _sessions(session: Session, ids: Collection[str]) -> dict[str, MachineSession]:
    query = select(MachineSession).where(col(MachineSession.id).in_(ids))
    return {found.id: found for found in session.exec(query)}


def _sum_before(session: Session, account: str, commodity: str, at_ms: int) -> int:
    query = (
        select(func.coalesce(func.sum(LedgerPosting.amount_micro), 0))
        .join(LedgerEntry, col(LedgerPosting.entry) == col(LedgerEntry.id))
        .where(LedgerPosting.account == member_account(account), LedgerPosting.commodity == commodity)
        .where(col(LedgerEntry.occurred_ms) < at_ms)
    )
    return int(session.exec(query).one())
