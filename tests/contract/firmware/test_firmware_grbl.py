"""The GRBL driver against a simulated firmware on a pty and on TCP, with a sender, and against MeerK40t."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.events import (
    Identified,
    JobEnded,
    JobRefused,
    JobStarted,
    Noise,
    ReadingTaken,
)
from firmware_bridge.grbl import driver as grbl
from firmware_bridge.grbl.driver import GrblDriver, GrblSettings
from floor.errors import MachineFault, MachineUnreachable
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.contract.firmware.grbl_peers import Peer, meerk40t, simulated
from tests.kit.cable import Cable, cable
from tests.kit.driver_contract import Bench, DriverContract, Lack, OnCable
from tests.kit.watch import DEADLINE_S, Watch, watching


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grbl, "IDLE_POLL_S", 0.1)


def quick(url: str, **more: object) -> GrblDriver:
    settings = GrblSettings(url=url, quiet_s=0.5, settle_s=0.1, listen="127.0.0.1:0", **more)  # type: ignore[arg-type]
    return GrblDriver(settings, backoff=Backoff(0.05, 0.2))


def watched(url: str, **more: object) -> AbstractAsyncContextManager[Watch]:
    return watching(quick(url, **more))


async def gone(driver: GrblDriver) -> None:
    """Give orders until one fails: a line that is lost is opened again every now and then."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with contextlib.suppress(MachineFault):
                await driver.hold()
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def on_pty() -> Iterator[Peer]:
    with simulated("pty") as peer:
        yield peer


@pytest.fixture(scope="module")
def on_tcp() -> Iterator[Peer]:
    with simulated("tcp") as peer:
        yield peer


@pytest.fixture(params=["on_pty", "on_tcp"])
def peer(request: pytest.FixtureRequest) -> Peer:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Peer)
    return found


async def test_it_is_known_works_holds_resumes_and_ends(peer: Peer) -> None:
    async with watched(peer.url) as watch:
        assert (await watch.activity(Activity.IDLE)).words == "Idle"
        assert (await watch.next(Identified)).firmware == "1.1h.20190830"
        with pytest.raises(MachineFault, match="nothing that could be held"):
            await watch.driver.hold()
        peer.tell("run G91|M4 S500 F600|G1 X12|M2")
        started = await watch.next(JobStarted)
        await watch.activity(Activity.BUSY)
        await watch.driver.hold()
        await watch.activity(Activity.HELD)
        await watch.driver.resume()
        ended = await watch.next(JobEnded)
        assert (ended.job_id, ended.outcome) == (started.job_id, JobOutcome.DONE)
        reading = [event for event in watch.seen if isinstance(event, ReadingTaken)][-1].counters
        assert reading[Quantity.JOBS] == 1
        assert 0 < reading[Quantity.LASER_TIME_MS] <= reading[Quantity.JOB_TIME_MS]
        assert not [event for event in watch.seen if isinstance(event, Noise)]


async def test_a_cancelled_job_loses_no_position_and_a_power_cut_fails_one(on_tcp: Peer) -> None:
    peer = on_tcp
    async with watched(peer.url) as watch:
        await watch.activity(Activity.IDLE)
        peer.tell("run G91|M4 S500 F600|G1 X900")
        await watch.next(JobStarted)
        await watch.driver.cancel()
        ended = await watch.next(JobEnded)
        assert (ended.outcome, ended.words) == (JobOutcome.CANCELLED, "it was stopped")
        peer.tell("run G91|M4 S500 F600|G1 X900")
        await watch.next(JobStarted)
        peer.tell("power")
        ended = await watch.next(JobEnded)
        assert ended.outcome is JobOutcome.FAILED
        assert "started anew" in ended.words


async def test_doors_alarms_and_silence_are_said(on_pty: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = on_pty
    monkeypatch.setattr(grbl, "SILENCE_S", 0.6)
    async with watched(peer.url) as watch:
        await watch.activity(Activity.IDLE)
        peer.tell("run G91|M4 S500 F600|G1 X900")
        await watch.next(JobStarted)
        peer.tell("door 1")
        assert (await watch.activity(Activity.HELD)).words == "door open"
        peer.tell("door 0")
        peer.tell("alarm 1")
        faulted = await watch.activity(Activity.FAULTED)
        assert "hard limit" in faulted.words
        assert next(e for e in watch.seen if isinstance(e, JobEnded)).outcome is JobOutcome.FAILED
        peer.tell("power")
        await watch.activity(Activity.IDLE)
        peer.tell("mute")
        assert "silent" in (await watch.activity(Activity.UNREACHABLE)).words
        with pytest.raises(MachineUnreachable):
            await gone(watch.driver)
        peer.tell("unmute")
        await watch.activity(Activity.IDLE)


class Sender:
    """A sender that counts the bytes of unanswered lines, as GRBL's own stream.py does, and asks at 5 Hz."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.answers: list[str] = []
        self.reports = self.asked = 0
        self.others: list[str] = []

    @classmethod
    async def connect(cls, watch: Watch) -> Sender:
        async with asyncio.timeout(DEADLINE_S):
            while not watch.driver.port:
                await asyncio.sleep(0.02)
        return cls(*await asyncio.open_connection("127.0.0.1", watch.driver.port))

    async def take(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            line = (await self.reader.readline()).decode().strip()
        if line.startswith(("ok", "error")):
            self.answers.append(line)
        elif line.startswith("<"):
            self.reports += 1
        else:
            self.others.append(line)

    async def send(self, lines: list[str], ask: bool) -> list[str]:
        """Send lines, and return their answers, in order."""
        self.answers.clear()
        sizes = [len(line) + 1 for line in lines]
        for number, line in enumerate(lines):
            while sum(sizes[len(self.answers) : number + 1]) > 127:
                await self.take()
            if ask and number % 5 == 0:
                self.writer.write(b"?")
                self.asked += 1
            self.writer.write(f"{line}\n".encode())
        while len(self.answers) < len(lines):
            await self.take()
        return list(self.answers)


@pytest.mark.parametrize("ask", [False, True])
async def test_a_sender_that_counts_never_loses_count(on_tcp: Peer, ask: bool) -> None:
    async with watched(on_tcp.url, mode="proxy") as watch:
        sender = await Sender.connect(watch)
        job = [
            "G21 G91",
            "M4 S500 F6000",
            *(f"G1 X{1 + n % 3} S{n % 2 * 500}" for n in range(60)),
            "NONSENSE $",
        ]
        answers = await sender.send([*job, "$Q", "M5", "M2"], ask)
        assert answers == ["ok"] * 63 + ["error:3", "ok", "ok"]
        await watch.next(JobStarted)
        assert (await watch.next(JobEnded)).outcome is JobOutcome.DONE
        assert sender.reports <= sender.asked  # GRBL itself merges two questions that stand together
        assert bool(sender.reports) == ask
        assert sender.others[0].startswith("Grbl 1.1")
        assert [line for line in sender.others if line not in ("", sender.others[0])] == ["[MSG:Pgm End]"]
        other = await Sender.connect(watch)
        await other.take()
        assert "another program" in other.others[0]
        sender.writer.close()


async def test_a_sender_may_ask_but_not_work_until_somebody_is_authorised(on_tcp: Peer) -> None:
    async with watched(on_tcp.url, mode="proxy", gate="authorised") as watch:
        sender = await Sender.connect(watch)
        lines = ["$$", "G21", "$G", "G1 X5 F600", "$X", "M3 S1000", "X9", "$J=G91 X5 F500", "$H", "$32=0", ""]
        answers = await sender.send(lines, ask=True)
        locked = "error:9"
        assert answers == ["ok", "ok", "ok", locked, "ok", locked, locked, locked, locked, locked, "ok"]
        assert sum(line.startswith("$") for line in sender.others) > 5
        assert "[MSG:Makerfloor: tap your badge first]" in sender.others
        assert "G1 X5" in (await watch.next(JobRefused)).words
        assert not [event for event in watch.seen if isinstance(event, JobStarted)]
        watch.driver.authorise(True)
        assert await sender.send(["G91", "M4 S9 F600", "G1 X900"], ask=False) == ["ok"] * 3
        await watch.next(JobStarted)
        watch.driver.authorise(False)
        await watch.driver.cancel()
        assert (await watch.next(JobEnded)).outcome is JobOutcome.CANCELLED
        watch.driver.authorise(True)
        assert await sender.send(["G1 X5"], ask=False) == [locked]  # the rest of what was cancelled
        sender.writer.close()


async def test_a_machine_that_restarts_by_itself_gets_no_rest_of_the_job(on_tcp: Peer) -> None:
    async with watched(on_tcp.url, mode="proxy") as watch:
        sender = await Sender.connect(watch)
        await sender.send(["G91", "M4 S9 F600", "G1 X900"], ask=False)
        await watch.next(JobStarted)
        on_tcp.tell("power")
        assert (await watch.next(JobEnded)).outcome is JobOutcome.FAILED
        assert await sender.send(["G1 X5"], ask=False) == ["error:9"]
        assert any("begin anew" in line for line in sender.others)
        assert not [event for event in watch.seen if isinstance(event, JobRefused)]
        sender.writer.write(b"\x18")
        assert await sender.send(["G21"], ask=False) == ["ok"]
        sender.writer.close()


async def test_a_sender_that_leaves_in_the_middle_leaves_a_job_of_unknown_end(on_tcp: Peer) -> None:
    async with watched(on_tcp.url, mode="proxy") as watch:
        sender = await Sender.connect(watch)
        await sender.send(["G91", "M4 S9 F600", "G1 X8"], ask=False)
        await watch.next(JobStarted)
        sender.writer.close()
        ended = await watch.next(JobEnded)
        assert (ended.outcome, ended.words) == (
            JobOutcome.UNKNOWN,
            "the sender left before the program ended",
        )


async def test_meerk40t_is_read_and_bills_nothing_while_it_says_power_when_idle(tmp_path: Path) -> None:
    with meerk40t(tmp_path) as peer:
        async with watched(peer.url, mode="proxy", laser="yes") as watch:
            sender = await Sender.connect(watch)
            assert (await watch.activity(Activity.IDLE)).words == "Idle"
            assert await sender.send(["G21G90", "M4S500", "G1X10F600", "$G"], ask=True) == ["ok"] * 4
            while not any(line.startswith("[GC:") for line in sender.others) or not sender.reports:
                await sender.take()
            await watch.driver.cancel()
            while sum(line.startswith("Grbl") for line in sender.others) < 2:
                await sender.take()
            assert not [event for event in watch.seen if isinstance(event, JobStarted | Noise)]
            sender.writer.close()


class GrblBench(OnCable):
    """The simulated firmware with a job on its own card, at the end of a cable."""

    kind = "grbl"
    quantity = Quantity.LASER_TIME_MS
    lacks = frozenset({Lack.USER, Lack.PROGRESS, Lack.COUNTERS, Lack.CLOCK})

    def __init__(self, peer: Peer, line: Cable) -> None:
        self.peer, self.cable = peer, line

    def driver(self) -> GrblDriver:
        return quick(f"tcp://127.0.0.1:{self.cable.port}")

    async def start(self) -> None:
        self.before_s = await self._run_s()
        self.peer.tell("run G91|M4 S500 F600|G1 X900|M2")

    async def finish(self) -> None:
        self.peer.tell("finish")

    async def abort(self) -> None:
        self.peer.tell("power")  # its only button

    async def fault(self) -> None:
        self.peer.tell("alarm 1")

    async def clear(self) -> None:
        self.peer.tell("power")

    async def power_cut(self) -> None:
        self.cable.cut()
        self.peer.tell("power")

    async def power_up(self) -> None:
        self.cable.mend()

    async def noise(self) -> None:
        self.cable.say(
            b"\x00\xfe\x80<Idle|MPos:nan\r\n[[[\r\n<Run|FS:9e99,x>\r\n" + bytes(range(128, 256)) + b"\n"
        )

    async def _run_s(self) -> float:
        return float(await asyncio.to_thread(self.peer.ask, "run_s"))

    async def worked_s(self) -> float:
        return await self._run_s() - self.before_s


class TestContract(DriverContract):
    @pytest.fixture(autouse=True)
    def _peer(self, on_tcp: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.peer = on_tcp
        monkeypatch.setattr(grbl, "SILENCE_S", 0.6)

    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[Bench]:
        self.peer.tell("power")
        async with cable(self.peer.port) as line:
            yield GrblBench(self.peer, line)
