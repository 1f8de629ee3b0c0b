"""The contract of drivers on one signal: a file as the kernel shows an analog input, written by the test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from firmware_bridge.backoff import Backoff
from firmware_bridge.driver import Driver
from firmware_bridge.pulse.driver import PulseDriver, PulseSettings
from floor.meter import Quantity
from tests.kit.driver_contract import Bench, DriverContract, Lack

REST, WORK = "103\n", "1871\n"


class Channel(Bench):
    """An ADS1115's channel below sysfs (Linux, Documentation/ABI/testing/sysfs-bus-iio): raw counts."""

    kind = "pulse"
    quantity = Quantity.BUSY_TIME_MS
    lacks = frozenset(
        {
            Lack.NAME,
            Lack.JOBS,
            Lack.USER,
            Lack.PROGRESS,
            Lack.HOLD,
            Lack.CANCEL,
            Lack.FAULT,
            Lack.COUNTERS,
            Lack.CLOCK,
        }
    )

    def __init__(self, folder: Path) -> None:
        self.file = folder / "in_voltage0_raw"
        self.value = REST
        self.show(REST)

    def show(self, text: str) -> None:
        beside = self.file.with_suffix(".new")
        beside.write_text(text)
        os.replace(beside, self.file)  # as the kernel: whole, or not at all

    def driver(self) -> Driver:
        settings = PulseSettings(
            source=str(self.file), on_above=1000, off_below=500, sample_s=0.01, steady_s=0.02
        )
        return PulseDriver(settings, backoff=Backoff(0.01, 0.05))

    async def start(self) -> None:
        self.value = WORK
        self.show(self.value)

    async def finish(self) -> None:
        self.value = REST
        if self.file.exists():
            self.show(self.value)

    async def power_cut(self) -> None:
        self.value = REST
        self.file.unlink()

    async def power_up(self) -> None:
        self.show(self.value)

    async def unplug(self) -> None:
        self.file.unlink()

    async def plug_in(self) -> None:
        self.show(self.value)

    async def mute(self) -> None:
        self.file.unlink()

    async def unmute(self) -> None:
        self.show(self.value)

    async def noise(self) -> None:
        self.show("\0\0 overrange")
        self.show(self.value)


class TestContract(DriverContract):
    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[Channel]:
        yield Channel(tmp_path)
