"""Accounts: opened, found, limited, and kept with what was charged to them in each month."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlmodel import Session, col, select

from booking_api.accounts.models import Account, AccountKind, AccountMonth
from booking_api.db import insert_rows, one_of
from booking_api.gateways.changes import Subject, changed, who_charge
from floor.errors import Refused


class Charged(NamedTuple):
    """What a charge (> 0) or its reversal (< 0) adds to an account in a month, in micro-units."""

    account: str
    member: str
    month: str
    commodity: str
    total_micro: int


def get(session: Session, id: str) -> Account:
    """Return an account; raises Refused when there is none."""
    account = session.get(Account, id)
    if account is None:
        raise Refused("account_not_found", f"There is no account {id}.")
    return account


def open_account(
    session: Session,
    id: str,
    kind: AccountKind,
    name: str,
    now_ms: int,
    *,
    parent: str | None = None,
    credit_limit_micro: int | None = None,
    monthly_limit_micro: int | None = None,
) -> Account:
    """Open an account; raises Refused when the id is taken."""
    if session.get(Account, id) is not None:
        raise Refused("account_taken", f"There is an account {id} already. Choose another short name.")
    account = Account(
        id=id,
        kind=kind,
        name=name,
        parent=parent,
        credit_limit_micro=credit_limit_micro,
        monthly_limit_micro=monthly_limit_micro,
        created_ms=now_ms,
    )
    session.add(account)
    session.flush()
    return account


def set_limits(session: Session, id: str, limits: dict[str, int | None], now_ms: int) -> Account:
    """Change `credit_limit_micro` and `monthly_limit_micro`, those that are given (None: no limit)."""
    account = get(session, id)
    account.sqlmodel_update(limits)
    session.add(account)
    session.flush()
    told(session, account, now_ms)
    return account


def told(session: Session, account: Account, now_ms: int) -> None:
    """Have gateways learn what holds of an account now: the standings of all who may charge to it."""
    root = account.parent or account.id
    if account.kind is AccountKind.TEAM:
        changed(session, Subject.ACCOUNT, root, now_ms)
    for member in who_charge(session, {account.id}):
        changed(session, Subject.MEMBER, member, now_ms)


def family(session: Session, accounts: Collection[str]) -> dict[str, str | None]:
    """Return these accounts that exist, and the parent of each that is a cost centre."""
    query = select(Account.id, Account.parent).where(one_of(Account.id, accounts))
    return dict(session.exec(query).all())


def charged(session: Session, rows: Sequence[Charged]) -> None:
    """Add what was charged to the sums of its month; whoever calls this has posted the entries before.

    A row counts for its account and the account's team, for its member and for all together.
    """
    parents = family(session, {row.account for row in rows})
    sums: dict[tuple[str, str, str, str], int] = {}
    for row in rows:
        if row.account not in parents:
            continue
        for account in _with_parent(row.account, parents[row.account]):
            for member in (row.member, ""):
                key = (account, member, row.month, row.commodity)
                sums[key] = sums.get(key, 0) + row.total_micro
    _add(session, {key: amount for key, amount in sums.items() if amount})


def _with_parent(account: str, parent: str | None) -> tuple[str, ...]:
    return (account, parent) if parent else (account,)


_ADD = (
    "ON CONFLICT (account, member, month, commodity)"
    " DO UPDATE SET charged_micro = account_month.charged_micro + excluded.charged_micro"
)


def _add(session: Session, sums: dict[tuple[str, str, str, str], int]) -> None:
    """Add to the kept sums, in one order for all, so that two who do it never wait for each other."""
    keys = ("account", "member", "month", "commodity")
    rows = [dict(zip(keys, key, strict=True)) | {"charged_micro": sums[key]} for key in sorted(sums)]
    insert_rows(session, AccountMonth, rows, _ADD)


def charged_in(
    session: Session, accounts: Iterable[str], month: str, commodity: str
) -> dict[tuple[str, str], int]:
    """Return what was charged in a month by (account, member), the member "" for all together."""
    query = select(AccountMonth.account, AccountMonth.member, AccountMonth.charged_micro).where(
        col(AccountMonth.account).in_(set(accounts)),
        AccountMonth.month == month,
        AccountMonth.commodity == commodity,
    )
    return {(account, member): amount for account, member, amount in session.exec(query)}
