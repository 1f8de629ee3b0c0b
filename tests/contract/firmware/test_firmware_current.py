"""The contract of drivers on a current sensor: an ADS1115 that is scripted from its data sheet."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import pi, sin, sqrt
from pathlib import Path

from firmware_bridge.backoff import Backoff
from firmware_bridge.current.chips import Ads1115
from firmware_bridge.current.driver import CurrentSettings, current
from firmware_bridge.driver import Driver
from firmware_bridge.events import Measured
from firmware_bridge.pulse import driver as pulse_driver
from floor.meter import Quantity
from floor.words import Activity
from tests.contract.firmware.test_firmware_pulse import Channel
from tests.kit.driver_contract import Bench, DriverContract, Lack
from tests.kit.i2c_chips import Time, ads1115
from tests.kit.watch import watching

RATIO, BURDEN = 2000.0, 33.0


class Sensor(Bench):
    """A transformer of 2000 turns with 33 ohms on the converter's first two pins; its bus can be cut."""

    kind = "current"
    quantity = Quantity.BUSY_TIME_MS
    lacks = Channel.lacks | {Lack.NOISE}

    def __init__(self) -> None:
        self.amperes = 0.0
        self.hangs = threading.Event()
        self.hangs.set()
        self.time = Time()
        self.wires = ads1115(self.time, self.volts)

    def volts(self, pin: int, at_s: float) -> float:
        self.hangs.wait(20)
        peak = self.amperes / RATIO * BURDEN * sqrt(2)
        return peak * sin(2 * pi * 50 * at_s) if pin == 0 else 0.0

    def driver(self) -> Driver:
        settings = CurrentSettings(
            chip="ads1115", burden_ohm=BURDEN, ratio=RATIO, after_s=0.02, sample_s=0.01
        )
        chip = Ads1115(self.wires, 0x48, "0-1", 2.048, RATIO / BURDEN, 50, self.time.clock, self.time.sleep)
        return current(settings, chip=chip, backoff=Backoff(0.01, 0.05))

    async def start(self) -> None:
        self.amperes = 6.0

    async def finish(self) -> None:
        self.amperes = 0.0

    async def power_cut(self) -> None:
        self.amperes, self.wires.cut = 0.0, True
        self.wires.reset()

    async def power_up(self) -> None:
        self.wires.cut = False

    async def unplug(self) -> None:
        self.wires.cut = True

    async def plug_in(self) -> None:
        self.wires.cut = False

    async def mute(self) -> None:
        self.hangs.clear()

    async def unmute(self) -> None:
        self.hangs.set()


class TestContract(DriverContract):
    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[Sensor]:
        before, pulse_driver.SAMPLE_S = pulse_driver.SAMPLE_S, 0.3
        sensor = Sensor()
        try:
            yield sensor
        finally:
            sensor.hangs.set()
            pulse_driver.SAMPLE_S = before


async def test_what_it_measures_is_shown_in_amperes() -> None:
    sensor = Sensor()
    async with watching(sensor.driver()) as watch:
        await watch.activity(Activity.IDLE)
        await sensor.start()
        await watch.until(lambda: Measured("6.00 A") in watch.seen, "six amperes")
