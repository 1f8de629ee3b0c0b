"""Keeps what is out of reach, from when until when: for the board, and for each state's place in time.

What is open is read from the database at each look, so that a restart goes on with it.
"""

from __future__ import annotations

from sqlmodel import Session, col, delete, select

from booking_api.clock import make_id
from booking_api.context import Context
from booking_api.gateways.models import Gateway
from booking_api.health.models import Away, Watched
from booking_api.live import FloorSnapshot, LiveFloor
from booking_api.rounds import Round
from floor.maintenance import DAY_MS
from floor.words import Activity

EVERY_S = 2.0
GRACE_MS = 30_000
"""A server that has just begun gives gateways this long to come, in real ms; each is heard every 5 s."""
NOTED_MS = 20_000
"""How often it is noted that the server watches, in real ms; three times that without is a gap."""
KEPT_DAYS = 92

Place = tuple[str, str]
"""A gateway, and a machine behind it or ""."""


def wanting(
    known: dict[str, int | None], floor: FloorSnapshot, of: dict[str, str], began_ms: int, now_ms: int
) -> dict[Place, tuple[int, str]]:
    """Return what is out of reach now, since when at least, and the words of it.

    `known` are the enrolled gateways by when they were last heard of; one that never was is only not
    installed yet. One that has not come since the server began is away since then, unless `began_ms` is
    now: it is too early to say. `of` is the gateway of each machine.
    """
    found: dict[Place, tuple[int, str]] = {}
    for name, last_ms in known.items():
        live = floor.gateways.get(name)
        if live is not None and not live.online:
            found[name, ""] = (live.seen_ms, "")
        elif live is None and last_ms is not None and began_ms < now_ms:
            found[name, ""] = (began_ms, "")
    for machine, station in floor.stations.items():
        gateway = of.get(machine, "")
        lost = station.activity is Activity.UNREACHABLE and (gateway, "") not in found
        if lost and gateway in known:
            found[gateway, machine] = (now_ms, station.words)
    return found


def look(session: Session, live: LiveFloor, now_ms: int, speed: int = 1) -> None:
    """Write down what went out of reach or came back since the last look (`now_ms`: floor time)."""
    began_ms = _watched(session, now_ms, speed)
    settled = now_ms - began_ms >= GRACE_MS * speed
    known = dict(session.exec(select(Gateway.name, Gateway.last_seen_ms)).all())
    floor = live.snapshot()
    of = {machine: live.gateway_of(machine) or "" for machine in floor.stations}
    now = wanting(known, floor, of, began_ms if settled else now_ms, now_ms)
    for row in opened(session):
        at = now.pop((row.gateway, row.machine), None)
        if at is None:
            unheard = row.gateway not in floor.gateways and not settled
            if not unheard:
                row.until_ms = max(now_ms, row.from_ms)
        elif at[1] and at[1] != row.words:
            row.words = at[1][:400]
        session.add(row)
    for (gateway, machine), (from_ms, words) in now.items():
        session.add(
            Away(id=make_id(now_ms), gateway=gateway, machine=machine, from_ms=from_ms, words=words[:400])
        )
    session.flush()


def _watched(session: Session, now_ms: int, speed: int) -> int:
    """Note that the server watches; returns since when it does without a gap."""
    query = select(Watched).order_by(col(Watched.until_ms).desc()).limit(1)
    newest = session.exec(query.with_for_update()).first()  # one process looks at a time
    if newest is None or not 0 <= now_ms - newest.until_ms <= 3 * NOTED_MS * speed:
        newest = Watched(id=make_id(now_ms), from_ms=now_ms, until_ms=now_ms)
    elif now_ms - newest.until_ms >= NOTED_MS * speed:
        newest.until_ms = now_ms
    session.add(newest)
    return newest.from_ms


def opened(session: Session) -> list[Away]:
    """Return what is out of reach, the longest first."""
    query = select(Away).where(col(Away.until_ms).is_(None)).order_by(col(Away.from_ms))
    return list(session.exec(query))


def forget(session: Session, now_ms: int) -> None:
    """Delete what was over so long ago that no page shows it."""
    old_ms = now_ms - KEPT_DAYS * DAY_MS
    session.exec(delete(Away).where(col(Away.until_ms) < old_ms))
    session.exec(delete(Watched).where(col(Watched.until_ms) < old_ms))


async def _look(context: Context) -> None:
    now_ms, speed = context.clock.now_ms(), context.clock.scale.speed
    await context.database.transact(lambda session: look(session, context.live, now_ms, speed))


async def _forget(context: Context) -> None:
    now_ms = context.clock.now_ms()
    await context.database.transact(lambda session: forget(session, now_ms))


ROUNDS = (Round(EVERY_S, _look), Round(86_400.0, _forget))
