"""Drives one GRBL 1.1, grblHAL or FluidNC: alone on its line, or as a proxy that its sender connects to."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import MachineEvent
from firmware_bridge.gauges import Gauge
from firmware_bridge.grbl.gate import Gate
from firmware_bridge.grbl.link import Link
from firmware_bridge.grbl.parser import GrblParser
from firmware_bridge.grbl.tracker import Tracker
from firmware_bridge.proxy import Proxy
from firmware_bridge.pump import pumped
from firmware_bridge.settings import setting
from firmware_bridge.transports import Stream, Transports
from firmware_bridge.transports.real import RealTransports
from firmware_bridge.transports.stream import URL_EXAMPLE
from floor.errors import ConfigError, MachineFault, MachineUnreachable

IDLE_POLL_S = 0.5
SILENCE_S = 5.0
HOMING_S = 120.0
SILENCED_S = 600.0
OWN_LINES_S = 5.0
ORDER_S = 10.0
ORDER_CHECK_S = 0.05
TAKEN = b"[MSG:Makerfloor: another program is connected]\r\n"
HOLD, RESUME, RESET = b"!", b"~", b"\x18"


@dataclass(frozen=True, slots=True)
class GrblSettings:
    """The settings of one GRBL in a gateway's configuration."""

    url: str = setting(starts=("serial://", "tcp://"), example="serial:///dev/ttyUSB0?baud=115200")
    mode: str = setting("own", starts=("own", "proxy"), example="proxy")
    listen: str = setting("127.0.0.1:2300", example="0.0.0.0:2300")
    gate: str = setting("open", starts=("open", "authorised"), example="authorised")
    laser: str = setting("auto", starts=("auto", "yes", "no"), example="auto")
    poll_s: float = setting(0.1, least=0.05, most=1.0)
    quiet_s: float = setting(3.0, least=0.5, most=600.0)
    settle_s: float = setting(2.0, least=0.0, most=30.0)


class GrblDriver:
    """One GRBL; see Driver. `transports`, `backoff`, `clock` (monotonic seconds): for recordings and tests.

    Raises ConfigError for a URL or an address that names nothing.
    """

    def __init__(
        self,
        settings: GrblSettings,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"GRBL at {settings.url}"
        self._settings = settings
        try:
            self._transport = (transports or RealTransports()).stream(settings.url)
        except ValueError as error:
            raise ConfigError("driver grbl", "url", str(error), f"Write url = {URL_EXAMPLE!r}") from error
        self._backoff = backoff or Backoff()
        self._clock = clock
        run = secrets.token_hex(4)
        self._tracker = Tracker(lambda: f"{run}-{secrets.token_hex(4)}", settings.quiet_s, settings.laser)
        self._authorised = settings.gate == "open"
        self._link: Link | None = None
        self._proxy: Proxy | None = None
        if settings.mode == "proxy":
            self._proxy = Proxy(settings.listen, "grbl", TAKEN)

    @property
    def authorised(self) -> bool:
        """Whether the sender may work now; always so where the setting `gate` is `open`."""
        return self._authorised

    @property
    def port(self) -> int:
        """The TCP port that takes a sender now; 0 while there is none."""
        return self._proxy.port if self._proxy else 0

    def authorise(self, allowed: bool) -> None:
        """Let the sender work, or not, from now on. What the machine has already got goes on: see `hold`."""
        self._authorised = allowed or self._settings.gate == "open"
        if self._link:
            self._link.gate.authorised = self._authorised

    async def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever; see Driver.events."""
        async with aclosing(reconnecting(self._connection, self._backoff)) as events:
            async for event in events:
                yield event

    async def _connection(self) -> AsyncGenerator[MachineEvent, None]:
        self._tracker.lost()
        async with (
            self._transport.open() as stream,
            aclosing(pumped(lambda put: self._serve(stream, put))) as events,
        ):
            async for event in events:
                yield event

    async def _serve(self, stream: Stream, put: Callable[[MachineEvent], None]) -> None:
        link = Link(stream, Gate(self._authorised), GrblParser(), self._tracker, self._clock, put)
        await self._settle(link)
        self._link = link
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._poll(link))
                tasks.create_task(self._identify(link))
                if self._proxy:
                    tasks.create_task(self._proxy.serve(link))
                while True:
                    await link.listen(self._patience(link))
        finally:
            self._link = None

    async def _settle(self, link: Link) -> None:
        """Give a board that opening reset its time: what it is sent before its greeting may be lost."""
        if not self._transport.resets:
            return
        until_s = self._clock() + self._settings.settle_s
        while not link.greetings and (left_s := until_s - self._clock()) > 0:
            try:
                await link.listen(left_s)
            except MachineUnreachable:
                if self._clock() < until_s:
                    raise  # lost, not silent

    async def _identify(self, link: Link) -> None:
        """Ask what it is and how it is set up, then let the sender in. A machine that works says error:8."""
        greeting = None
        while greeting != link.greetings:  # a reset in between swallowed the questions
            greeting = link.greetings
            link.answered.clear()
            await link.stream.write(link.gate.own_line(b"$I") + link.gate.own_line(b"$$"))
            try:
                async with asyncio.timeout(OWN_LINES_S):
                    await link.answered.wait()
            except TimeoutError as error:
                if self._proxy:  # an answer that comes later would be taken for one to the sender
                    raise MachineUnreachable(f"{self.name} does not answer $I and $$") from error
        link.put(self._tracker.identity())
        link.ready.set()

    def _patience(self, link: Link) -> float:
        if self._tracker.silenced:
            return SILENCED_S
        return HOMING_S if self._tracker.state == "Home" or link.homing else SILENCE_S

    async def _poll(self, link: Link) -> None:
        """Ask for reports; at times that wander a little, lest they march in step with the lines of a job."""
        while True:
            close = self._tracker.working or link.gate.waiting > 0
            every_s = self._settings.poll_s if close else IDLE_POLL_S
            if asked := link.gate.ask(self._clock(), every_s * 0.5):
                await link.stream.write(asked)
            link.hurry.clear()
            try:
                async with asyncio.timeout(every_s * (0.8 + 0.4 * random.random())):
                    await link.hurry.wait()
            except TimeoutError:
                continue

    def _working_link(self) -> Link:
        if self._link is None:
            raise MachineUnreachable(f"{self.name} is not connected")
        return self._link

    async def _until(self, done: Callable[[str], bool], words: str) -> None:
        deadline_s = self._clock() + ORDER_S
        while not done(self._tracker.state):
            if self._clock() > deadline_s:
                raise MachineFault(f"{self.name} was told to {words}, and did not within {ORDER_S:g} s")
            self._working_link().hurry.set()
            await asyncio.sleep(ORDER_CHECK_S)

    async def hold(self) -> None:
        """Slow down and stop, laser off; see Driver.hold. MachineFault when nothing runs."""
        link = self._working_link()
        if not self._tracker.working and not link.gate.waiting:
            raise MachineFault(f"{self.name} does nothing that could be held")
        await link.stream.write(HOLD)
        await self._until(lambda state: state in ("Hold", "Door") or not self._tracker.working, "hold")

    async def resume(self) -> None:
        """Go on; see Driver.resume. MachineFault when nothing is on hold, or the door stays open."""
        link = self._working_link()
        if self._tracker.state not in ("Hold", "Door", "Tool"):
            raise MachineFault(f"{self.name} has nothing on hold")
        await link.stream.write(RESUME)
        await self._until(lambda state: state not in ("Hold", "Door", "Tool"), "resume")

    async def cancel(self) -> None:
        """Stop, then reset: a reset in motion would lose the position; see Driver.cancel."""
        link = self._working_link()
        if self._tracker.state in ("Run", "Jog"):
            await self.hold()
            await self._until(lambda _: not self._tracker.slowing, "stop")
        now_s = self._clock()
        link.gate.stopped(now_s)
        self._tracker.reset_asked(now_s)
        await link.stream.write(RESET)
        await self._until(lambda state: state not in ("Run", "Hold", "Door", "Jog"), "stop")

    async def message(self, text: str) -> None:
        """Tell the sender, in its console; a GRBL has no display. See Driver.message."""
        if self._link:
            safe = "".join(letter if letter.isprintable() and letter not in "[]" else " " for letter in text)
            self._link.to_sender(f"[MSG:Makerfloor: {safe[:80]}]\r\n".encode())

    def gauges(self) -> tuple[Gauge, ...]:
        """Return the feed, and the spindle's speed or the laser's power; see Shows.gauges."""
        return self._tracker.gauges

    async def aclose(self) -> None:
        """Do nothing: line and port are closed with the events; see Driver.aclose."""
