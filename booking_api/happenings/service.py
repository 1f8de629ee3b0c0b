"""Tell what happened, and write letters: both in the caller's transaction, so neither is told in vain."""

from __future__ import annotations

from sqlmodel import Session, select

from booking_api.clock import make_id
from booking_api.happenings.models import Happened, Letter
from booking_api.happenings.words import Happening, LetterKind
from booking_api.members.models import Member


def happened(
    session: Session,
    what: Happening,
    subject: str,
    now_ms: int,
    member: str | None = None,
    **data: str | int | None,
) -> None:
    """Tell that something happened to `subject` (its id), and whom it concerns. `data` holds no secret."""
    session.add(Happened(what=what, subject=subject, member=member, data=data, at_ms=now_ms))


def write_letter(
    session: Session, kind: LetterKind, address: str, language: str, now_ms: int, **values: str
) -> Letter:
    """Write a letter that goes out within seconds of the commit; `now_ms` is real time."""
    letter = Letter(
        id=make_id(now_ms),
        kind=kind,
        address=address,
        language=language,
        values=values,
        at_ms=now_ms,
        next_ms=now_ms,
    )
    session.add(letter)
    return letter


def holder(session: Session, account: str) -> str | None:
    """Return the member whose own account this is, None for a team's or a guest's."""
    return session.exec(select(Member.id).where(Member.account == account)).first()
