"""Times in which machines were out of order: kept as lockouts come and go, whoever set them.

Who begins or ends one has locked the rosters, so that a machine has one open time at most.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, or_, select

from booking_api.clock import make_id
from booking_api.maintenance.models import Downtime
from floor.maintenance import DAY_MS, Down, Reliability, reliability

WINDOW_DAYS = 90
"""So many days back availability and its like are stated on pages."""


def began(session: Session, machine: str, reason: str, at_ms: int) -> None:
    """Take that a machine is out of order; one that is already stays so since then."""
    if open_of(session, machine) is None:
        session.add(Downtime(id=make_id(at_ms), machine=machine, from_ms=at_ms, reason=reason[:400]))
        session.flush()


def ended(session: Session, machine: str, at_ms: int, cleared: str = "") -> None:
    """Take that a machine is in order again."""
    kept = open_of(session, machine)
    if kept is not None:
        kept.until_ms, kept.cleared = max(at_ms, kept.from_ms), cleared.strip()[:400]
        session.add(kept)
        session.flush()


def open_of(session: Session, machine: str) -> Downtime | None:
    """Return since when a machine is out of order, None when it is not."""
    query = select(Downtime).where(Downtime.machine == machine, col(Downtime.until_ms).is_(None))
    return session.exec(query).first()


def tie(session: Session, machine: str, work_order: str, *, planned: bool) -> None:
    """Say for which work order a machine is out of order now; the first one counts."""
    kept = open_of(session, machine)
    if kept is not None and kept.work_order is None:
        kept.work_order, kept.planned = work_order, planned
        session.add(kept)


def history(session: Session, machine: str, since_ms: int, limit: int = 1_000) -> Sequence[Downtime]:
    """Return the times out of order that reached beyond an instant, newest first."""
    still = or_(col(Downtime.until_ms).is_(None), col(Downtime.until_ms) > since_ms)
    query = select(Downtime).where(Downtime.machine == machine, still)
    return session.exec(query.order_by(col(Downtime.from_ms).desc()).limit(limit)).all()


def reliable(session: Session, machine: str, now_ms: int, days: int = WINDOW_DAYS) -> Reliability:
    """Return how reliable a machine was over the last days."""
    from_ms = now_ms - days * DAY_MS
    rows = history(session, machine, from_ms)
    return reliability([Down(one.from_ms, one.until_ms, one.planned) for one in rows], from_ms, now_ms)
