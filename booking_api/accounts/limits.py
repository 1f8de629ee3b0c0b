"""What accounts may still spend, from sums that are kept: no decision reads what was charged before.

Each limit is a budget with a key: an account's own limits (its id), and what one person may charge to a team
in a month (`TEAM/MEMBER`). A team's limits hold for all of its cost centres together. What is available of a
budget is the least of its limits, less what is owed or was charged this month, less what running sessions
hold and what other sites of the network may let its member use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from booking_api.accounts.models import Account, AccountKind, AccountMember
from booking_api.accounts.service import charged_in
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import AccountBalance
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.sites.models import SitePass

_RUNNING = (SessionState.OPEN, SessionState.EXCEPTION)


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on what is charged to an account and its cost centres: by everybody, or by `member` alone."""

    key: str
    account: str
    member: str = ""
    credit_micro: int | None = None
    monthly_micro: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets of some accounts. `parents` has each account that exists, with its team if it has one."""

    parents: Mapping[str, str | None]
    budgets: Mapping[str, Budget]

    def keys(self, account: str, member: str) -> tuple[str, ...]:
        """Return the keys of the budgets that a member's charge to an account draws on."""
        parent = self.parents.get(account)
        roots = (account, parent) if parent else (account,)
        return tuple(key for root in roots for key in (root, f"{root}/{member}") if key in self.budgets)


@dataclass(slots=True)
class _Sums:
    owed: dict[str, int] = field(default_factory=dict)
    held: dict[tuple[str, str], int] = field(default_factory=dict)


def read(session: Session, accounts: Collection[str] | None) -> Limits:
    """Read the budgets of accounts and of their teams; None reads all that have any."""
    found = list(session.exec(_accounts(accounts)))
    parents = {account.id: account.parent for account in found}
    budgets = {
        account.id: Budget(
            account.id, account.id, "", account.credit_limit_micro, account.monthly_limit_micro
        )
        for account in found
        if account.credit_limit_micro is not None or account.monthly_limit_micro is not None
    }
    teams = [account.id for account in found if account.kind is AccountKind.TEAM]
    people = select(AccountMember).where(col(AccountMember.monthly_limit_micro).is_not(None))
    for one in session.exec(people.where(col(AccountMember.account).in_(teams))) if teams else ():
        key = f"{one.account}/{one.member}"
        budgets[key] = Budget(key, one.account, one.member, None, one.monthly_limit_micro)
    return Limits(parents, budgets)


def available(session: Session, budgets: Collection[Budget], commodity: str, month: str) -> dict[str, int]:
    """Return what is left of each budget in a month, in micro-units; less than 0 when more was spent."""
    roots = {budget.account for budget in budgets}
    if not roots:
        return {}
    parts = _parts(session, roots)
    sums = _sums(session, parts, commodity)
    months = charged_in(session, roots, month, commodity)
    return {
        budget.key: _left(budget, parts[budget.account], sums, months.get((budget.account, budget.member), 0))
        for budget in budgets
    }


def _left(budget: Budget, parts: list[str], sums: _Sums, charged_micro: int) -> int:
    limits: list[int] = []
    if budget.credit_micro is not None:
        limits.append(budget.credit_micro - sum(sums.owed.get(part, 0) for part in parts))
    if budget.monthly_micro is not None:
        limits.append(budget.monthly_micro - charged_micro)
    return min(limits) - sum(sums.held.get((part, budget.member), 0) for part in parts)


def _accounts(accounts: Collection[str] | None) -> SelectOfScalar[Account]:
    credit, monthly = col(Account.credit_limit_micro), col(Account.monthly_limit_micro)
    if accounts is None:
        limited = credit.is_not(None) | monthly.is_not(None)
        return select(Account).where(limited | (col(Account.kind) == AccountKind.TEAM))
    teams = select(Account.parent).where(col(Account.id).in_(accounts))
    return select(Account).where(or_(col(Account.id).in_(accounts), col(Account.id).in_(teams)))


def _parts(session: Session, roots: Collection[str]) -> dict[str, list[str]]:
    """Return each account with its cost centres: what its limits hold for."""
    parts = {root: [root] for root in roots}
    children = select(Account.id, Account.parent).where(col(Account.parent).in_(roots))
    for child, parent in session.exec(children):
        parts[parent or child].append(child)
    return parts


def _sums(session: Session, parts: Mapping[str, list[str]], commodity: str) -> _Sums:
    every = {part for some in parts.values() for part in some}
    names = {member_account(account): account for account in every}
    owed = select(AccountBalance.account, AccountBalance.amount_micro).where(
        col(AccountBalance.account).in_(names), AccountBalance.commodity == commodity
    )
    sums = _Sums({names[name]: amount for name, amount in session.exec(owed)})
    reserved = (
        select(SitePass.account, func.sum(SitePass.reserved_micro))
        .where(col(SitePass.account).in_(every))
        .group_by(SitePass.account)
    )
    sums.held |= {(account, ""): int(amount) for account, amount in session.exec(reserved)}
    held = (
        select(MachineSession.account, MachineSession.member, func.sum(MachineSession.limit_micro))
        .where(col(MachineSession.account).in_(every), col(MachineSession.state).in_(_RUNNING))
        .group_by(MachineSession.account, MachineSession.member)
    )
    for account, member, amount in session.exec(held):
        for who in (member, ""):
            sums.held[account, who] = sums.held.get((account, who), 0) + int(amount or 0)
    return sums
