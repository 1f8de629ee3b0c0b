"""Readers whose line is there while whoever is behind it hangs."""

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from floor.errors import ConfigError, MachineFault
from hardware.events import BadgeTapped, ReaderFound, ReaderLost, ReaderNoise
from hardware.readers.resettable import Resettable
from hardware.registry import build_reader
from hardware.simulated import SimulatedRelay
from tests.kit.reader_benches import Pn532Bench, WiegandBench

DEADLINE_S = 30


async def test_a_pn532_that_hangs_is_lost_and_found_again(tmp_path: Path) -> None:
    bench = Pn532Bench(tmp_path)
    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        assert await anext(events) == ReaderFound()
        bench.peer.hung = True
        assert [type(await anext(events)) for _ in range(3)] == [ReaderNoise, ReaderNoise, ReaderLost]
        bench.peer.hung = False
        bench.peer.sleep()
        assert await anext(events) == ReaderFound()
        await bench.lay(bench.one)
        assert await anext(events) == BadgeTapped(bench.one, bench.kind)
        await bench.reader.aclose()


async def test_a_pn532_on_a_reset_pin_is_reset_as_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Pn532Bench(tmp_path)
    levels: list[tuple[int, int]] = []

    def output(pin: int, level: int) -> None:
        levels.append((pin, level))
        if level == 0:  # UM0701-02, RSTPD_N: low is reset
            bench.peer.hung = False
            bench.peer.sleep()

    gpio = SimpleNamespace(BCM=11, OUT=0, LOW=0, HIGH=1, setwarnings=lambda _: None, setmode=lambda _: None)
    gpio.setup = lambda pin, _, *, initial: levels.append((pin, initial))
    gpio.output = output
    monkeypatch.setitem(sys.modules, "RPi", SimpleNamespace(GPIO=gpio))
    monkeypatch.setitem(sys.modules, "RPi.GPIO", gpio)
    reader = build_reader("pn532", {"port": str(bench.port), "reset_pin": 22}, "bench")
    assert set(levels) == {(22, 1)}
    events = reader.events()
    async with asyncio.timeout(DEADLINE_S):
        assert await anext(events) == ReaderFound()
        assert set(levels) == {(22, 1)}
        bench.peer.hung = True
        assert [type(await anext(events)) for _ in range(3)] == [ReaderNoise, ReaderNoise, ReaderLost]
        assert await anext(events) == ReaderFound()
        await reader.aclose()
    assert [level for _, level in levels[-3:]] == [0, 1, 0]


def test_a_reset_pin_that_cannot_be_driven_is_a_loss_not_a_crash() -> None:
    class Broken(SimulatedRelay):
        def off(self) -> None:
            raise MachineFault("relay on pin 22: bad handle")

    with pytest.raises(OSError, match="bad handle"):
        Resettable(lambda: pytest.fail("it is not opened"), Broken("reset"))


def test_a_reset_pin_off_a_pi_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "RPi.GPIO", None)
    with pytest.raises(ConfigError, match="Install the gateway extra on a Raspberry Pi"):
        build_reader("pn532", {"port": "/dev/serial0", "reset_pin": 22}, "bench")


async def test_a_microcontroller_that_falls_silent_is_lost_and_found_again(tmp_path: Path) -> None:
    bench = WiegandBench(tmp_path)
    reader = build_reader("wiegand", {"port": str(bench.port), "alive_s": 3}, "bench")
    events = reader.events()
    async with asyncio.timeout(DEADLINE_S):
        assert await anext(events) == ReaderFound()
        bench.next.cancel()
        lost = await anext(events)
        assert isinstance(lost, ReaderLost)
        assert "nothing that is understood came for 3 s" in lost.reason
        bench.greet()
        assert await anext(events) == ReaderFound()
        bench.next.cancel()
        await reader.aclose()
