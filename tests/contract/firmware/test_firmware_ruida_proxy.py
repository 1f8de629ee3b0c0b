"""What a sender meets behind the Ruida driver's proxy: a scripted one, the simulated controller, MeerK40t.

Sources of the sender: LightBurn's questions in MeerK40t's issue 2352 (one packet, an ACK, an answer, the
next); a file in packets of about 1000 bytes, each sent again without an ACK: edutechwiki.unige.ch/en/Ruida,
"UDP:50200"; answers wanted at the fixed port 40200: jnweiger/ruida-laser, src/udpsendruida.py.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.events import Identified, JobEnded, JobRefused, JobStarted, MachineEvent, Noise
from firmware_bridge.ruida import codec, link
from firmware_bridge.ruida import driver as ruida
from firmware_bridge.ruida.driver import RuidaDriver, RuidaSettings
from firmware_bridge.ruida.link import Link
from firmware_bridge.ruida.parser import Value
from firmware_bridge.ruida.tracker import Tracker
from firmware_bridge.transports.real import RealTransports
from floor.errors import ConfigError, MachineFault
from floor.words import Activity, JobOutcome
from tests.contract.firmware.ruida_peers import Peer, meerk40t, simulated
from tests.contract.firmware.ruida_sim import swizzle, unswizzle
from tests.kit.watch import DEADLINE_S, Watch, watching

ACK, ERR, NAK = b"\xcc", b"\xcd", b"\xcf"
CARD, STATUS = b"\xda\x00\x05\x7e", b"\xda\x00\x04\x00"
BODY = b"".join(b"\x88" + bytes(n % 100 for n in range(k, k + 10)) for k in range(200))
JOB = b"\xd8\x12\xf0\xe7\x01PART-7\x00" + BODY + b"\xeb\xe7\x00\xda\x01\x06\x20" + b"\x00" * 10 + b"\xd7"


class Sender:
    """A program that sends, at a host of its own (127.0.0.2 …), and hears at the fixed port."""

    def __init__(self, driver: RuidaDriver, port: int, host: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setblocking(False)
        self._socket.bind((host, port))
        self._to = ("127.0.0.1", driver.port)

    def send(self, commands: bytes, off: int = 0) -> None:
        wire = swizzle(commands, 0x88)
        self._socket.sendto((sum(wire) + off).to_bytes(4, "big")[2:] + wire, self._to)

    async def hear(self, within_s: float = DEADLINE_S) -> bytes:
        async with asyncio.timeout(within_s):
            data, sender = await self._loop.sock_recvfrom(self._socket, 2048)
        assert sender == self._to
        return unswizzle(data, 0x88)

    async def ask(self, commands: bytes) -> bytes:
        self.send(commands)
        assert await self.hear() == ACK
        return await self.hear()

    async def told(self, commands: bytes) -> bytes:
        self.send(commands)
        return await self.hear()

    async def upload(self, file: bytes, pause_s: float = 0.0) -> None:
        for at in range(0, len(file), 997):
            await asyncio.sleep(pause_s)
            assert await self.told(file[at : at + 997]) == ACK

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruida, "IDLE_POLL_S", 0.1)
    monkeypatch.setattr(ruida, "SETTLE_S", 0.2)
    monkeypatch.setattr(link, "REPLY_S", 0.3)


@pytest.fixture(scope="module")
def running() -> Iterator[Peer]:
    with simulated() as peer:
        yield peer


@pytest.fixture
def peer(running: Peer) -> Peer:
    for order in ("unmute", "power_cut", "power_up", "lose 0", "nak 0"):
        running.tell(order)
    return running


@asynccontextmanager
async def behind(peer: Peer, **more: object) -> AsyncIterator[tuple[Watch, Sender, Sender]]:
    """Open a driver as proxy, and two senders."""
    settings = RuidaSettings(
        url=peer.url,
        mode="proxy",
        listen="127.0.0.1:0",
        reply_port=peer.reply_port,
        poll_s=0.1,
        silence_s=2.0,
        **more,  # type: ignore[arg-type]
    )
    driver = RuidaDriver(settings, backoff=Backoff(0.05, 0.2))
    async with watching(driver) as watch:
        await watch.activity(Activity.IDLE)
        async with asyncio.timeout(DEADLINE_S):
            while not driver.port:
                await asyncio.sleep(0.01)
        senders = [Sender(driver, peer.reply_port, host) for host in ("127.0.0.2", "127.0.0.3")]
        yield watch, senders[0], senders[1]
        for sender in senders:
            sender.close()


async def test_two_senders_and_the_driver_get_their_own_answers(peer: Peer) -> None:
    async with behind(peer) as (watch, one, two):

        async def asks(sender: Sender, question: bytes, begin: bytes) -> None:
            for _ in range(40):
                assert (await sender.ask(question)).startswith(begin)

        await asyncio.gather(
            asks(one, CARD, b"\xda\x01\x05\x7e"), asks(two, b"\xda\x00\x05\x7f", b"\xda\x01\x05\x7fRDC")
        )
        assert await one.ask(STATUS + CARD) == b"\xda\x01\x04\x00" + bytes(5)
        assert not [e for e in watch.seen if isinstance(e, Noise)]
        with pytest.raises(TimeoutError):
            await two.hear(0.3)


async def test_a_file_arrives_as_it_was_sent_and_names_its_job(peer: Peer) -> None:
    async with behind(peer) as (watch, one, two):
        peer.tell("lose 1")
        one.send(JOB[:997])
        await asyncio.sleep(0.3)  # in which the driver would have asked
        await one.upload(JOB, pause_s=0.12)
        assert (await watch.next(JobStarted)).name == "PART-7"
        assert bytes.fromhex(peer.tell("state").split(" ")[4]) == JOB
        await one.upload(JOB[:-9])
        peer.tell("lose 1")
        one.send(JOB[-9:])
        await asyncio.sleep(0.3)
        assert await one.told(JOB[-9:]) == ACK
        assert bytes.fromhex(peer.tell("state").split(" ")[4]) == JOB
        assert await two.told(b"\xd8\x01") == ACK
        ended = await watch.next(JobEnded)
        assert (ended.outcome, ended.words) == (JobOutcome.CANCELLED, "it was stopped")


async def test_while_a_file_comes_nothing_else_gets_through(peer: Peer) -> None:
    async with behind(peer) as (watch, one, two):
        assert await one.told(JOB[:500]) == ACK
        two.send(CARD)
        with pytest.raises(TimeoutError):
            await two.hear(0.3)
        with pytest.raises(MachineFault, match="a file is sent"):
            await watch.driver.cancel()
        await one.upload(JOB[500:])
        assert bytes.fromhex(peer.tell("state").split(" ")[4]) == JOB
        await watch.next(JobStarted)
        await watch.driver.hold()
        await watch.activity(Activity.HELD)


async def test_questions_and_stops_pass_without_a_badge_and_work_does_not(peer: Peer) -> None:
    async with behind(peer, gate="authorised") as (watch, one, _):
        assert (await one.ask(CARD)).startswith(b"\xda\x01\x05\x7e")
        assert await one.told(b"\xce") == ACK
        assert await one.told(b"\xd8\x01") == ACK
        moves = b"\xd9\x10\x00" + bytes(10)
        for work in (JOB[:500], b"\xd8\x00", CARD + b"\xd8\x00", moves, b"\x07", b"\xe8\x02"):
            assert await one.told(work) == ERR
        assert (await watch.next(JobRefused)).words.endswith("was sent: the file PART-7")
        assert sum(isinstance(e, JobRefused) for e in watch.seen) == 1
        watch.driver.authorise(True)
        assert await one.told(JOB[:500]) == ACK
        watch.driver.authorise(False)
        await one.upload(JOB[500:])  # what has begun may end
        await watch.next(JobStarted)
        assert await one.told(b"\xd8\x03") == ERR


async def test_a_damaged_packet_is_refused_and_a_refusal_is_passed_on(peer: Peer) -> None:
    async with behind(peer) as (_, one, _two):
        one.send(CARD, off=1)
        assert await one.hear() == NAK
        peer.tell("nak 3")
        answers = {await one.told(b"\xce") for _ in range(4)}
        assert answers <= {NAK, ACK}
        one.send(b"\xda\x05\x00\x00")  # of which nobody knows how much answers it has
        assert await one.hear() == ACK
        assert (await one.ask(CARD)).startswith(b"\xda\x01\x05\x7e")


async def test_meerk40t_is_read_with_its_magic_card_status_and_position(tmp_path: Path) -> None:
    with meerk40t(tmp_path) as emulator:
        async with behind(emulator) as (watch, one, _):
            assert Identified("Ruida RDC6442G", "MEERK40T, no tube time") in watch.seen
            for _ in range(20):
                assert await one.ask(CARD) == b"\xda\x01\x05\x7e\x06\x28\x01\x4a\x00"
                assert (await one.ask(STATUS)).endswith(b"\x16")
            assert not [e for e in watch.seen if isinstance(e, Noise | JobStarted)]
        async with RealTransports().datagrams("127.0.0.1", urlsplit(emulator.url).port or 0).open() as line:
            noise: list[MachineEvent] = []
            opened = Link(line, Tracker(str), noise.append, time.monotonic, 0x88, True)
            assert await opened.ask(codec.AT_X_UM) == Value(codec.AT_X_UM, 0)
            assert await opened.ask(codec.AT_Y_UM) == Value(codec.AT_Y_UM, 235_000)
            assert await opened.ask(codec.STATUS) == Value(codec.STATUS, 22)
            for place in (codec.OPEN_TIME, codec.WORK_TIME, codec.JOB_COUNT, codec.LAST_WORK_TIME):
                assert await opened.ask(place) == Value(place, 0)
            await opened.order(codec.RESUME)
            assert not [event for event in noise if isinstance(event, Noise)]
        # it takes whatever magic the question for its card has
        async with behind(emulator, magic="0x11") as (watch, *_):
            assert isinstance(watch.seen[0], Identified)


@pytest.mark.parametrize(
    ("key", "value"),
    [("url", "udp://"), ("url", "udp://h:port"), ("url", "udp://h/x"), ("listen", "here"), ("magic", "0xzz")],
)
def test_settings_that_name_nothing_are_config_errors(key: str, value: str) -> None:
    right = {"url": "udp://127.0.0.1", "mode": "proxy"}
    with pytest.raises(ConfigError) as caught:
        RuidaDriver(RuidaSettings(**(right | {key: value})))  # type: ignore[arg-type]
    assert caught.value.key == key
