"""Drives one PrusaLink: polls its state, reads the running job's file; hold, resume, cancel, print a file."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import Identified, MachineEvent, Noise
from firmware_bridge.gauges import Gauge
from firmware_bridge.orders import NoGate
from firmware_bridge.prusalink.files import JobFiles
from firmware_bridge.prusalink.parser import (
    TAKES_JOBS,
    JobFile,
    Status,
    parse_error,
    parse_info,
    parse_job,
    parse_status,
    parse_storage,
    parse_version,
)
from firmware_bridge.prusalink.tracker import Job, Tracker
from firmware_bridge.settings import setting
from firmware_bridge.transports import Answer, Login, Transports, Upload
from firmware_bridge.transports.real import RealTransports
from floor.errors import ConfigError, MachineFault, MachineUnreachable
from floor.gcode import Filament
from floor.words import Activity

ORDER_S = 30.0
ORDER_CHECK_S = 0.2
START_S = 45.0
START_AGAIN_S = 1.0
SEEN_S = 5.0
MAX_NOISE = 5
NAME_POLLS = 3


@dataclass(frozen=True, slots=True)
class PrusaLinkSettings:
    """The settings of one PrusaLink in a gateway's configuration: an API key, or a password."""

    url: str = setting(starts=("http://", "https://"), example="http://192.168.1.21")
    api_key: str = setting("", example="the key from PrusaLink's settings", secret=True)
    username: str = setting("maker", example="maker")
    password: str = setting("", example="the password from the printer's menu", secret=True)
    filament_diameter_mm: float = setting(1.75, least=0.1, most=10.0)
    filament_density_g_cm3: float = setting(1.24, least=0.1, most=20.0)
    poll_s: float = setting(1.0, least=0.02, most=60.0)
    idle_poll_s: float = setting(2.0, least=0.02, most=600.0)
    deadline_s: float = setting(10.0, least=0.1, most=120.0)


class PrusaLinkDriver(NoGate):
    """See Driver, TakesFiles. `transports`, `backoff`, `clock` (monotonic seconds): recordings and tests."""

    def __init__(
        self,
        settings: PrusaLinkSettings,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"PrusaLink at {settings.url}"
        if not settings.api_key and not settings.password:
            raise ConfigError(self.name, "api_key", "is missing", "Add api_key = '…', or password = '…'")
        digest = None if settings.api_key else Login(settings.username, settings.password)
        headers = {"X-Api-Key": settings.api_key} if settings.api_key else {}
        headers["Accept"] = "application/json"
        self._settings = settings
        self._http = (transports or RealTransports()).http(
            settings.url, headers, settings.deadline_s, digest=digest
        )
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._wake = asyncio.Event()
        self._tracker = Tracker(secrets.token_hex(4), 2 * settings.poll_s + settings.deadline_s)
        self._files = JobFiles(
            self._http, Filament(settings.filament_diameter_mm, settings.filament_density_g_cm3)
        )

    async def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever; see Driver.events."""
        async with aclosing(reconnecting(self._connection, self._backoff)) as events:
            async for event in events:
                yield event

    async def _connection(self) -> AsyncGenerator[MachineEvent, None]:
        self._tracker.lost()
        version = parse_version((await self._get("/api/version")).body)
        if version.waits:
            raise MachineUnreachable(f"{self.name} has not reached its printer yet")
        name = parse_info((await self._get("/api/v1/info")).body)
        yield Identified(f"{version.name} {name}".strip(), version.firmware)
        noise = 0
        try:
            while True:
                now = parse_status((await self._get("/api/v1/status")).body)
                if isinstance(now, Noise):
                    yield now
                    noise += 1
                    if noise >= MAX_NOISE:
                        raise MachineUnreachable(f"{self.name} says nothing that is a status")
                    await self._pause(self._settings.poll_s)
                    continue
                noise = 0
                async with aclosing(self._receive(now)) as events:
                    async for event in events:
                        yield event
                at_rest = now.activity in (Activity.IDLE, Activity.FAULTED, Activity.UNREACHABLE)
                await self._pause(self._settings.idle_poll_s if at_rest else self._settings.poll_s)
        finally:
            await self._files.stop()

    async def _pause(self, most_s: float) -> None:
        """Wait for the next poll; an order that was just obeyed is looked at at once."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._wake.wait()
        self._wake.clear()

    async def _receive(self, now: Status) -> AsyncGenerator[MachineEvent, None]:
        at_s, job = self._clock(), self._tracker.job
        events: list[MachineEvent] = []
        if job and self._tracker.ends_job(now):
            events += await self._files.wait(job)
            events += await self._files.stop()
        for event in [*events, *self._tracker.receive(now, at_s)]:
            yield event
        job = self._tracker.job
        if job and job.file is None:
            for event in await self._name(job):
                yield event
        if job:
            for event in self._files.follow(job):
                yield event

    async def _name(self, job: Job) -> list[MachineEvent]:
        """Ask what is printed. A print from the card, or over the serial line, may have no file to name."""
        job.asked += 1
        file = parse_job((await self._get("/api/v1/job")).body)
        if file is None and job.asked >= NAME_POLLS:
            file = JobFile(job.number, f"job {job.number}", "", "", None, None)
        return self._tracker.named(file) if file else []

    async def _get(self, path: str) -> Answer:
        answer = await self._http.get(path)
        self._expect(answer)
        return answer

    def _expect(self, answer: Answer) -> None:
        if answer.status in (401, 403):
            raise MachineFault(f"{self.name} refuses the key or password")
        if answer.status >= 500:
            raise MachineUnreachable(f"{self.name} is not ready: it answers {answer.status}")
        if answer.status >= 300:
            raise MachineFault(f"{self.name}: {parse_error(answer.body) or f'it answers {answer.status}'}")

    async def _status(self) -> Status:
        now = parse_status((await self._get("/api/v1/status")).body)
        if isinstance(now, Noise):
            raise MachineUnreachable(f"{self.name}: {now.detail}")
        return now

    async def _order(self, method: str, order: str, words: str, done: Callable[[Status], bool]) -> None:
        """Give an order for the running job, and see it obeyed within ORDER_S.

        PrusaLink answers 204 when it has queued an order, and the printer obeys when its moves allow.
        """
        now = await self._status()
        job = now.job
        if job is None or not now.at_job:
            raise MachineFault(f"{self.name} has no job: it is {now.words}")
        if done(now):
            return
        self._expect(await self._http.ask(method, f"/api/v1/job/{job.number}{order}"))
        deadline_s = asyncio.get_running_loop().time() + ORDER_S
        while True:
            await asyncio.sleep(ORDER_CHECK_S)
            now = await self._status()
            over = not now.at_job or now.job is None or now.job.number != job.number
            if done(now) or (over and order != "/pause"):
                self._wake.set()
                return
            if over:
                raise MachineFault(f"{self.name} ended its job before it could {words}")
            if asyncio.get_running_loop().time() > deadline_s:
                raise MachineFault(f"{self.name} was told to {words}, and did not within {ORDER_S:g} s")

    async def hold(self) -> None:
        """Pause the print, and see that it is paused; see Driver.hold."""
        await self._order("PUT", "/pause", "pause", lambda now: now.state == "PAUSED")

    async def resume(self) -> None:
        """Resume the print, and see that it prints; see Driver.resume."""
        await self._order("PUT", "/resume", "go on", lambda now: now.state in ("PRINTING", "BUSY"))

    async def cancel(self) -> None:
        """Cancel the print, and see that it has ended; see Driver.cancel."""
        await self._order("DELETE", "", "stop", lambda now: not now.at_job)

    async def print_file(self, name: str, file: Path) -> None:
        """Send a file, and start it; see TakesFiles.

        PrusaLink stays FINISHED or STOPPED for 11 s and starts nothing then (409): it is asked again for
        at most START_S, also where it took the file and no print is seen within SEEN_S.
        """
        before = await self._status()
        if before.state not in TAKES_JOBS:
            raise MachineFault(f"{self.name} takes no file: it is {before.words}")
        storage = parse_storage((await self._get("/api/v1/storage")).body)
        if storage is None:
            raise MachineFault(f"{self.name} has no place for files")
        path = f"/api/v1/files{quote(storage)}/{quote(name, safe='')}"
        headers = {"Content-Type": "text/x.gcode", "Print-After-Upload": "?1", "Overwrite": "?1"}
        upload = Upload(file, name, method="PUT", part="", headers=headers)
        deadline_s, refused = asyncio.get_running_loop().time() + START_S, False
        answer = await self._http.upload(path, upload)
        while answer.status in (408, 409) or not await self._begun(answer, before):
            await asyncio.sleep(START_AGAIN_S)
            late = asyncio.get_running_loop().time() >= deadline_s
            if late or (await self._status()).state not in TAKES_JOBS:
                self._expect(answer)
                if late:
                    raise MachineFault(f"{self.name} took {name}, but does not print it")
                break
            answer = await self._http.ask("POST", path)
            if answer.status == 404 and not refused:  # it refused the file before it had read it
                refused = True
                answer = await self._http.upload(path, upload)
        self._wake.set()

    async def _begun(self, answer: Answer, before: Status) -> bool:
        """Wait until another job is seen than before; raises what the answer says."""
        self._expect(answer)
        deadline_s = asyncio.get_running_loop().time() + SEEN_S
        last = before.job.number if before.job else None
        while True:
            now = await self._status()
            if now.state not in TAKES_JOBS or (now.job and now.job.number != last):
                return True
            if asyncio.get_running_loop().time() >= deadline_s:
                return False
            await asyncio.sleep(ORDER_CHECK_S)

    async def message(self, text: str) -> None:
        """Do nothing: PrusaLink shows no text of others."""

    def gauges(self) -> tuple[Gauge, ...]:
        """Return the temperatures; see Shows.gauges."""
        return self._tracker.gauges

    async def aclose(self) -> None:
        """Close the connections; see Driver.aclose."""
        await self._files.stop()
        await self._http.aclose()
