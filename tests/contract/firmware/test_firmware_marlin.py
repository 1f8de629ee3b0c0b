"""The Marlin driver as a proxy of hosts that count and number, and alone on a simulated firmware's line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_bridge.events import Identified, JobEnded, JobRefused, JobStarted, Noise
from firmware_bridge.marlin import driver as marlin
from firmware_bridge.marlin import gate, jobs
from floor.errors import MachineFault
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.contract.firmware.marlin_host import DEADLINE_S, driven, host_of, port_of, print_of
from tests.contract.firmware.marlin_peers import Peer, printcore, simulated


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marlin, "TICK_S", 0.05)
    monkeypatch.setattr(marlin, "HOST_QUIET_S", 0.1)
    monkeypatch.setattr(marlin, "KEEPALIVE_S", 0.1)
    monkeypatch.setattr(jobs, "READING_S", 0.1)


@pytest.fixture(scope="module")
def on_tcp() -> Iterator[Peer]:
    with simulated("tcp") as peer:
        yield peer


@pytest.fixture(scope="module")
def on_pty() -> Iterator[Peer]:
    with simulated("pty") as peer:
        yield peer


async def test_filament_of_printrun_is_what_went_through_the_nozzle(on_tcp: Peer, tmp_path: Path) -> None:
    before = on_tcp.tell("power")["mm"]
    file = tmp_path / "part.gcode"
    file.write_text("\n".join([*print_of(40), "M83", "G1 E2.5 F6000", "M77"]))
    async with driven(on_tcp.url, mode="proxy", quiet_s=5.0) as watch, asyncio.timeout(DEADLINE_S):
        async with printcore(await port_of(watch), file):
            started = await watch.next(JobStarted)
            on_tcp.tell("corrupt")
            ended = await watch.next(JobEnded)
        assert (ended.job_id, ended.outcome) == (started.job_id, JobOutcome.DONE)
        sent = on_tcp.tell("state")["lines"]
        again = [line for number, line in enumerate(sent) if line[:1] == "N" and line in sent[:number]]
        assert again
        while on_tcp.tell("state")["planned"]:
            await asyncio.sleep(0.02)
        assert on_tcp.tell("state")["mm"] - before == pytest.approx(22.5, abs=0.01)
        assert watch.counter(Quantity.FILAMENT_UM) == 22_500
        assert watch.counter(Quantity.JOBS) == 1


@pytest.mark.parametrize(("window", "numbered"), [(4, True), (4, False)])
async def test_filament_is_what_went_through_the_nozzle(on_tcp: Peer, window: int, numbered: bool) -> None:
    before = on_tcp.tell("power")["mm"]
    async with driven(on_tcp.url, mode="proxy") as watch:
        host = await host_of(watch)
        await host.say("M110 N0")
        if numbered:
            on_tcp.tell("corrupt")
        await host.send(print_of(20), numbered=numbered, window=window)
        ended = await watch.next(JobEnded)
        async with asyncio.timeout(DEADLINE_S):
            while on_tcp.tell("state")["planned"]:  # what is acknowledged is planned, and done a little later
                await asyncio.sleep(0.02)
        oracle = on_tcp.tell("state")["mm"] - before
        assert oracle == pytest.approx(10, abs=0.01)
        assert watch.counter(Quantity.FILAMENT_UM) == 10_000
        assert ended.job_time_ms == watch.counter(Quantity.JOB_TIME_MS)
        assert ended.job_time_ms > 200
        assert not [event for event in watch.seen if isinstance(event, Noise)]


async def test_without_somebody_a_host_may_ask_and_cool_and_not_work(on_tcp: Peer) -> None:
    on_tcp.tell("power")
    async with driven(on_tcp.url, mode="proxy", gate="authorised") as watch:
        host = await host_of(watch)
        await host.say("M110 N0")
        seen = len(on_tcp.tell("state")["lines"])
        sent = ["M105", "M115", "G28", "M104 S200", "G1 X5 E5", "M104 S0", "M24", "T1", "M500", "M82"]
        await host.send(sent, numbered=True)
        await host.send([*sent, "M105\bG1 X9"], numbered=False)
        assert host.oks == host.sent
        refused = await watch.next(JobRefused)
        assert "G28" in refused.words
        assert len([event for event in watch.seen if isinstance(event, JobRefused)]) == 1
        told = [line for line in host.others if line.startswith(("echo:Makerfloor", "//"))]
        assert told[1:] == ["echo:Makerfloor: tap your badge first", "//action:cancel"]
        state = on_tcp.tell("state")
        got = " ".join(state["lines"][seen:])
        assert not [word for word in ("G28", "S200", "G1", "M24", "T1", "M500") if word in got]
        assert "M104 S0" in got
        assert host.resends == state["targets"] == 0
        watch.driver.authorise(True)
        await host.send(["G28", "G92 E0", "G1 E1 F600"], numbered=True)
        await watch.next(JobStarted)
        watch.driver.authorise(False)
        await host.send(["G1 E2", "G1 E3", "M77"], numbered=True)  # what runs goes on
        assert (await watch.next(JobEnded)).outcome is JobOutcome.DONE
        assert watch.counter(Quantity.FILAMENT_UM) == 3_000


async def test_a_print_of_a_host_is_held_goes_on_and_is_cancelled_cold(on_tcp: Peer) -> None:
    before = on_tcp.tell("power")["mm"]
    async with driven(on_tcp.url, mode="proxy") as watch:
        await watch.activity(Activity.IDLE)
        with pytest.raises(MachineFault, match="no job that could be held"):
            await watch.driver.hold()
        host = await host_of(watch)
        lines = ["M104 S200", "M140 S60", *print_of(300)]
        job = asyncio.create_task(host.send(lines, numbered=True))
        await watch.next(JobStarted)
        await watch.counted(Quantity.FILAMENT_UM, 1)
        await watch.driver.hold()
        await watch.activity(Activity.HELD)
        async with asyncio.timeout(DEADLINE_S):
            while on_tcp.tell("state")["planned"] or "echo:busy: paused for user" not in host.others:
                await asyncio.sleep(0.05)
        mm, oks = on_tcp.tell("state")["mm"], host.oks
        await asyncio.sleep(0.2)
        assert (on_tcp.tell("state")["mm"], host.oks) == (mm, oks)
        await watch.driver.resume()
        await watch.activity(Activity.BUSY)
        await watch.counted(Quantity.FILAMENT_UM, round(oks / 2 * 500))
        assert on_tcp.tell("state")["targets"] == 260
        await watch.driver.cancel()
        assert on_tcp.tell("state")["targets"] == 0
        ended = await watch.next(JobEnded)
        assert (ended.outcome, ended.words) == (JobOutcome.CANCELLED, "it was stopped")
        await job  # it sends on as if nothing were, and gets each ok
        assert host.oks == host.sent
        assert "//action:cancel" in host.others
        await host.say("M110 N0")
        await host.send(["G92 E0", "G1 E1", "M77"], numbered=True)
        await watch.next(JobEnded)
        while on_tcp.tell("state")["planned"]:
            await asyncio.sleep(0.02)
        oracle_um = (on_tcp.tell("state")["mm"] - before) * 1000
        assert -1 <= watch.counter(Quantity.FILAMENT_UM) - oracle_um <= 2_001  # it may end in a retraction


async def test_a_cancel_ends_a_wait_for_heat_and_a_restart_ends_a_job(on_tcp: Peer) -> None:
    on_tcp.tell("power")
    async with driven(on_tcp.url, mode="proxy", quiet_s=5.0) as watch:
        host = await host_of(watch)
        heating = asyncio.create_task(host.send(["M109 S200"], numbered=True))
        await watch.next(JobStarted)
        await watch.driver.cancel()
        await heating
        assert on_tcp.tell("state")["targets"] == 0
        assert watch.counter(Quantity.JOBS) == 0  # nothing was extruded
        await host.say("M110 N0")
        await host.send(["G92 E0", "G1 E1 F600"], numbered=True)
        await watch.next(JobStarted)
        on_tcp.tell("power")
        ended = await watch.next(JobEnded, lambda event: event.outcome is JobOutcome.FAILED)
        assert "started anew" in ended.words
        await host.send(["G1 E5"], numbered=False)
        assert "echo:Makerfloor: the print was stopped, begin anew" in host.others
        await host.say("M110 N0")
        await host.send(["G1 E1 F600"], numbered=False)
        await watch.next(JobStarted)
        other = await host_of(watch)
        assert "another program" in await other.line()
        host.close()
        await watch.driver.message("hello; *there*\nM112")
        async with asyncio.timeout(DEADLINE_S):
            while "M117 hello   there  M 112" not in on_tcp.tell("state")["lines"]:
                await asyncio.sleep(0.05)


async def test_prints_from_the_card_are_seen_paused_stopped_and_ended_at_the_printer(on_pty: Peer) -> None:
    on_pty.tell("power")
    on_pty.tell("tf")
    moves = "|".join(f"G1 X{number % 2} F1200" for number in range(3000))
    async with driven(on_pty.url) as watch:
        await watch.activity(Activity.IDLE)
        named = await watch.next(Identified)
        assert (named.name, named.firmware[:13]) == ("Ender-3 Pro", "Marlin 2.1.2.")
        on_pty.tell(f"card benchy.gcode {moves}")
        assert (await watch.next(JobStarted)).name == "benchy.gcode"
        on_pty.tell("pause")
        assert (await watch.activity(Activity.HELD)).words == "paused at the printer"
        await watch.driver.resume()
        await watch.activity(Activity.BUSY)
        await watch.driver.hold()
        await watch.activity(Activity.HELD)
        await watch.driver.resume()
        on_pty.tell("stop")
        assert (await watch.next(JobEnded)).outcome is JobOutcome.CANCELLED
        short = "|".join(f"G1 X{number % 2} F1200" for number in range(16))
        on_pty.tell(f"card short.gcode M109 S200|{short}")
        await watch.next(JobStarted)
        ended = await watch.next(JobEnded)
        assert ended.outcome is JobOutcome.DONE
        assert abs(ended.job_time_ms - on_pty.tell("state")["timer"] * 1000) < 1_000
        on_pty.tell("wait")
        assert (await watch.activity(Activity.HELD)).words == "paused for user"
        on_pty.tell("go")
        await watch.activity(Activity.IDLE)
        on_pty.tell(f"card third.gcode M104 S200|{moves}")
        await watch.next(JobStarted)
        await watch.driver.cancel()
        assert on_pty.tell("state")["targets"] == 0
        assert (await watch.next(JobEnded)).outcome is JobOutcome.CANCELLED
        on_pty.tell("kill")
        faulted = await watch.activity(Activity.FAULTED)
        assert faulted.words == "Thermal Runaway, system stopped! Heater_ID: 0"
        on_pty.tell("power")
        await watch.activity(Activity.IDLE)
        assert watch.counter(Quantity.JOBS) == 3
        assert watch.counter(Quantity.FILAMENT_UM) == 0


async def test_time_that_was_not_watched_is_filled_from_the_printers_own_timer(
    on_pty: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marlin, "TIMER_S", 0.1)
    monkeypatch.setattr(gate, "LOST_S", 0.3)
    on_pty.tell("power")
    moves = "|".join(f"G1 X{number % 2} F1200" for number in range(3000))
    async with driven(on_pty.url, silence_s=0.4) as watch:
        await watch.activity(Activity.IDLE)
        on_pty.tell(f"card long.gcode {moves}")
        await watch.next(JobStarted)
        await watch.counted(Quantity.JOB_TIME_MS, 1)
        on_pty.tell("clock 1000")
        await watch.counted(Quantity.JOB_TIME_MS, 500)  # M31 was read meanwhile: it began anew
        on_pty.tell("mute")
        await watch.activity(Activity.UNREACHABLE)
        before = watch.counter(Quantity.JOB_TIME_MS)
        await asyncio.sleep(0.4)
        on_pty.tell("clock 90000")  # a day too much
        on_pty.tell("unmute")
        await watch.activity(Activity.BUSY)
        filled = await watch.counted(Quantity.JOB_TIME_MS, before + 500)
        assert filled < before + 30_000
        on_pty.tell("stop")
        assert len([event for event in watch.seen if isinstance(event, JobStarted)]) == 1
        await watch.next(JobEnded)
