"""Sessions that a lost card or a lost gateway may have left open: nothing was heard of them for a while."""

from __future__ import annotations

from sqlmodel import Session, col, select

from booking_api.live import FloorSnapshot
from booking_api.sessions.models import MachineSession, SessionState

SILENT_MS = 10 * 60_000


def silent(session: Session, floor: FloorSnapshot, now_ms: int) -> list[MachineSession]:
    """Return the open sessions of which nothing was proven for ten minutes, oldest first.

    What a station of a gateway in touch shows as running is left out, however long it stands idle.
    """
    in_touch = {name for name, gateway in floor.gateways.items() if gateway.online}
    shown = {station.session_id for station in floor.stations.values()}
    query = select(MachineSession).where(
        MachineSession.state == SessionState.OPEN,
        col(MachineSession.stop_type).is_(None),
        col(MachineSession.started_ms) + col(MachineSession.elapsed_ms) < now_ms - SILENT_MS,
    )
    rows = session.exec(query.order_by(col(MachineSession.started_ms), col(MachineSession.id)))
    return [row for row in rows if row.id not in shown or row.gateway not in in_touch]
