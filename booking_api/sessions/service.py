"""What an operator does with sessions that could not be priced for certain."""

from sqlalchemy import update
from sqlmodel import Session, col, select

from booking_api.billing.settle import settle
from booking_api.sessions.models import MachineSession, SessionState
from floor.errors import Refused


def exceptions(session: Session) -> list[MachineSession]:
    """Return the sessions that wait for an operator, oldest first; `exception` says why."""
    waiting = select(MachineSession).where(MachineSession.state == SessionState.EXCEPTION)
    return list(session.exec(waiting.order_by(col(MachineSession.started_ms), col(MachineSession.id))))


def resolve(session: Session, id: str, now_ms: int, started_ms: int | None = None) -> MachineSession:
    """Price a waiting session after what it lacked was put right, on the operator's word.

    `started_ms` (UTC milliseconds) dates one whose gateway never learnt the time. Raises Refused when it does
    not wait, has not ended, or still cannot be priced.
    """
    kept = session.get(MachineSession, id)
    if kept is None:
        raise Refused("session_not_found", f"There is no session {id}.")
    if kept.state is not SessionState.EXCEPTION or kept.stop_type is None:
        raise Refused("session_not_waiting", "This session does not wait for an operator, or has not ended.")
    row = kept.model_dump()
    if started_ms is not None:
        row["started_ms"], row["clock_error_ms"] = started_ms, 0
    settle(session, [row], now_ms, trust_gateway=True)
    if row["state"] is SessionState.EXCEPTION:
        raise Refused("session_unpriced", row["exception"])
    session.execute(update(MachineSession), [row])
    session.refresh(kept)
    return kept
