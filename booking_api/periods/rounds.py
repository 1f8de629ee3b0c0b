"""The names under which closes post. A month that was opened again closes under a new one."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.costing.models import Reopening
from booking_api.ledger.models import LedgerEntry
from booking_api.periods.models import Period


def prefix_of(session: Session, month: str) -> str:
    """Return what the sources of a month's close begin with, such as `close:2026-10` or `close:2026-10#2`."""
    return _prefixes(session, [month])[month]


def first_close(session: Session, pool: str, month: str) -> bool:
    """Whether no month before this one was closed with the pool in it."""
    months = session.exec(select(Period.month).where(Period.month < month)).all()
    names = [result_of(prefix, pool) for prefix in _prefixes(session, months).values()]
    posted = select(LedgerEntry.id).where(col(LedgerEntry.source).in_(names))
    return session.exec(posted.limit(1)).first() is None


def result_of(prefix: str, pool: str) -> str:
    """Return the source of the entry that transfers a pool's result."""
    return f"{prefix}:result:{pool}"


def _prefixes(session: Session, months: Iterable[str]) -> dict[str, str]:
    names = list(months)
    count = func.count(col(Reopening.n))
    query = select(Reopening.month, count).where(col(Reopening.month).in_(names)).group_by(Reopening.month)
    times = {month: int(number) for month, number in session.exec(query)}
    return {
        month: f"close:{month}#{times[month] + 1}" if month in times else f"close:{month}" for month in names
    }
