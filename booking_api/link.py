"""The link to the gateways over MQTT: journals and live state come up, acknowledgements and orders go down.

The broker's own acknowledgement proves nothing durable: a gateway is told "applied" only after the commit.
What malformed peers send is counted and dropped; what the database refuses is not acknowledged, so that the
gateway sends it again. Each of several processes hears all gateways and may order any; the journal and the
roster of a gateway are the work of the one that serves it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiomqtt
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, func, select

from booking_api.broker.client import client_at, visit
from booking_api.broker.settings import BrokerSettings
from booking_api.clock import Clock
from booking_api.crew import Alone, Crew, part_of
from booking_api.db import Database, StorageFull
from booking_api.gateways import versions
from booking_api.gateways.changes import newest_change
from booking_api.gateways.keys import Signer
from booking_api.gateways.models import Gateway
from booking_api.gateways.office import Office
from booking_api.gateways.turns import Turns
from booking_api.gateways.underway import Underway
from booking_api.incoming import Shared
from booking_api.ledger import chain
from booking_api.live import LiveFloor
from booking_api.metering import metrics
from booking_api.metering.ingest import ingest
from booking_api.quiet import Quiet
from booking_api.rounds import each, leading
from booking_api.sessions.models import MachineSession, SessionState
from floor.errors import MachineUnreachable, PeerError
from floor.wire.base import Message
from floor.wire.brokers import ANSWER_S, next_try, refused
from floor.wire.journal import JournalBatch
from floor.wire.messages import Alive, BadgeRead, Command, Hello, Order, Reply, Stations, Wiring
from floor.wire.roster import Roster, RosterDelta, RosterVersion
from floor.wire.topics import DELIVERY, ROOT, Channel, parse, topic

log = logging.getLogger(__name__)
_Work = JournalBatch | Hello | Stations | BadgeRead | Wiring
BadgeSink = Callable[[str, BadgeRead], Awaitable[None]]
"""Takes a badge that a gateway read; raises PeerError for one that nobody waits for."""
REPLY_TIMEOUT_S = 5.0
BACKOFF_S = (0.5, 30.0)
OUTBOX_EVERY_S = 0.25
BOOKS_EVERY_S = 10.0
VISIT_EVERY_S = 15.0
WAITING_MAX = 256
WAITING_EACH_MAX = 32
COMMANDS_MAX = 256
SERVED = frozenset({Channel.JOURNAL, Channel.HELLO, Channel.WIRING})
"""What only the process that serves a gateway takes."""


class Link:
    """The server's end of the wire. `run` never ends by itself; it reconnects with bounded backoff."""

    def __init__(
        self,
        broker: BrokerSettings,
        db: Database,
        clock: Clock,
        signer: Signer,
        office: Office,
        live: LiveFloor,
        badge_read: BadgeSink | None = None,
        crew: Crew | None = None,
    ) -> None:
        self._broker = broker
        self._db = db
        self._clock = clock
        self._signer = signer
        self._office = office
        self._live = live
        self._badge_read = badge_read
        self._crew = crew or Alone()
        self._client: aiomqtt.Client | None = None
        self._work: Shared[_Work] = Shared(WAITING_MAX, WAITING_EACH_MAX)
        self._replies: dict[str, tuple[str, asyncio.Future[Reply]]] = {}
        self._online: set[str] = set()
        self._held: dict[str, RosterVersion] = {}
        self._underway = Underway()
        self._keys_told: dict[str, tuple[str | None, int]] = {}
        self._drained: object = None
        self._turns = Turns(self._db, self._office, clock)
        self._mark = chain.Mark()
        self._quiet = Quiet(log)
        self._failures = 0
        self._ending = False

    async def run(self) -> None:
        """Hold the link until cancelled."""
        if await self._db.transact(versions.check_restored):
            log.warning("the database was restored: rosters begin a new epoch")
        if self._crew.leads():
            await self._turns.look()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stay_connected())
            group.create_task(each(BOOKS_EVERY_S, leading(self._crew, self._books), self._quiet))
            group.create_task(each(OUTBOX_EVERY_S, leading(self._crew, self._turns.look), self._quiet))
            group.create_task(each(VISIT_EVERY_S, leading(self._crew, self._visit), self._quiet))

    async def send_command(
        self, gateway: str, order: Order, by: str, timeout_s: float = REPLY_TIMEOUT_S
    ) -> Reply:
        """Sign an order, send it and return the gateway's answer; raises MachineUnreachable without one.

        The order dies with the time to wait for it: a gateway that comes back later does not obey it.
        """
        client = self._client
        if client is None or gateway not in self._online or len(self._replies) >= COMMANDS_MAX:
            raise MachineUnreachable(f"The gateway {gateway} is not connected.")
        now_ms = self._clock.now_ms()
        command = Command(
            id=self._clock.new_id(),
            gateway=gateway,
            by=by,
            issued_ms=now_ms,
            expires_ms=now_ms + round(timeout_s * 1000) * self._clock.scale.speed,
            order=order,
        )
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._replies[command.id] = (gateway, reply)
        try:
            async with asyncio.timeout(timeout_s):
                await self._publish(client, gateway, Channel.COMMAND, self._signer.sign(command))
                return await reply
        except (TimeoutError, aiomqtt.MqttError) as error:
            raise MachineUnreachable(f"The gateway {gateway} did not answer in time.") from error
        finally:
            del self._replies[command.id]

    async def _stay_connected(self) -> None:
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
        try:
            node, _ = next_try(self._broker.nodes, self._failures, BACKOFF_S)
            async with client_at(self._broker, node) as client:
                self._client = client
                await self._connected(client)
        except* (aiomqtt.MqttError, OSError) as lost:
            self._quiet.warn("broker", "; ".join(str(error) for error in lost.exceptions))
        finally:
            self._client = None
            self._crew.reach(False)
            for gateway in tuple(self._online):
                self._present(gateway, False)

    async def _connected(self, client: aiomqtt.Client) -> None:
        client.timeout = ANSWER_S
        if any(map(refused, await client.subscribe(f"{ROOT}/+/up/#", qos=self._broker.hears_qos))):
            raise aiomqtt.MqttError("it refuses to tell of the gateways")
        self._failures, self._drained = 0, None
        self._crew.reach(True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(client))
            tasks.create_task(self._answer(client))
            tasks.create_task(self._drain(client))

    async def _publish(
        self, client: aiomqtt.Client, gateway: str, channel: Channel, message: Message
    ) -> None:
        how = DELIVERY[channel]
        payload = message.encode()
        if len(payload) > how.limit_bytes:
            self._quiet.warn("too long", f"{channel} for {gateway} has {len(payload)} bytes")
            return
        await client.publish(topic(gateway, channel), payload, qos=how.qos, retain=how.retained)
        if self._ending:
            raise asyncio.CancelledError

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            try:
                gateway, channel = parse(message.topic.value)
                if channel not in SERVED or self._serves(gateway):
                    self._take(gateway, channel, payload)
            except PeerError as error:
                self._peer_error(error)

    def _take(self, gateway: str, channel: Channel, payload: bytes) -> None:
        limit = DELIVERY[channel].limit_bytes
        match channel:
            case Channel.JOURNAL:
                self._queue(gateway, _from(gateway, JournalBatch.decode(payload, limit)))
            case Channel.HELLO:
                self._queue(gateway, _from(gateway, Hello.decode(payload, limit)))
            case Channel.STATIONS:
                self._stations(gateway, _from(gateway, Stations.decode(payload, limit)))
            case Channel.ALIVE:
                self._present(gateway, _from(gateway, Alive.decode(payload, limit)).online)
            case Channel.WIRING:
                self._queue(gateway, _from(gateway, Wiring.decode(payload, limit)))
            case Channel.REPLY:
                self._reply(gateway, _from(gateway, Reply.decode(payload, limit)))
            case Channel.BADGE:
                self._queue(gateway, _from(gateway, BadgeRead.decode(payload, limit)))
            case _:
                raise PeerError(f"{gateway} spoke on {channel}, which is the server's")

    def _queue(self, gateway: str, message: _Work) -> None:
        """Leave work for the database; beyond its bound it is dropped, and gateways send it again."""
        try:
            self._work.put_nowait(gateway, message)
        except asyncio.QueueFull:
            self._quiet.warn("behind", f"a {type(message).__name__} of {gateway} must be sent again")

    async def _answer(self, client: aiomqtt.Client) -> None:
        while True:
            gateway, message = await self._work.get()
            try:
                match message:
                    case JournalBatch():
                        await self._ingest(client, gateway, message)
                    case Hello():
                        await self._greet(client, gateway, message)
                    case Stations():
                        await self._confirm(gateway, message)
                    case BadgeRead() if self._badge_read:
                        await self._badge_read(gateway, message)
                    case Wiring():
                        await self._keep_wiring(message)
            except PeerError as error:
                self._peer_error(error)
            except (StorageFull, SQLAlchemyError) as error:
                # Not acknowledged, so the gateway keeps it and sends it again.
                self._quiet.warn("database", error)

    async def _ingest(self, client: aiomqtt.Client, gateway: str, batch: JournalBatch) -> None:
        began_s, now_ms = time.perf_counter(), self._clock.now_ms()
        done = await self._db.transact(lambda session: ingest(session, batch, now_ms))
        metrics.BATCH_SECONDS.observe(time.perf_counter() - began_s)
        metrics.ENTRIES.labels("applied").inc(done.applied)
        metrics.ENTRIES.labels("duplicate").inc(done.duplicates)
        metrics.ENTRIES.labels("quarantined").inc(done.quarantined)
        if done.quarantined:
            self._quiet.warn("quarantine", f"the journal of {gateway} does not fit what was applied")
        await self._publish(client, gateway, Channel.ACK, done.ack)
        for machine in done.machines:
            self._live.touch(machine)

    async def _greet(self, client: aiomqtt.Client, gateway: str, hello: Hello) -> None:
        now_ms = self._clock.now_ms()
        ack, roster = await self._db.transact(lambda session: self._office.greet(session, hello, now_ms))
        await self._publish(client, gateway, Channel.ACK, ack)
        self._keys_told[gateway] = hello.server_key, hello.keys_n
        await self._tell_keys(client, gateway)
        await self._send_roster(client, gateway, roster)

    async def _tell_keys(self, client: aiomqtt.Client, gateway: str) -> None:
        """Tell a gateway of the keys that it does not know; it says hello again when it took one."""
        known = self._keys_told.get(gateway) or (await self._known_key(gateway), 0)
        for statement in self._signer.statements_for(*known):
            await self._publish(client, gateway, Channel.KEYS, statement)

    async def _known_key(self, gateway: str) -> str | None:
        """Return the key that a gateway told another process that it knows."""
        query = select(Gateway.server_key).where(Gateway.name == gateway)
        return await self._db.look(lambda session: session.exec(query).first()) or None

    async def _keep_wiring(self, copy: Wiring) -> None:
        now_ms = self._clock.now_ms()
        if await self._db.transact(lambda session: self._office.keep_wiring(session, copy, now_ms)):
            log.info("the wiring of %s is kept anew", copy.gateway)

    async def _confirm(self, gateway: str, stations: Stations) -> None:
        """Take a roster as held once all that was spent before it is known here: that frees older slices."""
        now_ms, version = self._clock.now_ms(), stations.roster
        if version is not None and not stations.journal_lag and not stations.degraded:
            await self._db.transact(lambda session: self._office.confirm(session, gateway, version, now_ms))
            self._held[gateway] = version

    async def _send_roster(self, client: aiomqtt.Client, gateway: str, roster: Roster | RosterDelta) -> None:
        signed = await asyncio.to_thread(self._signer.sign, roster)
        self._underway.sent(gateway, roster.version, len(signed.body))
        await self._publish(client, gateway, Channel.ROSTER, signed)

    def _stations(self, gateway: str, stations: Stations) -> None:
        now_ms = self._clock.now_ms()
        metrics.LAST_CONTACT.labels(gateway).set(time.time())
        self._present(gateway, True)
        self._live.received(stations, now_ms)
        if missing := self._underway.missing(gateway, stations.roster):
            self._quiet.warn("roster", missing)
        news = stations.roster is not None and self._held.get(gateway) != stations.roster
        if news and self._serves(gateway):
            self._queue(gateway, stations)

    def _serves(self, gateway: str) -> bool:
        return part_of(gateway) in self._crew.served()

    def _present(self, gateway: str, online: bool) -> None:
        (self._online.add if online else self._online.discard)(gateway)
        if not online:
            self._held.pop(gateway, None)
        metrics.ONLINE.labels(gateway).set(online)
        self._live.presence(gateway, online, self._clock.now_ms())

    def _reply(self, gateway: str, reply: Reply) -> None:
        asked, future = self._replies.get(reply.id, (None, None))
        if future is None and not self._crew.alone:
            return  # another process waits for it
        if future is None or asked != gateway:
            raise PeerError(f"{gateway} answered a command that waits for no answer of it")
        if not future.done():
            future.set_result(reply)

    def _peer_error(self, error: PeerError) -> None:
        metrics.PEER_ERRORS.labels("gateway").inc()
        self._quiet.warn("malformed message", error)

    async def _drain(self, client: aiomqtt.Client) -> None:
        """Send what changed to every gateway that is online and served here, within a second."""
        while True:
            await asyncio.sleep(OUTBOX_EVERY_S)
            try:
                served = self._crew.served()
                mine = sorted(name for name in self._online if part_of(name) in served)
                if self._signer.refresh():
                    for gateway in mine:
                        await self._tell_keys(client, gateway)
                newest = await self._db.look(newest_change), served
                if newest != self._drained:
                    for gateway in mine:
                        await self._update(client, gateway)
                    self._drained = newest
            except (StorageFull, SQLAlchemyError) as error:
                self._quiet.warn("database", error)

    async def _update(self, client: aiomqtt.Client, gateway: str) -> None:
        now_ms = self._clock.now_ms()
        try:
            roster = await self._db.transact(lambda session: self._office.update(session, gateway, now_ms))
        except PeerError as error:
            self._peer_error(error)
            return
        if roster is not None:
            await self._send_roster(client, gateway, roster)

    async def _visit(self) -> None:
        await visit(self._broker)

    async def _books(self) -> None:
        """Keep the figures of the books, and follow the chain as it grows."""
        await self._db.look(self._look_at_books)

    def _look_at_books(self, session: Session) -> None:
        mark, broken = chain.follow(session, self._mark)
        waiting = select(func.count()).where(MachineSession.state == SessionState.EXCEPTION)
        metrics.UNPRICED.set(session.exec(waiting).one())
        if broken:
            log.error("entry %d of the books: %s; run `makerfloor doctor`", broken[0].seq, broken[0].problem)
            metrics.CHAIN_OK.set(0)
            return
        self._mark = mark
        metrics.LEDGER_ENTRIES.set(mark.seq)
        metrics.CHAIN_OK.set(1)


M = TypeVar("M", JournalBatch, Hello, Stations, Alive, Reply, BadgeRead, Wiring)


def _from(gateway: str, message: M) -> M:
    """Return a message of a gateway; raises PeerError when it names another than its topic does."""
    if message.gateway != gateway:
        raise PeerError(f"a message of {message.gateway} came on a topic of {gateway}")
    return message
