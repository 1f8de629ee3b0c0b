"""Chips on a Pi's buses: what is missing is named, a long answer comes whole, a hung chip is found again."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import ClassVar

import pytest

from floor.errors import ConfigError
from hardware.events import BadgeTapped, ReaderFound, ReaderLost, ReaderNoise
from hardware.readers.pn532_buses import I2cPn532, Pn532Bridge, SpiPn532
from hardware.readers.spi import Spidev
from hardware.registry import build_reader
from tests.kit.bus_benches import Mfrc522Bench, Pn532I2cBench, Pn532SpiBench
from tests.kit.pi_buses import Pn532OnI2c, Pn532OnSpi, fake_smbus, fake_spidev
from tests.kit.pins import FakePins
from tests.kit.pn532_peer import ACK, frame
from tests.kit.scripted_line import Ended, ScriptedLine

DEADLINE_S = 30


@pytest.mark.parametrize(
    ("kind", "bus", "module", "remedy"),
    [
        ("mfrc522", {}, "spidev", "on a Raspberry Pi"),
        ("pn532", {"bus": "spi"}, "spidev", "on a Raspberry Pi"),
        ("pn532", {"bus": "i2c"}, "smbus2", "the gateway extra"),
    ],
)
def test_a_library_that_is_missing_is_named(
    kind: str, bus: dict[str, str], module: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=rf"{module} cannot be used here.*{remedy}"):
        build_reader(kind, {"port": "/dev/x", **bus}, "bench")


def test_a_bus_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match='"uart", "spi" or "i2c"'):
        build_reader("pn532", {"port": "/dev/x", "bus": "can"}, "bench")


@pytest.mark.parametrize("wired", ["spi", "i2c"])
def test_an_answer_longer_than_usual_is_asked_for_again_and_comes_whole(wired: str, tmp_path: Path) -> None:
    port = tmp_path / "bus"
    port.touch()
    chip = Pn532OnSpi() if wired == "spi" else Pn532OnI2c()
    if isinstance(chip, Pn532OnSpi):
        module = fake_spidev(chip.transfer)
        bridge = Pn532Bridge(lambda: SpiPn532(lambda: Spidev(module, str(port))))
    else:
        smbus = fake_smbus(chip.transact)
        bridge = Pn532Bridge(lambda: I2cPn532(smbus, str(port)))
    long = frame(b"\xd5\x4b" + bytes(range(200)))
    chip.peer.spoil.append(long)
    wake = b"\x55\x55" + bytes(14) + ACK
    line = ScriptedLine(wake + frame(b"\xd4\x4a\x01\x00"), *[b""] * 4)
    with pytest.raises(Ended):
        bridge(line)
    assert line.said == ACK + long
    assert chip.again == 1


@pytest.mark.parametrize("kind", [Pn532SpiBench, Pn532I2cBench])
async def test_a_pn532_that_hangs_on_its_bus_is_lost_and_found_again(
    kind: type[Pn532SpiBench], tmp_path: Path
) -> None:
    bench = kind(tmp_path)
    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        assert await anext(events) == ReaderFound()
        bench.line.peer.hung = True
        assert [type(await anext(events)) for _ in range(3)] == [ReaderNoise, ReaderNoise, ReaderLost]
        bench.line.peer.hung = False
        bench.line.power_up()
        assert await anext(events) == ReaderFound()
        await bench.lay(bench.two)
        assert await anext(events) == BadgeTapped(bench.two, bench.kind)
        await bench.reader.aclose()


async def test_an_mfrc522_whose_power_failed_is_set_up_again(tmp_path: Path) -> None:
    bench = Mfrc522Bench(tmp_path)
    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        assert await anext(events) == ReaderFound()
        bench.chip.power_up()
        lost = await anext(events)
        assert isinstance(lost, ReaderLost)
        assert "forgotten its settings" in lost.reason
        assert await anext(events) == ReaderFound()
        await bench.lay(bench.one)
        assert await anext(events) == BadgeTapped(bench.one, bench.kind)
        await bench.reader.aclose()


async def test_a_phone_is_told_once_and_never_tapped(tmp_path: Path) -> None:
    bench = Mfrc522Bench(tmp_path)
    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        assert await anext(events) == ReaderFound()
        bench.chip.polls += [bytes([0x08, number, 1, 2]) for number in range(5)] + [bench.one]
        assert "a phone" in str(await anext(events))
        assert await anext(events) == BadgeTapped(bench.one, bench.kind)
        await bench.reader.aclose()


async def test_the_reset_pin_of_an_mfrc522_holds_it_while_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = FakePins()
    monkeypatch.setitem(sys.modules, "RPi.GPIO", pins)

    class Wired(Mfrc522Bench):
        more: ClassVar[dict[str, object]] = {"reset_pin": 25}

    bench = Wired(tmp_path)
    assert pins.levels == {25: 1}
    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        assert await anext(events) == ReaderFound()
        await bench.unplug()
        assert isinstance(await anext(events), ReaderLost)
        assert pins.history[0] == (25, 0)
        await bench.reader.aclose()


@pytest.mark.parametrize("kind", [Pn532SpiBench, Mfrc522Bench])
async def test_a_bus_that_hangs_holds_up_nobody_but_its_reader(
    kind: type[Pn532SpiBench | Mfrc522Bench], tmp_path: Path
) -> None:
    bench = kind(tmp_path)
    chip = bench.line if isinstance(bench, Pn532SpiBench) else bench.chip
    free = threading.Event()
    free.set()
    turns: set[int] = set()

    def hangs(data: bytes) -> bytes:
        turns.add(threading.get_ident())
        assert free.wait(DEADLINE_S)
        return transfer(data)

    transfer = chip.transfer
    chip.transfer = hangs
    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        assert await anext(events) == ReaderFound()
        free.clear()
        while not isinstance(await anext(events), ReaderLost):
            pass
        free.set()
        assert await anext(events) == ReaderFound()
        await bench.reader.aclose()
    assert threading.get_ident() not in turns
