"""Where accounts stand in allowances, brackets and caps, as rows: now, and when months were closed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from sqlmodel import Session, col, delete, select

from booking_api.billing.models import AccountHistory
from booking_api.db import insert_rows, one_of
from floor.tariff import History

NOW = ""
_PUT = (
    "ON CONFLICT (account, month) DO UPDATE"
    " SET ended_ms = excluded.ended_ms, visit = excluded.visit, positions = excluded.positions"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an account stands after a visit, the last by `key`; `month` is "" (now) or a closed one."""

    key: tuple[int, str] = (-1, "")
    history: History = field(default_factory=History)
    month: str = NOW


def standing(session: Session, account: str) -> Standing:
    """Return where an account stands now."""
    return standings(session, [account]).get(account, Standing())


def standings(session: Session, accounts: Collection[str]) -> dict[str, Standing]:
    """Return where accounts stand now, by account; those that stand nowhere are left out."""
    now = one_of(AccountHistory.account, accounts) & (col(AccountHistory.month) == NOW)
    found = session.exec(select(AccountHistory).where(now).execution_options(populate_existing=True))
    return {row.account: _read(row) for row in found}


def base(session: Session, account: str, before: str = "9999-99") -> Standing:
    """Return where an account stood when its last closed month (earlier than `before`) was closed."""
    query = select(AccountHistory).where(
        AccountHistory.account == account, AccountHistory.month > NOW, AccountHistory.month < before
    )
    row = session.exec(query.order_by(col(AccountHistory.month).desc()).limit(1)).first()
    return _read(row) if row else Standing()


def keep(session: Session, kept: Mapping[str, Standing]) -> None:
    """Write where accounts stand now, by account."""
    rows = [
        {
            "account": account,
            "month": NOW,
            "ended_ms": after.key[0],
            "visit": after.key[1],
            "positions": {key: str(position) for key, position in sorted(after.history.positions.items())},
        }
        for account, after in kept.items()
    ]
    insert_rows(session, AccountHistory, rows, _PUT)


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
