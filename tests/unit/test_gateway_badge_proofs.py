"""A reading of a badge that cannot be copied opens a machine once, whatever happens in between."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from firmware_bridge.driver import Driver
from firmware_bridge.events import JobStarted
from firmware_bridge.simulated.driver import SimulatedMachine
from floor.access import BadgeStanding
from floor.ids import badge_reference
from floor.policy import MachinePolicy, OnLeave
from floor.session import Holding, Running
from floor.wire.journal import AlarmRaised, BadgeProven, SessionStarted, TapRefused
from floor.words import BadgeKind, DenialReason
from gateway.app import Gateway
from gateway.config import load
from gateway.journal import Journal
from gateway.wiring import Devices
from hardware.events import BadgeTapped
from hardware.readers.keys import BadgeKey, BadgeKeys
from hardware.simulated import SimulatedReader, SimulatedRelay
from tests.kit.gateway import BADGE_KEY, Bench, FakeClock

STRONG = bytes.fromhex("04DE5F1EACC040")
REFERENCE = badge_reference(BADGE_KEY, STRONG)
KEY = bytes(range(16))
STRICT = MachinePolicy(accepts_weak_badges=False)


class ProvenBench(Bench):
    """Ada has a badge that proves itself, and the laser takes no other."""

    def __init__(
        self,
        folder: Path,
        kind: BadgeKind = BadgeKind.NTAG424,
        policy: MachinePolicy = STRICT,
        driver: Driver | None = None,
    ) -> None:
        super().__init__(folder, policy, driver)
        badges = {REFERENCE: BadgeStanding("ada", kind, key=KEY.hex())}
        self.roster.take(self.server.roster(2, policy=self.policy, badges=badges))

    async def show(self, counter: int | None, kind: BadgeKind = BadgeKind.NTAG424) -> None:
        await self.station.handle(BadgeTapped(STRONG, kind, counter), 0.0)

    async def refused(self) -> list[DenialReason]:
        return [fact.reason for fact in await self.facts() if isinstance(fact, TapRefused)]

    async def alarmed(self) -> list[str]:
        return [fact.code for fact in await self.facts() if isinstance(fact, AlarmRaised)]


@pytest.fixture
async def bench(tmp_path):
    made = ProvenBench(tmp_path)
    yield made
    made.journal.close()


async def test_a_new_reading_opens_and_is_durable_in_the_starts_own_transaction(bench):
    transactions = []
    bench.journal.append_seconds = transactions.append
    await bench.show(61)
    assert bench.relay.is_on
    facts = await bench.facts()
    assert [type(fact) for fact in facts] == [BadgeProven, SessionStarted]
    assert facts[0] == BadgeProven(machine="laser", badge=REFERENCE, member="ada", counter=61)
    assert len(transactions) == 1
    kept = sqlite3.connect(bench.folder / "journal.db").execute("SELECT badge, counter FROM counters")
    assert kept.fetchall() == [(REFERENCE, 61)]


@pytest.mark.parametrize("replayed", [61, 60, 0])
async def test_a_reading_that_was_taken_or_is_older_opens_nothing_and_alarms_once(bench, replayed):
    await bench.show(61)
    await bench.show(62)
    for _ in range(3):
        await bench.show(replayed)
    assert not bench.relay.is_on
    assert await bench.refused() == [DenialReason.BADGE_NOT_PROVEN] * 3
    assert await bench.alarmed() == ["badge_replayed"]
    await bench.show(63)
    assert bench.relay.is_on
    await bench.show(64)
    await bench.show(64)
    assert await bench.alarmed() == ["badge_replayed"] * 2


async def test_another_station_of_the_gateway_takes_it_no_more_either(bench):
    await bench.show(61)
    bench.rebuild()
    await bench.show(61)
    assert await bench.refused() == [DenialReason.BADGE_NOT_PROVEN]


async def test_a_copy_of_the_uid_opens_nothing(bench):
    await bench.show(None, BadgeKind.UID_13MHZ)
    assert not bench.relay.is_on
    assert await bench.refused() == [DenialReason.BADGE_NOT_PROVEN]
    assert await bench.alarmed() == []


async def test_a_copy_takes_up_no_session_that_was_left_for_its_job(tmp_path):
    policy = MachinePolicy(accepts_weak_badges=False, on_leave=OnLeave.HOLD_FOR_JOB)
    bench = ProvenBench(tmp_path, policy=policy, driver=SimulatedMachine())
    await bench.show(1)
    await bench.station.handle(JobStarted("job-1", "vase", ""), 0.0)
    await bench.show(2)
    assert isinstance(bench.station.state, Holding)
    await bench.show(None, BadgeKind.UID_13MHZ)
    await bench.show(2)
    assert isinstance(bench.station.state, Holding)
    assert await bench.refused() == [DenialReason.BADGE_NOT_PROVEN] * 2
    await bench.show(3)
    assert isinstance(bench.station.state, Running)
    bench.journal.close()


async def test_mutual_authentication_has_no_count_and_opens_each_time(tmp_path):
    bench = ProvenBench(tmp_path, BadgeKind.DESFIRE)
    for _ in range(3):
        await bench.show(None, BadgeKind.DESFIRE)
    assert bench.relay.is_on
    assert not [fact for fact in await bench.facts() if isinstance(fact, BadgeProven | TapRefused)]
    bench.journal.close()


async def test_counts_outlive_a_restart_and_a_new_epoch(bench):
    await bench.show(61)
    await bench.show(70)
    await bench.facts()
    await bench.journal.begin_epoch(0)
    await bench.facts()
    bench.journal.close()
    again = ProvenBench(bench.folder)
    await again.show(70)
    assert not again.relay.is_on
    await again.show(71)
    assert again.relay.is_on
    again.journal.close()


async def test_what_no_fact_followed_is_written_all_the_same(bench):
    bench.journal.along(BadgeProven(machine="laser", badge=REFERENCE, member="ada", counter=9))
    bench.journal.close()
    again = Journal(bench.folder / "journal.db", FakeClock(), print)
    assert again.counters() == {REFERENCE: 9}
    again.close()


async def test_the_reading_of_who_waits_for_a_supervisor_is_durable_while_they_wait(tmp_path):
    bench = ProvenBench(tmp_path, policy=MachinePolicy(needs_supervisor=True))
    await bench.show(61)
    async with asyncio.timeout(20):
        assert [type(fact) for fact in await bench.facts()] == [BadgeProven]
    await bench.show(61)
    assert await bench.refused() == [DenialReason.BADGE_NOT_PROVEN]
    bench.journal.close()


DIES = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.unit.test_gateway_badge_proofs import ProvenBench

async def main():
    bench = ProvenBench(Path(sys.argv[1]))
    await bench.show(61)
    assert bench.relay.is_on
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_whoever_was_let_in_before_kill_9_is_not_let_in_again_by_the_same_reading(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DIES, str(tmp_path), env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    again = ProvenBench(tmp_path)
    await again.show(61)
    assert not again.relay.is_on
    assert await again.refused() == [DenialReason.BADGE_NOT_PROVEN]
    await again.show(62)
    assert again.relay.is_on
    again.journal.close()


async def test_the_roster_says_how_a_badge_proves_itself(bench):
    keys: BadgeKeys = bench.roster
    assert keys.key_of(STRONG) == BadgeKey(BadgeKind.NTAG424, KEY)
    assert keys.key_of(bytes(7)) is None
    weak = {REFERENCE: BadgeStanding("ada", BadgeKind.UID_13MHZ)}
    bench.roster.take(bench.server.roster(3, badges=weak))
    assert keys.key_of(STRONG) is None


class TrustingReader(SimulatedReader):
    """A reader that can have a badge prove itself."""

    keys: BadgeKeys | None = None

    def trust(self, keys: BadgeKeys) -> None:
        self.keys = keys


STATION = """
[[stations]]
machine = "{}"
reader = {{kind = "simulated"}}
relay = {{kind = "simulated"}}
"""


async def test_a_gateway_hands_its_keys_to_the_readers_that_take_them(tmp_path):
    file, server_key = tmp_path / "gateway.toml", b64encode(bytes(32)).decode()
    identity = f'name = "gw"\nbadge_key = "{BADGE_KEY.hex()}"\nserver_key = "{server_key}"\n'
    file.write_text(f'{identity}data = "{tmp_path}"\n' + STATION.format("saw") + STATION.format("laser"))
    trusting = TrustingReader("a")
    wired = {
        "saw": Devices(trusting, SimulatedRelay("r", False)),
        "laser": Devices(SimulatedReader("b"), SimulatedRelay("s", False)),
    }
    gateway = Gateway(load(file), wired, FakeClock())
    assert trusting.keys is gateway.roster
    gateway.journal.close()
