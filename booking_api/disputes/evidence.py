"""What is known of a disputed charge: how it came about, what the meters showed, jobs, alarms, entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from booking_api.billing.models import Charge
from booking_api.disputes.service import Standing, live
from booking_api.documents.reading import Charged, explained
from booking_api.ledger.models import LedgerEntry
from booking_api.sessions.models import Alarm, Job, SessionReading
from floor.errors import Refused

AROUND_MS = 900_000
"""How long before and after a session its machine's alarms matter, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it. `charged` is the charge that stands, or the disputed one where it was taken back."""

    standing: Standing
    charged: Charged
    stands: bool
    readings: Sequence[SessionReading]
    jobs: Sequence[Job]
    alarms: Sequence[Alarm]
    entries: Sequence[LedgerEntry]


def gather(session: Session, standing: Standing) -> Evidence:
    """Read what is known of a disputed charge."""
    try:
        charge, stands = live(session, standing.dispute), True
    except Refused:
        kept = session.get(Charge, standing.dispute.charge)
        assert kept is not None, "a dispute names its charge"
        charge, stands = kept, False
    charged = explained(session, [charge])[0]
    used = charged.used
    readings: Sequence[SessionReading] = ()
    jobs: Sequence[Job] = ()
    alarms: Sequence[Alarm] = ()
    if used is not None:
        shown = select(SessionReading).where(SessionReading.session == used.id)
        order = (col(SessionReading.elapsed_ms), col(SessionReading.epoch), col(SessionReading.seq))
        readings = session.exec(shown.order_by(*order)).all()
        jobs = session.exec(select(Job).where(Job.session == used.id).order_by(col(Job.at_ms))).all()
        around = select(Alarm).where(
            or_(
                Alarm.machine == used.machine, col(Alarm.machine).is_(None) & (Alarm.gateway == used.gateway)
            ),
            col(Alarm.at_ms) >= used.started_ms - AROUND_MS,
            col(Alarm.at_ms) <= charge.ended_ms + AROUND_MS,
        )
        alarms = session.exec(around.order_by(col(Alarm.at_ms))).all()
    return Evidence(standing, charged, stands, readings, jobs, alarms, _entries(session, standing, charge))


def _entries(session: Session, standing: Standing, charge: Charge) -> Sequence[LedgerEntry]:
    """Return the charge's entry, what reversed it, and what the dispute posted, in the order of the book."""
    posted = [event.entry for event in standing.events if event.entry]
    posted += [charge.entry] if charge.entry else []
    query = select(LedgerEntry).where(
        or_(col(LedgerEntry.id).in_(posted), col(LedgerEntry.reverses) == charge.entry)
    )
    return session.exec(query.order_by(col(LedgerEntry.seq))).all()
