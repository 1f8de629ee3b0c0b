"""What every input must do: say its state first, then each change, and never call unread what is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from floor.errors import MachineFault
from floor.words import InputRole
from hardware.events import InputChanged, InputEvent, InputLost
from hardware.inputs.gpio import GpioInput
from hardware.ports import Input
from hardware.relays.gpio import Line
from hardware.simulated import SimulatedInput
from tests.kit.pins import FakePins

DEADLINE_S = 20
PIN = 5


class Bench(Protocol):
    """Makes an inactive input, and acts on its contact."""

    def make(self) -> Input: ...
    async def change(self, active: bool) -> None: ...
    async def lose(self) -> None: ...
    async def find(self) -> None: ...


class GpioBench:
    def __init__(self, active_high: bool) -> None:
        self.pins = FakePins()
        self._line = Line(PIN, active_high)
        self.pins.drive(PIN, int(not active_high))

    def make(self) -> Input:
        pull = "up" if self._line.active_high else "down"
        return GpioInput("lid", InputRole.INTERLOCK, self.pins, self._line, pull, 0.0)

    async def change(self, active: bool) -> None:
        self.pins.drive(PIN, int(active == self._line.active_high))

    async def lose(self) -> None:
        self.pins.broken = "bad handle"

    async def find(self) -> None:
        self.pins.broken = ""


class SimulatedBench:
    def make(self) -> Input:
        self._input = SimulatedInput("lid", InputRole.INTERLOCK)
        return self._input

    async def change(self, active: bool) -> None:
        await self._input.change(active)

    async def lose(self) -> None:
        await self._input.lose("bad handle")

    async def find(self) -> None:
        await self._input.find()


@pytest.fixture(params=["gpio active high", "gpio active low", "simulated"])
def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("hardware.inputs.gpio.RETRY_S", 0.01)
    if request.param == "simulated":
        return SimulatedBench()
    return GpioBench(active_high=request.param.endswith("high"))


@asynccontextmanager
async def listening(one: Input) -> AsyncIterator[list[InputEvent]]:
    heard: list[InputEvent] = []

    async def listen() -> None:
        async for event in one.events():
            heard.append(event)

    task = asyncio.create_task(listen())
    try:
        yield heard
    finally:
        await one.aclose()
        async with asyncio.timeout(DEADLINE_S):
            await task


async def until(heard: list[InputEvent], count: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while len(heard) < count:
            await asyncio.sleep(0.005)


async def test_it_tells_its_state_first_and_then_each_change(bench: Bench) -> None:
    one = bench.make()
    async with listening(one) as heard:
        await until(heard, 1)
        assert heard == [InputChanged("lid", False)]
        for n, active in enumerate((True, False, True), 2):
            await bench.change(active)
            await until(heard, n)
            assert heard[-1] == InputChanged("lid", active)
            assert one.read() is active
    assert len(heard) == 4


async def test_what_was_active_before_anybody_listened_is_told(bench: Bench) -> None:
    one = bench.make()
    await bench.change(True)
    async with listening(one) as heard:
        await until(heard, 1)
        assert heard[0] == InputChanged("lid", True)


async def test_one_that_cannot_be_read_says_so_once_and_tells_its_state_when_it_can(bench: Bench) -> None:
    one = bench.make()
    async with listening(one) as heard:
        await until(heard, 1)
        await bench.lose()
        await until(heard, 2)
        lost = heard[1]
        assert isinstance(lost, InputLost)
        assert "bad handle" in lost.reason
        with pytest.raises(MachineFault, match="bad handle"):
            one.read()
        await asyncio.sleep(0.1)
        await bench.change(True)
        assert len(heard) == 2, "it is said once"
        await bench.find()
        await until(heard, 3)
        assert heard[2] == InputChanged("lid", True)


async def test_close_ends_it_and_may_be_repeated(bench: Bench) -> None:
    one = bench.make()
    async with listening(one) as heard:
        await until(heard, 1)
        await one.aclose()
    await one.aclose()


@pytest.mark.parametrize("role", InputRole)
async def test_a_role_is_what_was_given(role: InputRole) -> None:
    pins = FakePins()
    for one in (SimulatedInput("x", role), GpioInput("x", role, pins, Line(PIN), "up", 0.0)):
        assert (one.name, one.role) == ("x", role)


def test_a_cut_wire_of_a_contact_that_opens_is_active() -> None:
    bench = GpioBench(active_high=True)
    one = bench.make()
    assert not one.read()
    bench.pins.drive(PIN, None)
    assert one.read()


def test_a_pin_that_cannot_be_set_up_is_a_fault() -> None:
    pins = FakePins()
    pins.broken = "GPIO busy"
    with pytest.raises(MachineFault, match="input lid on pin 5: GPIO busy"):
        GpioInput("lid", InputRole.INTERLOCK, pins, Line(PIN), "up", 0.03)
