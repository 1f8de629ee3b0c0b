"""Who used something, counted: every person once, and nobody by name."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import and_, case, func, or_
from sqlalchemy.sql import ColumnElement
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account, AccountKind
from booking_api.db import zone_of
from booking_api.members.models import Member, MemberCare
from booking_api.memberships.days import begin_ms, day_of
from booking_api.memberships.models import Membership
from booking_api.periods.calendar import bounds, month_at
from booking_api.reports.models import MonthlyPerson
from booking_api.reports.spans import Span, later

AFTER = (6, 12, 24)
"""So many months after it was opened a team is looked for."""
GRACE = 3
"""A team that used nothing for more than so many months is not active any more."""
_KEPT = 64
_kept: OrderedDict[tuple[object, ...], Served] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Served:
    """Distinct people: all, by month and by tier."""

    people: int
    months: Mapping[str, int]
    tiers: Mapping[str, int]


def served(session: Session, span: Span) -> Served:
    """Return who used something.

    A month's people are only ever added to, so how many rows there are tells whether an answer still holds.
    """
    within = _within(span)
    rows = session.exec(select(func.count()).select_from(MonthlyPerson).where(*within)).one()
    key = (str(session.get_bind().engine.url), span.first, span.last, rows)
    if key not in _kept:
        _kept[key] = _count(session, within)
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return _kept[key]


def _count(session: Session, within: tuple[ColumnElement[bool], ...]) -> Served:
    people = func.count(col(MonthlyPerson.member).distinct())
    month, tier = col(MonthlyPerson.month), col(MonthlyPerson.tier)
    return Served(
        session.exec(select(people).where(*within)).one(),
        dict(session.exec(select(month, people).where(*within).group_by(month)).all()),
        dict(session.exec(select(tier, people).where(*within).group_by(tier)).all()),
    )


def minors(session: Session, span: Span) -> int:
    """Return how many who used something were minors on the first day of the time."""
    first = day_of(span.from_ms, zone_of(session))
    query = select(func.count(col(MonthlyPerson.member).distinct())).where(
        *_within(span),
        col(MonthlyPerson.member).in_(select(MemberCare.member).where(col(MemberCare.minor_until) > first)),
    )
    return session.exec(query).one()


def groups(session: Session, span: Span) -> dict[str, int]:
    """Return how many people have had a membership at the price of a group (students, …) in the time."""
    zone = zone_of(session)
    first, after = day_of(span.from_ms, zone), day_of(span.to_ms, zone)
    until, group = col(Membership.until), col(Membership.group)
    query = select(group, func.count(col(Membership.member).distinct())).where(
        group != "",
        col(Membership.accepted_ms).is_not(None),
        col(Membership.first) < after,
        or_(until.is_(None), until > first),
    )
    return dict(session.exec(query.group_by(group)).all())


def came_and_left(session: Session, span: Span) -> dict[str, dict[str, int]]:
    """Return by month who became a member ("new") and whose access ended, or who was erased ("left")."""
    zone = zone_of(session)
    found: dict[str, dict[str, int]] = {"new": {}, "left": {}}
    gone = func.coalesce(col(Member.erased_ms), col(Member.valid_until_ms))
    for what, at in (("new", col(Member.created_ms)), ("left", gone)):
        edges = [bounds(month, zone) for month in span.months]
        sums = (func.sum(case((and_(at >= begin, at < end), 1), else_=0)) for begin, end in edges)
        row = session.exec(select(*sums)).one()
        counts = (row,) if len(edges) == 1 else tuple(row)
        found[what] = {month: int(count or 0) for month, count in zip(span.months, counts, strict=True)}
    return found


def members_at(session: Session, at_ms: int) -> int:
    """Return how many had access at an instant."""
    gone, ends = col(Member.erased_ms), col(Member.valid_until_ms)
    query = (
        select(func.count())
        .select_from(Member)
        .where(
            col(Member.created_ms) < at_ms,
            or_(gone.is_(None), gone >= at_ms),
            or_(ends.is_(None), ends >= at_ms),
        )
    )
    return session.exec(query).one()


@dataclass(frozen=True, slots=True)
class Teams:
    """Teams that there were at the end, that used anything (by month too), and what became of former ones.

    `survival` has by months after (6, 12, 24) how many teams were looked at, and how many were active still.
    """

    resident: int
    active: int
    months: Mapping[str, int]
    survival: Mapping[int, tuple[int, int]]


def teams(session: Session, span: Span, now_ms: int) -> Teams:
    """Return how it stands with teams and firms; a cost centre is its team's."""
    rows = session.exec(select(Account).where(Account.kind == AccountKind.TEAM)).all()
    home = {one.id: one.parent or one.id for one in rows}
    whole = [one for one in rows if one.parent is None]
    used: dict[str, set[str]] = {one.id: set() for one in whole}
    ids = select(Account.id).where(Account.kind == AccountKind.TEAM)
    query = select(MonthlyPerson.account, MonthlyPerson.month).where(col(MonthlyPerson.account).in_(ids))
    for account, month in session.exec(query.distinct()):
        used.setdefault(home[account], set()).add(month)
    end_ms = min(span.to_ms, now_ms)
    resident = [
        one
        for one in whole
        if one.created_ms < end_ms and (one.archived_ms is None or one.archived_ms >= end_ms)
    ]
    months = {month: sum(month in those for those in used.values()) for month in span.months}
    active = sum(not those.isdisjoint(span.months) for those in used.values())
    return Teams(len(resident), active, months, _survival(session, span, whole, used, now_ms))


def _survival(
    session: Session, span: Span, whole: list[Account], used: Mapping[str, set[str]], now_ms: int
) -> dict[int, tuple[int, int]]:
    """Look at each team whose 6, 12 or 24 months were over in the time: its whole cohort, once."""
    zone = zone_of(session)
    now_month = month_at(now_ms, zone)
    paid = _paid_until(session)
    found: dict[int, tuple[int, int]] = {}
    for after in AFTER:
        looked = alive = 0
        for team in whole:
            mark = later(month_at(team.created_ms, zone), after)
            if not span.first <= mark <= span.last or mark >= now_month:
                continue
            looked += 1
            from_ms = bounds(mark, zone)[0]
            archived = team.archived_ms is not None and team.archived_ms < from_ms
            lately = any(month >= later(mark, -GRACE) for month in used[team.id])
            alive += not archived and (lately or paid.get(team.id, 0) >= from_ms)
        found[after] = (looked, alive)
    return found


def _paid_until(session: Session) -> dict[str, int]:
    """Return until when teams have a membership (UTC milliseconds)."""
    zone, ends = zone_of(session), dict[str, int]()
    ids = select(Account.id).where(Account.kind == AccountKind.TEAM)
    query = select(Membership).where(
        col(Membership.account).in_(ids), col(Membership.accepted_ms).is_not(None)
    )
    for one in session.exec(query):
        end = 1 << 60 if one.until is None else begin_ms(one.until, zone)
        ends[one.account] = max(ends.get(one.account, 0), end)
    return ends


def _within(span: Span) -> tuple[ColumnElement[bool], ...]:
    return col(MonthlyPerson.month) >= span.first, col(MonthlyPerson.month) <= span.last
