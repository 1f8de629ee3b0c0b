"""Drives one OctoPrint: login, push socket, G-code of the running job; hold, resume, cancel."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import MachineEvent, Noise
from firmware_bridge.gauges import Gauge
from firmware_bridge.octoprint.parser import (
    Fact,
    PrintStage,
    SessionEnded,
    parse_error,
    parse_flags,
    parse_frame,
    parse_login,
    parse_prints,
)
from firmware_bridge.octoprint.tracker import Job, Tracker
from firmware_bridge.orders import NoGate
from firmware_bridge.settings import setting
from firmware_bridge.transports import Answer, Http, Transports, Upload
from firmware_bridge.transports.real import RealTransports
from floor.errors import MachineError, MachineFault, MachineUnreachable
from floor.gcode import Filament, FilamentCounter, FilamentUse, display_command

READ_FILE_S = 900.0
AWAIT_FILE_S = 60.0
ORDER_S = 30.0
ORDER_CHECK_S = 0.2


@dataclass(frozen=True, slots=True)
class OctoPrintSettings:
    """The settings of one OctoPrint in a gateway's configuration."""

    url: str = setting(starts=("http://", "https://"), example="http://192.168.1.20")
    api_key: str = setting(example="the key from Settings > Application Keys", secret=True)
    filament_diameter_mm: float = setting(1.75, least=0.1, most=10.0)
    filament_density_g_cm3: float = setting(1.24, least=0.1, most=20.0)
    deadline_s: float = setting(10.0, least=0.1, most=120.0)


class OctoPrintDriver(NoGate):
    """One OctoPrint; see Driver. `transports` and `backoff` are for recordings and tests.

    It needs no clock: times are OctoPrint's own.
    """

    def __init__(
        self,
        settings: OctoPrintSettings,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"OctoPrint at {settings.url}"
        headers = {"X-Api-Key": settings.api_key}
        reach = transports or RealTransports()
        self._http = reach.http(settings.url, headers, settings.deadline_s)
        self._sockets = reach.websockets(settings.url, headers)
        self._backoff = backoff or Backoff()
        self._tracker = Tracker()
        self._files = _JobFiles(
            self._http, Filament(settings.filament_diameter_mm, settings.filament_density_g_cm3)
        )

    async def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever; see Driver.events."""
        async with aclosing(reconnecting(self._connection, self._backoff)) as events:
            async for event in events:
                yield event

    async def _connection(self) -> AsyncGenerator[MachineEvent, None]:
        self._tracker.lost()
        auth = await self._login()
        async with self._sockets.open(f"/sockjs/000/{secrets.token_hex(8)}/websocket") as socket:
            # the server reads a list of texts, each JSON itself
            await socket.send(json.dumps([json.dumps(_SUBSCRIBE), json.dumps({"auth": auth})]))
            try:
                while True:
                    for fact in parse_frame(await socket.receive()):
                        for event in await self._receive(fact):
                            yield event
            finally:
                await self._files.stop()

    async def _receive(self, fact: Fact) -> list[MachineEvent]:
        if isinstance(fact, SessionEnded):
            raise MachineUnreachable(fact.why)
        events: list[MachineEvent] = []
        job = self._tracker.job
        if job and self._tracker.may_end_job(fact):
            events += await self._files.wait(job)
        events += self._tracker.receive(fact)
        if job and job is not self._tracker.job:
            events += await self._files.stop()
        if self._tracker.job:
            events += self._files.follow(self._tracker.job)
        return events

    async def _login(self) -> str:
        # a wrong key is a clear 403 here, but a CSRF failure at the login
        self._expect(await self._http.get("/api/version"))
        answer = await self._http.post("/api/login", {"passive": True})
        self._expect(answer)
        login = parse_login(answer.body)
        if login is None:
            raise MachineFault(f"{self.name} opens no session: its API key is of no user")
        return f"{login.user}:{login.session}"

    def _expect(self, answer: Answer) -> None:
        if answer.status in (401, 403):
            raise MachineFault(f"{self.name} refuses the API key, or the key lacks a permission")
        if answer.status >= 500:
            raise MachineUnreachable(f"{self.name} is not ready: it answers {answer.status}")
        if answer.status >= 300:
            words = parse_error(answer.body) or f"it answers {answer.status}"
            raise MachineFault(f"{self.name}: {words}")

    async def _order(self, path: str, body: Mapping[str, object]) -> None:
        self._expect(await self._http.post(path, body))

    async def _order_job(
        self, order: Mapping[str, object], again: str, done: Callable[[_Flags], bool]
    ) -> None:
        """Give an order until OctoPrint's state shows that it was obeyed, at most ORDER_S.

        OctoPrint 1.11.8 answers 204 to a pause in its state STARTING, and then prints all the same (comm.py,
        setPause): an order is given once, and once more whenever the flag `again` shows that it was lost.
        """
        await self._order("/api/job", order)
        deadline_s = asyncio.get_running_loop().time() + ORDER_S
        while True:
            await asyncio.sleep(ORDER_CHECK_S)
            answer = await self._http.get("/api/printer?exclude=temperature,sd")
            self._expect(answer)
            flags = parse_flags(answer.body)
            if done(flags):
                return
            if asyncio.get_running_loop().time() > deadline_s:
                words = order.get("action", order["command"])
                raise MachineFault(f"{self.name} was told to {words}, and did not within {ORDER_S:g} s")
            if again in flags and not flags & _UNDER_WAY:
                await self._order("/api/job", order)

    async def hold(self) -> None:
        """Pause the print, and see that it is paused; see Driver.hold."""
        await self._order_job(
            {"command": "pause", "action": "pause"}, "printing", lambda flags: "paused" in flags
        )

    async def resume(self) -> None:
        """Resume the print, and see that it prints; see Driver.resume."""
        await self._order_job(
            {"command": "pause", "action": "resume"},
            "paused",
            lambda flags: not flags & {"paused", "pausing"},
        )

    async def cancel(self) -> None:
        """Cancel the print, and see that it has ended; see Driver.cancel."""
        await self._order_job({"command": "cancel"}, "printing", lambda flags: "ready" in flags)

    async def print_file(self, name: str, file: Path) -> None:
        """Upload a file and print it; see TakesFiles.print_file.

        OctoPrint 1.11.8 takes a file that it cannot print just now, answers 201, and prints nothing
        (server/api/files.py: `effectivePrint`): so it is asked before and afterwards.
        """
        answer = await self._http.get("/api/printer?exclude=temperature,sd")
        self._expect(answer)  # 409 while no printer is connected
        if "ready" not in parse_flags(answer.body):
            raise MachineFault(f"{self.name} is at work, or not ready to print")
        fields = {"select": "true", "print": "true"}
        answer = await self._http.upload("/api/files/local", Upload(file, name, fields=fields))
        self._expect(answer)
        if not parse_prints(answer.body):
            raise MachineFault(f"{self.name} took {name}, but does not print it")

    async def message(self, text: str) -> None:
        """Show one line by M117; see Driver.message."""
        await self._order("/api/printer/command", {"commands": [display_command(text)]})

    def gauges(self) -> tuple[Gauge, ...]:
        """Return the temperatures; see Shows.gauges."""
        return self._tracker.gauges

    async def aclose(self) -> None:
        """Close the connections; see Driver.aclose."""
        await self._files.stop()
        await self._sockets.aclose()
        await self._http.aclose()


_Flags = frozenset[str]
_UNDER_WAY = frozenset({"pausing", "resuming", "cancelling"})

_SUBSCRIBE = {
    "subscribe": {
        "state": {"logs": False, "messages": False},
        "plugins": False,
        "events": [*PrintStage, "FirmwareData"],
    }
}


@dataclass(slots=True)
class _JobFiles:
    """Reads the G-code of the running job once, beside the push socket, piece by piece off the event loop."""

    http: Http
    filament: Filament
    _job: Job | None = None
    _task: asyncio.Task[FilamentUse] | None = field(default=None, repr=False)

    def follow(self, job: Job) -> list[MachineEvent]:
        """Begin to read when the job is new; say once why it could not be read."""
        if self._job is not job:
            self._job = job
            self._task = asyncio.create_task(self._read(job)) if job.use is None else None
        return self._collect()

    async def wait(self, job: Job) -> list[MachineEvent]:
        """Give the reading of a job that may be over some more time."""
        events = self.follow(job)
        if self._task is not None:
            await asyncio.wait([self._task], timeout=AWAIT_FILE_S)
        return events + self._collect()

    def _collect(self) -> list[MachineEvent]:
        task, job = self._task, self._job
        if task is None or job is None or not task.done():
            return []
        self._task = None
        try:
            job.use = task.result()
        except (MachineError, TimeoutError) as error:
            return [_unmetered(job, str(error) or "its file came too slowly")]
        return []

    async def stop(self) -> list[MachineEvent]:
        """End the reading; a job that goes on is read anew after the next connection."""
        task, job, self._task, self._job = self._task, self._job, None, None
        if task is None or job is None:
            return []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return [_unmetered(job, "its file was not read in time")]

    async def _read(self, job: Job) -> FilamentUse:
        if job.origin not in (None, "local"):
            raise MachineFault(f"it lies on the printer ({job.origin})")
        counter = FilamentCounter(self.filament)
        async with asyncio.timeout(READ_FILE_S):
            async with aclosing(self.http.download(f"/downloads/files/local/{quote(job.path)}")) as pieces:
                async for piece in pieces:
                    await asyncio.to_thread(counter.receive_data, piece)
            return await asyncio.to_thread(counter.close)


def _unmetered(job: Job, why: str) -> Noise:
    return Noise(f"the filament of {job.path} is not metered: {why}")
