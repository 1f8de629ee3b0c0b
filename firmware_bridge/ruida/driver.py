"""Drives one Ruida controller: alone, or as a proxy that LightBurn or RDWorks sends to."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import Identified, MachineEvent
from firmware_bridge.pump import pumped
from firmware_bridge.ruida import codec
from firmware_bridge.ruida.link import Link
from firmware_bridge.ruida.proxy import Proxy
from firmware_bridge.ruida.tracker import Tracker
from firmware_bridge.settings import setting
from firmware_bridge.transports import Datagram, Datagrams, Transports
from firmware_bridge.transports.real import RealTransports
from floor.errors import ConfigError, MachineFault, MachineUnreachable

URL_EXAMPLE = "udp://192.168.1.40:50200"
PORT = 50200
IDLE_POLL_S = 1.0
COUNTERS_S = 10.0
SETTLE_S = 1.0
ORDER_S = 10.0
ORDER_CHECK_S = 0.05
MISSES = 3
MODELS = {0x6510_6510: "RDC6442S", 0x6500_6500: "RDC6442G"}


@dataclass(frozen=True, slots=True)
class RuidaSettings:
    """The settings of one Ruida controller in a gateway's configuration."""

    url: str = setting(starts=("udp://",), example=URL_EXAMPLE)
    mode: str = setting("own", starts=("own", "proxy"), example="proxy")
    listen: str = setting("127.0.0.1:50200", example="0.0.0.0:50200")
    gate: str = setting("open", starts=("open", "authorised"), example="authorised")
    magic: str = setting("auto", starts=("auto", "0x"), example="0x11")
    reply_port: float = setting(40200, least=0, most=65535)
    poll_s: float = setting(0.5, least=0.1, most=2.0)
    silence_s: float = setting(30.0, least=0.5, most=300.0)


class RuidaDriver:
    """One Ruida controller; see Driver. `transports`, `backoff`, `clock`: for recordings and tests.

    Raises ConfigError for a URL, an address or a magic that is none.
    """

    def __init__(
        self,
        settings: RuidaSettings,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"Ruida at {settings.url}"
        self._settings = settings
        self._transport = _datagrams(settings, transports or RealTransports())
        self._magic = _magic(settings.magic)
        self._backoff = backoff or Backoff()
        self._clock = clock
        run = secrets.token_hex(4)
        self._tracker = Tracker(lambda: f"{run}-{secrets.token_hex(4)}", SETTLE_S)
        self._link: Link | None = None
        self._proxy: Proxy | None = None
        if settings.mode == "proxy":
            self._proxy = Proxy(settings.listen, int(settings.reply_port))
        self.authorise(False)

    @property
    def port(self) -> int:
        """The UDP port that takes packets of senders now; 0 while there is none."""
        return self._proxy.port if self._proxy else 0

    def authorise(self, allowed: bool) -> None:
        """Let senders work, or not, from now on; a file that is being sent is let through, see Driver."""
        if self._proxy:
            self._proxy.authorised = allowed or self._settings.gate == "open"

    async def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever; see Driver.events."""
        async with aclosing(reconnecting(self._connection, self._backoff)) as events:
            async for event in events:
                yield event

    async def _connection(self) -> AsyncGenerator[MachineEvent, None]:
        self._tracker.lost()
        async with (
            self._transport.open() as line,
            aclosing(pumped(lambda put: self._serve(line, put))) as events,
        ):
            async for event in events:
                yield event

    async def _serve(self, line: Datagram, put: Callable[[MachineEvent], None]) -> None:
        link = Link(
            line,
            self._tracker,
            put,
            self._clock,
            self._magic or codec.MAGIC,
            self._magic is not None,
        )
        self._link = link
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._poll(link))
                if self._proxy:
                    tasks.create_task(self._proxy.serve(link))
        finally:
            self._link = None

    async def _identify(self, link: Link) -> list[int]:
        """Ask what it is and where it has its counters."""
        card = await link.ask(codec.CARD_ID)
        if card is None:
            raise MachineUnreachable(f"{self.name} does not answer")
        board = await link.ask(codec.MAINBOARD)
        tube = await link.ask(codec.TUBE_TIME)
        elsewhere = None if tube and tube.value else await link.ask(codec.TUBE_TIME_ELSEWHERE)
        at = codec.TUBE_TIME_ELSEWHERE if elsewhere and elsewhere.value else codec.TUBE_TIME
        found = any(one.value for one in (tube, elsewhere) if one)
        said = f"tube time at {at:04x}" if found else "no tube time"
        link.put(
            Identified(
                f"Ruida {MODELS.get(card.value, f'with card {card.value:08x}')}",
                f"{board.text if board else ''}, {said}".removeprefix(", "),
            )
        )
        return [codec.WORK_TIME, codec.JOB_COUNT, at]

    async def _poll(self, link: Link) -> None:
        places = dict.fromkeys(await self._identify(link), 0)
        counters_at_s, status_at_s = float("-inf"), time.monotonic()
        while True:
            if self._tracker.working or time.monotonic() - counters_at_s >= COUNTERS_S:
                await self._counters(link, places)
                counters_at_s = time.monotonic()
            if await link.ask(codec.STATUS) or link.in_file:
                status_at_s = time.monotonic()
            elif time.monotonic() - status_at_s > self._settings.silence_s:
                raise MachineUnreachable(f"{self.name} was silent for {self._settings.silence_s:g} s")
            link.ready.set()
            link.hurry.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.poll_s if self._tracker.working else IDLE_POLL_S):
                    await link.hurry.wait()

    @staticmethod
    async def _counters(link: Link, places: dict[int, int]) -> None:
        """Read the counters, but those that were not answered MISSES times in a row."""
        for place, misses in places.items():
            if misses < MISSES and not link.in_file:
                answered = await link.ask(place)
                places[place] = 0 if answered else misses + 1
                if not answered:
                    return

    def _working_link(self) -> Link:
        if self._link is None:
            raise MachineUnreachable(f"{self.name} is not connected")
        return self._link

    async def _order(self, command: bytes) -> None:
        try:
            await self._working_link().order(command)
        except MachineFault as error:
            raise MachineFault(f"{self.name}: {error}") from error

    async def _until(self, done: Callable[[], bool], words: str) -> None:
        """Look until the effect of an order shows in the status."""
        deadline_s = time.monotonic() + ORDER_S
        while not done():
            if time.monotonic() > deadline_s:
                raise MachineFault(f"{self.name} was told to {words}, and did not within {ORDER_S:g} s")
            self._working_link().hurry.set()
            await asyncio.sleep(ORDER_CHECK_S)

    async def hold(self) -> None:
        """Pause the job; see Driver.hold. MachineFault when none runs."""
        self._working_link()
        if not self._tracker.running:
            raise MachineFault(f"{self.name} does nothing that could be held")
        await self._order(codec.PAUSE)
        self._tracker.pause_asked(True, self._clock())
        await self._until(lambda: self._tracker.paused or not self._tracker.running, "pause")

    async def resume(self) -> None:
        """Go on; see Driver.resume. MachineFault when nothing is paused."""
        self._working_link()
        if not self._tracker.paused:
            raise MachineFault(f"{self.name} has nothing on hold")
        await self._order(codec.RESUME)
        self._tracker.pause_asked(False, self._clock())
        await self._until(lambda: not self._tracker.paused, "go on")

    async def cancel(self) -> None:
        """Stop the job; the controller may home afterwards. See Driver.cancel."""
        await self._order(codec.STOP)
        self._tracker.stop_asked(self._clock())
        await self._until(lambda: not self._tracker.running, "stop")

    async def message(self, text: str) -> None:
        """Do nothing: nobody knows how to write on its panel."""

    async def aclose(self) -> None:
        """Do nothing: sockets close with the events; see Driver.aclose."""


def _datagrams(settings: RuidaSettings, transports: Transports) -> Datagrams:
    parts = urlsplit(settings.url)
    try:
        port = parts.port or PORT
    except ValueError:
        port = 0
    if not parts.hostname or not port or parts.path.strip("/"):
        raise ConfigError(
            "driver ruida", "url", f"names no controller: {settings.url!r}", f"Write url = {URL_EXAMPLE!r}"
        )
    return transports.datagrams(parts.hostname, port, int(settings.reply_port))


def _magic(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        magic = int(text, 16)
    except ValueError:
        magic = -1
    if not 0 <= magic <= 0xFF:
        raise ConfigError("driver ruida", "magic", f"is no byte: {text!r}", "Write magic = '0x11', or 'auto'")
    return magic
