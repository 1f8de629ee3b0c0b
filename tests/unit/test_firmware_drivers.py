"""The registry, the backoff, the simulated machine and the installation of peers."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import fields
from itertools import islice
from pathlib import Path

import pytest
import yaml

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobProgressed,
    JobStarted,
    MachineEvent,
    ReadingTaken,
)
from firmware_bridge.registry import KINDS, build
from firmware_bridge.simulated.driver import SimulatedMachine, SimulatedSettings
from floor.errors import ConfigError, MachineFault, MachineUnreachable
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from scripts import peers
from tests.kit import driver_contract as contract

ROOT = Path(__file__).resolve().parents[2]
OCTOPRINT = {"url": "http://127.0.0.1:5000", "api_key": "k"}


@pytest.mark.parametrize(
    ("kind", "settings", "key", "words"),
    [
        (
            "octopront",
            {},
            "kind",
            "Known are: bambu, current, grbl, http, marlin, moonraker, mqtt, octoprint",
        ),
        ("octoprint", {"url": "http://o"}, "api_key", "is missing"),
        ("octoprint", OCTOPRINT | {"apikey": "k"}, "apikey", "Known are: url, api_key"),
        ("octoprint", OCTOPRINT | {"url": "o.local"}, "url", "does not begin with http://"),
        ("octoprint", OCTOPRINT | {"url": 5}, "url", "is no text"),
        ("octoprint", OCTOPRINT | {"filament_diameter_mm": "1.75"}, "filament_diameter_mm", "is no number"),
        ("octoprint", OCTOPRINT | {"filament_diameter_mm": 175}, "filament_diameter_mm", "from 0.1 to 10"),
        ("simulated", {"speed": True}, "speed", "is no number"),
        ("simulated", {"speed": float("nan")}, "speed", "from 0.001"),
    ],
)
def test_wrong_settings_name_file_key_and_remedy(
    kind: str, settings: dict[str, object], key: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        build(kind, settings, "gateway.toml")
    assert (caught.value.file, caught.value.key) == ("gateway.toml", key)
    assert caught.value.remedy


async def test_right_settings_build_drivers() -> None:
    octoprint = build("octoprint", OCTOPRINT | {"filament_density_g_cm3": 1}, "gateway.toml")
    assert octoprint.name == "OctoPrint at http://127.0.0.1:5000"
    await octoprint.aclose()
    assert build("simulated", {}, "gateway.toml").name == "simulated machine"


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_is_in_the_docs_and_every_kind_is_graded(kind: str) -> None:
    page = (ROOT / "docs" / "drivers" / f"{kind}.md").read_text()
    missing = [one.name for one in fields(KINDS[kind]()[0]) if f"`{one.name}`" not in page]  # type: ignore[arg-type]
    assert missing == []
    quality = yaml.safe_load((ROOT / "firmware_bridge" / kind / "quality.yaml").read_text())
    assert {"kind", "grade", "peer", "proven", "never_seen"} <= set(quality)
    assert f"{kind}.md" in (ROOT / "docs" / "drivers" / "README.md").read_text()


def test_every_kind_goes_through_the_contract_of_drivers() -> None:
    through: set[str] = set()
    for file in (ROOT / "tests" / "contract" / "firmware").glob("test_*.py"):
        module = importlib.import_module(f"tests.contract.firmware.{file.stem}")
        own = [one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__]
        classes = [one for one in own if isinstance(one, type)]
        if any(issubclass(one, contract.DriverContract) for one in classes):
            ours = (one for one in classes if issubclass(one, contract.Bench | contract.DriverContract))
            through |= {kind for one in ours if (kind := getattr(one, "kind", ""))}
    assert set(KINDS) - through == set(), "its contract test has no class TestContract(DriverContract)"


def test_delays_grow_to_a_bound_and_jitter() -> None:
    longest = list(islice(Backoff(1, 10).delays(lambda: 1.0), 6))
    assert longest == [1, 2, 4, 8, 10, 10]
    assert list(islice(Backoff(1, 10).delays(lambda: 0.0), 6)) == [delay / 2 for delay in longest]


async def test_a_reason_is_said_once_until_the_machine_answers() -> None:
    tries = iter(["gone", "gone", "", "gone", "other"])

    async def connect() -> AsyncGenerator[MachineEvent, None]:
        why = next(tries)
        if not why:
            yield ActivityChanged(Activity.IDLE)
        raise MachineUnreachable(why or "gone")

    seen: list[str] = []
    async with aclosing(reconnecting(connect, Backoff(0.001, 0.001))) as events:
        async for event in events:
            assert isinstance(event, ActivityChanged)
            seen.append(event.words or "idle")
            if event.words == "other":
                break
    assert seen == ["gone", "idle", "gone", "other"]


class Bench:
    """A simulated machine whose clock the test moves; `drain` returns what it said since."""

    def __init__(self, speed: float = 1.0) -> None:
        self.now_s = 100.0
        self.machine = SimulatedMachine(SimulatedSettings(speed, 0.01), clock=lambda: self.now_s)
        self._events = self.machine.events()

    async def until(self, kind: type) -> list[MachineEvent]:
        seen: list[MachineEvent] = []
        async with asyncio.timeout(20):
            async for event in self._events:
                seen.append(event)
                if isinstance(event, kind):
                    break
        return seen

    async def close(self) -> None:
        await self._events.aclose()


QUANTITIES = {Quantity.FILAMENT_UM: 1_000, Quantity.FILAMENT_MG: 300}


async def test_a_simulated_job_runs_in_the_machines_time() -> None:
    bench = Bench(speed=60)
    assert (await bench.until(ActivityChanged)) == [
        Identified("simulated machine", "simulated"),
        ActivityChanged(Activity.IDLE),
    ]
    job_id = bench.machine.start_job("part", "ada", 600, QUANTITIES)
    assert (await bench.until(ActivityChanged)) == [
        JobStarted(job_id, "part", "ada"),
        ActivityChanged(Activity.BUSY),
    ]
    bench.now_s += 5
    while (reading := (await bench.until(ReadingTaken))[-1]) and not _um(reading):
        continue
    assert _um(reading) == 500
    bench.now_s += 5
    ended = (await bench.until(JobEnded))[-2:]
    assert ended[0] == ReadingTaken(QUANTITIES | {Quantity.JOB_TIME_MS: 600_000, Quantity.JOBS: 1})
    assert ended[1] == JobEnded(job_id, JobOutcome.DONE, 600_000)
    await bench.close()


def _um(event: MachineEvent) -> int:
    assert isinstance(event, ReadingTaken)
    return event.counters[Quantity.FILAMENT_UM]


async def test_hold_resume_cancel_and_fault() -> None:
    bench = Bench()
    machine = bench.machine
    machine.start_job("part", None, 100, QUANTITIES)
    with pytest.raises(ValueError, match="has a job already"):
        machine.start_job("another", None, 100, {})
    bench.now_s += 10
    await machine.hold()
    bench.now_s += 1_000
    await machine.resume()
    bench.now_s += 10
    await machine.cancel()
    ended = (await bench.until(JobEnded))[-1]
    assert isinstance(ended, JobEnded)
    assert (ended.outcome, ended.job_time_ms) == (JobOutcome.CANCELLED, 20_000)
    with pytest.raises(MachineFault, match="no job"):
        await machine.hold()
    machine.start_job("third", None, 100, {})
    machine.fail("the nozzle is blocked")
    failed = (await bench.until(JobEnded))[-1]
    assert isinstance(failed, JobEnded)
    assert (failed.outcome, failed.words) == (JobOutcome.FAILED, "the nozzle is blocked")
    assert machine.activity is Activity.FAULTED
    machine.set_activity(Activity.IDLE)
    machine.start_job("fourth", None, 100, QUANTITIES)
    machine.finish()
    done = (await bench.until(JobEnded))[-1]
    assert isinstance(done, JobEnded)
    assert done.outcome is JobOutcome.DONE
    await machine.message("hello")
    assert machine.last_message == "hello"
    await bench.close()


async def test_a_pulled_cable_hides_the_machine_but_does_not_stop_it() -> None:
    bench = Bench()
    job_id = bench.machine.start_job("part", "ada", 10, QUANTITIES)
    bench.machine.pull_cable()
    seen = await bench.until(ActivityChanged)
    while not any(isinstance(one, ActivityChanged) and one.activity is Activity.UNREACHABLE for one in seen):
        seen = await bench.until(ActivityChanged)
    with pytest.raises(MachineUnreachable, match="cable"):
        await bench.machine.cancel()
    bench.now_s += 60
    bench.machine.plug_in()
    seen = await bench.until(ActivityChanged)
    assert JobEnded(job_id, JobOutcome.DONE, 10_000) in seen
    assert seen[-1] == ActivityChanged(Activity.IDLE)
    assert not [one for one in seen if isinstance(one, JobProgressed)]
    await bench.close()


def test_a_peer_is_installed_once_for_each_lock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock, home = tmp_path / "tests" / "peers" / "octoprint.txt", tmp_path / ".peers" / "octoprint"
    lock.parent.mkdir(parents=True)
    lock.write_text("")
    assert peers.install("octoprint", tmp_path) == "octoprint was installed in .peers/octoprint."
    assert (home / "lock.sha256").read_text() == hashlib.sha256(b"").hexdigest()
    assert "as its lock file says" in peers.install("octoprint", tmp_path)
    lock.write_text("not a requirement ==")
    with pytest.raises(RuntimeError, match="uv pip failed"):
        peers.install("octoprint", tmp_path)
    assert peers.main(["nothing"]) == 1
    assert "the peers are: octoprint" in capsys.readouterr().err


def test_the_lock_of_a_peer_has_hashes_and_no_address() -> None:
    text = (ROOT / "tests" / "peers" / "octoprint.txt").read_text()
    assert "octoprint==1.11.8" in text
    assert "--hash=sha256:" in text
    assert "://" not in text
