"""A gateway whose password somebody has, at a real Mosquitto, against a real server and another real gateway.

Then somebody who has the server's own password at the broker: a broker that was taken over can do no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from sqlmodel import select

from booking_api.gateways.keys import Signer, open_signer
from booking_api.metering import metrics
from booking_api.sessions.models import MachineSession
from floor.wire.examples import ALL
from floor.wire.messages import Alive, Clear, Command, Hello, Identify, Stop
from floor.wire.topics import DELIVERY, Channel, topic
from tests.contract.gateway.test_badges_whole import LOST as BADGE
from tests.contract.gateway.test_badges_whole import MACHINES, Space, space, until
from tests.fuzz.engine import mutate
from tests.kit.gateway import SigningServer, make_roster

__all__ = ["space"]
SEED = 8
FLOOD = 600
MOST_MIB = 256
"""So much more memory may gateways, server and test together take by all of this."""
MINE, THEIRS = "gw-a", "gw-b"


@asynccontextmanager
async def thief(space: Space, **more: object) -> AsyncIterator[aiomqtt.Client]:
    port, password = space.broker
    async with aiomqtt.Client(
        "127.0.0.1", port, username=MINE, password=password, timeout=20, **more
    ) as client:  # type: ignore[arg-type] # the test's own
        yield client


def refused() -> float:
    return metrics.PEER_ERRORS.labels("gateway")._value.get()


def at_gateway(space: Space) -> float:
    return space.gateways[THEIRS].metrics.peer_errors.labels("broker")._value.get()


@pytest.mark.timeout(240)
async def test_whoever_has_a_gateways_password_hurts_nobody_else(space: Space, tmp_path: Path) -> None:
    """One floor for all of it: it takes seconds to put one up."""
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await space.tap(BADGE, THEIRS)
    await until(lambda: space.running(THEIRS), "a member works at the other gateway")
    await speaks_for_another(space)
    await listens_to_all(space)
    await dies_in_anothers_name(space)
    await takes_anothers_place(space)
    await sends_what_is_too_large(space)
    await leaves_garbage(space)
    await floods(space)
    await orders_what_only_the_server_may(space, open_signer(tmp_path / "data"))
    assert space.running(THEIRS), "the member still works"
    assert not space.running(MINE), "no power came of any of it"
    await space.tap(BADGE, THEIRS)
    await until(lambda: not space.running(THEIRS), "and ends when they want")
    await until(lambda: ended(space), "the session comes to the server")
    taken_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) >> 10
    assert taken_mib < MOST_MIB, f"{taken_mib} MiB more"


def ended(space: Space) -> bool:
    with space.context.database.read() as session:
        found = session.exec(select(MachineSession)).all()
    assert {one.machine for one in found} <= {MACHINES[THEIRS]}, "no session was invented"
    return [one.stop_type for one in found] == ["tap_out"] * 2


async def speaks_for_another(space: Space) -> None:
    """On the other's topics the broker drops it; in the other's name on its own the server refuses it."""
    before = refused()
    for channel in Channel:
        with contextlib.suppress(aiomqtt.MqttError):  # the broker hangs up
            async with thief(space) as client:
                await client.publish(
                    topic(THEIRS, channel), Alive(gateway=THEIRS, online=False).encode(), qos=1
                )
    async with thief(space) as client:
        await client.publish(topic(MINE, Channel.ALIVE), Alive(gateway=THEIRS, online=False).encode(), qos=1)
        lie = Hello(gateway=THEIRS, boot_id="b", software="1", journal_epoch=9, next_seq=1)
        await client.publish(topic(MINE, Channel.HELLO), lie.encode(), qos=1)
    await until(lambda: refused() >= before + 2, "what names another is counted")
    assert refused() == before + 2, "the other's topics did not come through at all"
    assert space.context.live.snapshot().gateways[THEIRS].online


async def listens_to_all(space: Space) -> None:
    async with thief(space) as client:
        for filter in ("#", "mf/#", "+/+/+/+", f"mf/{THEIRS}/down/#", f"mf/{THEIRS}/up/#", "$SYS/#"):
            with contextlib.suppress(aiomqtt.MqttError):
                await client.subscribe(filter, qos=1)
        space.gateways[THEIRS].link.changed()
        heard: list[str] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                async for message in client.messages:
                    heard.append(message.topic.value)
    assert [one for one in heard if not one.startswith(f"mf/{MINE}/")] == []


async def dies_in_anothers_name(space: Space) -> None:
    gone = Alive(gateway=THEIRS, online=False).encode()
    with contextlib.suppress(aiomqtt.MqttError):
        async with thief(space, will=aiomqtt.Will(topic(THEIRS, Channel.ALIVE), gone, 1, True)) as client:
            client._client._sock_close()  # the line is cut: no DISCONNECT is said
            raise aiomqtt.MqttError("cut")
    await asyncio.sleep(0.5)
    assert space.context.live.snapshot().gateways[THEIRS].online


async def takes_anothers_place(space: Space) -> None:
    """Who connects with a client's identifier cuts it off; a gateway's cannot be guessed."""
    for identifier in (f"gateway-{THEIRS}", THEIRS, "server"):
        async with thief(space, identifier=identifier, clean_session=False):
            await asyncio.sleep(0.1)
            assert space.gateways[THEIRS].link.connected
    assert space.context.live.snapshot().gateways[THEIRS].online


async def sends_what_is_too_large(space: Space) -> None:
    """256 MiB end the connection at their head; 8 MiB, which a roster may have, are refused by the server."""
    port, password = space.broker
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    texts = (b"huge", MINE.encode(), password.encode())
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + b"".join(len(one).to_bytes(2, "big") + one for one in texts)
    writer.write(bytes([0x10, len(body)]) + body)
    assert (await reader.readexactly(4))[3] == 0
    writer.write(
        b"\x30\xff\xff\xff\x7f" + bytes(65_536)
    )  # PUBLISH of 268,435,455 bytes, the most that MQTT has
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()
    before = refused()
    async with thief(space) as client:
        for channel in (Channel.JOURNAL, Channel.STATIONS, Channel.ALIVE) * 4:
            await client.publish(topic(MINE, channel), bytes(8 << 20), qos=1)
    await until(lambda: refused() >= before + 12, "each is refused")


async def leaves_garbage(space: Space) -> None:
    """Retained on every topic of its own, and by seed changed from messages that are good."""
    chance, before, sent = random.Random(SEED), refused(), 0
    good = [one.encode().replace(b"wood-shop", MINE.encode()) for one in ALL]
    async with thief(space) as client:
        for channel in (one for one in Channel if one.startswith("up/")):
            for _ in range(12):
                junk = mutate(chance, good)[: DELIVERY[channel].limit_bytes]
                await client.publish(topic(MINE, channel), junk, qos=1, retain=True)
                sent += 1
            await client.publish(topic(MINE, channel), b"\xff{", qos=1, retain=True)
    await until(lambda: refused() > before + sent // 2, "what is no message is counted")


async def floods(space: Space) -> None:
    """As fast as it can, with what costs the server most; the others' messages still find their place."""
    server, hello = (
        space.gateways[THEIRS],
        Hello(gateway=MINE, boot_id="b", software="1", journal_epoch=1, next_seq=1),
    )
    async with thief(space) as client:
        flood = asyncio.create_task(_flood(client, hello.encode()))
        entries = server.journal.next_seq
        await space.tap(BADGE, THEIRS)
        await until(lambda: not space.running(THEIRS), "a tap ends the session, whatever the broker carries")
        await space.tap(BADGE, THEIRS)
        await until(lambda: space.running(THEIRS), "and another begins one")
        await until(lambda: server.journal.acknowledged >= entries, "its journal is applied while it goes on")
        await flood


async def _flood(client: aiomqtt.Client, payload: bytes) -> None:
    for _ in range(FLOOD):
        await client.publish(topic(MINE, Channel.HELLO), payload, qos=1)


async def orders_what_only_the_server_may(space: Space, signer: Signer) -> None:
    """With the server's password at the broker, and without its key: nothing is obeyed, all is counted.

    What the server itself signed, and somebody kept, is carried out once, and not after its end.
    """
    gateway, port = space.gateways[THEIRS], space.broker[0]
    session, held = gateway.stations[MACHINES[THEIRS]].session_id, gateway.roster.version
    assert session
    assert held
    now_ms, before = space.context.clock.now_ms(), at_gateway(space)
    fields = {"gateway": THEIRS, "by": "x", "issued_ms": now_ms, "expires_ms": now_ms + 60_000}
    stop, clear, look = (
        Stop(machine=MACHINES[THEIRS], session_id=session),
        Clear(machine=MACHINES[THEIRS], reason="x"),
        Identify(machine=MACHINES[THEIRS]),
    )
    true = signer.sign(Command(id="kept", order=look, **fields)).encode()  # type: ignore[arg-type] # checked there
    late = signer.sign(Command(id="late", order=stop, **(fields | {"expires_ms": now_ms - 60_000}))).encode()  # type: ignore[arg-type]
    other = signer.sign(Command(id="other", order=stop, **(fields | {"gateway": MINE}))).encode()  # type: ignore[arg-type]
    forged = SigningServer(THEIRS)
    orders = [
        *(
            forged.command(order, id=f"x{n}", expires_ms=now_ms + 60_000)
            for n, order in enumerate((stop, clear))
        ),
        Command(id="bare", order=stop, **fields).encode(),  # type: ignore[arg-type]
        true.replace(b"identify", b"stop_all"),
        other,
        b"",
        b"{}",
    ]
    rosters = [forged.sign("roster", make_roster(THEIRS, held.n + 5, held.epoch + 1)), b"\xff" * 64, true]
    async with aiomqtt.Client("127.0.0.1", port, username="server", password="s", timeout=20) as broker:
        for order in orders:
            await broker.publish(topic(THEIRS, Channel.COMMAND), order, qos=1)
        for roster in rosters:
            await broker.publish(topic(THEIRS, Channel.ROSTER), roster, qos=1)
            await broker.publish(topic(THEIRS, Channel.KEYS), roster, qos=1)
        await until(lambda: at_gateway(space) >= before + len(orders) + 2 * len(rosters), "each is counted")
        await broker.publish(topic(THEIRS, Channel.COMMAND), late, qos=1)
        for _ in range(20):
            await broker.publish(topic(THEIRS, Channel.COMMAND), true, qos=1)
        await until(lambda: "kept" in gateway.link._carried, "the true one is carried out")
        await asyncio.sleep(0.5)
    assert list(gateway.link._carried).count("kept") == 1
    assert gateway.roster.version == held
    assert gateway.stations[MACHINES[THEIRS]].session_id == session, "what came too late ended nothing"
