"""Use of machines moves the end of skills that lapse by disuse or by hours: gateways are told."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlmodel import Session

from booking_api.certifications import standing
from booking_api.gateways.changes import Subject, changed


def moved(session: Session, ended: Collection[Mapping[str, Any]], now_ms: int) -> None:
    """Have rosters follow the sessions that ended (their rows, written already)."""
    if ended and standing.counting_use(session, {str(row["machine"]) for row in ended}):
        for member in sorted({str(row["member"]) for row in ended} - {""}):
            changed(session, Subject.MEMBER, member, now_ms)
