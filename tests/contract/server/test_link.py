"""The link through a real Mosquitto: a gateway's messages up, answers, rosters and commands down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import pytest
from sqlalchemy import text

from booking_api.badges import service as badges
from booking_api.broker.plan import Identity, IdentityKind
from booking_api.broker.process import BrokerProcess, BrokerSettings, Engine, find_mosquitto, run_broker
from booking_api.broker.settings import BrokerSettings as Reach
from booking_api.certifications import service as certifications
from booking_api.clock import Clock
from booking_api.gateways.keys import open_signer
from booking_api.gateways.office import Office
from booking_api.link import Link
from booking_api.live import LiveFloor
from floor.errors import MachineUnreachable
from floor.wire.base import Message
from floor.wire.journal import JournalAck
from floor.wire.messages import Alive, Command, Hello, Identify, Reply, Signed, Station, Stations
from floor.wire.roster import Roster, RosterDelta
from floor.wire.topics import DELIVERY, Channel, topic
from floor.words import Activity, BadgeKind, StationState
from tests.kit.engine import url_in
from tests.kit.server import NOW_MS, Floor, Writer

WAIT_S = 30.0


@dataclass
class Pi:
    """A gateway's side, written by hand: what it says, and what it hears in order."""

    client: aiomqtt.Client
    heard: asyncio.Queue[tuple[str, bytes]]

    async def say(self, channel: Channel, message: Message) -> None:
        await self.shout(channel, message.encode())

    async def shout(self, channel: Channel, payload: bytes) -> None:
        how = DELIVERY[channel]
        await self.client.publish(topic("gw", channel), payload, qos=how.qos, retain=how.retained)

    async def hear(self, channel: Channel) -> bytes:
        async with asyncio.timeout(WAIT_S):
            while True:
                where, payload = await self.heard.get()
                if where == topic("gw", channel):
                    return payload

    async def hear_signed(self) -> Roster | RosterDelta | Command:
        return Signed.decode(await self.hear(Channel.ROSTER), 4 << 20).message()

    async def ack(self) -> JournalAck:
        return JournalAck.decode(await self.hear(Channel.ACK), 1_024)


@contextlib.asynccontextmanager
async def pi_at(broker: BrokerProcess) -> AsyncIterator[Pi]:
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(1_000)
    gone = aiomqtt.Will(topic("gw", Channel.ALIVE), Alive(gateway="gw", online=False).encode(), 1, True)
    async with aiomqtt.Client(broker.host, broker.port, username="gw", password="g", will=gone) as client:
        await client.subscribe("mf/gw/down/#", qos=1)

        async def listen() -> None:
            async for message in client.messages:
                heard.put_nowait((str(message.topic), bytes(message.payload)))  # type: ignore[arg-type] # bytes

        listening = asyncio.create_task(listen())
        try:
            yield Pi(client, heard)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@dataclass
class Server:
    floor: Floor
    link: Link
    live: LiveFloor
    broker: BrokerProcess


@pytest.fixture
def url(tmp_path: Path) -> str:
    return url_in(tmp_path)


@pytest.fixture
async def server(floor: Floor, tmp_path: Path) -> AsyncIterator[Server]:
    assert find_mosquitto(), "Mosquitto is missing: apt-get install mosquitto (make setup does, as root)"
    identities = (Identity("server", "s", IdentityKind.SERVER), Identity("gw", "g", IdentityKind.GATEWAY))
    settings = BrokerSettings(tmp_path / "broker", identities, engine=Engine.MOSQUITTO)
    async with run_broker(settings) as broker:
        live, reach = LiveFloor(), Reach(broker.host, broker.port, "server", "s", None)
        office = Office(floor.vault, "EUR")
        link = Link(reach, floor.db, Clock(), open_signer(tmp_path), office, live)
        running = asyncio.create_task(link.run())
        yield Server(floor, link, live, broker)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():
            await asyncio.sleep(0.02)


async def greet(server: Server, pi: Pi) -> Roster:
    """Come online: said again until the server has subscribed."""
    await pi.say(Channel.ALIVE, Alive(gateway="gw", online=True))
    await until(lambda: (p := server.live.snapshot().gateways.get("gw")) is not None and p.online)
    await pi.say(Channel.HELLO, Hello(gateway="gw", boot_id="b", software="1", journal_epoch=1, next_seq=1))
    assert (await pi.ack()).seq == 0
    roster = await pi.hear_signed()
    assert isinstance(roster, Roster)
    return roster


async def test_a_journal_is_acknowledged_once_it_is_applied(server: Server) -> None:
    journal = Writer()
    journal.session(server.floor.ada, 10)
    async with pi_at(server.broker) as pi:
        await greet(server, pi)
        for _ in range(3):
            await pi.say(Channel.JOURNAL, journal.batch())
        assert [(await pi.ack()).seq for _ in range(3)] == [2, 2, 2]
    assert server.floor.entries() == 1


async def test_a_lost_badge_reaches_the_gateway(server: Server) -> None:
    floor = server.floor
    with floor.db.write() as session:
        uid = bytes.fromhex("04a2b3c4")
        id = badges.enrol(session, floor.vault, floor.ada, uid, BadgeKind.UID_13MHZ, "", NOW_MS).id
    async with pi_at(server.broker) as pi:
        roster = await greet(server, pi)
        with floor.db.write() as session:
            badges.report_lost(session, id, NOW_MS)
        delta = await pi.hear_signed()
        assert isinstance(delta, RosterDelta)
        assert delta.base == roster.version
        assert [badge.lost for badge in delta.badges.values() if badge] == [True]


async def test_a_command_comes_back_with_its_reply_or_not_at_all(server: Server) -> None:
    with pytest.raises(MachineUnreachable, match="not connected"):
        await server.link.send_command("gw", Identify(machine="laser-1"), "staff")
    async with pi_at(server.broker) as pi:
        await greet(server, pi)
        asked = asyncio.create_task(
            server.link.send_command("gw", Identify(machine="laser-1"), "staff", WAIT_S)
        )
        command = Signed.decode(await pi.hear(Channel.COMMAND), 4_096).message()
        assert isinstance(command, Command)
        assert command.issued_ms < command.expires_ms
        await pi.say(Channel.REPLY, Reply(id="another", gateway="gw", done=False))
        await pi.say(Channel.REPLY, Reply(id=command.id, gateway="gw", done=True, words="it blinks"))
        assert (await asked).words == "it blinks"
        with pytest.raises(MachineUnreachable, match="in time"):
            await server.link.send_command("gw", Identify(machine="laser-1"), "staff", 0.2)


async def test_stations_are_seen_and_a_gateway_that_goes_is_offline(server: Server) -> None:
    shown = Station(machine="laser-1", state=StationState.FREE, activity=Activity.IDLE, since_ms=NOW_MS)
    async with pi_at(server.broker) as pi:
        roster = await greet(server, pi)
        stations = Stations(
            gateway="gw", at_ms=NOW_MS, roster=roster.version, journal_lag=7, stations=[shown]
        )
        await pi.say(Channel.STATIONS, stations)
        await until(lambda: server.live.station("laser-1") == shown)
        assert server.live.snapshot().gateways["gw"].journal_lag == 7
        await pi.say(Channel.ALIVE, Alive(gateway="gw", online=False))
        await until(lambda: not server.live.snapshot().gateways["gw"].online)


async def test_malformed_messages_are_dropped_and_the_link_goes_on(server: Server) -> None:
    async with pi_at(server.broker) as pi:
        await greet(server, pi)
        for payload in (b"", b"{", b"\xff\xfe", b'{"v":9}', b"[" * 5_000, b"x" * 300_000):
            for channel in (Channel.JOURNAL, Channel.HELLO, Channel.STATIONS, Channel.REPLY):
                await pi.shout(channel, payload)
        await pi.client.publish("mf/gw/up/of-a-later-version", b"{}", qos=1)
        stranger = Writer(gateway="other")
        stranger.session(server.floor.ada, 10)
        await pi.say(Channel.JOURNAL, stranger.batch())
        journal = Writer()
        journal.session(server.floor.ada, 10)
        await pi.say(Channel.JOURNAL, journal.batch())
        assert (await pi.ack()).seq == 2
    assert server.floor.entries() == 1


async def test_what_the_database_refuses_is_not_acknowledged_and_comes_again(server: Server) -> None:
    journal = Writer()
    journal.session(server.floor.ada, 10)
    engine = server.floor.db.engine
    async with pi_at(server.broker) as pi:
        await greet(server, pi)
        with engine.connect() as connection:
            connection.execute(text("ALTER TABLE charge_line RENAME TO hidden"))
            connection.commit()
        await pi.say(Channel.JOURNAL, journal.batch())
        await pi.say(
            Channel.HELLO, Hello(gateway="gw", boot_id="b", software="1", journal_epoch=1, next_seq=3)
        )
        assert (await pi.ack()).seq == 0
        with engine.connect() as connection:
            connection.execute(text("ALTER TABLE hidden RENAME TO charge_line"))
            connection.commit()
        await pi.say(Channel.JOURNAL, journal.batch())
        assert (await pi.ack()).seq == 2


async def test_the_link_comes_back_when_the_broker_does(floor: Floor, tmp_path: Path) -> None:
    identities = (Identity("server", "s", IdentityKind.SERVER), Identity("gw", "g", IdentityKind.GATEWAY))
    folder = tmp_path / "broker"
    async with run_broker(BrokerSettings(folder, identities, engine=Engine.MOSQUITTO)) as broker:
        port = broker.port
        live, office = LiveFloor(), Office(floor.vault, "EUR")
        link = Link(
            Reach(broker.host, port, "server", "s", None),
            floor.db,
            Clock(),
            open_signer(tmp_path),
            office,
            live,
        )
        running = asyncio.create_task(link.run())
        async with pi_at(broker) as pi:
            await greet(Server(floor, link, live, broker), pi)
    await until(lambda: not live.snapshot().gateways["gw"].online)
    again = BrokerSettings(folder, identities, port=port, engine=Engine.MOSQUITTO)
    async with run_broker(again) as broker, pi_at(broker) as pi:
        await greet(Server(floor, link, live, broker), pi)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_revoked_skill_reaches_the_gateway(server: Server) -> None:
    floor = server.floor
    with floor.db.write() as session:
        badges.enrol(session, floor.vault, floor.ada, b"\x04\xa2\xb3\xc4", BadgeKind.UID_13MHZ, "", NOW_MS)
    async with pi_at(server.broker) as pi:
        roster = await greet(server, pi)
        assert roster.members[floor.ada].allowed["laser-1"] == 0
        with floor.db.write() as session:
            certifications.revoke(session, floor.ada, "laser-1", floor.ben, NOW_MS, "left it alone")
        told = await pi.hear_signed()
        assert isinstance(told, RosterDelta)
        ada = told.members[floor.ada]
        assert ada is not None
        assert "laser-1" not in ada.allowed
