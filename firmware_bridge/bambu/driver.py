"""Drives one Bambu Lab printer in its own network: reports and orders over MQTT, files over FTPS."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import urlsplit

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.bambu.files import JobFiles
from firmware_bridge.bambu.parser import Fact, Replied, Sent, Status, Versions, parse
from firmware_bridge.bambu.tracker import AT_WORK, GETS_READY, Tracker
from firmware_bridge.events import Identified, MachineEvent, Noise
from firmware_bridge.gauges import Gauge
from firmware_bridge.orders import NoGate
from firmware_bridge.settings import setting
from firmware_bridge.transports import Login, Subscription, Transports
from firmware_bridge.transports.mqtt import BrokerSettings
from firmware_bridge.transports.real import RealTransports
from firmware_bridge.transports.tls import TlsPeer
from floor.errors import ConfigError, MachineFault, MachineUnreachable

USER = "bblp"
ORDER_S = 30.0
ORDER_CHECK_S = 0.1
PUSHALL_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BambuSettings:
    """The settings of one Bambu Lab printer in a gateway's configuration."""

    url: str = setting(starts=("mqtts://",), example="mqtts://192.168.1.30")
    serial: str = setting(example="01P00A123456789")
    access_code: str = setting(example="the access code on the printer's display", secret=True)
    ca: str = setting("", example="/etc/makerfloor/bambu-ca.pem")
    fingerprint: str = setting("", example="SHA-256 of the printer's certificate")
    files: str = setting("", starts=("ftps://",), example="ftps://192.168.1.30")
    commands: str = setting("no", starts=("no", "yes"), example="no")
    pushall_s: float = setting(PUSHALL_S, least=PUSHALL_S, most=86_400.0)
    silence_s: float = setting(60.0, least=0.5, most=3600.0)
    deadline_s: float = setting(10.0, least=0.1, most=120.0)


class BambuDriver(NoGate):
    """One printer; see Driver. `transports`, `backoff` and `clock` (monotonic) are for recordings and tests.

    Raises ConfigError for settings that cannot be right.
    """

    def __init__(
        self,
        settings: BambuSettings,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"Bambu Lab {settings.serial}"
        _check(settings, self.name)
        self._settings = settings
        peer = TlsPeer(name=settings.serial, ca=settings.ca, sha256=settings.fingerprint)
        broker = BrokerSettings(
            broker=settings.url,
            username=USER,
            password=settings.access_code,
            deadline_s=settings.deadline_s,
        )
        reach = transports or RealTransports()
        self._mqtt = reach.mqtt(broker, self.name, peer)
        login = Login(USER, settings.access_code)
        self._store = (
            reach.files(settings.files, login, peer, self.name, settings.deadline_s)
            if settings.files
            else None
        )
        self._files = JobFiles(self._store)
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._tracker = Tracker(secrets.token_hex(4))
        self._broker: Subscription | None = None
        self._sequence = 0
        self._reply: Replied | None = None
        self._named = False

    async def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever; see Driver.events."""
        try:
            async with aclosing(reconnecting(self._connection, self._backoff)) as events:
                async for event in events:
                    yield event
        finally:
            await self._files.stop()

    async def _connection(self) -> AsyncGenerator[MachineEvent, None]:
        self._tracker.connected()
        self._named = False
        async with self._mqtt.open([f"device/{self._settings.serial}/report"]) as broker:
            self._broker = broker
            try:
                async with aclosing(self._listen(broker)) as events:
                    async for event in events:
                        yield event
            finally:
                self._broker = None

    async def _listen(self, broker: Subscription) -> AsyncGenerator[MachineEvent, None]:
        silence_s = self._settings.silence_s
        heard_s = asked_s = whole_s = self._clock()
        again_s = silence_s / 2
        await self._ask(broker, "info", command="get_version")
        while True:
            if self._clock() >= whole_s:
                await self._ask(broker, "pushing", command="pushall", version=1, push_target=1)
                # before its first answer it may have been lost
                known = self._tracker.status.whole
                whole_s = self._clock() + (self._settings.pushall_s if known else again_s)
                again_s = min(2 * again_s, self._settings.pushall_s)
            told = await broker.receive(min(1.0, silence_s / 4))
            now_s = self._clock()
            for fact in parse(told.payload) if told and not told.retained else ():
                if isinstance(fact, Status) and fact.whole:
                    whole_s = now_s + self._settings.pushall_s
                for event in await self._receive(fact, now_s):
                    yield event
                if not isinstance(fact, Noise):
                    heard_s = now_s = self._clock()  # a job's file may have been waited for
            if now_s - heard_s >= silence_s:
                raise MachineUnreachable(f"it was silent for {silence_s:g} s")
            if now_s - max(heard_s, asked_s) >= silence_s / 2:
                asked_s = now_s  # a printer that rests may have nothing to say
                await self._ask(broker, "info", command="get_version")
            for event in [*self._tracker.tick(now_s), *await self._files.follow(self._tracker.job)]:
                yield event

    async def _receive(self, fact: Fact, at_s: float) -> list[MachineEvent]:
        match fact:
            case Status():
                waited = await self._files.wait() if self._tracker.may_end_job(fact) else []
                return [*waited, *self._tracker.receive(fact, at_s)]
            case Versions(product, firmware):
                return self._identify(product, firmware)
            case Sent():
                self._tracker.sent(fact)
            case Replied():
                self._reply = fact
            case Noise():
                return [fact]
        return []

    def _identify(self, product: str, firmware: str) -> list[MachineEvent]:
        if self._named:
            return []  # asked only to hear that it is there
        self._named = True
        return [Identified(f"{product or 'Bambu Lab'} {self._settings.serial}", firmware)]

    async def _ask(self, broker: Subscription, kind: str, sure: bool = False, **what: object) -> str:
        self._sequence += 1
        number = str(self._sequence)
        body = {kind: {"sequence_id": number, **what}}
        await broker.publish(f"device/{self._settings.serial}/request", json.dumps(body), sure)
        return number

    async def _order(self, command: str, words: str, takes: frozenset[str], leaves: frozenset[str]) -> None:
        """Give an order in one of the states `takes`; it is obeyed when the state is none of `leaves`."""
        refusal = f"{self.name} cannot be told to {words}"
        if self._settings.commands != "yes":
            raise MachineFault(f'{refusal}: its setting is commands = "no"')
        broker = self._broker
        if broker is None or self._tracker.status.state is None:
            raise MachineUnreachable(f"{self.name} is not connected")
        self._check_unsigned(refusal)
        if self._tracker.status.state not in takes:
            raise MachineFault(f"{self.name} prints nothing that could {words}")
        if self._tracker.status.state not in leaves:
            return  # it is so already
        # OpenBambuAPI: the slicer sends these with QoS 1
        number = await self._ask(broker, "print", sure=True, command=command, param="")
        deadline_s = asyncio.get_running_loop().time() + ORDER_S
        while self._broker is broker and self._tracker.status.state in leaves:
            await asyncio.sleep(ORDER_CHECK_S)
            self._check_unsigned(refusal)
            reply = self._reply
            if reply and reply.sequence == number and not reply.done:
                raise MachineFault(f"{refusal}: {reply.words or 'it says no'}")
            if asyncio.get_running_loop().time() > deadline_s:
                raise MachineFault(f"{self.name} was told to {words}, and did not within {ORDER_S:g} s")
        if self._broker is not broker:
            raise MachineUnreachable(f"{self.name} was lost while it was told to {words}")

    def _check_unsigned(self, refusal: str) -> None:
        if self._tracker.status.signed_only:
            raise MachineFault(f"{refusal}: its firmware takes signed commands only, see Developer Mode")

    async def hold(self) -> None:
        """Pause the print, and see that it is paused; see Driver.hold."""
        await self._order("pause", "pause", AT_WORK, frozenset(["RUNNING"]))

    async def resume(self) -> None:
        """Resume the print, and see that it prints; see Driver.resume."""
        await self._order("resume", "go on", AT_WORK, frozenset(["PAUSE"]))

    async def cancel(self) -> None:
        """Stop the print, and see that it has ended; see Driver.cancel."""
        self._tracker.stopping = True
        try:
            await self._order("stop", "stop", AT_WORK | GETS_READY, AT_WORK | GETS_READY)
        except BaseException:
            self._tracker.stopping = False
            raise

    async def message(self, text: str) -> None:
        """Do nothing: its display takes no text."""

    def gauges(self) -> tuple[Gauge, ...]:
        """Return the temperatures and the layer; see Shows.gauges."""
        return self._tracker.gauges

    async def aclose(self) -> None:
        """Close the connections; see Driver.aclose."""
        await self._files.stop()
        if self._store is not None:
            await self._store.aclose()


def _check(settings: BambuSettings, where: str) -> None:
    if settings.commands not in ("no", "yes"):
        raise ConfigError(where, "commands", f"is {settings.commands!r}", 'Write commands = "no" or "yes"')
    if not settings.serial.isalnum():
        raise ConfigError(
            where, "serial", f"{settings.serial!r} is no serial number", "Copy it as it is printed"
        )
    if not urlsplit(settings.url).hostname:
        raise ConfigError(
            where, "url", f"{settings.url!r} is no address", 'Write url = "mqtts://192.168.1.30"'
        )
