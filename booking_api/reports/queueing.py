"""Who wanted a machine of a group: sessions begun, taps refused because it was taken, and waiting lists.

Each visit is one arrival: somebody who is refused and uses a machine of the group within COME_BACK_MS came
once, and waited that long. People who did not come at all, as they know that it is full, are in no table.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import NamedTuple

from sqlmodel import Session, col, select

from booking_api.reservations.models import Waiting
from booking_api.sessions.models import MachineSession, Refusal
from floor.queueing import Arrival
from floor.words import DenialReason

COME_BACK_MS = 2 * 3_600_000
"""Who uses a machine so soon after being refused had waited for it."""
MOST_SESSIONS = 10_000
"""The newest of them count: replaying them takes tens of milliseconds."""
MOST_DAYS = 91
OCCUPIED = (DenialReason.IN_USE, DenialReason.RESERVED)
_DAY_MS = 86_400_000


class Used(NamedTuple):
    """A session that ended: when it began, whose, how long. Times in ms."""

    at_ms: int
    member: str
    length_ms: int


class Wanted(NamedTuple):
    """That somebody wanted a machine between two instants; `length_ms` where they said for how long."""

    at_ms: int
    until_ms: int
    member: str
    length_ms: int | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """Arrivals in order of time, and how many of them the records say got no machine."""

    arrivals: list[Arrival] = field(default_factory=list)
    turned_away: int = 0

    @property
    def days(self) -> int:
        """How many days have arrivals."""
        return len({one.day for one in self.arrivals})


def read(session: Session, machines: Sequence[str], now_ms: int, zone: tzinfo) -> Recorded:
    """Return who wanted one of these machines, on whole days before `now_ms` (floor UTC ms)."""
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    end_ms = int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    used = _used(session, machines, end_ms)
    begin_ms = end_ms - MOST_DAYS * _DAY_MS
    if len(used) == MOST_SESSIONS:
        # The oldest day may be cut: begin with the one after it.
        oldest = datetime.fromtimestamp(used[0].at_ms / 1000, UTC).astimezone(zone)
        day_ms = int(oldest.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
        begin_ms = max(begin_ms, day_ms + _DAY_MS)
    wanted = [*_refused(session, machines, begin_ms, end_ms), *_waited(session, machines, begin_ms, end_ms)]
    return gather((one for one in used if one.at_ms >= begin_ms), wanted, zone)


def gather(used: Iterable[Used], wanted: Iterable[Wanted], zone: tzinfo, seed: int = 7) -> Recorded:
    """Make one arrival of each visit.

    Who never had a machine stays as long as a session drawn from the others, unless they said how long; who
    had one at once would wait as long as one drawn from those who did not. Equal rows give equal arrivals.
    """
    sessions = sorted(used)
    lengths = [one.length_ms for one in sessions]
    visits = list(_visits(sorted(wanted)))
    begun: dict[str, deque[Used]] = {}
    for one in sessions:
        begun.setdefault(one.member, deque()).append(one)
    met = [(visit, _session_of(visit, begun.get(visit.member))) for visit in visits]
    patience = [_waited_ms(visit, mine) for visit, mine in met]
    chance = random.Random(seed)
    arrivals = []
    for (visit, mine), waits_ms in zip(met, patience, strict=True):
        length_ms = mine.length_ms if mine else visit.length_ms or (chance.choice(lengths) if lengths else 0)
        arrivals.append((visit.at_ms, length_ms, waits_ms))
    for one in (left for mine in begun.values() for left in mine):
        arrivals.append((one.at_ms, one.length_ms, chance.choice(patience) if patience else 0))
    placed = [
        Arrival(at_ms, length_ms, waits_ms, _day(at_ms, zone))
        for at_ms, length_ms, waits_ms in sorted(arrivals)
    ]
    return Recorded(placed, sum(mine is None for _, mine in met))


def _visits(wanted: list[Wanted]) -> Iterator[Wanted]:
    """Leave out who tries again while they still want the machine that they came for."""
    until: dict[str, int] = {}
    for one in wanted:
        if one.at_ms > until.get(one.member, -1):
            until[one.member] = one.until_ms
            yield one


def _session_of(visit: Wanted, mine: deque[Used] | None) -> Used | None:
    """Take the session that a visit came to."""
    for one in mine or ():
        if visit.at_ms <= one.at_ms <= visit.until_ms and mine:
            mine.remove(one)
            return one
    return None


def _waited_ms(visit: Wanted, mine: Used | None) -> int:
    if visit.length_ms is not None:
        return max(0, visit.until_ms - visit.length_ms - visit.at_ms)
    return mine.at_ms - visit.at_ms if mine else 0


def _day(at_ms: int, zone: tzinfo) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()


def _used(session: Session, machines: Sequence[str], end_ms: int) -> list[Used]:
    began = col(MachineSession.started_ms)
    query = (
        select(MachineSession.started_ms, MachineSession.member, MachineSession.elapsed_ms)
        .where(col(MachineSession.machine).in_(machines), col(MachineSession.ended_ms).is_not(None))
        .where(began >= end_ms - MOST_DAYS * _DAY_MS, began < end_ms)
        .order_by(began.desc())
        .limit(MOST_SESSIONS)
    )
    return [Used(*row) for row in reversed(session.exec(query).all())]


def _refused(session: Session, machines: Sequence[str], begin_ms: int, end_ms: int) -> list[Wanted]:
    """Taps refused because somebody else had the machine; an unknown badge wanted nothing."""
    at, member = col(Refusal.at_ms), col(Refusal.member)
    query = (
        select(Refusal.at_ms, Refusal.member)
        .where(col(Refusal.machine).in_(machines), col(Refusal.reason).in_(OCCUPIED), member.is_not(None))
        .where(at >= begin_ms, at < end_ms)
        .order_by(at.desc())
        .limit(MOST_SESSIONS)
    )
    return [Wanted(at_ms, at_ms + COME_BACK_MS, one or "", None) for at_ms, one in session.exec(query)]


def _waited(session: Session, machines: Sequence[str], begin_ms: int, end_ms: int) -> list[Wanted]:
    """Waiting lists: wanted from where the time that they named begins, or from when they asked."""
    query = (
        select(Waiting)
        .where(col(Waiting.machine).in_(machines))
        .where(col(Waiting.from_ms) >= begin_ms, col(Waiting.from_ms) < end_ms)
        .limit(MOST_SESSIONS)
    )
    return [
        Wanted(at_ms, max(at_ms, one.to_ms), one.member, one.length_ms)
        for one in session.exec(query)
        for at_ms in (max(one.from_ms, one.asked_ms),)
        if at_ms < end_ms
    ]
