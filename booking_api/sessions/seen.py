"""How sessions and their charge lines look over HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from booking_api.ledger.models import ChargeLine
from booking_api.sessions.late import session_late_by_ms
from booking_api.sessions.models import MachineSession, SessionState
from floor.words import StopType


class LineSeen(BaseModel):
    """One line of a charge. `metered`, `billed` and `price_micro` are exact fractions, such as "7/2"."""

    model_config = ConfigDict(from_attributes=True)

    tariff_version: str
    tier: str
    component: str
    unit: str
    window: str
    metered: str
    billed: str
    price_micro: str
    amount_micro: int
    bound: str


Lines = list[LineSeen]


class SessionSeen(BaseModel):
    """One use of a machine. Times are UTC milliseconds, `counters` in the base units of their names.

    `late_by_ms` says how much later than it ended its end came, because its gateway was out of touch; else 0.

    What it cost (`total_micro`, `lines`) is None for those who may not see that member's money.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    machine: str
    member: str
    state: SessionState
    started_ms: int
    ended_ms: int | None
    late_by_ms: int
    elapsed_ms: int
    stop_type: StopType | None
    words: str
    counters: dict[str, Any]
    tariff_version: str | None = None
    commodity: str | None = None
    total_micro: int | None = None
    lines: Lines | None = None


_MONEY = ("tariff_version", "commodity", "total_micro")


def lines_seen(lines: Iterable[ChargeLine]) -> Lines:
    """Return charge lines as they are shown."""
    return [LineSeen.model_validate(line) for line in lines]


def session_seen(used: MachineSession, money: bool, lines: Iterable[ChargeLine] | None = None) -> SessionSeen:
    """Return a session as it is shown to somebody who may, or may not, see its money."""
    kept = {**used.model_dump(), "late_by_ms": session_late_by_ms(used)}
    seen = SessionSeen.model_validate(kept)
    if not money:
        return seen.model_copy(update=dict.fromkeys(_MONEY))
    return seen.model_copy(update={"lines": None if lines is None else lines_seen(lines)})
