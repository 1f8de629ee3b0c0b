"""The names of those who paid; they stand in no statement, so that one can be erased."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session, col, select

from booking_api.accounts.models import Account, Fund
from booking_api.ledger.accounts import fund_account, member_account, unfunded
from booking_api.periods.statement import CloseStated

AT_ONCE = 500


def names_in(session: Session, stated: CloseStated) -> dict[str, str]:
    """Return the names of the ledger accounts in a statement, those that are known."""
    accounts = {payer.account for pool in stated.pools for payer in pool.payers}
    prefix = member_account("")
    ids = [account.removeprefix(prefix) for account in accounts if account.startswith(prefix)]
    names = {member_account(id): name for id, name in _of_accounts(session, ids)}
    for fund in session.exec(select(Fund)):
        names[fund_account(fund.id)] = fund.name
        names[unfunded(fund.id)] = f"the space, for {fund.name}"
    return names


def _of_accounts(session: Session, ids: list[str]) -> Iterable[tuple[str, str]]:
    for at in range(0, len(ids), AT_ONCE):
        wanted = select(Account.id, Account.name).where(col(Account.id).in_(ids[at : at + AT_ONCE]))
        yield from session.exec(wanted)
