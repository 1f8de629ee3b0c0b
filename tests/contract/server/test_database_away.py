"""PostgreSQL is killed under load and comes back: what is not kept is not acknowledged, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from booking_api import doctor
from booking_api.app import create_app
from booking_api.badges.reading import Readings
from booking_api.broker.plan import Identity, IdentityKind
from booking_api.broker.process import BrokerSettings, Engine, find_mosquitto, run_broker
from booking_api.broker.settings import BrokerSettings as Reach
from booking_api.clock import Clock
from booking_api.context import Context
from booking_api.crew import Alone, Crew
from booking_api.gateways.keys import open_signer
from booking_api.gateways.office import Office
from booking_api.link import OUTBOX_EVERY_S, Link
from booking_api.live import LiveFloor
from booking_api.metering.models import JournalHead
from booking_api.settings import read_settings
from floor.wire.journal import JournalAck
from floor.wire.messages import Station, Stations
from floor.wire.topics import Channel
from floor.words import Activity, StationState
from tests.contract.server.test_link import Pi, Server, greet, pi_at, until
from tests.kit.server import NOW_MS, Floor, Writer, make_floor
from tests.peers.postgres import PostgresPeer, run_postgres

SESSIONS, AT_ONCE = 60, 4
AGAIN_S, WAIT_S = 0.5, 60.0


@contextlib.asynccontextmanager
async def serving(floor: Floor, folder: Path, crew: Crew) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    """Run a whole server, with a broker, for a floor."""
    assert find_mosquitto(), "Mosquitto is missing: apt-get install mosquitto (make setup does, as root)"
    identities = (Identity("server", "s", IdentityKind.SERVER), Identity("gw", "g", IdentityKind.GATEWAY))
    settings = BrokerSettings(folder / "broker", identities, engine=Engine.MOSQUITTO)
    (folder / "makerfloor.toml").touch()
    async with run_broker(settings) as broker:
        live, clock = LiveFloor(), Clock()
        reach = Reach(broker.host, broker.port, "server", "s", None)
        office = Office(floor.vault, "EUR")
        link = Link(reach, floor.db, clock, open_signer(folder), office, live, crew=crew)
        readings = Readings(floor.db, floor.vault, clock, live)
        toml = read_settings(folder / "makerfloor.toml", {})
        app = create_app(Context(toml, floor.db, clock, floor.vault, live, readings, link, crew))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://floor.test") as client,
        ):
            yield Server(floor, link, live, broker), client
    floor.db.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[Server, PostgresPeer, httpx.AsyncClient]]:
    """A whole server on a PostgreSQL of its own."""
    with run_postgres() as peer:
        async with serving(make_floor(peer.name(), tmp_path), tmp_path, Alone()) as (made, client):
            yield made, peer, client


async def test_a_killed_postgresql_is_waited_for_and_nothing_is_lost(
    server: tuple[Server, PostgresPeer, httpx.AsyncClient],
) -> None:
    made, peer, client = server
    journal = Writer()
    for _ in range(SESSIONS):
        journal.session(made.floor.ada, 10)
    async with pi_at(made.broker) as pi:
        await greet(made, pi)
        acked: list[int] = [0]
        feeding = asyncio.create_task(feed(pi, journal, acked))
        await until_acked(acked, 2 * AT_ONCE)
        await the_link_goes_on_without_it(made, peer, pi)
        peer.kill()
        await says(client, 503)
        told = acked[-1]
        assert told < len(journal.entries), "the load was over"
        for path in ("/api/v1/machines", "/", "/healthz"):
            answer = await client.get(path, headers={"authorization": "Bearer mf_none"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5"), path
        assert (await client.get("/healthz")).json()["code"] == "database_away"
        await asyncio.sleep(3 * AGAIN_S)
        assert acked[-1] == told, "acknowledged while there was nowhere to keep it"
        await asyncio.to_thread(peer.start)
        assert kept(made.floor) >= told, "acknowledged, and lost"
        await says(client, 200)
        async with asyncio.timeout(WAIT_S):
            await feeding
    assert kept(made.floor) == len(journal.entries)
    assert made.floor.entries() == len(made.floor.sessions()) == SESSIONS
    assert doctor.examine(made.floor.db) == []


async def the_link_goes_on_without_it(made: Server, peer: PostgresPeer, pi: Pi) -> None:
    """PostgreSQL hangs: what needs it waits, and the floor is seen and ordered all the same."""
    with peer.silent(WAIT_S / 4) as patience:
        await asyncio.sleep(2 * OUTBOX_EVERY_S)
        shown = Station(machine="laser-1", state=StationState.FREE, activity=Activity.IDLE, since_ms=NOW_MS)
        await pi.say(Channel.STATIONS, Stations(gateway="gw", at_ms=NOW_MS, stations=[shown]))
        await until(lambda: made.live.station("laser-1") == shown)
        assert patience.is_alive(), "the link stood still until PostgreSQL went on"


async def feed(pi: Pi, journal: Writer, acked: list[int]) -> None:
    """Send as a gateway does: what is not acknowledged is sent again."""
    while acked[-1] < len(journal.entries):
        first = acked[-1] + 1
        await pi.say(Channel.JOURNAL, journal.batch(first, first + AT_ONCE - 1))
        try:
            async with asyncio.timeout(AGAIN_S):
                acked.append(JournalAck.decode(await pi.hear(Channel.ACK), 1_024).seq)
        except TimeoutError:
            continue


async def until_acked(acked: list[int], seq: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while acked[-1] < seq:
            await asyncio.sleep(0.01)


async def says(client: httpx.AsyncClient, status: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while (await client.get("/healthz")).status_code != status:
            await asyncio.sleep(0.1)


def kept(floor: Floor) -> int:
    with floor.db.read() as session:
        return session.exec(select(JournalHead.seq)).one()
