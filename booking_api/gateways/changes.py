"""The outbox of rosters: written in the transaction of a change, drained by the link within a second."""

from enum import StrEnum

from sqlmodel import Session

from booking_api.gateways.models import RosterChange


class Subject(StrEnum):
    """What changed: a member (badges, certifications and credit too), a machine, or which machines there are."""

    MEMBER = "member"
    MACHINE = "machine"
    FLOOR = "floor"


def changed(session: Session, subject: Subject, ref: str, now_ms: int) -> None:
    """Record that gateways must learn of a change; `ref` is the id of what changed."""
    session.add(RosterChange(subject=subject, ref=ref, at_ms=now_ms))
