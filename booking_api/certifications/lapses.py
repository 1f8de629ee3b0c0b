"""Tells members once, some days before, that a skill of theirs lapses. Asked now and then; no exact timer."""

from __future__ import annotations

from sqlmodel import Session, select

from booking_api.certifications import standing
from booking_api.certifications.models import Certification, Skill
from booking_api.certifications.skills import DAY_MS
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening


def tell(session: Session, now_ms: int) -> int:
    """Tell of what lapses soon and was not told of yet; returns how many were told.

    An end that moved on, because the machine was used or the training renewed, is told of anew.
    """
    warn_ms = {one.id: one.warn_days * DAY_MS for one in session.exec(select(Skill)) if one.warn_days}
    standings = standing.read(session, None, warn_ms, now_ms)
    due = [
        (member, skill, end)
        for member, mine in standings.held.items()
        for skill in mine
        if skill in warn_ms
        and (end := standings.skill(member, skill))
        and now_ms < end <= now_ms + warn_ms[skill]
    ]
    told = 0
    for member, skill, end in due:
        row = session.get(Certification, (member, skill), with_for_update=True, populate_existing=True)
        assert row is not None, "what stands was granted"
        if row.told_ms is None or row.told_ms < end:
            row.told_ms = end
            session.add(row)
            happened(session, Happening.CERTIFICATION_LAPSES, skill, now_ms, member, until_ms=end)
            told += 1
    return told


def lapsing(session: Session, before_ms: int, now_ms: int) -> list[tuple[str, str, int]]:
    """Return who loses which skill before an instant, (member, skill, end), the soonest first."""
    standings = standing.read(session, None, None, now_ms)
    found = [
        (member, skill, end)
        for member, mine in standings.held.items()
        for skill in mine
        if (end := standings.skill(member, skill)) and now_ms < end < before_ms
    ]
    return sorted(found, key=lambda one: one[2])
