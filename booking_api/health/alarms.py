"""Alarms for a list: those that nobody has seen, grouped where the same repeats, and all that there were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlmodel import Session, and_, col, func, or_, select

from booking_api.cursors import read_cursor, write_cursor
from booking_api.sessions.models import Alarm
from floor.errors import Refused

SEEN_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """Which alarms are asked for: "" is all; `codes` None is all, else those of a severity."""

    machine: str = ""
    gateway: str = ""
    codes: frozenset[str] | None = None
    but: bool = False
    """Whether `codes` are those that are not asked for."""

    def where(self) -> list[Any]:
        """Return the conditions."""
        found: list[Any] = []
        if self.machine:
            found.append(col(Alarm.machine) == self.machine)
        if self.gateway:
            found.append(col(Alarm.gateway) == self.gateway)
        if self.codes is not None:
            inside = col(Alarm.code).in_(self.codes)
            found.append(~inside if self.but else inside)
        return found


@dataclass(frozen=True, slots=True)
class Group:
    """The same alarm of the same machine or gateway, `count` times since `first_ms`; `last` is the newest."""

    last: Alarm
    count: int
    first_ms: int


def unseen(session: Session, asked: Asked, limit: int) -> list[Group]:
    """Return what nobody has seen, grouped, the newest first."""
    keys = (col(Alarm.gateway), func.coalesce(Alarm.machine, ""), col(Alarm.code))
    newest = func.max(Alarm.at_ms)
    counted = (
        sqlalchemy.select(
            *(key.label(name) for key, name in zip(keys, ("gateway", "machine", "code"), strict=True)),
            func.count().label("n"),
            func.min(Alarm.at_ms).label("first_ms"),
            newest.label("last_ms"),
        )
        .where(col(Alarm.seen_ms).is_(None), *asked.where())
        .group_by(*keys)
        .order_by(newest.desc())
        .limit(limit)
        .subquery()
    )
    its_own = and_(
        *(key == counted.c[name] for key, name in zip(keys, ("gateway", "machine", "code"), strict=True)),
        col(Alarm.at_ms) == counted.c.last_ms,
        col(Alarm.seen_ms).is_(None),
    )
    query = select(Alarm, counted.c.n, counted.c.first_ms).join(counted, its_own)
    rows = session.exec(query.order_by(col(Alarm.at_ms).desc(), col(Alarm.seq).desc())).all()
    groups: dict[tuple[str, str | None, str], Group] = {}
    for alarm, count, first_ms in rows:
        groups.setdefault((alarm.gateway, alarm.machine, alarm.code), Group(alarm, count, first_ms))
    return list(groups.values())


def same(session: Session, alarm: Alarm) -> list[Alarm]:
    """Return the unseen alarms of an alarm's group that are not newer, at most SEEN_AT_ONCE."""
    machine = col(Alarm.machine)
    query = select(Alarm).where(
        Alarm.gateway == alarm.gateway,
        machine.is_(None) if alarm.machine is None else machine == alarm.machine,
        Alarm.code == alarm.code,
        col(Alarm.seen_ms).is_(None),
        col(Alarm.at_ms) <= alarm.at_ms,
    )
    return list(session.exec(query.order_by(col(Alarm.at_ms)).limit(SEEN_AT_ONCE)))


def count_unseen(session: Session) -> int:
    """Return how many alarms nobody has seen."""
    return session.exec(select(func.count()).where(col(Alarm.seen_ms).is_(None))).one()


def history(session: Session, asked: Asked, cursor: str, limit: int) -> tuple[list[Alarm], str | None]:
    """Return alarms, seen or not, newest first, and the next page's cursor; raises Refused for a strange."""
    query = select(Alarm).where(*asked.where())
    if cursor:
        query = query.where(_before(read_cursor(cursor)))
    order = (
        col(Alarm.at_ms).desc(),
        col(Alarm.gateway).desc(),
        col(Alarm.epoch).desc(),
        col(Alarm.seq).desc(),
    )
    rows = list(session.exec(query.order_by(*order).limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], write_cursor(f"{last.at_ms} {last.gateway} {last.epoch} {last.seq}")


def _before(cursor: str) -> Any:
    parts = cursor.split(" ")
    if len(parts) != 4 or not all(parts[at].isdigit() for at in (0, 2, 3)):
        raise Refused("cursor_malformed", "This is not a cursor. Take `next` of the page before.")
    at_ms, gateway, epoch, seq = int(parts[0]), parts[1], int(parts[2]), int(parts[3])
    a, g, e, s = (col(one) for one in (Alarm.at_ms, Alarm.gateway, Alarm.epoch, Alarm.seq))
    return or_(
        a < at_ms,
        and_(a == at_ms, g < gateway),
        and_(a == at_ms, g == gateway, e < epoch),
        and_(a == at_ms, g == gateway, e == epoch, s < seq),
    )
