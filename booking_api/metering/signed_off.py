"""Applies sign-offs at machines. A gateway says what it saw; who may sign off is found here again."""

from collections.abc import Sequence

from sqlmodel import Session

from booking_api.certifications import service as certifications
from booking_api.certifications import sign_off
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
    members.get(session, fact.by)
    members.get(session, fact.member)
    if certifications.until_ms(session, fact.by, fact.machine, at_ms) is None:
        raise Refused("sign_off_untrained", "They are not trained for it themselves.")
    sign_off.at_machine(session, fact.member, fact.machine, fact.by, at_ms)
