"""Which account pays: each member's own, or that of a team they are in; one of them is the default."""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import Session, col, or_, select

from booking_api.accounts.models import Account, AccountMember
from booking_api.gateways.changes import Subject, changed
from booking_api.members.models import Member
from floor.errors import Refused


def choices(session: Session, members: Collection[str] | None = None) -> dict[str, list[Account]]:
    """Return the teams' accounts that each of these members (None: everybody) may charge to, by name.

    Who is in a team may charge to it and to its cost centres; what is archived takes no new charge.
    """
    query = select(AccountMember.account, AccountMember.member)
    if members is not None:
        query = query.where(col(AccountMember.member).in_(members))
    rows = session.exec(query).all()
    named = {account for account, _ in rows}
    if not named:
        return {}
    wanted = or_(col(Account.id).in_(named), col(Account.parent).in_(named))
    teams = select(Account.parent).where(col(Account.id).in_(named))
    query_accounts = select(Account).where(or_(wanted, col(Account.id).in_(teams)))
    accounts = {account.id: account for account in session.exec(query_accounts)}
    usable = [account for account in accounts.values() if not _archived(account, accounts)]
    found: dict[str, list[Account]] = {}
    for member, direct in _by_member(rows).items():
        mine = [account for account in usable if {account.id, account.parent} & direct]
        found[member] = sorted(mine, key=lambda account: (account.name, account.id))
    return found


def choose(session: Session, member: Member, account: str, now_ms: int) -> Member:
    """Have a member's sessions charged to this account, unless they choose another at the machine.

    Raises Refused for one that they may not charge to.
    """
    check_may_charge(session, member, account)
    member.charges_to = None if account == member.account else account
    session.add(member)
    changed(session, Subject.MEMBER, member.id, now_ms)
    return member


def check_may_charge(session: Session, member: Member, account: str) -> None:
    """Raise Refused unless it is the member's own account, or a team's that they are in."""
    if account == member.account:
        return
    if all(one.id != account for one in choices(session, {member.id}).get(member.id, ())):
        raise Refused("account_not_theirs", "This account is not one that you may charge to.")


def _by_member(rows: Collection[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for account, member in rows:
        found.setdefault(member, set()).add(account)
    return found


def _archived(account: Account, accounts: dict[str, Account]) -> bool:
    parent = accounts.get(account.parent or "")
    return account.archived_ms is not None or (parent is not None and parent.archived_ms is not None)
