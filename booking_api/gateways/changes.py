"""The outbox of rosters: written in the transaction of a change, drained by the link within a second."""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.gateways.models import RosterChange, RosterState
from booking_api.members.models import Member


class Subject(StrEnum):
    """What changed: a member (badges, certifications, credit too), a machine, or which machines there are."""

    MEMBER = "member"
    MACHINE = "machine"
    FLOOR = "floor"


def hold_rosters(session: Session) -> RosterState:
    """Lock the rosters until the transaction ends: changes are numbered in the order in which they commit.

    Whoever holds a gateway's row or the book as well has locked those first.
    """
    query = select(RosterState).where(RosterState.id == 1).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).one()


def changed(session: Session, subject: Subject, ref: str, now_ms: int) -> None:
    """Record that gateways must learn of a change; `ref` is the id of what changed."""
    hold_rosters(session)
    session.add(RosterChange(subject=subject, ref=ref, at_ms=now_ms))


def credit_changed(session: Session, accounts: Collection[str], now_ms: int) -> None:
    """Record that what these accounts may spend changed; it concerns only members who have a limit."""
    if not accounts:
        return
    limited = col(Member.account).in_(accounts) & col(Member.credit_limit_micro).is_not(None)
    for member in session.exec(select(Member.id).where(limited).order_by(Member.id)).all():
        changed(session, Subject.MEMBER, member, now_ms)


def newest_change(session: Session) -> int:
    """Return the number of the last change, 0 before the first."""
    return session.exec(select(func.max(RosterChange.id))).one() or 0
