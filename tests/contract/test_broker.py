"""One contract for both brokers, Mosquitto and the embedded one: real processes and a real client."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from booking_api.broker.certificates import Certificates, make_certificates
from booking_api.broker.plan import Identity, IdentityKind
from booking_api.broker.process import BrokerProcess, BrokerSettings, Engine, find_mosquitto, run_broker
from floor.errors import ConfigError

WAIT_S = 20.0
QUIET_S = 1.0
PASSWORDS = {"server": "s-secret", "gw-a": "a-secret", "gw-b": "b-secret"}
IDENTITIES = tuple(
    Identity(name, password, IdentityKind.SERVER if name == "server" else IdentityKind.GATEWAY)
    for name, password in PASSWORDS.items()
)
ENGINES = pytest.mark.parametrize("engine", list(Engine))


def settings(engine: Engine, directory: Path, **more: object) -> BrokerSettings:
    if engine is Engine.MOSQUITTO:
        assert find_mosquitto(), "Mosquitto is missing: apt-get install mosquitto (make setup does, as root)"
    return BrokerSettings(directory, IDENTITIES, engine=engine, **more)  # type: ignore[arg-type] # test's own


def client(broker: BrokerProcess, name: str, password: str | None = None, **more: object) -> aiomqtt.Client:
    secret = PASSWORDS[name] if password is None else password
    return aiomqtt.Client(broker.host, broker.port, username=name, password=secret, timeout=WAIT_S, **more)  # type: ignore[arg-type] # test's own


@pytest.fixture(params=list(Engine))
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BrokerProcess]:
    async with run_broker(settings(request.param, tmp_path)) as running:
        yield running


async def receive(messages: AsyncIterator[aiomqtt.Message], count: int) -> list[tuple[str, bytes]]:
    """Take `count` messages, then make sure that no more come."""
    found: list[tuple[str, bytes]] = []
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(WAIT_S if len(found) < count else QUIET_S):
                message = await anext(messages)
            assert isinstance(message.payload, bytes)
            found.append((str(message.topic), message.payload))
    return found


async def connect_by_hand(
    broker: BrokerProcess, name: str, will_topic: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, int]:
    """Say an MQTT 3.1.1 CONNECT (3.1) with a last will at QoS 1; gives the CONNACK's return code."""
    texts = ("", will_topic, "gone", name, PASSWORDS[name])
    body = b"\x00\x04MQTT\x04\xce\x00\x3c" + b"".join(
        len(text).to_bytes(2, "big") + text.encode() for text in texts
    )
    reader, writer = await asyncio.open_connection(broker.host, broker.port)
    writer.write(bytes([0x10, len(body)]) + body)
    answer = await asyncio.wait_for(reader.readexactly(4), WAIT_S)
    return reader, writer, answer[3]


async def test_the_right_password_gets_in_and_a_wrong_one_does_not(broker: BrokerProcess) -> None:
    async with client(broker, "gw-a"):
        pass
    for name, password in (("gw-a", "b-secret"), ("gw-a", ""), ("nobody", "a-secret")):
        with pytest.raises(aiomqtt.MqttError):
            async with client(broker, name, password):
                pass
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client(broker.host, broker.port, timeout=WAIT_S):
            pass


async def test_a_gateway_writes_under_its_own_name_only(broker: BrokerProcess) -> None:
    async with client(broker, "server") as server:
        await server.subscribe("mf/+/up/#", qos=1)
        for topic in ("mf/gw-b/up/journal", "mf/gw-a/down/ack", "mf/gw-a/other", "mf/gw-a/up/journal"):
            async with client(broker, "gw-a") as gateway:
                with contextlib.suppress(aiomqtt.MqttError):  # one broker hangs up, the other drops it
                    await gateway.publish(topic, topic.encode(), qos=1)
        assert await receive(server.messages, 1) == [("mf/gw-a/up/journal", b"mf/gw-a/up/journal")]


async def test_a_gateway_reads_its_own_commands_only(broker: BrokerProcess) -> None:
    async with client(broker, "server") as server, client(broker, "gw-a") as gateway:
        await gateway.subscribe("mf/gw-a/down/#", qos=1)
        for foreign in ("mf/gw-b/down/#", "mf/+/down/#", "#", "mf/gw-b/up/#"):
            with contextlib.suppress(aiomqtt.MqttError):  # one broker refuses, the other filters at delivery
                await gateway.subscribe(foreign, qos=1)
        for name in ("gw-b", "gw-a"):
            await server.publish(f"mf/{name}/down/lockout", name.encode(), qos=1)
        received = await receive(gateway.messages, 1)
        assert set(received) == {("mf/gw-a/down/lockout", b"gw-a")}


async def test_a_retained_message_reaches_only_who_may_read_it(broker: BrokerProcess) -> None:
    async with client(broker, "server") as server, client(broker, "gw-a") as gateway:
        await server.subscribe("mf/+/up/#", qos=1)
        await gateway.publish("mf/gw-a/up/online", b"yes", qos=1, retain=True)
        assert await receive(server.messages, 1) == [("mf/gw-a/up/online", b"yes")]
        async with client(broker, "gw-b") as other:
            await other.subscribe("mf/gw-b/down/#", qos=1)
            assert await receive(other.messages, 0) == []
        async with client(broker, "server") as second:
            await second.subscribe("mf/+/up/#", qos=1)
            assert await receive(second.messages, 1) == [("mf/gw-a/up/online", b"yes")]


async def test_a_last_will_stays_under_its_own_name(broker: BrokerProcess) -> None:
    async with client(broker, "server") as server:
        await server.subscribe("mf/+/up/#", qos=1)
        for topic in ("mf/gw-b/up/online", "mf/gw-a/up/online"):
            _, writer, _ = await connect_by_hand(broker, "gw-a", topic)
            writer.close()  # no DISCONNECT is said, so the broker speaks the will
        assert await receive(server.messages, 1) == [("mf/gw-a/up/online", b"gone")]


async def test_queued_messages_survive_a_disconnect(broker: BrokerProcess) -> None:
    persistent = {"identifier": "gw-a", "clean_session": False}
    async with client(broker, "gw-a", **persistent) as gateway:
        await gateway.subscribe("mf/gw-a/down/#", qos=1)
    await asyncio.sleep(QUIET_S)  # a broker may still be seeing the first connection off
    async with client(broker, "server") as server:
        for number in range(20):
            await server.publish("mf/gw-a/down/command", str(number).encode(), qos=1)
    async with client(broker, "gw-a", **persistent) as gateway:
        received = await receive(gateway.messages, 20)
    assert {int(payload) for _, payload in received} == set(range(20))


async def test_another_user_cannot_take_a_session_with_its_queue(broker: BrokerProcess) -> None:
    async with client(broker, "gw-a", identifier="gw-a", clean_session=False) as gateway:
        await gateway.subscribe("mf/gw-a/down/#", qos=1)
    async with client(broker, "server") as server:
        await server.publish("mf/gw-a/down/command", b"for a", qos=1)
    with contextlib.suppress(aiomqtt.MqttError):
        async with client(broker, "gw-b", identifier="gw-a", clean_session=False) as thief:
            assert await receive(thief.messages, 0) == []


async def test_an_oversized_message_ends_its_connection_and_nothing_else(broker: BrokerProcess) -> None:
    async with client(broker, "server") as server, client(broker, "gw-a") as gateway:
        await server.subscribe("mf/+/up/#", qos=1)
        reader, writer, refused = await connect_by_hand(broker, "gw-b", "mf/gw-b/up/online")
        assert not refused
        writer.write(b"\x30\x80\x80\xc0\x04" + bytes(65536))  # a PUBLISH (3.3) that announces 9 MiB
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()
        assert await receive(server.messages, 1) == [("mf/gw-b/up/online", b"gone")]
        await gateway.publish("mf/gw-a/up/journal", bytes(1024 * 1024), qos=1)
        assert await receive(server.messages, 1) == [("mf/gw-a/up/journal", bytes(1024 * 1024))]


@ENGINES
async def test_a_port_in_use_is_named_with_its_remedy(engine: Engine, tmp_path: Path) -> None:
    async with run_broker(settings(engine, tmp_path / "first")) as first:
        with pytest.raises(ConfigError, match=f"port {first.port} .*choose another"):
            async with run_broker(settings(engine, tmp_path / "second", port=first.port)):
                pass


@ENGINES
async def test_it_ends_with_its_block_and_says_when_it_ends_before(engine: Engine, tmp_path: Path) -> None:
    async with run_broker(settings(engine, tmp_path)) as broker:
        ended = asyncio.create_task(broker.ended())
        await asyncio.sleep(0)
        assert not ended.done()
    await asyncio.wait_for(ended, WAIT_S)
    with pytest.raises(OSError, match=r"."):
        await asyncio.open_connection(broker.host, broker.port)


async def test_acknowledged_messages_survive_a_killed_mosquitto(tmp_path: Path) -> None:
    persistent = {"identifier": "gw-a", "clean_session": False}
    async with run_broker(settings(Engine.MOSQUITTO, tmp_path)) as broker:
        async with client(broker, "gw-a", **persistent) as gateway:
            await gateway.subscribe("mf/gw-a/down/#", qos=1)
        async with client(broker, "server") as server:
            await server.publish("mf/gw-a/down/command", b"kept", qos=1)
        database = tmp_path / "mosquitto.db"
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while not database.exists() or b"kept" not in database.read_bytes():
            assert asyncio.get_running_loop().time() < deadline, "Mosquitto did not write its queue"
            await asyncio.sleep(0.05)
        broker.kill()
        await broker.ended()
    async with (
        run_broker(settings(Engine.MOSQUITTO, tmp_path)) as broker,
        client(broker, "gw-a", **persistent) as gateway,
    ):
        assert await receive(gateway.messages, 1) == [("mf/gw-a/down/command", b"kept")]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("authority"), ["gw-a"])


@ENGINES
async def test_tls_takes_the_floors_authority_and_nothing_else(
    engine: Engine, tmp_path: Path, certificates: Certificates
) -> None:
    stranger = make_certificates(tmp_path / "stranger", []).cafile
    async with run_broker(settings(engine, tmp_path / "broker", tls=certificates.tls)) as broker:
        context = ssl.create_default_context(cafile=certificates.cafile)
        own = certificates.gateways["gw-a"]
        context.load_cert_chain(own.certfile, own.keyfile)
        async with client(broker, "server", tls_context=context) as server:
            await server.subscribe("mf/+/up/#", qos=1)
            async with client(broker, "gw-a", tls_context=context) as gateway:
                await gateway.publish("mf/gw-a/up/journal", b"sealed", qos=1)
            assert await receive(server.messages, 1) == [("mf/gw-a/up/journal", b"sealed")]
        with pytest.raises((aiomqtt.MqttError, ssl.SSLError)):
            async with client(broker, "gw-a", tls_context=ssl.create_default_context(cafile=stranger)):
                pass
        with pytest.raises(aiomqtt.MqttError):
            async with aiomqtt.Client(
                broker.host, broker.port, username="gw-a", password="a-secret", timeout=3
            ):
                pass
