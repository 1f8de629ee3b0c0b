"""The Ruida driver: the contract, and counters, orders and losses, with a simulated controller.

What a sender meets, and MeerK40t's emulator, stand in test_firmware_ruida_proxy.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.events import Identified, JobEnded, JobStarted, Noise
from firmware_bridge.ruida import driver as ruida
from firmware_bridge.ruida import link, tracker
from firmware_bridge.ruida.driver import RuidaDriver, RuidaSettings
from floor.errors import MachineFault, MachineUnreachable
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.contract.firmware.ruida_peers import Peer, simulated
from tests.contract.firmware.ruida_sim import SPEED
from tests.kit.driver_contract import Bench, DriverContract, Lack
from tests.kit.watch import watching


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruida, "IDLE_POLL_S", 0.1)
    monkeypatch.setattr(ruida, "SETTLE_S", 0.2)
    monkeypatch.setattr(tracker, "READING_S", 0.1)
    monkeypatch.setattr(link, "REPLY_S", 0.3)


@pytest.fixture(scope="module")
def running() -> Iterator[Peer]:
    with simulated() as peer:
        yield peer


@pytest.fixture
def peer(running: Peer) -> Peer:
    as_new = "unmute|plug_in|abort|counts 1|lose 0|nak 0|magic 88|tube 0411|reset 609080"
    for order in as_new.split("|"):
        running.tell(order)
    return running


def driver_of(peer: Peer, **more: object) -> RuidaDriver:
    settings = RuidaSettings(url=peer.url, reply_port=peer.reply_port, poll_s=0.1, silence_s=0.5, **more)  # type: ignore[arg-type]
    return RuidaDriver(settings, backoff=Backoff(0.05, 0.2))


class RuidaBench(Bench):
    kind = "ruida"
    quantity = Quantity.JOB_TIME_MS
    lacks = frozenset({Lack.USER, Lack.PROGRESS, Lack.FAULT, Lack.CLOCK})

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def driver(self) -> RuidaDriver:
        return driver_of(self.peer)

    def now_s(self) -> float:
        return time.monotonic() * SPEED

    async def start(self) -> None:
        self.peer.tell("start")

    async def finish(self) -> None:
        self.peer.tell("finish")

    async def abort(self) -> None:
        self.peer.tell("abort")

    async def power_cut(self) -> None:
        self.peer.tell("power_cut")

    async def power_up(self) -> None:
        self.peer.tell("power_up")

    async def unplug(self) -> None:
        self.peer.tell("unplug")

    async def plug_in(self) -> None:
        self.peer.tell("plug_in")

    async def mute(self) -> None:
        self.peer.tell("mute")

    async def unmute(self) -> None:
        self.peer.tell("unmute")

    async def noise(self) -> None:
        self.peer.tell("noise")

    async def reset_counters(self) -> None:
        self.peer.tell("reset")


class TestContract(DriverContract):
    @pytest.fixture(autouse=True)
    def _peer(self, peer: Peer) -> None:
        self.peer = peer

    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[RuidaBench]:
        yield RuidaBench(self.peer)


def counters_of(peer: Peer) -> tuple[float, float]:
    _, _, work, tube, *_ = peer.tell("state").split(" ")
    return float(work), float(tube)


async def test_time_is_what_the_counters_grew_by_and_survives_a_lost_line(peer: Peer) -> None:
    async with watching(driver_of(peer)) as watch:
        assert (await watch.next(Identified)) == Identified(
            "Ruida RDC6442S", "RDC6442S-V15.01.22, tube time at 0411"
        )
        await watch.activity(Activity.IDLE)
        work, tube = counters_of(peer)
        peer.tell("start")
        await watch.next(JobStarted)
        peer.tell("unplug")
        await watch.activity(Activity.UNREACHABLE)
        await asyncio.sleep(0.5)
        peer.tell("finish")
        peer.tell("plug_in")
        ended = await watch.next(JobEnded)
        assert (ended.outcome, ended.words) == (
            JobOutcome.DONE,
            "it ended while there was no connection",
        )
        await watch.activity(Activity.IDLE)
        later, tube_later = counters_of(peer)
        assert later - work >= 5
        assert abs(watch.counter(Quantity.JOB_TIME_MS) / 1000 - (later - work)) <= 1
        assert abs(watch.counter(Quantity.LASER_TIME_MS) / 1000 - (tube_later - tube)) <= 1
        assert watch.counter(Quantity.JOBS) == 1


async def test_it_is_paused_resumed_and_stopped_and_says_what_it_cannot(peer: Peer) -> None:
    async with watching(driver_of(peer)) as watch:
        with pytest.raises(MachineUnreachable):
            await RuidaDriver(RuidaSettings(url=peer.url)).cancel()
        await watch.activity(Activity.IDLE)
        with pytest.raises(MachineFault, match="nothing that could be held"):
            await watch.driver.hold()
        with pytest.raises(MachineFault, match="nothing on hold"):
            await watch.driver.resume()
        peer.tell("start")
        await watch.next(JobStarted)
        peer.tell("nak 1")
        await watch.driver.hold()
        assert (await watch.activity(Activity.HELD)).words == "paused"
        peer.tell("resume")  # at its panel
        await watch.activity(Activity.BUSY)
        await watch.driver.cancel()
        assert (await watch.next(JobEnded)).outcome is JobOutcome.CANCELLED


async def test_lost_and_refused_packets_cost_time_and_nothing_else(peer: Peer) -> None:
    peer.tell("lose 2")
    async with watching(driver_of(peer)) as watch:
        await watch.activity(Activity.IDLE)
        for order in ("lose 1", "nak 2"):
            peer.tell(order)
            await asyncio.sleep(0.1)
        peer.tell("start")
        await watch.next(JobStarted)
        peer.tell("finish")
        assert (await watch.next(JobEnded)).outcome is JobOutcome.DONE
        peer.tell("nak 99999")  # who answers, and says nothing, is not known to be idle
        assert "silent" in (await watch.activity(Activity.UNREACHABLE)).words
        assert not [e for e in watch.seen if isinstance(e, Noise)]


async def test_where_counters_stand_still_the_time_that_was_seen_counts(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.ruida.meter.NOTICED_S", 0.5)
    peer.tell("counts 0")
    async with watching(driver_of(peer)) as watch:
        await watch.activity(Activity.IDLE)
        peer.tell("start")
        await watch.counted(Quantity.BUSY_TIME_MS, 600)
        peer.tell("finish")
        ended = await watch.next(JobEnded)
        assert ended.job_time_ms >= 500
        assert watch.counter(Quantity.JOB_TIME_MS) == ended.job_time_ms


@pytest.mark.parametrize("magic", ["auto", "0x11"])
async def test_another_magic_is_learned_or_set_and_tube_time_is_found_elsewhere(
    peer: Peer, magic: str
) -> None:
    peer.tell("magic 11")
    peer.tell("tube 0311")
    async with watching(driver_of(peer, magic=magic)) as watch:
        assert (await watch.next(Identified)).firmware.endswith("tube time at 0311")
        await watch.activity(Activity.IDLE)
