"""Gateway and server, both real, at a Mosquitto that is full and drops what it acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import select

from booking_api.broker import process
from booking_api.broker.plan import Identity, IdentityKind, render_mosquitto
from booking_api.broker.process import BrokerSettings, Engine, run_broker
from booking_api.broker.settings import BrokerSettings as Reach
from booking_api.clock import Clock
from booking_api.gateways.keys import open_signer
from booking_api.gateways.office import Office
from booking_api.link import Link as ServerLink
from booking_api.live import LiveFloor
from booking_api.metering.models import JournalRecord
from floor.wire.journal import AlarmRaised
from gateway.config import BrokerConfig
from gateway.link import Link, shown
from tests.kit.cable import Cable, cable
from tests.kit.gateway import Bench
from tests.kit.server import Floor

WAIT_S = 30.0
GROWS_S = 0.02
DEADLINE_S = 1
TINY = "max_inflight_messages 1\nmax_queued_messages 1\n"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'floor.db'}"


@dataclass
class Stand:
    """A gateway's journal, the server's database, and the cable from the broker to the server."""

    bench: Bench
    floor: Floor
    to_server: Cable
    port: int
    alarms: list[str]

    def there(self) -> list[int]:
        with self.floor.db.read() as session:
            return sorted(session.exec(select(JournalRecord.seq)).all())

    async def all_there(self) -> None:
        """See that the server has each entry once, and that the gateway knows."""
        await until(lambda: not self.bench.journal.lag, "the server has the whole journal")
        assert self.there() == list(range(1, self.bench.journal.next_seq))


async def until(true: Callable[[], object], what: str) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline_s, f"not within {WAIT_S} s: {what}"
        await asyncio.sleep(0.02)


@pytest.fixture
async def stand(
    floor: Floor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Stand]:
    bound: str = getattr(request, "param", TINY)

    def small(*args: object, **more: object) -> str:
        lines = render_mosquitto(*args, **more).splitlines()  # type: ignore[arg-type] # as it is called
        others = [line for line in lines if line.split()[0] != bound.split()[0]]
        return "\n".join([*others, bound])

    monkeypatch.setattr(process, "render_mosquitto", small)
    monkeypatch.setattr("gateway.upload.ACK_DEADLINE_S", DEADLINE_S)
    monkeypatch.setattr("gateway.link.BACKOFF_S", (0.1, 0.2))
    identities = (Identity("server", "s", IdentityKind.SERVER), Identity("gw", "g", IdentityKind.GATEWAY))
    settings = BrokerSettings(tmp_path / "broker", identities, engine=Engine.MOSQUITTO)
    (tmp_path / "pi").mkdir()
    bench = Bench(tmp_path / "pi")
    async with run_broker(settings) as broker, cable(broker.port) as to_server:
        reach, office = Reach("127.0.0.1", to_server.port, "server", "s", None), Office(floor.vault, "EUR")
        server = ServerLink(reach, floor.db, Clock(), open_signer(tmp_path), office, LiveFloor())
        alarms: list[str] = []
        link = gateway(bench, broker.port, alarms)
        running = [asyncio.create_task(server.run()), asyncio.create_task(link.run())]
        yield Stand(bench, floor, to_server, broker.port, alarms)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    bench.journal.close()


def gateway(bench: Bench, port: int, alarms: list[str]) -> Link:
    return Link(
        "gw",
        BrokerConfig("127.0.0.1", port, "g", None),
        bench.journal,
        bench.roster,
        bench.metrics,
        software="test",
        boot_id="boot-1",
        show=lambda: shown("gw", bench.clock.wall, bench.roster, bench.journal, []),
        carry=lambda _: None,
        roster_changed=lambda: None,
        alarm=lambda code, words: alarms.append(f"{code}: {words}"),
    )


@contextlib.asynccontextmanager
async def growing(bench: Bench) -> AsyncIterator[None]:
    """The floor goes on: another entry again and again, sooner than the server could be late."""

    async def grow() -> None:
        while True:
            bench.journal.append(AlarmRaised(machine=None, code="n"))
            await asyncio.sleep(GROWS_S)

    task = asyncio.create_task(grow())
    try:
        yield
    finally:
        task.cancel()


async def test_what_a_full_broker_dropped_comes_while_the_journal_still_grows(stand: Stand) -> None:
    bench = stand.bench
    async with growing(bench):
        await until(lambda: len(stand.there()) > 5, "the first entries are there")
        stand.to_server.mute()
        await asyncio.sleep(2 * DEADLINE_S)
        stand.to_server.unmute()
        before = bench.journal.next_seq
        await until(lambda: bench.journal.acknowledged > before, "what was dropped is there")
    await stand.all_there()


@pytest.mark.parametrize("stand", ["max_packet_size 2400", "message_size_limit 2400"], indirect=True)
async def test_a_broker_that_carries_less_than_a_batch_gets_less_at_a_time(stand: Stand) -> None:
    """By the first the connection ends, by the second the message is acknowledged and dropped."""
    journal = stand.bench.journal
    for _ in range(60):
        journal.append(AlarmRaised(machine=None, code="n"))
    await stand.all_there()
    assert not stand.alarms
    journal.append(AlarmRaised(machine=None, code="long", words="\x01" * 400))
    await until(lambda: stand.alarms, "what does not pass even alone is told")
    assert stand.alarms[0].startswith("journal_stuck: Entry 61 does not arrive")
    assert (journal.acknowledged, len(stand.there()), len(stand.alarms)) == (60, 60, 1)
