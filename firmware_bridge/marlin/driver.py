"""Drives one printer with Marlin: alone on its line, or as a proxy that its host connects to."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import MachineEvent
from firmware_bridge.gauges import Gauge
from firmware_bridge.marlin.gate import Gate
from firmware_bridge.marlin.link import CANCEL, Link
from firmware_bridge.marlin.tracker import Tracker
from firmware_bridge.proxy import Proxy
from firmware_bridge.pump import pumped
from firmware_bridge.settings import setting
from firmware_bridge.transports import Stream, Transports
from firmware_bridge.transports.real import RealTransports
from firmware_bridge.transports.stream import URL_EXAMPLE
from floor.errors import ConfigError, MachineFault, MachineUnreachable
from floor.gcode import Filament, display_command

TICK_S = 0.25
TEMPERATURES_S = 4
TIMER_S = 10.0
HOST_QUIET_S = 0.4
KEEPALIVE_S = 2.0
SILENCED_S = 600.0
WORK_SILENCE_S = 600.0
ORDER_S = 30.0
HELD = "held by Makerfloor"
BUSY = b"echo:busy: paused for user\n"
TAKEN = b"echo:Makerfloor: another program is connected\n"
_NO_TEXT = re.compile(r"[^A-Za-z0-9 .,:!?()+/-]")


@dataclass(frozen=True, slots=True)
class MarlinSettings:
    """The settings of one Marlin in a gateway's configuration."""

    url: str = setting(starts=("serial://", "tcp://"), example="serial:///dev/ttyUSB0?baud=115200")
    mode: str = setting("own", starts=("own", "proxy"), example="proxy")
    listen: str = setting("127.0.0.1:2500", example="0.0.0.0:2500")
    gate: str = setting("open", starts=("open", "authorised"), example="authorised")
    poll_s: float = setting(1.0, least=0.1, most=10.0)
    quiet_s: float = setting(10.0, least=0.2, most=3600.0)
    silence_s: float = setting(30.0, least=0.5, most=600.0)
    settle_s: float = setting(5.0, least=0.0, most=30.0)
    filament_diameter_mm: float = setting(1.75, least=0.1, most=10.0)
    filament_density_g_cm3: float = setting(1.24, least=0.1, most=25.0)


class MarlinDriver:
    """One printer; see Driver. `transports`, `backoff`, `clock` (monotonic seconds) are for tests.

    Raises ConfigError for a URL or an address that names nothing.
    """

    def __init__(
        self,
        settings: MarlinSettings,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"Marlin at {settings.url}"
        self._settings = settings
        try:
            self._transport = (transports or RealTransports()).stream(settings.url)
        except ValueError as error:
            raise ConfigError("driver marlin", "url", str(error), f"Write url = {URL_EXAMPLE!r}") from error
        self._backoff = backoff or Backoff()
        self._clock = clock
        run = secrets.token_hex(4)
        filament = Filament(settings.filament_diameter_mm, settings.filament_density_g_cm3)
        self._tracker = Tracker(lambda: f"{run}-{secrets.token_hex(4)}", settings.quiet_s, filament)
        self._authorised = settings.gate == "open"
        self._link: Link | None = None
        self._proxy: Proxy | None = None
        if settings.mode == "proxy":
            self._proxy = Proxy(settings.listen, "marlin", TAKEN)

    @property
    def port(self) -> int:
        """The TCP port that takes a host now; 0 while there is none."""
        return self._proxy.port if self._proxy else 0

    def authorise(self, allowed: bool) -> None:
        """Let a host work, or not, from now on; a print that runs goes on. See Driver.authorise."""
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
        link = Link(stream, Gate(self._authorised), self._tracker, self._clock, put)
        await self._settle(link)
        self._link = link
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._know(link))
                tasks.create_task(self._watch(link))
                if self._proxy:
                    tasks.create_task(self._proxy.serve(link))
                await self._listen(link)
        finally:
            self._link = None

    async def _settle(self, link: Link) -> None:
        """Give a board that opening reset its time: what it is sent before its greeting is lost."""
        if not self._transport.resets:
            return
        until_s = self._clock() + self._settings.settle_s
        while not link.greetings and (left_s := until_s - self._clock()) > 0:
            try:
                await link.listen(left_s)
            except MachineUnreachable:
                if self._clock() < until_s:
                    raise  # lost, not silent

    async def _listen(self, link: Link) -> None:
        """Read for ever. While a line of a host waits, silence is said, but does not break up its print."""
        link.progress_s = self._clock()
        while True:
            patience_s = SILENCED_S if self._tracker.fault else self._settings.silence_s
            began_s = self._clock()
            try:
                await link.listen(patience_s)
            except MachineUnreachable as error:
                lost = self._clock() - began_s < patience_s
                if lost or not link.gate.waiting:
                    raise
                link.tell(self._tracker.silent(str(error)))
            if link.gate.waiting and self._clock() - link.progress_s > WORK_SILENCE_S:
                raise MachineUnreachable(f"{self.name} did not acknowledge a line in {WORK_SILENCE_S:g} s")

    async def _know(self, link: Link) -> None:
        """Ask what it is, and to report by itself where nobody else listens; again after each reset."""
        said = False
        while True:
            was_reset = link.was_reset()
            self._tracker.capabilities.clear()
            await link.until(link.has_answered(await link.ask("M115")))
            if was_reset():
                continue
            if not self._proxy:
                await link.ask(*self._reports(), "M27 C")
            if not said:
                link.put(self._tracker.identity())
                said = True
            link.ready.set()
            await link.until(was_reset)

    def _reports(self) -> list[str]:
        wanted = {"AUTOREPORT_SD_STATUS": "M27 S1", "AUTOREPORT_TEMP": f"M155 S{TEMPERATURES_S}"}
        return [line for name, line in wanted.items() if name in self._tracker.capabilities]

    async def _watch(self, link: Link) -> None:
        """Let time pass, and ask what nobody reports by itself, where that disturbs no host."""
        due = dict.fromkeys(("state", "heat", "timer", "alive"), float("-inf"))

        def is_due(name: str, every_s: float) -> bool:
            if self._clock() - due[name] < every_s:
                return False
            due[name] = self._clock()
            return True

        tracker = self._tracker
        while True:
            link.tell(tracker.tick(self._clock(), link.gate.waiting))
            await link.pump()
            if link.gate.held and link.gate.kept and is_due("alive", KEEPALIVE_S):
                link.to_sender(BUSY)
            free = link.gate.idle(self._clock(), HOST_QUIET_S if self._proxy else 0.0)
            if free and link.ready.is_set() and not tracker.fault and (tracker.job != "host" or tracker.held):
                await link.ask(*self._questions(is_due))
            await asyncio.sleep(min(TICK_S, self._settings.poll_s))

    def _questions(self, is_due: Callable[[str, float], bool]) -> list[str]:
        """Return what to ask now; the printer's timer first, before a question that has to wait for heat."""
        tracker, poll_s = self._tracker, self._settings.poll_s
        auto = set() if self._proxy else tracker.capabilities
        lines: list[str] = []
        if tracker.job == "card" and is_due("timer", poll_s if tracker.gap else TIMER_S):
            lines.append("M31")
        if (tracker.doubtful or "AUTOREPORT_SD_STATUS" not in auto) and is_due("state", poll_s):
            lines += ["M27 C", "M27"] if tracker.doubtful else ["M27"]
        if "AUTOREPORT_TEMP" not in auto and is_due("heat", TEMPERATURES_S):
            lines.append("M105")
        return lines

    def _working_link(self) -> Link:
        if self._link is None:
            raise MachineUnreachable(f"{self.name} is not connected")
        return self._link

    def _job_of(self, link: Link, words: str) -> str:
        if not self._tracker.job:
            raise MachineFault(f"{self.name} has no job that could be {words}")
        return self._tracker.job

    async def _order(self, link: Link, done: Callable[[], bool], words: str) -> None:
        try:
            async with asyncio.timeout(ORDER_S):
                await link.until(lambda: done() or self._link is not link)
        except TimeoutError as error:
            raise MachineFault(
                f"{self.name} was told to {words}, and did not within {ORDER_S:g} s"
            ) from error
        if self._link is not link:
            raise MachineUnreachable(f"{self.name} was lost while it was told to {words}")

    async def _tell(self, link: Link, line: str, words: str) -> None:
        await self._order(link, link.has_answered(await link.ask(line)), words)

    async def hold(self) -> None:
        """Pause: a print from the card by M25, one of a host by taking no more lines; see Driver.hold."""
        link = self._working_link()
        if self._job_of(link, "held") == "card":
            await self._tell(link, "M25", "hold")
        else:
            link.gate.held = True
        link.tell(self._tracker.hold(HELD))

    async def resume(self) -> None:
        """Go on; see Driver.resume. A printer that waits for a person is told that one was there (M108)."""
        link = self._working_link()
        job = self._job_of(link, "resumed")
        if not self._tracker.held:
            raise MachineFault(f"{self.name} has nothing on hold")
        if self._tracker.waits:
            await link.urge("M108")
        elif job == "card":
            await self._tell(link, "M24", "go on")
        link.gate.held = False
        link.tell(self._tracker.resume(self._clock()))
        await link.pump()

    async def cancel(self) -> None:
        """End the job, and turn the heaters off, which is checked; see Driver.cancel."""
        link = self._working_link()
        if self._job_of(link, "cancelled") == "card":
            self._tracker.cancel_asked()
            await link.ask("M524", "M27")
            await self._order(link, lambda: self._tracker.job != "card", "cancel")
        else:
            link.gate.stopped(self._clock())
            link.tell(self._tracker.cancelled())
            link.to_sender(CANCEL)
            await link.urge("M108")
        await self._cool(link)

    async def _cool(self, link: Link) -> None:
        self._tracker.temperatures = None
        count = self._tracker.firmware.extruders
        tools = [f"M104 T{tool} S0" for tool in range(count)] if count > 1 else ["M104 S0"]
        try:
            async with asyncio.timeout(ORDER_S):
                while self._tracker.hot:
                    await link.urge(*tools, "M140 S0")
                    await self._order(link, link.has_answered(await link.ask("M105")), "cool")
        except TimeoutError as error:
            raise MachineFault(f"{self.name} was stopped, but its heaters are still on") from error

    async def message(self, text: str) -> None:
        """Show a line on the printer's display as soon as its line is free; see Driver.message."""
        await self._working_link().ask(display_command(_NO_TEXT.sub(" ", text)))

    def gauges(self) -> tuple[Gauge, ...]:
        """Return the temperatures; see Shows.gauges."""
        return self._tracker.gauges

    async def aclose(self) -> None:
        """Do nothing: line and port are closed with the events; see Driver.aclose."""
