"""Drives one Moonraker: a websocket for what happens, HTTP for orders, which need no reader."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Container, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import Identified, MachineEvent
from firmware_bridge.gauges import Gauge
from firmware_bridge.moonraker.parser import (
    HEAT,
    HEATERS,
    Fact,
    Heard,
    Klippy,
    KlippyState,
    Replied,
    parse_body,
    parse_error,
    parse_frame,
    parse_klippy,
    parse_printer,
    parse_rows,
    parse_status,
    parse_version,
)
from firmware_bridge.moonraker.tracker import RUNNING, Tracker
from firmware_bridge.orders import NoGate
from firmware_bridge.settings import setting
from firmware_bridge.transports import Answer, Socket, Transports, Upload
from firmware_bridge.transports.real import RealTransports
from floor.errors import MachineFault, MachineUnreachable
from floor.gcode import Filament, display_command

ORDER_S = 30.0
ORDER_CHECK_S = 0.2
AGAIN_S = 2.0
MAX_BACKLOG = 1024
HISTORY = {"limit": 10, "order": "desc"}
STATUS = {
    "print_stats": [
        "state",
        "message",
        "filename",
        "print_duration",
        "total_duration",
        "filament_used",
        "info",
    ],
    "display_status": ["progress"],
    "webhooks": ["state", "state_message"],
    **{heater: list(HEAT) for heater in HEATERS},
}
STATE = "/printer/objects/query?print_stats=state"
SCRIPT = "/printer/gcode/script"
INVALID = -32602  # what a wrong or missing key becomes on the websocket (common.py)
KEY_WORDS = "refuses the API key, or wants one"
# another comment, and what a macro could take for a template or a quote's end
NOT_SHOWN = str.maketrans(dict.fromkeys("#{}\"'\\", " "))


@dataclass(frozen=True, slots=True)
class MoonrakerSettings:
    """The settings of one Moonraker in a gateway's configuration."""

    url: str = setting(starts=("http://", "https://"), example="http://192.168.1.20:7125")
    api_key: str = setting("", example="the key that Moonraker shows at /access/api_key", secret=True)
    filament_diameter_mm: float = setting(1.75, least=0.1, most=10.0)
    filament_density_g_cm3: float = setting(1.24, least=0.1, most=20.0)
    deadline_s: float = setting(10.0, least=3.0, most=120.0)


class MoonrakerDriver(NoGate):
    """One printer behind Moonraker; see Driver and TakesFiles. The rest is for recordings and tests."""

    def __init__(
        self,
        settings: MoonrakerSettings,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"Moonraker at {settings.url}"
        self._settings = settings
        headers = {"X-Api-Key": settings.api_key} if settings.api_key else {}
        reach = transports or RealTransports()
        self._http = reach.http(settings.url, headers, settings.deadline_s)
        # an order is answered when Klipper has carried it out, behind whatever it waits for
        self._orders = reach.http(settings.url, headers, ORDER_S * 2)
        self._sockets = reach.websockets(settings.url, {}, settings.deadline_s)
        self._backoff = backoff or Backoff()
        self._clock = clock
        filament = Filament(settings.filament_diameter_mm, settings.filament_density_g_cm3)
        self._tracker = Tracker(filament, secrets.token_hex(4))

    async def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever; see Driver.events."""
        async with aclosing(reconnecting(self._connection, self._backoff)) as events:
            async for event in events:
                yield event

    async def _connection(self) -> AsyncGenerator[MachineEvent, None]:
        self._tracker.lost()
        async with self._sockets.open("/websocket") as socket:
            talk = _Talk(self.name, socket, self._settings.deadline_s, self._clock)
            await self._sign_in(talk)
            while True:
                if not talk.subscribed and self._clock() >= talk.greet_at_s:
                    for event in await self._greet(talk):
                        yield event
                fact = await talk.next()
                for event in self._tracker.receive(fact):
                    yield event
                if isinstance(fact, KlippyState) and fact.state is not Klippy.SHUTDOWN:
                    # Moonraker forgets its subscribers when it loses Klipper
                    talk.subscribed, talk.greet_at_s = False, self._clock()

    async def _sign_in(self, talk: _Talk) -> None:
        who = {"client_name": "Makerfloor", "version": "1", "type": "other", "url": "http://makerfloor"}
        key = {"api_key": self._settings.api_key} if self._settings.api_key else {}
        talk.expect(await talk.ask("server.connection.identify", {**who, **key}))

    async def _greet(self, talk: _Talk) -> list[MachineEvent]:
        """Ask how things stand, and subscribe when Klipper is up; else this is done again after AGAIN_S."""
        talk.greet_at_s = self._clock() + AGAIN_S
        server = await talk.ask("server.info")
        talk.expect(server)
        state = parse_klippy(server.result)
        if state.state is Klippy.DISCONNECTED:
            return self._tracker.receive(state)
        events: list[MachineEvent] = []
        printer = await talk.ask("printer.info")
        if not printer.code:
            state, firmware = parse_printer(printer.result)
            if not talk.named:
                talk.named = True
                events.append(Identified(f"Moonraker {parse_version(server.result)}", f"Klipper {firmware}"))
        if state.state is Klippy.STARTUP:
            return events + self._tracker.receive(state)
        history = await talk.ask("server.history.list", HISTORY)
        subscribed = await talk.ask("printer.objects.subscribe", {"objects": STATUS})
        status = parse_status(subscribed.result)
        if status is None:
            return events + self._tracker.receive(state)
        talk.subscribed = True
        self._tracker.remember(parse_rows(history.result))
        return events + self._tracker.receive(status)

    def _expect(self, answer: Answer) -> None:
        if answer.status < 300:
            return
        words = parse_error(answer.body) or f"it answers {answer.status}"
        if answer.status == 401:
            raise MachineFault(f"{self.name} {KEY_WORDS}: {words}")
        if answer.status >= 500:
            raise MachineUnreachable(f"{self.name} is not ready: {words}")
        raise MachineFault(f"{self.name}: {words}")

    async def _state(self) -> str:
        answer = await self._http.get(STATE)
        self._expect(answer)
        status = parse_status(parse_body(answer.body))
        return status.state or "" if status else ""

    async def _give(self, words: str, script: str, of: Container[str], done: Callable[[str], bool]) -> None:
        """Give an order to a job whose state is one `of` these, and see within ORDER_S that it is `done`."""
        self._check(words, await self._state(), of)
        giving = asyncio.create_task(self._orders.post(SCRIPT, {"script": script}))
        try:
            async with asyncio.timeout(ORDER_S):
                while not done(state := await self._state()):
                    self._check(words, state, RUNNING)  # a job may end before it can be paused
                    if giving.done():
                        self._expect(giving.result())
                    await asyncio.sleep(ORDER_CHECK_S)
        except TimeoutError as error:
            raise MachineFault(
                f"{self.name} was told to {words}, and did not within {ORDER_S:g} s"
            ) from error
        finally:
            giving.cancel()
            await asyncio.gather(giving, return_exceptions=True)

    def _check(self, words: str, state: str, of: Container[str]) -> None:
        if state not in of:
            raise MachineFault(f"{self.name} has no job to {words}: it is {state or 'without a state'}")

    async def hold(self) -> None:
        """Pause the print, and see that it is paused; see Driver.hold."""
        # Klipper remembers a PAUSE that came while nothing printed, and pauses no more (pause_resume.py)
        await self._give("pause", "CLEAR_PAUSE\nPAUSE", ("printing",), lambda state: state == "paused")

    async def resume(self) -> None:
        """Resume the print, and see that it prints; see Driver.resume."""
        await self._give("resume", "RESUME", ("paused",), lambda state: state != "paused")

    async def cancel(self) -> None:
        """Cancel the print, and see that it has ended; see Driver.cancel."""
        await self._give("cancel", "CANCEL_PRINT", RUNNING, lambda state: state not in RUNNING)

    async def message(self, text: str) -> None:
        """Show one line by M117; see Driver.message."""
        script = display_command(text.translate(NOT_SHOWN))
        await self._state()  # whether it answers at all
        with contextlib.suppress(TimeoutError):  # it waits for a command that takes long, and is shown then
            async with asyncio.timeout(self._settings.deadline_s):
                answer = await self._orders.post(SCRIPT, {"script": script})
                self._expect(answer)

    async def print_file(self, name: str, file: Path) -> None:
        """Upload a file and start it; see TakesFiles.print_file."""
        state = await self._state()
        if state in RUNNING:
            raise MachineFault(f"{self.name} is at work: it is {state}")
        upload = Upload(file, name, fields={"root": "gcodes", "print": "true"})
        answer = await self._http.upload("/server/files/upload", upload)
        self._expect(answer)
        started = parse_body(answer.body)
        if started.get("print_queued") is True:
            raise MachineFault(
                f"{self.name} queued {name}: set queue_gcode_uploads in moonraker.conf to False"
            )
        if started.get("print_started") is not True:
            raise MachineFault(f"{self.name} took {name}, but did not start it: look at the printer")

    def gauges(self) -> tuple[Gauge, ...]:
        """Return the temperatures and the layer; see Shows.gauges."""
        return self._tracker.gauges

    async def aclose(self) -> None:
        """Close the connections; see Driver.aclose."""
        await self._sockets.aclose()
        await self._orders.aclose()
        await self._http.aclose()


@dataclass(slots=True)
class _Talk:
    """One websocket: numbered questions and their answers, and what is said in between."""

    name: str
    socket: Socket
    deadline_s: float
    clock: Callable[[], float]
    subscribed: bool = False
    named: bool = False
    greet_at_s: float = float("-inf")
    _backlog: deque[Fact] = field(default_factory=lambda: deque(maxlen=MAX_BACKLOG))
    _number: int = 0
    _heard_s: float = 0.0
    _probed: bool = False

    async def ask(self, method: str, params: Mapping[str, object] | None = None) -> Replied:
        """Ask, and wait for the answer. Raises MachineUnreachable without one within the deadline."""
        number = await self._send(method, params)
        try:
            async with asyncio.timeout(self.deadline_s):
                while True:
                    fact = parse_frame(await self.socket.receive())
                    if isinstance(fact, Replied) and fact.number == number:
                        self._heard_s = self.clock()
                        return fact
                    self._backlog.append(fact)
        except TimeoutError as error:
            raise MachineUnreachable(
                f"{self.name} does not answer {method} within {self.deadline_s:g} s"
            ) from error

    async def _send(self, method: str, params: Mapping[str, object] | None = None) -> int:
        self._number += 1
        call = {"jsonrpc": "2.0", "method": method, "params": dict(params or {}), "id": self._number}
        await self.socket.send(json.dumps(call))
        return self._number

    def expect(self, replied: Replied) -> None:
        """Raise MachineFault when the key is refused, MachineUnreachable for any other error."""
        if replied.code == INVALID:
            raise MachineFault(f"{self.name} {KEY_WORDS}: {replied.words}")
        if replied.code:
            raise MachineUnreachable(f"{self.name} is not ready: {replied.words}")

    async def next(self) -> Fact:
        """Wait for the next fact. Raises MachineUnreachable when Klipper hangs while Moonraker lives.

        Moonraker says how its own host does every second; an idle Klipper is silent, and has to be asked.
        """
        fact = self._backlog.popleft() if self._backlog else parse_frame(await self.socket.receive())
        if not isinstance(fact, Heard):
            self._heard_s, self._probed = self.clock(), False
        elif self.subscribed:
            silent_s = self.clock() - self._heard_s
            if silent_s > self.deadline_s:
                raise MachineUnreachable(f"Klipper behind {self.name} is silent for {silent_s:.0f} s")
            if silent_s > self.deadline_s / 2 and not self._probed:
                self._probed = True
                await self._send("printer.info")
        return fact
