"""Finds out what the running job's file asks for, beside the polls, as well as the machine lets it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from urllib.parse import quote

from firmware_bridge.events import MachineEvent, Noise
from firmware_bridge.prusalink.filament import MAX_HEAD_BYTES, GcodeReader, Used, by_slicer, said_in_binary
from firmware_bridge.prusalink.parser import JobFile
from firmware_bridge.prusalink.tracker import Job
from firmware_bridge.transports import Http
from floor.errors import MachineError, MachineFault
from floor.gcode import Filament

READ_FILE_S = 900.0
AWAIT_FILE_S = 60.0


@dataclass(slots=True)
class JobFiles:
    """Reads one job's file at a time."""

    http: Http
    filament: Filament
    _job: Job | None = None
    _task: asyncio.Task[Used] | None = field(default=None, repr=False)

    def follow(self, job: Job) -> list[MachineEvent]:
        """Begin to read when the job is new; say once why its filament cannot be known."""
        if job.file is not None and self._job is not job:
            self._job = job
            self._task = asyncio.create_task(self._read(job.file)) if job.used is None else None
        return self._collect()

    async def wait(self, job: Job) -> list[MachineEvent]:
        """Give the reading of a job that is over some more time."""
        events = self.follow(job)
        if self._task is not None:
            await asyncio.wait([self._task], timeout=AWAIT_FILE_S)
        return events + self._collect()

    async def stop(self) -> list[MachineEvent]:
        """End the reading; a job that goes on is read anew after the next connection."""
        task, job, self._task, self._job = self._task, self._job, None, None
        if task is None or job is None:
            return []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return [_unmetered(job, "its file was not read in time")]

    def _collect(self) -> list[MachineEvent]:
        task, job = self._task, self._job
        if task is None or job is None or not task.done():
            return []
        self._task = None
        try:
            job.used = task.result()
        except (MachineError, TimeoutError) as error:
            return [_unmetered(job, str(error) or "its file came too slowly")]
        return []

    async def _read(self, file: JobFile) -> Used:
        said = by_slicer(file.said_um, file.said_mg, self.filament)
        try:
            if not file.download:
                raise MachineFault("the machine does not hand it out, and knows no slicer's figure")
            async with asyncio.timeout(READ_FILE_S):
                if file.name.lower().endswith(".bgcode"):
                    return said or await self._binary(file)
                return await self._gcode(file)
        except (MachineError, TimeoutError):
            if said is None:
                raise
            return said

    async def _gcode(self, file: JobFile) -> Used:
        reader = GcodeReader(self.filament)
        async with aclosing(self.http.download(quote(file.download))) as pieces:
            async for piece in pieces:
                await asyncio.to_thread(reader.receive_data, piece)
        used: Used = await asyncio.to_thread(reader.close)
        return used

    async def _binary(self, file: JobFile) -> Used:
        head = b""
        async with aclosing(self.http.download(quote(file.download))) as pieces:
            async for piece in pieces:
                head += piece
                found = said_in_binary(head)
                said = by_slicer(*found, self.filament) if found else None
                if said is not None:
                    return said
                if len(head) > MAX_HEAD_BYTES:
                    break
        raise MachineFault("it is binary, and names no slicer's figure")


def _unmetered(job: Job, why: str) -> Noise:
    name = job.file.name if job.file else job.job_id
    return Noise(f"the filament of {name} is not metered: {why}")
