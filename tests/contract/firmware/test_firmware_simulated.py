"""The simulated machine under the contract of all drivers, by a clock that its bench moves on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from firmware_bridge.simulated.driver import SimulatedMachine, SimulatedSettings
from floor.meter import Quantity
from floor.words import Activity
from tests.kit.driver_contract import Bench, DriverContract, Lack

JOB_S = 3600.0


class SimulatedBench(Bench):
    """The machine itself has the hands."""

    kind = "simulated"
    quantity = Quantity.FILAMENT_UM
    lacks = frozenset({Lack.NOISE, Lack.COUNTERS, Lack.CLOCK})
    member = "ada"

    def __init__(self) -> None:
        self.later_s = self.worked = 0.0
        self.machine = SimulatedMachine(SimulatedSettings(tick_s=0.02), clock=self.now_s)

    def now_s(self) -> float:
        return time.monotonic() + self.later_s

    def driver(self) -> SimulatedMachine:
        return self.machine

    async def start(self) -> None:
        self.machine.start_job("part", "ada", JOB_S, {Quantity.FILAMENT_UM: 3_600_000})
        self.worked = JOB_S

    async def finish(self) -> None:
        self.later_s += JOB_S

    async def worked_s(self) -> float:
        return self.worked

    async def abort(self) -> None:
        await self.machine.cancel()

    async def fault(self) -> None:
        self.machine.fail("the nozzle is blocked")

    async def clear(self) -> None:
        self.machine.set_activity(Activity.IDLE)

    async def power_cut(self) -> None:
        self.machine.fail("it lost its power")
        self.machine.pull_cable()

    async def power_up(self) -> None:
        self.machine.set_activity(Activity.IDLE)
        self.machine.plug_in()

    async def unplug(self) -> None:
        self.machine.pull_cable()

    async def plug_in(self) -> None:
        self.machine.plug_in()

    mute, unmute = unplug, plug_in


class TestContract(DriverContract):
    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[Bench]:
        yield SimulatedBench()
