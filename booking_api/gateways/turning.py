"""What a new day changes in rosters: who came of age, who has to sign, whose suspension is over.

Whoever writes rosters looks once a day, and compares with the day on which somebody looked last: days on
which nobody looked are made up for.
"""

from __future__ import annotations

from datetime import date

from sqlmodel import Session

from booking_api.db import zone_of
from booking_api.gateways.changes import hold_rosters, many_changed
from booking_api.members import care
from booking_api.members import service as members
from booking_api.memberships.days import day_of
from booking_api.waivers import service as waivers


def turn_day(session: Session, now_ms: int) -> None:
    """Have gateways told of what a day changed that has begun since this was asked last."""
    state, today = hold_rosters(session), day_of(now_ms, zone_of(session))
    if state.day == today.isoformat():
        return
    before = date.fromisoformat(state.day) if state.day else today
    state.day = today.isoformat()
    session.add(state)
    turned = care.minors(session, None, before) ^ care.minors(session, None, today)
    turned |= {member for member, _ in _unsigned(session, before) ^ _unsigned(session, today)}
    many_changed(session, turned, now_ms)
    members.end_of_suspensions(session, now_ms)
    waivers.remind(session, before, today, now_ms)


def _unsigned(session: Session, day: date) -> set[tuple[str, str]]:
    """Return who has not signed which versions."""
    found = waivers.unsigned(session, None, day)
    return {(member, row.id) for member, rows in found.items() for row in rows}
