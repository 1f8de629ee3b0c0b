"""What happened in a month, summed up by the database: nothing is read session by session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import BigInteger, case, cast, func, literal
from sqlalchemy.sql import ColumnElement
from sqlmodel import Session, col, select

from booking_api.billing.models import Charge
from booking_api.ledger.accounts import machine_income
from booking_api.ledger.models import LedgerEntry, LedgerPosting
from booking_api.sessions.models import MachineSession, SessionState
from floor.meter import Quantity

OUTSIDE = ""
"""Stands for the machines that are in no pool."""


@dataclass(frozen=True, slots=True)
class Span:
    """A month and its bounds in UTC milliseconds; `to_ms` is the first instant after it."""

    month: str
    from_ms: int
    to_ms: int


@dataclass(slots=True)
class Metered:
    """What a machine metered in a month, in base units; a quantity that nothing metered is absent."""

    sessions: int = 0
    quantities: dict[Quantity, int] = field(default_factory=dict)


def postings_beside(
    session: Session, span: Span, pools: Mapping[str, Iterable[str]], commodity: str
) -> dict[str, dict[str, int]]:
    """Return, by pool, the sums by account of all entries of the month that touch its machines' income.

    Each entry sums to 0, so each pool's sums do: who paid, tax and rounding on one side, income on the other.
    What machines of no pool brought in stands under OUTSIDE.
    """
    incomes = {machine_income(machine): pool for pool, machines in pools.items() for machine in machines}
    # Plus nothing: SQLite would else begin with the index of accounts, and read all years of a machine.
    earned = col(LedgerPosting.account).concat("")
    pool: ColumnElement[str] = literal(OUTSIDE)
    if incomes:
        whens = ((earned == account, literal(name)) for account, name in incomes.items())
        pool = case(*whens, else_=literal(OUTSIDE))
    touched = (
        select(col(LedgerPosting.entry).label("entry"), pool.label("pool"))
        .join(LedgerEntry, col(LedgerEntry.id) == col(LedgerPosting.entry))
        .where(
            col(LedgerEntry.occurred_ms) >= span.from_ms,
            col(LedgerEntry.occurred_ms) < span.to_ms,
            earned.startswith(machine_income("")),
        )
        .distinct()
        .subquery()
    )
    account, amount = col(LedgerPosting.account), col(LedgerPosting.amount_micro)
    query = (
        select(touched.c.pool, account, func.sum(amount))
        .join_from(touched, LedgerPosting, col(LedgerPosting.entry) == touched.c.entry)
        .where(LedgerPosting.commodity == commodity)
        .group_by(touched.c.pool, account)
    )
    found: dict[str, dict[str, int]] = {}
    for name, one, total in session.exec(query):
        if total:
            found.setdefault(name, {})[one] = int(total)
    return found


def sums_of(session: Session, span: Span, accounts: Iterable[str], commodity: str) -> dict[str, int]:
    """Return what accounts moved by in the month; for accounts with few postings."""
    account, amount = col(LedgerPosting.account), col(LedgerPosting.amount_micro)
    query = (
        select(account, func.sum(amount))
        .join(LedgerEntry, col(LedgerEntry.id) == col(LedgerPosting.entry))
        .where(
            account.in_(list(accounts)),
            LedgerPosting.commodity == commodity,
            col(LedgerEntry.occurred_ms) >= span.from_ms,
            col(LedgerEntry.occurred_ms) < span.to_ms,
        )
        .group_by(account)
    )
    return {name: int(total) for name, total in session.exec(query) if total}


def metered(session: Session, span: Span, quantities: Iterable[Quantity]) -> dict[str, Metered]:
    """Return what machines metered in the sessions that count for the month.

    A session counts once: in the month in which it ended, or, when it arrived after that was closed, in the
    month in which it is booked.
    """
    wanted = sorted(set(quantities))
    machine, id = col(MachineSession.machine), col(MachineSession.id)
    sums: list[ColumnElement[int]] = [func.sum(_counter(quantity)) for quantity in wanted]
    found: dict[str, Metered] = {}
    for counts in (_ended(span), _late(span)):
        query = (
            select(machine, func.count(id), *sums)
            .where(col(MachineSession.state) == SessionState.PRICED, *counts)
            .group_by(machine)
        )
        for row in session.exec(query):
            kept = found.setdefault(row[0], Metered())
            kept.sessions += row[1]
            amounts: dict[Quantity, int | None] = dict(zip(wanted, row[2:], strict=True))
            for quantity, amount in amounts.items():
                if amount is not None:
                    kept.quantities[quantity] = kept.quantities.get(quantity, 0) + int(amount)
    return found


def _counter(quantity: Quantity) -> ColumnElement[int]:
    return cast(col(MachineSession.counters)[quantity.value].as_string(), BigInteger)


def _ended(span: Span) -> tuple[ColumnElement[bool], ...]:
    """Ended in the month, and not booked in a later one."""
    later = select(Charge.id).where(
        Charge.session == MachineSession.id, Charge.month > span.month, col(Charge.replaced_ms).is_(None)
    )
    ended = col(MachineSession.ended_ms)
    return ended >= span.from_ms, ended < span.to_ms, ~later.exists()


def _late(span: Span) -> tuple[ColumnElement[bool], ...]:
    """Ended before the month and booked in it, never in one before: its own month was closed."""
    booked = select(Charge.session).where(
        Charge.month == span.month, Charge.period < span.month, col(Charge.session).is_not(None)
    )
    before = select(Charge.id).where(Charge.session == MachineSession.id, Charge.month < span.month)
    ended = col(MachineSession.ended_ms)
    return ended < span.from_ms, col(MachineSession.id).in_(booked), ~before.exists()
