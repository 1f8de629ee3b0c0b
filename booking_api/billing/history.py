"""Where accounts stand in allowances, brackets and caps, as rows: now, and when months were closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from sqlmodel import Session, col, delete, select

from booking_api.billing.models import AccountHistory
from floor.tariff import History

NOW = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an account stands after a visit, the last by `key`; `month` is "" (now) or a closed one."""

    key: tuple[int, str] = (-1, "")
    history: History = field(default_factory=History)
    month: str = NOW


def standing(session: Session, account: str) -> Standing:
    """Return where an account stands now."""
    row = session.get(AccountHistory, (account, NOW), populate_existing=True)
    return _read(row) if row else Standing()


def base(session: Session, account: str, before: str = "9999-99") -> Standing:
    """Return where an account stood when its last closed month (earlier than `before`) was closed."""
    query = select(AccountHistory).where(
        AccountHistory.account == account, AccountHistory.month > NOW, AccountHistory.month < before
    )
    row = session.exec(query.order_by(col(AccountHistory.month).desc()).limit(1)).first()
    return _read(row) if row else Standing()


def keep(session: Session, account: str, kept: Standing) -> None:
    """Write where an account stands."""
    positions = {key: str(position) for key, position in sorted(kept.history.positions.items())}
    row = session.get(AccountHistory, (account, kept.month)) or AccountHistory(
        account=account, month=kept.month, ended_ms=0, visit=""
    )
    row.ended_ms, row.visit, row.positions = *kept.key, positions
    session.add(row)


def forget(session: Session, account: str) -> None:
    """Take away where an account stands now: nothing that it used depends on anything."""
    mine = (col(AccountHistory.account) == account) & (col(AccountHistory.month) == NOW)
    session.exec(delete(AccountHistory).where(mine))


def _read(row: AccountHistory) -> Standing:
    positions = {key: Fraction(position) for key, position in row.positions.items()}
    return Standing((row.ended_ms, row.visit), History(positions), row.month)


def first_day(month: str) -> date:
    """Return the first day of a month such as "2026-10"."""
    return date.fromisoformat(f"{month}-01")
