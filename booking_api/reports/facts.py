"""What the software cannot know of a space: entered by operators, and never made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.memberships.days import day_of, malformed, read_day
from booking_api.reports.models import FLOWS, Fact, FactKind
from booking_api.reports.spans import Span
from floor.errors import Refused
from floor.money import MICRO

MOST = 10**12 * MICRO
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Known:
    """What was entered of a kind for a time; by month only what is added up."""

    total: Fraction
    months: dict[str, Fraction] | None


def enter(
    session: Session, kind: str, day: str, amount_micro: int, note: str, author: str, now_ms: int
) -> Fact:
    """Enter a number for a day such as 2026-05-21, in millionths of its unit. Raises Refused."""
    if kind not in set(FactKind):
        raise Refused("fact_kind", "Choose what the number is of.")
    read = read_day(day)
    if read is None:
        raise malformed()
    if not 0 <= amount_micro <= MOST:
        raise Refused("fact_amount", "The number is not below zero, and no more than a million million.")
    if kind == FactKind.OPENING_HOURS and not 0 < amount_micro <= 168 * MICRO:
        raise Refused("fact_amount", "A week has more than 0 and at most 168 hours.")
    fact = Fact(
        id=make_id(now_ms),
        kind=FactKind(kind),
        day=read.isoformat(),
        amount_micro=amount_micro,
        note=note.strip()[:200],
        author=author,
        at_ms=now_ms,
    )
    session.add(fact)
    session.flush()
    return fact


def withdraw(session: Session, id: str, author: str, now_ms: int) -> None:
    """Take back what was entered; it stays in the audit log. Raises Refused."""
    fact = session.get(Fact, id)
    if fact is None or fact.withdrawn_ms is not None:
        raise Refused("fact_not_found", "There is no such entry.")
    fact.withdrawn_ms, fact.withdrawn_by = now_ms, author
    session.add(fact)
    session.flush()


def listed(session: Session, limit: int = SHOWN) -> Sequence[Fact]:
    """Return what holds, newest day first."""
    query = select(Fact).where(col(Fact.withdrawn_ms).is_(None))
    return session.exec(query.order_by(col(Fact.day).desc(), col(Fact.at_ms).desc()).limit(limit)).all()


def known(session: Session, span: Span) -> dict[FactKind, Known]:
    """Return what is known for a time: what happened in it, and of what lasts the latest up to its end."""
    zone = zone_of(session)
    first, after = day_of(span.from_ms, zone).isoformat(), day_of(span.to_ms, zone).isoformat()
    query = select(Fact).where(col(Fact.withdrawn_ms).is_(None), col(Fact.day) < after)
    found: dict[FactKind, Known] = {}
    for fact in session.exec(query.order_by(col(Fact.day), col(Fact.at_ms), col(Fact.id))):
        amount, month = Fraction(fact.amount_micro, MICRO), fact.day[:7]
        if fact.kind not in FLOWS:
            found[fact.kind] = Known(amount, None)
        elif fact.day >= first:
            before = found.get(fact.kind, Known(Fraction(0), {}))
            months = dict(before.months or {})
            months[month] = months.get(month, Fraction(0)) + amount
            found[fact.kind] = Known(before.total + amount, months)
    return found
