"""The outbox of rosters: written in the transaction of a change, drained by the link within a second."""

from collections.abc import Collection
from enum import StrEnum

from sqlmodel import Session, col, select

from booking_api.gateways.models import RosterChange
from booking_api.members.models import Member


class Subject(StrEnum):
    """What changed: a member (badges, certifications, credit too), a machine, or which machines there are."""

    MEMBER = "member"
    MACHINE = "machine"
    FLOOR = "floor"


def changed(session: Session, subject: Subject, ref: str, now_ms: int) -> None:
    """Record that gateways must learn of a change; `ref` is the id of what changed."""
    session.add(RosterChange(subject=subject, ref=ref, at_ms=now_ms))


def credit_changed(session: Session, accounts: Collection[str], now_ms: int) -> None:
    """Record that what these accounts may spend changed; it concerns only members who have a limit."""
    if not accounts:
        return
    limited = col(Member.account).in_(accounts) & col(Member.credit_limit_micro).is_not(None)
    for member in session.exec(select(Member.id).where(limited)):
        changed(session, Subject.MEMBER, member, now_ms)
