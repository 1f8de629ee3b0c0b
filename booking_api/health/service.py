"""How gateways are doing by their own words and the server's, and the timelines of machines and gateways.

Everything is from the server's own rows and what is live; no Prometheus is asked here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum

from sqlmodel import Session, col, func, or_, select

from booking_api.gateways.models import Gateway
from booking_api.gateways.software import lags
from booking_api.health.models import Away, Watched
from booking_api.health.timeline import Span, Use, gaps, lay
from booking_api.live import FloorSnapshot, GatewayPresence
from booking_api.maintenance.models import Downtime
from booking_api.metering.models import JournalHead, JournalRecord
from booking_api.reservations.models import Reserved
from booking_api.sessions.models import MachineSession, SessionState
from floor.maintenance import DAY_MS
from floor.reservation.terms import Standing
from floor.wire.messages import Vitals

LONGEST_MS = 7 * DAY_MS
"""A session that began in a time and ended this much later is still found in it."""
CLOCK_OFF_MS = 2_000
DISK_LOW_PERMILLE = 100
MEMORY_LOW_KB = 50_000
HOT_C = 80
"""A Raspberry Pi slows itself down from 80 °C on (its documentation, "Frequency management")."""
ROSTER_OLD_S = 3_600
LAG_MANY = 100


class Worry(IntEnum):
    """How much a gateway needs somebody; the most first when sorted downwards."""

    NONE = 0
    LOOK = 1
    ACT = 2


@dataclass(frozen=True, slots=True)
class GatewayHealth:
    """A gateway as it is now. Times are UTC ms of the floor; None is what nobody knows.

    `behind` counts roster versions that were given out since the one it holds; None: it never said.
    `lead_ms`: its clock is ahead of the server's by this, by the best message of five minutes (negative:
    behind, or slow to be heard). `last_entry_ms` is when the newest entry that the server holds was recorded.
    """

    name: str
    online: bool
    seen_ms: int | None
    away_ms: int | None
    software: str
    lags: bool
    quarantined: bool
    degraded: bool
    stuck: bool
    roster_age_s: int | None
    behind: int | None
    journal_lag: int | None
    last_entry_ms: int | None
    lead_ms: int | None
    vitals: Vitals
    machines: int

    @property
    def troubles(self) -> list[tuple[Worry, str]]:
        """Return what is wrong, by words that pages have a sentence for; the worst first."""
        vitals = self.vitals
        there = self.online
        free, memory, heat = vitals.free_permille, vitals.memory_kb, vitals.celsius
        found = [
            (self.quarantined, Worry.ACT, "quarantined"),
            (self.seen_ms is None, Worry.LOOK, "never"),
            (not there and self.seen_ms is not None, Worry.ACT, "offline"),
            (there and self.degraded, Worry.ACT, "degraded"),
            (there and self.stuck, Worry.ACT, "stuck"),
            (there and (self.roster_age_s or 0) > ROSTER_OLD_S, Worry.ACT, "roster_old"),
            (there and free is not None and free < DISK_LOW_PERMILLE, Worry.ACT, "disk"),
            (there and (self.journal_lag or 0) > LAG_MANY, Worry.LOOK, "lag"),
            (there and self.lead_ms is not None and abs(self.lead_ms) > CLOCK_OFF_MS, Worry.LOOK, "clock"),
            (there and memory is not None and memory < MEMORY_LOW_KB, Worry.LOOK, "memory"),
            (there and heat is not None and heat >= HOT_C, Worry.LOOK, "hot"),
            (self.lags, Worry.LOOK, "software"),
        ]
        return sorted(((worry, word) for holds, worry, word in found if holds), reverse=True)

    @property
    def worry(self) -> Worry:
        """Return how much it needs somebody."""
        return max((worry for worry, _ in self.troubles), default=Worry.NONE)


def gateways(session: Session, floor: FloorSnapshot, counts: dict[str, int]) -> list[GatewayHealth]:
    """Return all gateways, those that need somebody first; `counts` are the machines of each."""
    heads = _last_entries(session)
    open_rows = select(Away).where(col(Away.until_ms).is_(None), Away.machine == "")
    away = {row.gateway: row.from_ms for row in session.exec(open_rows)}
    rows = session.exec(select(Gateway).order_by(col(Gateway.name)))
    found = [_health(row, floor, heads, away, counts) for row in rows]
    return sorted(found, key=lambda one: (-one.worry, one.name))


def _health(
    row: Gateway,
    floor: FloorSnapshot,
    heads: dict[str, int],
    away: dict[str, int],
    counts: dict[str, int],
) -> GatewayHealth:
    live = floor.gateways.get(row.name)
    return GatewayHealth(
        name=row.name,
        online=live is not None and live.online,
        seen_ms=live.seen_ms if live else row.last_seen_ms,
        away_ms=away.get(row.name),
        software=row.software,
        lags=lags(row.software),
        quarantined=row.quarantined_ms is not None,
        degraded=live is not None and live.degraded,
        stuck=live is not None and live.stuck,
        roster_age_s=live.roster_age_s if live else None,
        behind=_behind(row, live),
        journal_lag=live.journal_lag if live else None,
        last_entry_ms=heads.get(row.name),
        lead_ms=live.lead_ms if live else None,
        vitals=(live.vitals if live else None) or Vitals(),
        machines=counts.get(row.name, 0),
    )


def _behind(row: Gateway, live: GatewayPresence | None) -> int | None:
    held = live.roster if live else None
    if held is None:
        return None
    return max(0, row.roster_n - held.n) if held.epoch == row.roster_epoch else row.roster_n


def _last_entries(session: Session) -> dict[str, int]:
    """Return when the newest entry that is held of each gateway was recorded."""
    newest = (
        select(JournalHead.gateway, func.max(JournalHead.epoch).label("epoch"))
        .group_by(col(JournalHead.gateway))
        .subquery()
    )
    query = (
        select(JournalRecord.gateway, JournalRecord.recorded_ms)
        .join(
            JournalHead,
            (col(JournalHead.gateway) == col(JournalRecord.gateway))
            & (col(JournalHead.epoch) == col(JournalRecord.epoch))
            & (col(JournalHead.seq) == col(JournalRecord.seq)),
        )
        .join(newest, (newest.c.gateway == JournalHead.gateway) & (newest.c.epoch == JournalHead.epoch))
    )
    return dict(session.exec(query).all())


def timelines(
    session: Session,
    floor: FloorSnapshot,
    machines: dict[str, str | None],
    window: tuple[int, int],
    now_ms: int,
    extra: Iterable[Span] = (),
) -> dict[str, list[Span]]:
    """Return what each machine did between two instants (UTC ms), by its id; `machines` name their gateways.

    `extra` is laid over the sessions of the only machine that is asked for.
    """
    from_ms, until_ms = window[0], min(window[1], now_ms)
    spans: dict[str, list[Span]] = defaultdict(list)
    only = set(machines) if len(machines) == 1 else None
    for machine, use, begins, ends in (
        *_sessions(session, floor, from_ms, until_ms, only),
        *_reserved(session, from_ms, until_ms, only),
        *_down(session, from_ms, until_ms, now_ms),
    ):
        spans[machine].append(Span(use, begins, ends))
    away = _away(session, from_ms, until_ms, now_ms)
    for (_, machine), found in away.items():
        if machine:
            spans[machine] += found
    unknown = gaps(_watched(session, from_ms, now_ms), from_ms, until_ms)
    more = list(extra)
    return {
        machine: lay(
            [*spans[machine], *away.get((gateway or "", ""), ()), *unknown, *more], from_ms, until_ms
        )
        for machine, gateway in machines.items()
    }


def contact(
    session: Session, names: Collection[str], window: tuple[int, int], now_ms: int
) -> dict[str, list[Span]]:
    """Return when each gateway was in touch (FREE), out of touch (OFFLINE), or nobody watched (UNKNOWN)."""
    from_ms, until_ms = window[0], min(window[1], now_ms)
    away = _away(session, from_ms, until_ms, now_ms)
    unknown = gaps(_watched(session, from_ms, now_ms), from_ms, until_ms)
    return {name: lay([*away.get((name, ""), ()), *unknown], from_ms, until_ms) for name in names}


_Told = list[tuple[str, Use, int, int]]


def _sessions(
    session: Session, floor: FloorSnapshot, from_ms: int, until_ms: int, only: set[str] | None
) -> _Told:
    """Return sessions; one that runs ends now where its station shows it, else at the last that is proven."""
    ended = select(MachineSession.machine, MachineSession.started_ms, MachineSession.ended_ms).where(
        col(MachineSession.ended_ms) > from_ms,
        col(MachineSession.ended_ms) < until_ms + LONGEST_MS,
        col(MachineSession.started_ms) < until_ms,
    )
    running = select(MachineSession).where(
        MachineSession.state == SessionState.OPEN, col(MachineSession.started_ms) < until_ms
    )
    if only is not None:
        ended = ended.where(col(MachineSession.machine).in_(only))
        running = running.where(col(MachineSession.machine).in_(only))
    told: _Told = [
        (machine, Use.IN_USE, begins, ends or begins) for machine, begins, ends in session.exec(ended)
    ]
    shown = {station.session_id for station in floor.stations.values()}
    for row in session.exec(running):
        ends = until_ms if row.id in shown else row.started_ms + row.elapsed_ms
        told.append((row.machine, Use.IN_USE, row.started_ms, ends))
    return told


def _reserved(session: Session, from_ms: int, until_ms: int, only: set[str] | None) -> _Told:
    """Return reservations that kept the machine; a slot that was given up before it began kept none."""
    query = select(Reserved.machine, Reserved.begins_ms, Reserved.ends_ms, Reserved.closed_ms).where(
        col(Reserved.ends_ms) > from_ms,
        col(Reserved.begins_ms) < until_ms,
        or_(
            col(Reserved.standing).in_([Standing.BOOKED, Standing.BEGUN]),
            col(Reserved.closed_ms) > col(Reserved.begins_ms),
        ),
    )
    if only is not None:
        query = query.where(col(Reserved.machine).in_(only))
    return [
        (machine, Use.RESERVED_UNUSED, begins, min(ends, closed or ends))
        for machine, begins, ends, closed in session.exec(query)
    ]


def _down(session: Session, from_ms: int, until_ms: int, now_ms: int) -> _Told:
    open_or_later = or_(col(Downtime.until_ms).is_(None), col(Downtime.until_ms) > from_ms)
    query = select(Downtime).where(open_or_later, col(Downtime.from_ms) < until_ms)
    return [(row.machine, Use.LOCKED_OUT, row.from_ms, row.until_ms or now_ms) for row in session.exec(query)]


def _away(session: Session, from_ms: int, until_ms: int, now_ms: int) -> dict[tuple[str, str], list[Span]]:
    open_or_later = or_(col(Away.until_ms).is_(None), col(Away.until_ms) > from_ms)
    found: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for row in session.exec(select(Away).where(open_or_later, col(Away.from_ms) < until_ms)):
        use = Use.UNREACHABLE if row.machine else Use.OFFLINE
        found[row.gateway, row.machine].append(Span(use, row.from_ms, row.until_ms or now_ms))
    return found


def _watched(session: Session, from_ms: int, now_ms: int) -> list[tuple[int, int]]:
    """Return when the server watched; it does now, and has since it last noted so."""
    query = select(Watched.from_ms, Watched.until_ms).where(col(Watched.until_ms) > from_ms)
    rows = [(begins, ends) for begins, ends in session.exec(query.order_by(col(Watched.from_ms)))]
    if rows and now_ms - rows[-1][1] < DAY_MS // 24:
        rows[-1] = (rows[-1][0], now_ms)
    return rows
