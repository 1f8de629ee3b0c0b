"""A session that stays open here because its gateway's journal is lost for good: an operator ends it."""

from __future__ import annotations

from sqlmodel import Session, col, select

from booking_api.billing.settle import settle
from booking_api.certifications import used as skills
from booking_api.gateways.changes import credit_changed
from booking_api.gateways.models import Gateway
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.maintenance import use
from booking_api.reports import counting
from booking_api.sessions.models import MachineSession, SessionReading, SessionState
from floor.errors import Refused
from floor.words import StopType

REASON_MAX = 200


def end_lost(
    session: Session, id: str, reason: str, author: str, now_ms: int, at_ms: int | None = None
) -> MachineSession:
    """End a session as by a power cut, and price it, at the last activity that its journal proved.

    `at_ms` (UTC milliseconds) ends it earlier, with what had been metered by then. What its gateway tells
    later changes nothing: it is an alarm. Raises Refused where it is not open, and for another instant.
    """
    kept = _held(session, id)
    if kept.state is not SessionState.OPEN or kept.stop_type is not None:
        raise Refused("session_not_open", "This session is not open.")
    if not reason.strip():
        raise Refused("reason_missing", "Say why.")
    elapsed_ms, counters = kept.elapsed_ms, kept.counters
    if at_ms is not None:
        if not kept.started_ms <= at_ms <= kept.started_ms + kept.elapsed_ms:
            raise Refused(
                "session_end", "It can end only between its start and the last activity that was proven."
            )
        elapsed_ms = at_ms - kept.started_ms
        counters = _counters(session, id, elapsed_ms)
    row = kept.model_dump() | {
        "stop_type": StopType.POWER_LOST,
        "elapsed_ms": elapsed_ms,
        "ended_ms": kept.started_ms + elapsed_ms,
        "received_ms": now_ms,
        "counters": counters,
        "words": f"Ended by hand ({author}): {reason.strip()[:REASON_MAX]}",
    }
    settle(session, [row], now_ms, trust_gateway=True)
    kept.sqlmodel_update(row)
    session.add(kept)
    session.flush()
    credit_changed(session, {kept.account}, now_ms)
    skills.moved(session, [row], now_ms)
    use.moved(session, [row])
    counting.moved(session, [row])
    told = ("machine", "account", "ended_ms", "elapsed_ms", "stop_type", "total_micro", "commodity")
    happened(
        session, Happening.SESSION_ENDED, id, now_ms, member=kept.member, **{key: row[key] for key in told}
    )
    return kept


def _held(session: Session, id: str) -> MachineSession:
    """Return a session while no batch of its gateway is applied."""
    kept = session.get(MachineSession, id)
    if kept is None:
        raise Refused("session_not_found", f"There is no session {id}.")
    session.exec(select(Gateway.name).where(Gateway.name == kept.gateway).with_for_update()).all()
    session.refresh(kept)
    return kept


def _counters(session: Session, id: str, elapsed_ms: int) -> dict[str, int]:
    """Return what a session's meters had shown by then."""
    query = select(SessionReading).where(
        SessionReading.session == id, col(SessionReading.elapsed_ms) <= elapsed_ms
    )
    last = session.exec(query.order_by(col(SessionReading.elapsed_ms).desc()).limit(1)).first()
    return dict(last.counters) if last else {}
