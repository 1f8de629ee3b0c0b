"""What only an OSDP reader does: keys, outages, and a bad line. The reader is libosdp's own, in a process."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from floor.errors import ConfigError
from hardware.events import BadgeTapped, ReaderEvent, ReaderFound, ReaderLost, ReaderNoise
from hardware.registry import build_reader
from tests.kit.bus_benches import KEY, OsdpBench
from tests.kit.frames import osdp_raw, wiegand_frame

DEADLINE_S = 30
GIVEN = {"port": "/dev/ttyUSB0", "key": KEY.hex()}


@pytest.fixture
def stop() -> Iterator[list[OsdpBench]]:
    benches: list[OsdpBench] = []
    yield benches
    for bench in benches:
        bench.stop()


class WrongKey(OsdpBench):
    peer_key = bytes(16)


class InstallMode(OsdpBench):
    """It takes SCBK-D, the key that everybody knows, and no other."""

    peer_key = None


async def until_found(events: AsyncIterator[ReaderEvent]) -> None:
    """Wait for the reader. A machine so busy that answers come late may lose it before."""
    async for event in events:
        if event == ReaderFound():
            return
        assert isinstance(event, ReaderLost)


@pytest.mark.parametrize("kind", [WrongKey, InstallMode])
async def test_a_reader_with_another_key_is_refused_and_no_card_of_it_passes(
    kind: type[OsdpBench], tmp_path: Path, stop: list[OsdpBench]
) -> None:
    bench = kind(tmp_path)
    stop.append(bench)
    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        lost = await anext(events)
        assert isinstance(lost, ReaderLost)
        assert "it answers, but not to this key" in lost.reason
        bench.peer.card(26, osdp_raw(wiegand_frame(bench.one, 26), 26))
        asked = bench.asked
        async with asyncio.TaskGroup() as group:
            rest = group.create_task(anext(events, None))
            while bench.asked < asked + 4:  # it is tried again and again, and nothing more is said
                await asyncio.sleep(0.02)
            await bench.reader.aclose()
        assert rest.result() is None


async def test_after_an_outage_of_the_line_it_is_found_again_at_once(
    tmp_path: Path, stop: list[OsdpBench]
) -> None:
    bench = OsdpBench(tmp_path)
    stop.append(bench)
    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        await until_found(events)
        bench.whole = False
        lost = await anext(events)
        assert isinstance(lost, ReaderLost)
        assert "no longer answers" in lost.reason
        bench.whole = True
        assert await anext(events) == ReaderFound()
        await bench.lay(bench.one)
        assert await anext(events) == BadgeTapped(bench.one, bench.kind)
        await bench.reader.aclose()


async def test_a_reader_that_is_not_there_is_said_to_be_absent(tmp_path: Path, stop: list[OsdpBench]) -> None:
    bench = OsdpBench(tmp_path)
    stop.append(bench)
    bench.whole = False
    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        lost = await anext(events)
        await bench.reader.aclose()
    assert isinstance(lost, ReaderLost)
    assert "nobody answers at this address" in lost.reason


async def test_noise_on_the_cable_invents_no_card_and_hides_none_for_long(
    tmp_path: Path, stop: list[OsdpBench]
) -> None:
    bench = OsdpBench(tmp_path)
    stop.append(bench)
    chance = random.Random(532)
    spoiled = 0

    def noisy(data: bytes) -> bytes:
        nonlocal spoiled
        spoiled += 1
        match chance.randrange(4):
            case 0:
                at = chance.randrange(len(data))
                return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
            case 1:
                return chance.randbytes(chance.randrange(40)) + data
        return data

    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        await until_found(events)
        bench.edit = noisy
        async with asyncio.TaskGroup() as group:
            heard = group.create_task(anext(events))
            while spoiled < 30 and not heard.done():
                await asyncio.sleep(0.02)
            bench.edit = lambda data: data
            if heard.done():  # a channel that broke is made anew; nothing else may have been said
                assert isinstance(heard.result(), ReaderLost)
                assert await anext(events) == ReaderFound()
                heard = group.create_task(anext(events))
            await bench.lay(bench.one)
            event = await heard
            if isinstance(event, ReaderLost):
                assert await anext(events) == ReaderFound()
                await bench.lay(bench.one)
                event = await anext(events)
            assert event == BadgeTapped(bench.one, bench.kind)
        await bench.reader.aclose()


async def test_the_bits_mean_what_they_mean_at_a_wiegand_reader(
    tmp_path: Path, stop: list[OsdpBench]
) -> None:
    bench = OsdpBench(tmp_path)
    stop.append(bench)
    events = bench.reader.events()
    async with asyncio.timeout(DEADLINE_S):
        await until_found(events)
        await bench.show(32, bytes.fromhex("DEADBEEF"))
        assert "32 bits" in str(await anext(events))
        await bench.show(26, bytes.fromhex("FFFFFFFF"))
        assert isinstance(await anext(events), ReaderNoise)
        await bench.show(34, osdp_raw(wiegand_frame(bytes.fromhex("DEADBEEF"), 34), 34))
        assert await anext(events) == BadgeTapped(bytes.fromhex("DEADBEEF"), bench.kind)
        await bench.reader.aclose()


def test_without_libosdp_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "osdp_sys", None)
    with pytest.raises(ConfigError, match=r"gateway,osdp"):
        build_reader("osdp", GIVEN, "bench")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"key": ""}, "one of key and key_file"),
        ({"key_file": "/x"}, "one of key and key_file"),
        ({"key": "", "key_file": "/nonexistent/key"}, "cannot be read"),
        ({"key": "zz"}, "no hexadecimal number"),
        ({"key": "00"}, "1 bytes, not 16"),
        ({"key": "303132333435363738393A3B3C3D3E3F"}, "everybody knows"),
        ({"baud": 300}, "9600, 19200"),
        ({"address": 127}, "0 to 126"),
    ],
)
def test_settings_that_cannot_be_are_refused(more: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_reader("osdp", GIVEN | more, "bench")


def test_the_key_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY.hex() + "\n")
    assert build_reader("osdp", {"port": "x", "key_file": str(tmp_path / "key")}, "bench").name == "osdp"
