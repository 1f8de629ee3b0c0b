"""The link against a real Mosquitto with TLS and access lists; the server's part is played by the test."""

import asyncio
import contextlib
import json
import socket
import time
from dataclasses import replace
from types import SimpleNamespace

import aiomqtt
import pytest

from booking_api.broker.certificates import make_certificates
from booking_api.broker.plan import Identity, IdentityKind
from booking_api.broker.process import BrokerSettings, Engine, run_broker
from floor.wire.journal import AlarmRaised, JournalAck, JournalBatch
from floor.wire.messages import Hello, Identify, Reply, Signed, Stations
from floor.wire.topics import DELIVERY, Channel, parse, topic
from floor.words import DenialReason
from gateway.config import BrokerConfig
from gateway.link import OLDER, Link, shown
from tests.kit.cable import cable
from tests.kit.gateway import BEN, NOW_MS, Bench, SigningServer
from tests.unit.test_gateway_reservations import CAL, CLASS, HOUR_MS, IVY, NOW, Booked

PATIENCE_S = 60


@pytest.fixture
def identities():
    return (
        Identity("gw", "gateway-password", IdentityKind.GATEWAY),
        Identity("server", "server-password", IdentityKind.SERVER),
    )


@pytest.fixture
def certificates(tmp_path):
    return make_certificates(tmp_path / "certificates", ["gw"])


class Server:
    """Reads what the gateway sends, and answers as a test says."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.got: dict[Channel, list[bytes]] = {channel: [] for channel in Channel}

    async def listen(self) -> None:
        async for message in self.client.messages:
            self.got[parse(message.topic.value)[1]].append(message.payload)

    async def say(self, channel: Channel, payload: bytes) -> None:
        await self.client.publish(topic("gw", channel), payload, qos=1)

    async def ack(self, epoch: int, seq: int, **more: object) -> None:
        await self.say(Channel.ACK, JournalAck(gateway="gw", epoch=epoch, seq=seq, **more).encode())

    async def until(self, channel: Channel, count: int) -> list[bytes]:
        await until(lambda: len(self.got[channel]) >= count, f"{count} messages on {channel}")
        return self.got[channel]

    def seqs(self) -> list[int]:
        batches = [JournalBatch.decode(raw, 1 << 20) for raw in self.got[Channel.JOURNAL]]
        return [entry.seq for batch in batches for entry in batch.entries]


async def until(true, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def serving(port: int, certificates):
    tls = aiomqtt.TLSParameters(ca_certs=str(certificates.cafile))
    async with aiomqtt.Client(
        "127.0.0.1", port, username="server", password="server-password", tls_params=tls
    ) as client:
        await client.subscribe("mf/+/up/#", qos=1)
        server = Server(client)
        task = asyncio.create_task(server.listen())
        yield server
        task.cancel()


def make_link(bench: Bench, port: int, ca: str, carry=None) -> Link:
    return Link(
        "gw",
        BrokerConfig("127.0.0.1", port, "gateway-password", ca),
        bench.journal,
        bench.roster,
        bench.metrics,
        software="test",
        boot_id="boot-1",
        show=lambda: shown("gw", bench.clock.wall, bench.roster, bench.journal, [bench.station.view.wire()]),
        carry=carry or (lambda command: Reply(id=command.id, gateway="gw", done=True)),
        roster_changed=lambda: None,
        alarm=lambda code, words: None,
    )


@contextlib.asynccontextmanager
async def running(link: Link):
    task = asyncio.create_task(link.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def floor(tmp_path, identities, certificates):
    """A broker, the server's part and a connected gateway."""
    bench = Bench(tmp_path)
    settings = BrokerSettings(tmp_path / "broker", identities, tls=certificates.tls, engine=Engine.MOSQUITTO)
    async with (
        run_broker(settings) as broker,
        serving(broker.port, certificates) as server,
        running(make_link(bench, broker.port, str(certificates.cafile))),
    ):
        await server.until(Channel.HELLO, 1)
        yield bench, server
    bench.journal.close()


def note(n: int) -> AlarmRaised:
    return AlarmRaised(machine=None, code=f"n{n}")


async def test_nothing_is_sent_before_the_server_says_where_the_journal_stands(floor):
    bench, server = floor
    hello = Hello.decode(server.got[Channel.HELLO][0], 1024)
    assert (hello.journal_epoch, hello.next_seq, hello.roster) == (1, 1, (1, 1))
    await bench.journal.append_durably(note(1))
    await asyncio.sleep(0.3)
    assert server.got[Channel.JOURNAL] == []
    await server.ack(1, 0)
    await server.until(Channel.JOURNAL, 1)
    assert server.seqs() == [1]


async def test_many_entries_travel_in_order_and_the_ack_moves_the_journal_on(floor):
    bench, server = floor
    await server.ack(1, 0)
    for n in range(450):
        bench.journal.append(note(n))
    await until(lambda: server.seqs()[-1:] == [450], "all entries")
    assert server.seqs() == list(range(1, 451))
    await server.ack(1, 450)
    await until(lambda: bench.journal.acknowledged == 450, "the acknowledgement")


async def test_what_a_silent_server_did_not_acknowledge_is_sent_again(floor, monkeypatch):
    monkeypatch.setattr("gateway.upload.ACK_DEADLINE_S", 0.3)
    bench, server = floor
    await bench.journal.append_durably(note(1))
    await server.ack(1, 0)
    await until(lambda: server.seqs().count(1) >= 3, "the entry three times")


async def test_a_restored_server_gets_again_what_it_lost(floor):
    bench, server = floor
    await server.ack(1, 0)
    for n in range(3):
        await bench.journal.append_durably(note(n))
    await until(lambda: server.seqs() == [1, 2, 3], "three entries")
    await server.ack(1, 3)
    await until(lambda: bench.journal.acknowledged == 3, "the acknowledgement")
    await server.ack(1, 1)
    await until(lambda: server.seqs() == [1, 2, 3, 2, 3], "the lost entries again")


@pytest.mark.parametrize("sign", ["quarantined", "ahead", "other hash"])
async def test_a_fork_begins_a_new_epoch_with_what_is_not_acknowledged(floor, sign):
    bench, server = floor
    await server.ack(1, 0)
    for n in range(2):
        await bench.journal.append_durably(note(n))
    await until(lambda: server.seqs() == [1, 2], "both entries")
    if sign == "quarantined":
        await server.ack(1, 1, quarantined=True)
    elif sign == "ahead":
        await server.ack(1, 50)
    else:
        await server.ack(1, 2, hash="f" * 64)
    await until(lambda: bench.journal.epoch > 1, "a new epoch")
    await server.until(Channel.HELLO, 2)
    await server.ack(bench.journal.epoch, 0)
    told = [1, 2] if sign == "ahead" else [1, 2, 3]
    await until(lambda: server.seqs() == [1, 2, *told], "the entries in the new epoch")
    alarmed = [fact.code for fact in await bench.facts() if isinstance(fact, AlarmRaised)]
    assert ("journal_forked" in alarmed) == (sign != "ahead"), "who took a dead Pi's place alarms nobody"


async def test_a_roster_is_taken_and_a_forged_or_malformed_one_is_counted(floor):
    bench, server = floor
    await server.say(Channel.ROSTER, bench.server.roster(7))
    await until(lambda: bench.roster.version.n == 7, "the roster")
    await server.say(Channel.ROSTER, SigningServer().roster(8))
    await server.say(Channel.ROSTER, b"\xff" * 5000)
    await server.say(Channel.ACK, b"[" * 900)
    await server.say(Channel.COMMAND, b"{}")
    await until(
        lambda: 'makerfloor_peer_errors_total{source="broker"} 4.0' in bench.metrics.exposition().decode(),
        "four refusals",
    )
    assert bench.roster.version.n == 7


async def test_a_command_is_carried_out_once_and_answered_each_time(tmp_path, identities, certificates):
    bench, carried = Bench(tmp_path), []

    def carry(command):
        carried.append(command.id)
        return Reply(id=command.id, gateway="gw", done=True)

    settings = BrokerSettings(tmp_path / "broker", identities, tls=certificates.tls, engine=Engine.MOSQUITTO)
    async with (
        run_broker(settings) as broker,
        serving(broker.port, certificates) as server,
        running(make_link(bench, broker.port, str(certificates.cafile), carry)),
    ):
        await server.until(Channel.HELLO, 1)
        payload = bench.server.command(Identify(machine="laser"))
        for _ in range(3):
            await server.say(Channel.COMMAND, payload)
        replies = await server.until(Channel.REPLY, 3)
        assert carried == ["c1"]
        assert {Reply.decode(raw, 4096).id for raw in replies} == {"c1"}
        asked = Signed.decode(bench.server.command(Identify(machine="laser"), id="c2"), 4096)
        later = json.loads(asked.body)
        later["order"] = {"type": "warm_up", "machine": "laser", "for_s": 60}
        unread = SimpleNamespace(encode=lambda: json.dumps(later).encode())
        await server.say(Channel.COMMAND, SigningServer().sign("command", unread))
        await server.say(Channel.COMMAND, bench.server.sign("command", unread))
        reply = Reply.decode((await server.until(Channel.REPLY, 4))[-1], 4096)
        assert (reply.id, reply.done, reply.words) == ("c2", False, OLDER)
        await server.say(Channel.COMMAND, payload)
        await server.until(Channel.REPLY, 5)
        assert carried == ["c1"]
        assert 'makerfloor_peer_errors_total{source="broker"} 2.0' in bench.metrics.exposition().decode()
    bench.journal.close()


async def test_the_board_hears_of_a_tap_at_once_and_of_a_lost_gateway_by_its_will(floor):
    bench, server = floor
    await bench.tap()
    last = Stations.decode(
        (await server.until(Channel.STATIONS, 1))[-1], DELIVERY[Channel.STATIONS].limit_bytes
    )
    assert last.stations[0].machine == "laser"
    assert b'"online":true' in server.got[Channel.ALIVE][-1]


async def test_taps_go_on_without_a_broker_and_reach_the_server_when_it_is_there(
    tmp_path, identities, certificates, monkeypatch
):
    monkeypatch.setattr("gateway.link.BACKOFF_S", (0.05, 0.2))
    monkeypatch.setattr("gateway.upload.ACK_DEADLINE_S", 0.5)
    bench = Bench(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with running(make_link(bench, port, str(certificates.cafile))):
        await bench.tap()
        assert bench.relay.is_on
        await bench.pass_s(5)
        await bench.tap()
        settings = BrokerSettings(
            tmp_path / "broker", identities, port=port, tls=certificates.tls, engine=Engine.MOSQUITTO
        )
        async with run_broker(settings), serving(port, certificates) as server:
            await server.until(Channel.HELLO, 1)
            await server.ack(1, 0)
            await until(lambda: len(server.seqs()) == 2, "both entries")
    bench.journal.close()


async def test_cut_off_a_no_show_is_released_and_a_class_lets_its_guests_in(
    tmp_path, identities, certificates, monkeypatch
):
    """The line between gateway and broker is cut; both run on, and neither is told."""
    monkeypatch.setattr("gateway.link.BACKOFF_S", (0.05, 0.2))
    bench, ca = Booked(tmp_path), str(certificates.cafile)
    missed = NOW.model_copy(update={"released_ms": NOW_MS + 900_000})
    lesson = CLASS.model_copy(update={"begins_ms": missed.ends_ms, "ends_ms": missed.ends_ms + HOUR_MS})
    settings = BrokerSettings(tmp_path / "broker", identities, tls=certificates.tls, engine=Engine.MOSQUITTO)
    async with (
        run_broker(settings) as broker,
        cable(broker.port) as line,
        serving(broker.port, certificates) as server,
        running(link := make_link(bench, line.port, ca)),
    ):
        await server.until(Channel.HELLO, 1)
        assert link.answer_ms is None, "nobody answered the hello"
        await server.ack(1, 0)
        await server.say(Channel.ROSTER, bench.booked(missed, lesson))
        await until(lambda: bench.roster.machines["laser"].entry.bookings, "the bookings")
        assert link.answer_ms is not None
        line.cut()
        await until(lambda: not link.connected, "the link is lost")
        await bench.tap(BEN)
        assert await bench.reasons() == [DenialReason.RESERVED]
        bench.clock.pass_s(900)
        await bench.tap(BEN)
        assert bench.relay.is_on, "a quarter of an hour without its holder"
        await bench.tap(BEN)
        bench.clock.pass_s(2_700)
        await bench.tap(IVY)
        await bench.tap(CAL)
        assert bench.relay.is_on, "an untrained guest of a class that was opened"
        line.mend()
        await server.until(Channel.HELLO, 2)
        await server.ack(1, 0)
        written = len(await bench.facts())
        await until(lambda: len(set(server.seqs())) == written, "all that was written meanwhile")
    bench.journal.close()


async def test_two_gateways_of_one_name_end_each_others_connection_ever_less_often(
    tmp_path, identities, certificates, monkeypatch
):
    monkeypatch.setattr("gateway.link.BACKOFF_S", (0.02, 60))
    monkeypatch.setattr("gateway.link.ANSWER_S", 1)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    benches = [Bench(tmp_path / name) for name in ("one", "two")]
    settings = BrokerSettings(tmp_path / "broker", identities, tls=certificates.tls, engine=Engine.MOSQUITTO)
    async with run_broker(settings) as broker:
        links = [make_link(bench, broker.port, str(certificates.cafile)) for bench in benches]
        async with running(links[0]), running(links[1]):
            await until(lambda: sum(link._failures for link in links) > 6, "each waits longer each time")
    for bench in benches:
        bench.journal.close()


async def test_a_broker_that_restarts_is_found_again_each_time(
    tmp_path, identities, certificates, monkeypatch
):
    monkeypatch.setattr("gateway.link.BACKOFF_S", (0.05, 0.2))
    monkeypatch.setattr("gateway.upload.ACK_DEADLINE_S", 0.5)
    bench = Bench(tmp_path)
    settings = BrokerSettings(tmp_path / "broker", identities, tls=certificates.tls, engine=Engine.MOSQUITTO)
    async with run_broker(settings) as broker, serving(broker.port, certificates) as server:
        port = broker.port
        link = make_link(bench, port, str(certificates.cafile))
        task = asyncio.create_task(link.run())
        await server.until(Channel.HELLO, 1)
    for _ in range(2):
        await until(lambda: not link.connected, "the gateway notices")
        async with run_broker(replace(settings, port=port)), serving(port, certificates) as server:
            await server.until(Channel.HELLO, 1)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task], timeout=PATIENCE_S)
    assert task.cancelled()
    bench.journal.close()


async def test_a_broker_that_refuses_a_subscription_is_left_and_asked_again(
    tmp_path, identities, monkeypatch, caplog
):
    """It says no in its SUBACK (MQTT 3.1.1, section 3.9): who overlooks that is connected, and deaf."""
    monkeypatch.setattr("gateway.link.BACKOFF_S", (0.05, 0.2))
    caplog.set_level("INFO", logger="gateway.link")
    bench, answers = Bench(tmp_path), 0

    def refusing(data: bytes) -> bytes:
        nonlocal answers
        if data[:2] == b"\x90\x03" and len(data) == 5:
            answers += 1
            return data[:4] + b"\x80" if answers in (1, 4) else data  # of acknowledgements; then of commands
        return data

    settings = BrokerSettings(tmp_path / "broker", identities, engine=Engine.MOSQUITTO)
    async with run_broker(settings) as broker, cable(broker.port) as line:
        line.edit = refusing
        link = make_link(bench, line.port, "")
        async with running(link):
            await until(lambda: link.connected, "the third time it refuses nothing")
    told = [f"it refuses to tell of {channel}" for channel in (Channel.ACK, Channel.COMMAND)]
    assert [words for words in told if words in caplog.text] == told
    bench.journal.close()
