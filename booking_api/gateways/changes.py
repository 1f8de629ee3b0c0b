"""The outbox of rosters: written in the transaction of a change, drained by the link within a second."""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account, AccountKind, AccountMember
from booking_api.billing.models import AccountHistory, AllowanceLot
from booking_api.db import insert_rows, one_of
from booking_api.gateways.models import RosterChange, RosterState
from booking_api.members.models import Member

MANY = 100
"""So many members are told one by one; more are told by one whole roster."""


class Subject(StrEnum):
    """What changed: a member (badges, certifications, credit too), a machine, a team's budgets by its own
    account, or which machines there are.
    """

    MEMBER = "member"
    MACHINE = "machine"
    ACCOUNT = "account"
    FLOOR = "floor"


def hold_rosters(session: Session) -> RosterState:
    """Lock the rosters until the transaction ends: changes are numbered in the order in which they commit.

    Whoever holds a gateway's row or the book as well has locked those first.
    """
    query = select(RosterState).where(RosterState.id == 1).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).one()


def changed(session: Session, subject: Subject, ref: str, now_ms: int) -> None:
    """Record that gateways must learn of a change; `ref` is the id of what changed."""
    all_changed(session, subject, [ref], now_ms)


def all_changed(session: Session, subject: Subject, refs: Collection[str], now_ms: int) -> None:
    """Record that gateways must learn of changes of one kind, in this order."""
    if refs:
        hold_rosters(session)
        rows = [{"subject": subject, "ref": ref, "at_ms": now_ms} for ref in refs]
        insert_rows(session, RosterChange, rows)


def many_changed(session: Session, members: Collection[str], now_ms: int) -> None:
    """Record that gateways must learn of these members; of very many by one whole roster."""
    if len(members) > MANY:
        changed(session, Subject.FLOOR, "members", now_ms)
    else:
        all_changed(session, Subject.MEMBER, sorted(members), now_ms)


def credit_changed(session: Session, accounts: Collection[str], now_ms: int) -> None:
    """Record that what may be spent of these accounts changed, or where they stand in allowances and caps.

    It concerns members whose own account has a limit or a history, and the budgets of teams; of a team with a
    history, everybody's standing says where it stands.
    """
    if not accounts:
        return
    found = session.exec(select(Account).where(one_of(Account.id, accounts))).all()
    counted = _counted(session, set(accounts))
    own = {
        account.id
        for account in found
        if account.kind is not AccountKind.TEAM and (_limited(account) or account.id in counted)
    }
    teams = [account for account in found if account.kind is AccountKind.TEAM]
    shared = {team.id for team in teams if team.id in counted}
    all_changed(session, Subject.ACCOUNT, sorted({team.parent or team.id for team in teams}), now_ms)
    if own or shared:
        all_changed(session, Subject.MEMBER, who_charge(session, own | shared), now_ms)


def who_charge(session: Session, accounts: Collection[str]) -> list[str]:
    """Return the ids of all who may charge to one of these accounts: whose own it is, and who is in it.

    Who is in a team may charge to its cost centres.
    """
    teams = select(Account.parent).where(one_of(Account.id, accounts))
    team = col(AccountMember.account)
    people = select(AccountMember.member).where(or_(one_of(team, accounts), team.in_(teams)))
    own = select(Member.id).where(one_of(Member.account, accounts))
    return sorted({*session.exec(own), *session.exec(people)})


def newest_change(session: Session) -> int:
    """Return the number of the last change, 0 before the first."""
    return session.exec(select(func.max(RosterChange.id))).one() or 0


def _counted(session: Session, accounts: set[str]) -> set[str]:
    """Return which of the accounts have a history that prices depend on, or allowances."""
    histories = select(AccountHistory.account).where(
        one_of(AccountHistory.account, accounts), AccountHistory.month == ""
    )
    lots = select(AllowanceLot.account).where(one_of(AllowanceLot.account, accounts)).distinct()
    return {*session.exec(histories), *session.exec(lots)}


def _limited(account: Account) -> bool:
    return account.credit_limit_micro is not None or account.monthly_limit_micro is not None
