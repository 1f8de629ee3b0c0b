"""Applies sign-offs at machines. A gateway says what it saw; who may sign off is found here again."""

from collections.abc import Sequence

from sqlmodel import Session

from booking_api.certifications import sign_off
from booking_api.certifications.models import Certification
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.metering.retold import retold
from floor.errors import Refused
from floor.wire.journal import AlarmRaised, JournalEntry, SignedOff

Problem = tuple[JournalEntry, AlarmRaised]
"""An entry that was not applied, and what staff are told."""


def apply(
    session: Session, gateway: str, epoch: int, entries: Sequence[JournalEntry], now_ms: int
) -> list[Problem]:
    """Apply the sign-offs among entries, each once; return those that staff have to look at."""
    problems: list[Problem] = []
    for entry in entries:
        fact = entry.fact
        if not isinstance(fact, SignedOff) or retold(session, gateway, epoch, entry):
            continue
        at_ms = now_ms if entry.clock_error_ms is None else min(entry.recorded_ms, now_ms)
        try:
            _apply(session, gateway, fact, at_ms)
        except Refused as refused:
            words = f"{fact.by} signed {fact.member} off: {refused}"
            alarm = AlarmRaised(machine=fact.machine, code="sign_off_refused", words=words[:400])
            problems.append((entry, alarm))
    return problems


def _apply(session: Session, gateway: str, fact: SignedOff, at_ms: int) -> None:
    """Apply one; raises Refused, which says why not, before anything has changed."""
    if machines.get(session, fact.machine).gateway != gateway:
        raise Refused("sign_off_elsewhere", f"{fact.machine} is no machine of {gateway}.")
    _check_instructor(session, fact, at_ms)
    members.get(session, fact.member)
    kept = session.get(Certification, (fact.member, fact.machine))
    if kept and kept.revoked_ms is not None and kept.revoked_ms >= at_ms:
        raise Refused("sign_off_revoked", "It was revoked after that.")
    if kept and kept.revoked_ms is None and kept.granted_ms >= at_ms:
        return  # staff said so later, and with their own end
    sign_off.at_machine(session, fact.member, fact.machine, fact.by, at_ms)


def _check_instructor(session: Session, fact: SignedOff, at_ms: int) -> None:
    instructor = members.get(session, fact.by)
    if instructor.id == fact.member:
        raise Refused("sign_off_own", "Nobody signs themselves off.")
    if instructor.suspended_reason is not None or not sign_off.signs_off(instructor.role):
        raise Refused("sign_off_not_instructor", "They may not sign anybody off.")
    held = session.get(Certification, (fact.by, fact.machine))
    lapsed = held is None or held.revoked_ms is not None or (held.expires_ms or at_ms + 1) <= at_ms
    if lapsed and machines.get(session, fact.machine).requires_certification:
        raise Refused("sign_off_untrained", "They are not certified for it themselves.")
