"""Upkeep with several processes at one PostgreSQL: tables, queries, and who waits for whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlmodel import select

from booking_api.machines import service as machines
from booking_api.maintenance import downtime, plans, rounds, use, work
from booking_api.maintenance.models import MachineUse, Source, WorkOrder
from booking_api.maintenance.work import Opening
from floor.maintenance import DAY_MS, HOUR_MS, SESSION_TIME
from floor.meter import Quantity
from tests.kit.server import NOW_MS, Floor, make_floor
from tests.peers.postgres import PostgresPeer

AT_ONCE, EACH = 4, 5
PLANS = """
[[plans]]
id = "lens"
name = "Clean the lens"
machines = ["laser-1"]
session_hours = 1
when_overdue = "lock"
"""


@pytest.fixture(scope="module")
def floor(postgres: PostgresPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    url = postgres.name()
    made = make_floor(url, _folder(tmp_path_factory))
    yield made
    made.db.close()
    postgres.drop(url)


def _folder(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("upkeep")


def together(do: object, *given: object) -> None:
    """Do something in several threads that begin at once."""
    gate = threading.Barrier(AT_ONCE, timeout=60)

    def one(n: int) -> None:
        gate.wait()
        do(n, *given)  # type: ignore[operator] # any function

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(AT_ONCE)))


def test_work_orders_that_are_opened_at_once_have_numbers_of_their_own(floor: Floor) -> None:
    def open_some(n: int) -> None:
        for k in range(EACH):
            with floor.db.write() as session:
                opening = Opening(Source.TECHNICIAN, "t", "Some words.")
                work.open_order(session, "laser-1", f"{n}/{k}", opening, NOW_MS)

    together(open_some)
    with floor.db.read() as session:
        numbers = sorted(session.exec(select(WorkOrder.n)))
    assert numbers == list(range(1, AT_ONCE * EACH + 1))


def test_a_plan_is_told_of_and_locked_once_however_many_look(floor: Floor) -> None:
    counters = {Quantity.MACHINE_TIME_MS: HOUR_MS}
    row = {"machine": "laser-1", "ended_ms": NOW_MS, "elapsed_ms": HOUR_MS, "counters": counters}
    with floor.db.write() as session:
        plans.put_file(session, PLANS, "maintenance.toml", NOW_MS)
        use.moved(session, [row, row | {"ended_ms": NOW_MS + DAY_MS}])
        use.moved(session, [row])
    with floor.db.read() as session:
        days = {one.day: one.totals[SESSION_TIME] for one in session.exec(select(MachineUse))}
        window = use.read(session, NOW_MS + DAY_MS).window("laser-1")
    assert sorted(days.values()) == [HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS]
    assert window.used[SESSION_TIME] == 3 * HOUR_MS
    assert DAY_MS <= window.known_ms < 2 * DAY_MS
    locked: list[str] = []

    def look(_n: int) -> None:
        with floor.db.write() as session:
            locked.extend(one.id for one in rounds.look(session, NOW_MS + DAY_MS))

    together(look)
    assert locked == ["laser-1"]
    with floor.db.read() as session:
        (order,) = session.exec(select(WorkOrder).where(WorkOrder.plan == "lens")).all()
        kept = downtime.open_of(session, "laser-1")
    assert kept is not None
    assert (kept.work_order, kept.planned) == (order.id, True)

    def clear_and_lock(_n: int) -> None:
        with floor.db.write() as session:
            machines.clear(session, "laser-1", NOW_MS + 2 * DAY_MS, "Done")
        with floor.db.write() as session:
            machines.lock_out(session, "laser-1", "Smoke", "t", NOW_MS + 2 * DAY_MS)

    together(clear_and_lock)
    with floor.db.write() as session:
        still = [one for one in downtime.history(session, "laser-1", 0) if one.until_ms is None]
        found = downtime.reliable(session, "laser-1", NOW_MS + 3 * DAY_MS)
    assert len(still) == 1
    assert found.down_ms == 2 * DAY_MS
