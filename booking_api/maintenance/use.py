"""What machines did in all their sessions, counted as sessions end: by day, and since ever.

What a machine does outside of sessions is not counted, nor is a session that is still open.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session, col, func, select

from booking_api.db import insert_rows
from booking_api.machines.models import Machine
from booking_api.maintenance.models import ALL_DAYS, MachineUse
from floor.maintenance import DAY_MS, SESSION_TIME, Totals, Window

WINDOW_DAYS = 28
"""So many days back "today's rate of use" looks."""
_EPOCH = date(1970, 1, 1).toordinal()
_PUT = "ON CONFLICT (machine, day) DO UPDATE SET totals = excluded.totals"


def moved(session: Session, ended: Collection[Mapping[str, Any]]) -> None:
    """Count sessions that ended (their rows), each once."""
    if not ended:
        return
    by_day: dict[tuple[str, int], dict[str, int]] = {}
    for row in ended:
        totals = by_day.setdefault((row["machine"], row["ended_ms"] // DAY_MS), {})
        _add(totals, {SESSION_TIME: row["elapsed_ms"]})
        _add(totals, row["counters"])
    found: dict[tuple[str, str], dict[str, int]] = {}
    for (machine, day), totals in by_day.items():
        found[machine, _name(day)] = totals
        _add(found.setdefault((machine, ALL_DAYS), {}), totals)
    for machine, name, before in _held(session, found):
        _add(found[machine, name], before)
    rows = [{"machine": machine, "day": name, "totals": found[machine, name]} for machine, name in found]
    insert_rows(session, MachineUse, rows, _PUT)


def _held(session: Session, wanted: Collection[tuple[str, str]]) -> list[tuple[str, str, Totals]]:
    """Return what was counted before, and keep it from others."""
    query = select(MachineUse.machine, MachineUse.day, MachineUse.totals).where(
        col(MachineUse.machine).in_({machine for machine, _ in wanted}),
        col(MachineUse.day).in_({day for _, day in wanted}),
    )
    kept = session.exec(query.order_by(col(MachineUse.machine), col(MachineUse.day)).with_for_update())
    return [(machine, day, totals) for machine, day, totals in kept if (machine, day) in wanted]


def _add(totals: dict[str, int], more: Mapping[str, int]) -> None:
    for name, amount in more.items():
        totals[name] = totals.get(name, 0) + amount


@dataclass(frozen=True, slots=True)
class Uses:
    """By machine: its totals, and what it did lately. A machine that was never used is in neither."""

    totals: Mapping[str, Totals]
    lately: Mapping[str, Window]

    def total(self, machine: str) -> Totals:
        """Return a machine's totals."""
        return self.totals.get(machine, {})

    def window(self, machine: str) -> Window:
        """Return what a machine did in the last `WINDOW_DAYS`, as far as it is known."""
        return self.lately.get(machine, Window({}, 0))


def read(session: Session, now_ms: int, machine: str = "") -> Uses:
    """Return the use of every machine, or of one.

    Each machine is looked up by the key, so that years of days cost nothing.
    """
    begin = now_ms // DAY_MS - WINDOW_DAYS
    ids = select(Machine.id).where(Machine.id == machine) if machine else select(Machine.id)
    used = select(MachineUse.machine, MachineUse.totals).where(col(MachineUse.machine).in_(ids))
    lately: dict[str, dict[str, int]] = {}
    for id, totals in session.exec(used.where(MachineUse.day >= _name(begin))):
        _add(lately.setdefault(id, {}), totals)
    of_it = select(func.min(MachineUse.day)).where(
        MachineUse.machine == Machine.id, MachineUse.day > ALL_DAYS
    )
    first = select(Machine.id, of_it.correlate(Machine).scalar_subquery())
    windows = {
        id: Window(lately.get(id, {}), now_ms - max(begin, _day(name)) * DAY_MS)
        for id, name in session.exec(first.where(Machine.id == machine) if machine else first)
        if name is not None
    }
    return Uses(dict(session.exec(used.where(MachineUse.day == ALL_DAYS)).all()), windows)


def _name(day: int) -> str:
    """Return what a day since 1970 is called."""
    return date.fromordinal(_EPOCH + day).isoformat()


def _day(name: str) -> int:
    return date.fromisoformat(name).toordinal() - _EPOCH
