"""What a gateway's journal tells webhooks and notices of. Ingest must stay fast: one insert for a batch."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

from booking_api.happenings.models import Happened
from booking_api.happenings.words import Happening
from booking_api.metering.facts import Gathered
from booking_api.notices.choices import is_wanted as members_who_want
from booking_api.notices.kinds import Kind
from booking_api.sessions.models import SessionState
from booking_api.webhooks.service import is_wanted

_SESSION = ("machine", "account", "ended_ms", "elapsed_ms", "stop_type", "total_micro", "commodity")
_ALARM = ("gateway", "machine", "code", "words")


def tell(session: Session, gathered: Gathered, now_ms: int) -> None:
    """Tell of alarms, and of sessions that ended where a webhook or their member wants to know."""
    _write(session, _raised(gathered.alarms, now_ms) + _ended(session, gathered, now_ms))


def tell_alarms(session: Session, alarms: list[dict[str, Any]], now_ms: int) -> None:
    """Tell of alarms that the server itself raised while it applied a journal."""
    _write(session, _raised(alarms, now_ms))


def _raised(alarms: list[dict[str, Any]], now_ms: int) -> list[dict[str, Any]]:
    return [_row(Happening.ALARM_RAISED, _place(one), None, one, _ALARM, now_ms) for one in alarms]


def _write(session: Session, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(Happened), rows)


def _ended(session: Session, gathered: Gathered, now_ms: int) -> list[dict[str, Any]]:
    over = [(id, gathered.sessions[id]) for id in gathered.ended]
    over = [(id, row) for id, row in over if row["state"] != SessionState.EXCEPTION and row["member"]]
    if not over:
        return []
    if not is_wanted(session, Happening.SESSION_ENDED):
        wanting = members_who_want(session, Kind.SESSIONS, {row["member"] for _, row in over})
        over = [(id, row) for id, row in over if row["member"] in wanting]
    what = Happening.SESSION_ENDED
    return [_row(what, id, row["member"], row, _SESSION, now_ms) for id, row in over]


def _place(alarm: dict[str, Any]) -> str:
    return str(alarm["machine"] or alarm["gateway"])


def _row(
    what: Happening, subject: str, member: str | None, row: dict[str, Any], keys: tuple[str, ...], now_ms: int
) -> dict[str, Any]:
    data = {key: row.get(key) for key in keys}
    return {
        "what": what,
        "subject": subject,
        "member": member,
        "data": data,
        "at_ms": now_ms,
        "told_ms": None,
    }
