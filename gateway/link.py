"""The link to the server: journal up, roster and commands down, over MQTT; the floor runs on without it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import random
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import aiomqtt

from floor.errors import PeerError
from floor.wire.base import Message
from floor.wire.brokers import ANSWER_S, CONNECT_S, next_try, refused
from floor.wire.journal import AlarmRaised, JournalAck
from floor.wire.messages import Alive, Command, Hello, Reply, Stations, Vitals
from floor.wire.messages import Station as StationShown
from floor.wire.topics import DELIVERY, Channel, topic
from gateway import upload
from gateway.config import BrokerConfig
from gateway.journal import Journal
from gateway.metrics import Metrics
from gateway.roster import RosterStore
from gateway.upload import Upload
from gateway.wiring_copy import WiringCopy

log = logging.getLogger(__name__)
SHOW_EVERY_S = 5
HELLO_EVERY_S = 900
BACKOFF_S = (0.5, 30.0)
STEADY_S = 10.0
"""A connection that ended sooner counts as failed: of two gateways with one name each ends the other's."""
REMEMBERED_COMMANDS = 256
SAID_LIMIT = 64
OLDER = "This gateway is older than its server and does not know that order: upgrade it"
INCOMING_MAX = 256
"""So many messages may wait; what the server sees unanswered, or a hello finds missing, it sends again."""
Carry = Callable[[Command], Reply | None]
"""Carries a command out; None where the answer follows by `Link.say`."""


class Link:
    """Keeps one gateway in touch with its server. `run` never ends; it reconnects with bounded backoff."""

    def __init__(
        self,
        name: str,
        broker: BrokerConfig,
        journal: Journal,
        roster: RosterStore,
        metrics: Metrics,
        *,
        software: str,
        boot_id: str,
        show: Callable[[], Stations],
        carry: Carry,
        roster_changed: Callable[[], None],
        alarm: Callable[[str, str], None],
        wiring: WiringCopy | None = None,
    ) -> None:
        self._name = name
        self._broker = broker
        self._journal = journal
        self._roster = roster
        self._metrics = metrics
        self._software = software
        self._boot_id = boot_id
        self._show = show
        self._carry = carry
        self._roster_changed = roster_changed
        self._wiring = wiring
        self._changed = asyncio.Event()
        self.upload = Upload(name, journal, alarm)
        self._failures = 0
        self._steady_s = math.inf
        self._ending = False
        self._answered = False
        self._carried: OrderedDict[str, Reply | None] = OrderedDict()
        self._said: asyncio.Queue[tuple[Channel, Message]] = asyncio.Queue(SAID_LIMIT)
        self.connected = False
        self._asked_s = 0.0
        self.answer_ms: int | None = None
        """How long the server took to answer the last hello, in real ms; None before the first answer."""

    def changed(self) -> None:
        """Say that a station changed, so that the board is told soon."""
        self._changed.set()

    def say(self, channel: Channel, message: Message) -> None:
        """Send a message that is of use now or never; without a broker, or behind too many, it is dropped."""
        if not self.connected or self._said.full():
            log.warning("not sent: a %s", type(message).__name__)
            return
        self._said.put_nowait((channel, message))

    async def run(self) -> None:
        """Connect, and connect again, for ever."""
        while True:
            attempt = asyncio.create_task(self._attempt())
            try:
                await asyncio.wait([attempt])
            finally:
                # In Python 3.11 a failing group of tasks, and a wait that is over, forget a cancellation.
                self._ending = not attempt.done()
                while not attempt.done():
                    attempt.cancel()
                    await asyncio.wait([attempt], timeout=0.5)
            attempt.result()
            _, delay_s = next_try(self._broker.nodes, self._failures, BACKOFF_S)
            self._failures += 1
            await asyncio.sleep(delay_s * random.uniform(0.5, 1))

    async def _attempt(self) -> None:
        """Stay connected for as long as it lasts."""
        now_s = asyncio.get_running_loop().time
        self._steady_s = math.inf
        try:
            async with self._client() as client:
                await self._connected(client)
        except* (aiomqtt.MqttError, OSError) as lost:
            log.info("broker: %s", "; ".join(str(error) for error in lost.exceptions))
        finally:
            self.connected = False
            self.upload.ended()
            if now_s() > self._steady_s:
                self._failures = 0
            self._metrics.broker_connected.set(0)

    def _client(self) -> aiomqtt.Client:
        gone = Alive(gateway=self._name, online=False).encode()
        (host, port), _ = next_try(self._broker.nodes, self._failures, BACKOFF_S)
        return aiomqtt.Client(
            host,
            port,
            username=self._name,
            password=self._broker.password,
            identifier=client_id(self._name, self._broker.password),
            clean_session=False,
            will=aiomqtt.Will(topic(self._name, Channel.ALIVE), gone, 1, True),
            tls_params=aiomqtt.TLSParameters(ca_certs=self._broker.ca) if self._broker.ca else None,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            timeout=CONNECT_S,
            keepalive=20,
            max_queued_incoming_messages=INCOMING_MAX,
        )

    async def _connected(self, client: aiomqtt.Client) -> None:
        client.timeout = ANSWER_S
        for channel in (Channel.ACK, Channel.ROSTER, Channel.COMMAND, Channel.KEYS):
            if any(map(refused, await client.subscribe(topic(self._name, channel), qos=1))):
                raise aiomqtt.MqttError(f"it refuses to tell of {channel}")
        await self._publish(client, Channel.ALIVE, Alive(gateway=self._name, online=True))
        await self._hello(client)
        while not self._said.empty():
            self._said.get_nowait()  # of an earlier connection: whoever waited has given up
        self.connected = True
        self._steady_s = asyncio.get_running_loop().time() + STEADY_S
        self._metrics.broker_connected.set(1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(client))
            publish, ask = partial(self._publish, client), partial(self._hello, client)
            tasks.create_task(self.upload.run(publish, ask))
            tasks.create_task(self._send_stations(client))
            tasks.create_task(self._say_hello_again(client))
            tasks.create_task(self._send_said(client))

    async def _publish(self, client: aiomqtt.Client, channel: Channel, message: Message) -> None:
        how = DELIVERY[channel]
        await client.publish(topic(self._name, channel), message.encode(), qos=how.qos, retain=how.retained)
        if self._ending:
            raise asyncio.CancelledError

    async def _hello(self, client: aiomqtt.Client) -> None:
        hello = Hello(
            gateway=self._name,
            boot_id=self._boot_id,
            software=self._software,
            journal_epoch=self._journal.epoch,
            next_seq=self._journal.next_seq,
            roster=self._roster.version,
            server_key=self._roster.keys.newest,
            keys_n=self._roster.keys.n,
        )
        self._answered, self._asked_s = False, time.monotonic()
        await self._publish(client, Channel.HELLO, hello)

    async def _say_hello_again(self, client: aiomqtt.Client) -> None:
        """Ask from time to time, so that an unchanged roster stays fresh; soon while nobody answered."""
        while True:
            greeted = self.upload.greeted
            await asyncio.sleep(HELLO_EVERY_S if greeted else upload.ACK_DEADLINE_S)
            if greeted:
                self.upload.batches.grow()
            await self._hello(client)

    async def _send_said(self, client: aiomqtt.Client) -> None:
        while True:
            await self._publish(client, *await self._said.get())

    async def _send_stations(self, client: aiomqtt.Client) -> None:
        while True:
            await self._publish(client, Channel.STATIONS, self._show())
            try:
                await asyncio.wait_for(self._changed.wait(), SHOW_EVERY_S)
            except TimeoutError:
                continue
            await asyncio.sleep(0.1)  # a burst of changes is one message
            self._changed.clear()

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            channel = message.topic.value.removeprefix(topic(self._name, Channel.ACK)[: -len(Channel.ACK)])
            payload = message.payload if isinstance(message.payload, bytes) else b""
            try:
                await self._take(client, channel, payload)
            except PeerError as error:
                self._metrics.peer_errors.labels("broker").inc()
                log.warning("refused from the broker: %s", error)

    async def _take(self, client: aiomqtt.Client, channel: str, payload: bytes) -> None:
        match channel:
            case Channel.ACK:
                ack = JournalAck.decode(payload, DELIVERY[Channel.ACK].limit_bytes)
                await self._take_ack(client, ack)
            case Channel.ROSTER:
                await self._take_roster(client, payload)
            case Channel.COMMAND:
                await self._take_command(client, payload)
            case Channel.KEYS:
                await self._take_keys(client, payload)

    async def _take_ack(self, client: aiomqtt.Client, ack: JournalAck) -> None:
        journal = self._journal
        if ack.epoch > journal.epoch:
            raise PeerError(f"the server acknowledges epoch {ack.epoch}, this journal is at {journal.epoch}")
        if ack.epoch == journal.epoch:
            behind = ack.seq >= journal.next_seq
            if ack.quarantined or behind or not await journal.agrees(ack.seq, ack.hash):
                log.error("the journal forked at or before entry %d: a new epoch begins", ack.seq)
                anew = behind and not journal.acknowledged  # a Pi that took a dead one's place
                await journal.begin_epoch(journal.acknowledged)
                if not anew:
                    words = f"the server has entries up to {ack.seq} that are not of this journal"
                    journal.append(AlarmRaised(machine=None, code="journal_forked", words=words))
                self.upload.again()
                await self._hello(client)
                return
            self.upload.acknowledged(ack.seq)
        self.upload.greet()
        if not self._answered:
            self._answered, self.answer_ms = True, round((time.monotonic() - self._asked_s) * 1000)
            await self._send_wiring(client)

    async def _send_wiring(self, client: aiomqtt.Client) -> None:
        """Give the server a copy once it has answered a hello, so that it comes where somebody keeps it."""
        journal = self._journal
        if self._wiring and (copy := self._wiring.sealed(journal.epoch, journal.next_seq)):
            await self._publish(client, Channel.WIRING, copy)

    async def _take_keys(self, client: aiomqtt.Client, payload: bytes) -> None:
        """Believe the server's other keys; a roster that a dropped key signed is replaced by a new one."""
        if self._roster.keys.take(payload):
            self._roster.ask_whole()
        await asyncio.to_thread(self._keep, self._roster.keys.save, payload)
        log.info("the server has other keys: number %d", self._roster.keys.n)
        await self._hello(client)

    async def _take_roster(self, client: aiomqtt.Client, payload: bytes) -> None:
        try:
            changed = self._roster.take(payload)
        except PeerError as error:
            self._metrics.roster_refused.labels("delta" if "delta" in str(error) else "refused").inc()
            if "does not fit" in str(error) or "no roster is held" in str(error):
                await self._hello(client)
            raise
        await asyncio.to_thread(self._keep, self._roster.save, payload)
        if changed:
            self._roster_changed()

    @staticmethod
    def _keep(save: Callable[[bytes], None], payload: bytes) -> None:
        try:
            save(payload)
        except OSError as error:
            log.error("what the server signed cannot be kept on disk: %s", error)

    async def _take_command(self, client: aiomqtt.Client, payload: bytes) -> None:
        try:
            command = self._roster.command(payload)
        except PeerError:
            if id := self._roster.unread(payload):
                older = Reply(id=id, gateway=self._name, done=False, words=OLDER)
                await self._publish(client, Channel.REPLY, older)
            raise
        if command.id not in self._carried:
            self._carried[command.id] = self._carry(command)
            if len(self._carried) > REMEMBERED_COMMANDS:
                self._carried.popitem(last=False)
        if reply := self._carried[command.id]:
            await self._publish(client, Channel.REPLY, reply)


def client_id(name: str, password: str) -> str:
    """Return an identifier that nobody can guess: who connects with another's cuts the other off."""
    return f"gateway-{name}-{hashlib.sha256(f'makerfloor client {password}'.encode()).hexdigest()[:16]}"


def shown(
    gateway: str,
    at_ms: int,
    roster: RosterStore,
    journal: Journal,
    stations: list[StationShown],
    vitals: Vitals | None = None,
    *,
    stuck: bool = False,
) -> Stations:
    """Return what the board is told of all stations."""
    return Stations(
        gateway=gateway,
        at_ms=at_ms,
        roster=roster.version,
        roster_age_s=roster.age_s() if roster.version else None,
        journal_lag=journal.lag,
        degraded=bool(journal.degraded),
        stuck=stuck,
        vitals=vitals,
        stations=stations,
    )
