"""Who came to a class; they are certified for what it teaches, by its instructor."""

from __future__ import annotations

import contextlib

from sqlmodel import Session

from booking_api.certifications import service as certifications
from booking_api.courses import classes
from booking_api.courses.models import ClassSession, SignUp, SignUpState
from floor.errors import Refused


def attend(session: Session, id: str, member: str, now_ms: int, *, came: bool = True) -> SignUp:
    """Note whether somebody came; who did is certified by the instructor, as far as they are ready.

    Who still lacks a skill's quiz or prerequisites gets it when it is noted again, once they have them.
    """
    row = classes.get(session, id)
    if row.starts_ms > now_ms:
        raise Refused("class_not_begun", "This class has not begun.")
    mine = [one for one in classes.people(session, id) if one.member == member]
    if not mine:
        raise Refused("sign_up_not_found", "This member has no place in the class.")
    if came:
        for skill in lacking(session, row, member):
            with contextlib.suppress(Refused):
                _certify(session, row, member, skill, now_ms)
    return classes.mark(session, mine[0], SignUpState.ATTENDED if came else SignUpState.MISSED, now_ms)


def lacking(session: Session, row: ClassSession, member: str) -> list[str]:
    """Return the skills of a class that a member was not given for it."""
    held = {one.skill: one.granted_ms for one in certifications.of_member(session, member)}
    return [
        skill for skill in classes.course_of(session, row).certifies if held.get(skill, 0) < row.starts_ms
    ]


def _certify(session: Session, row: ClassSession, member: str, skill: str, now_ms: int) -> None:
    months = classes.course_of(session, row).valid_months
    end_ms = certifications.end_of(session, months, row.starts_ms)
    with session.begin_nested():
        certifications.grant(session, member, skill, row.instructor, now_ms, end_ms)
