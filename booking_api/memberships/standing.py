"""What memberships give people: a tier and access until a day, written to each member that they cover.

Nothing waits for a timer: who reads a member sees until when access runs. What begins or resumes by itself
(a pause that is over, a change from the first of a month) is written by whoever calls `refresh` next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session, col, or_, select

from booking_api.accounts.models import AccountMember, TeamRole
from booking_api.db import zone_of
from booking_api.members import service as members
from booking_api.members.service import MemberChanges
from booking_api.memberships import plans
from booking_api.memberships.days import begin_ms, day_of
from booking_api.memberships.models import Membership, MembershipPause
from floor.membership import Plan, Span, Term


@dataclass(frozen=True, slots=True)
class Held:
    """A membership with the plan that it is on and its days."""

    row: Membership
    plan: Plan
    term: Term

    @property
    def access(self) -> Term:
        """The days on which it opens machines."""
        return Term(self.term.first, self.term.until) if self.plan.opens_in_pause else self.term


def term_of(session: Session, row: Membership) -> Term:
    """Return the days of a membership."""
    return _terms(session, [row])[row.id]


def _terms(session: Session, rows: Iterable[Membership]) -> dict[str, Term]:
    rows = list(rows)
    pauses: dict[str, list[tuple[date, date | None]]] = {row.id: [] for row in rows}
    query = select(MembershipPause).where(col(MembershipPause.membership).in_(pauses))
    for pause in session.exec(query.order_by(col(MembershipPause.first))):
        pauses[pause.membership].append((pause.first, pause.until))
    return {row.id: Term(row.first, row.until, tuple(pauses[row.id])) for row in rows}


def held(session: Session, rows: Iterable[Membership], today: date) -> list[Held]:
    """Return memberships with plan and days, the earliest first; the plan as of their begin, or of today."""
    rows = sorted(rows, key=lambda row: (row.first, row.id))
    terms = _terms(session, rows)
    return [Held(row, _plan(session, row, today), terms[row.id]) for row in rows]


def _plan(session: Session, row: Membership, today: date) -> Plan:
    known = plans.versions(session, row.plan)
    return plans.newest(known, max(today, row.first)) or known[-1]


def of_member(session: Session, member: str) -> list[Membership]:
    """Return the memberships that cover a person: their own, and those of the teams that they are in."""
    teams = select(AccountMember.account).where(AccountMember.member == member)
    named = or_(col(Membership.member) == member, col(Membership.account).in_(teams))
    rows = list(session.exec(select(Membership).where(named)))
    return [row for row in rows if member in covered(session, row)]


def covered(session: Session, row: Membership) -> list[str]:
    """Return the people whom a membership covers: its member, or the first of its team, owners first."""
    query = select(AccountMember).where(AccountMember.account == row.account)
    team = sorted(session.exec(query), key=lambda one: (one.role is not TeamRole.OWNER, one.member))
    if not team:
        return [row.member]
    people = plans.versions(session, row.plan)[-1].people * row.quantity
    return [one.member for one in team][:people]


def refresh(session: Session, member: str, now_ms: int) -> bool:
    """Write tier and end of access to a member, as their memberships have it; True when something changed.

    A member who never had a membership is left as they are.
    """
    today = day_of(now_ms, zone_of(session))
    mine = [one for one in held(session, of_member(session, member), today) if one.row.accepted_ms]
    until = access_until(mine, today)
    if until is None:
        return False
    given: dict[str, object] = {"valid_until_ms": begin_ms(until, zone_of(session))}
    if until == date.max:
        given["valid_until_ms"] = None
    now = [one for one in mine if one.access.holds(today)]
    if now:
        given["tier"] = _tier(now[-1], today)
    kept = members.get(session, member)
    if all(getattr(kept, key) == value for key, value in given.items()):
        return False
    members.change(session, member, MemberChanges.model_validate(given), now_ms)
    return True


def _tier(one: Held, today: date) -> str:
    return one.plan.tier_of(group_on(one.row, today))


def group_on(row: Membership, day: date) -> str:
    """Return the group that a membership has on a day: none once its proof has lapsed."""
    return row.group if row.proof_until is None or day < row.proof_until else ""


def access_until(mine: Iterable[Held], today: date) -> date | None:
    """Return the day before which access ends, or ended; date.max for no end, None when nothing began yet."""
    mine = list(mine)
    day = today
    while True:
        now = [one.access.next_break(day) for one in mine if one.access.holds(day)]
        if not now:
            break
        if None in now:
            return date.max
        day = max(end for end in now if end)
    if day > today:
        return day
    whole = Span(date.min, today + timedelta(days=1))
    ends = [stretch.end for one in mine for stretch in one.access.stretches(whole)]
    return min(max(ends), today) if ends else None
