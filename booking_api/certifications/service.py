"""What is done with certifications."""

from sqlmodel import Session, col, select

from booking_api.certifications.models import Certification
from booking_api.gateways.changes import Subject, changed
from booking_api.machines import service as machines
from booking_api.members import service as members
from floor.errors import Refused


def grant(
    session: Session, member: str, machine: str, by: str, now_ms: int, expires_ms: int | None = None
) -> Certification:
    """Let a member use a machine; granting again renews. Raises Refused for an end in the past."""
    members.get(session, member)
    machines.get(session, machine)
    if expires_ms is not None and expires_ms <= now_ms:
        raise Refused("expiry_past", "The certification would have ended already.")
    kept = session.get(Certification, (member, machine))
    granted = kept or Certification(member=member, machine=machine, granted_by=by, granted_ms=now_ms)
    granted.granted_by, granted.granted_ms, granted.expires_ms = by, now_ms, expires_ms
    granted.revoked_ms = granted.revoked_by = None
    session.add(granted)
    changed(session, Subject.MEMBER, member, now_ms)
    return granted


def revoke(session: Session, member: str, machine: str, by: str, now_ms: int) -> Certification:
    """Take a certification away, at every gateway; raises Refused when there is none in force."""
    kept = session.get(Certification, (member, machine))
    if kept is None or kept.revoked_ms is not None:
        raise Refused("certification_not_found", "The member holds no certification for this machine.")
    kept.revoked_ms, kept.revoked_by = now_ms, by
    session.add(kept)
    changed(session, Subject.MEMBER, member, now_ms)
    return kept


def of_member(session: Session, member: str) -> list[Certification]:
    """Return the certifications that a member holds, lapsed ones included, revoked ones not."""
    held = select(Certification).where(
        Certification.member == member, col(Certification.revoked_ms).is_(None)
    )
    return list(session.exec(held.order_by(Certification.machine)))


def of_machine(session: Session, machine: str) -> list[Certification]:
    """Return who is certified for a machine, lapsed ones included, revoked ones not."""
    held = select(Certification).where(
        Certification.machine == machine, col(Certification.revoked_ms).is_(None)
    )
    return list(session.exec(held.order_by(Certification.member)))
