"""What members may charge to, and spend here: their accounts, and this gateway's slices of all budgets."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from booking_api.accounts import limits
from booking_api.accounts.choice import choices
from booking_api.accounts.models import Account
from booking_api.billing.service import positions_for
from booking_api.db import zone_of
from booking_api.gateways import credit
from booking_api.members.models import Member
from booking_api.periods.calendar import month_at
from floor.access import AccountStanding
from floor.wire.roster import RosterVersion


@dataclass(frozen=True, slots=True)
class At:
    """For which roster, when and by which tariffs: `commodity` is the space's currency."""

    version: RosterVersion
    now_ms: int
    commodity: str
    tariffs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Purse:
    """The accounts of some members and this gateway's slices, in micro-units of the space's currency.

    `slices` is what may be spent of each own account that has a limit; `budgets` what is left of those that
    are shared, None for one that is no more. `positions` is where accounts stand in allowances and caps.
    """

    teams: dict[str, list[Account]]
    limits: limits.Limits
    slices: dict[str, int]
    budgets: dict[str, int | None]
    positions: dict[str, dict[str, str]]

    def accounts_of(self, member: Member) -> tuple[AccountStanding, tuple[AccountStanding, ...]]:
        """Return what a member's sessions are charged to, and what may be chosen instead.

        A member's own account has no name: it is the one that is theirs.
        """
        own = AccountStanding(
            member.account, "", self.slices.get(member.account), self.positions.get(member.account, {})
        )
        standings = [own, *(self._of_team(team, member.id) for team in self.teams.get(member.id, ()))]
        default = next((one for one in standings if one.id == member.charges_to), own)
        return default, tuple(one for one in standings if one is not default)

    def _of_team(self, account: Account, member: str) -> AccountStanding:
        budgets = self.limits.keys(account.id, member)
        return AccountStanding(account.id, account.name, None, self.positions.get(account.id, {}), budgets)


def fill(
    session: Session,
    gateway: str,
    members: Sequence[Member],
    teams: Collection[str] | None,
    at: At,
) -> Purse:
    """Give a gateway its slices of what these members and these teams have.

    For a whole roster `teams` is None: what the gateway had of any other budget is taken back.
    """
    ids, whole = {member.id for member in members}, teams is None
    theirs = choices(session, None if whole else ids)
    accounts = {account.id for id in ids for account in theirs.get(id, ())}
    own = {member.account for member in members}
    known = limits.read(session, None if whole else own | accounts | _family(session, teams or ()))
    roots = {known.parents.get(account) or account for account in accounts} | set(teams or ())
    shared = {
        key: budget
        for key, budget in known.budgets.items()
        if (known.parents.get(budget.account) or budget.account) in roots
    }
    alone = {key: budget for key, budget in known.budgets.items() if key in own}
    month = month_at(at.now_ms, zone_of(session))
    wanted = [*shared.values(), *alone.values()]
    slices = credit.issue(session, gateway, wanted, at.commodity, month, at.version.n)
    gone = credit.revoke(session, gateway, slices, at.version.n, teams)
    budgets: dict[str, int | None] = {key: slices[key] for key in shared}
    positions = positions_for(session, own | accounts, at.tariffs, at.now_ms)
    return Purse(theirs, known, slices, budgets if whole else budgets | dict.fromkeys(gone), positions)


def look(session: Session, member: Member, now_ms: int, commodity: str) -> Purse:
    """Return what a member may charge to, and what is left of it in all; no gateway is given any of it."""
    theirs = choices(session, {member.id})
    known = limits.read(session, {member.account, *(one.id for one in theirs.get(member.id, ()))})
    month = month_at(now_ms, zone_of(session))
    left = limits.available(session, list(known.budgets.values()), commodity, month)
    return Purse(theirs, known, left, dict(left), {})


def _family(session: Session, teams: Collection[str]) -> set[str]:
    """Return teams and their cost centres."""
    if not teams:
        return set()
    family = or_(col(Account.id).in_(teams), col(Account.parent).in_(teams))
    return set(session.exec(select(Account.id).where(family)))
