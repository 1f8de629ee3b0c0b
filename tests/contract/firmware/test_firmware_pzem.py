"""The contract of drivers on a PZEM-004T v3, which pymodbus plays on a pty in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import subprocess
import sys
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.events import Measured, Noise
from firmware_bridge.pzem.driver import PzemDriver, PzemSettings
from floor.meter import Quantity
from floor.words import Activity
from tests.kit.accuracy import within
from tests.kit.driver_contract import Bench, DriverContract, Lack
from tests.kit.watch import watching

PROGRAM = Path(__file__).with_name("pzem_peer.py")
REST, WORK = "draw 0 0", "draw 9805 4321"


class Meter:
    """The process, and the end of its line that a bench wires to a driver's."""

    def __init__(self) -> None:
        self.line, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.line, False)
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, os.ttyname(self._slave)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n", "install pymodbus (the extra dev)"

    def tell(self, order: str) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def stop(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(15)
        assert self.process.stdout
        self.process.stdout.close()
        os.close(self.line)
        os.close(self._slave)


class Wire(Bench):
    """A meter at the end of a serial line, which is carried here and can be cut and muted."""

    kind = "pzem"
    quantity = Quantity.ENERGY_MWH
    lacks = frozenset(
        {
            Lack.NAME,
            Lack.JOBS,
            Lack.USER,
            Lack.PROGRESS,
            Lack.HOLD,
            Lack.CANCEL,
            Lack.FAULT,
            Lack.CLOCK,
        }
    )

    def __init__(self, meter: Meter, folder: Path) -> None:
        self.meter = meter
        self.port = folder / "port"
        self.muted = False
        self.near = self.slave = -1
        self.meter.tell(REST)
        with contextlib.suppress(BlockingIOError):
            os.read(self.meter.line, 4096)  # what was said to somebody before
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.meter.line, self._said)
        self._lay()

    def _lay(self) -> None:
        self.near, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.near, False)
        self._loop.add_reader(self.near, self._asked)
        fresh = self.port.with_suffix(".new")
        fresh.symlink_to(os.ttyname(self.slave))
        fresh.replace(self.port)

    def _asked(self) -> None:
        os.write(self.meter.line, os.read(self.near, 4096))

    def _said(self) -> None:
        data = os.read(self.meter.line, 4096)
        if self.near >= 0 and not self.muted:
            os.write(self.near, data)

    def cut(self) -> None:
        if self.near >= 0:
            self._loop.remove_reader(self.near)
            os.close(self.near)
            os.close(self.slave)
            self.near = -1

    def driver(self, **changed: float) -> PzemDriver:
        quick: dict[str, float] = {"poll_s": 0.05, "answer_s": 0.3, "after_s": 0.0, "most_w": 100_000}
        settings = PzemSettings(url=f"serial://{self.port}", **(quick | changed))
        return PzemDriver(settings, backoff=Backoff(0.02, 0.05))

    async def start(self) -> None:
        self.meter.tell(WORK)

    async def finish(self) -> None:
        self.meter.tell(REST)

    async def power_cut(self) -> None:
        self.muted = True  # it lives by the mains that it measures
        self.meter.tell(REST)

    async def power_up(self) -> None:
        self.muted = False

    async def unplug(self) -> None:
        self.cut()

    async def plug_in(self) -> None:
        self._lay()

    async def mute(self) -> None:
        self.muted = True

    async def unmute(self) -> None:
        self.muted = False

    async def noise(self) -> None:
        os.write(self.near, b"\x01\x04\x14\xff\x00\x84" + bytes(range(40)))

    async def reset_counters(self) -> None:
        self.meter.tell("energy 0")


@pytest.fixture(scope="module")
def meter() -> Iterator[Meter]:
    made = Meter()
    yield made
    made.stop()


@asynccontextmanager
async def wired(meter: Meter, folder: Path) -> AsyncIterator[Wire]:
    meter.tell("energy 70123")
    made = Wire(meter, folder)
    try:
        yield made
    finally:
        made.cut()
        asyncio.get_running_loop().remove_reader(meter.line)


class TestContract(DriverContract):
    @pytest.fixture(autouse=True)
    def _machine(self, meter: Meter) -> None:
        self.meter = meter

    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[Wire]:
        async with wired(self.meter, tmp_path) as made:
            yield made


async def test_what_it_shows_is_what_the_meter_measures(meter: Meter, tmp_path: Path) -> None:
    async with wired(meter, tmp_path) as bench, watching(bench.driver()) as watch:
        await bench.start()
        await watch.until(
            lambda: Measured("230.4 V, 4.321 A, 980.5 W") in watch.seen, "volts, amperes and watts"
        )


async def test_energy_is_what_the_counter_grew_by_over_a_reset(meter: Meter, tmp_path: Path) -> None:
    async with wired(meter, tmp_path) as bench:
        meter.tell("energy 65500")
        await grows(bench, meter, ((65_510, 10_000), (65_540, 40_000), (4, 44_000), (11, 51_000)))


async def grows(bench: Wire, meter: Meter, steps: tuple[tuple[int, int], ...]) -> None:
    async with watching(bench.driver()) as watch:
        await watch.settled(Activity.IDLE)
        for shown, used_mwh in steps:
            meter.tell(f"energy {shown}")
            await watch.counted(Quantity.ENERGY_MWH, used_mwh)
            off_mwh = abs(watch.counter(Quantity.ENERGY_MWH) - used_mwh)
            assert off_mwh <= within("energy of a PZEM")


async def test_another_unit_is_met_with_silence_and_is_unreachable(meter: Meter, tmp_path: Path) -> None:
    async with wired(meter, tmp_path) as bench, watching(bench.driver(unit=2, answer_s=0.1)) as watch:
        assert "silent" in (await watch.activity(Activity.UNREACHABLE)).words


async def test_one_answer_that_is_lost_is_no_lost_meter(meter: Meter, tmp_path: Path) -> None:
    async with wired(meter, tmp_path) as bench, watching(bench.driver()) as watch:
        await watch.settled(Activity.IDLE)
        os.write(bench.near, b"\x01\x04\x14")  # a frame that somebody cut off
        await watch.until(lambda: any(isinstance(event, Noise) for event in watch.seen), "the disturbance")
        await bench.start()
        await watch.settled(Activity.BUSY)
        assert Activity.UNREACHABLE not in [getattr(event, "activity", None) for event in watch.seen]
