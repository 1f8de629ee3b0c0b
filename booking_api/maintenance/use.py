"""What machines did in all their sessions, counted as sessions end: by day, and since ever.

What a machine does outside of sessions is not counted, nor is a session that is still open.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, select

from booking_api.maintenance.models import ALL_DAYS, MachineUse
from floor.maintenance import DAY_MS, SESSION_TIME, Totals, Window

WINDOW_DAYS = 28
"""So many days back "today's rate of use" looks."""


def moved(session: Session, ended: Collection[Mapping[str, Any]]) -> None:
    """Count sessions that ended (their rows), each once."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in ended:
        for day in (ALL_DAYS, _day(row["ended_ms"]).isoformat()):
            _add(found.setdefault((row["machine"], day), {}), row)
    for (machine, day), totals in sorted(found.items()):
        use = session.get(MachineUse, (machine, day), with_for_update=True)
        use = use or MachineUse(machine=machine, day=day)
        use.totals = {name: use.totals.get(name, 0) + totals.get(name, 0) for name in use.totals | totals}
        session.add(use)


def _add(totals: dict[str, int], row: Mapping[str, Any]) -> None:
    for name, amount in ({SESSION_TIME: row["elapsed_ms"]} | row["counters"]).items():
        totals[str(name)] = totals.get(str(name), 0) + int(amount)


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
    """Return the use of every machine, or of one."""
    begin = _day(now_ms) - timedelta(days=WINDOW_DAYS)
    whole = select(MachineUse.machine, MachineUse.totals).where(MachineUse.day == ALL_DAYS)
    days = select(MachineUse.machine, MachineUse.totals).where(MachineUse.day >= begin.isoformat())
    first = select(MachineUse.machine, func.min(MachineUse.day)).where(MachineUse.day != ALL_DAYS)
    if machine:
        here = MachineUse.machine == machine
        whole, days, first = whole.where(here), days.where(here), first.where(here)
    lately: dict[str, dict[str, int]] = {}
    for id, totals in session.exec(days):
        kept = lately.setdefault(id, {})
        for name, amount in totals.items():
            kept[name] = kept.get(name, 0) + amount
    windows = {
        id: Window(lately.get(id, {}), now_ms - _begin_ms(max(begin, date.fromisoformat(day))))
        for id, day in session.exec(first.group_by(col(MachineUse.machine)))
    }
    return Uses(dict(session.exec(whole).all()), windows)


def _day(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()


def _begin_ms(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_MS
