"""Reads the 3MF of the running job once, beside everything else, and says why where it cannot."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from firmware_bridge.bambu.sliced import MAX_FILE_BYTES, Sliced, read_sliced
from firmware_bridge.bambu.tracker import Job
from firmware_bridge.events import Noise
from firmware_bridge.transports import Files
from floor.errors import MachineError, MachineFault, PeerError

TRIES_AFTER_S = (0.0, 20.0, 120.0)
AWAIT_FILE_S = 60.0


@dataclass(slots=True)
class JobFiles:
    """Without `store` nothing is read, and nothing is said."""

    store: Files | None
    _job: Job | None = None
    _task: asyncio.Task[Sliced] | None = field(default=None, repr=False)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def follow(self, job: Job | None) -> list[Noise]:
        """Begin to read when the job is new; take what was read, or say once why it was not."""
        said: list[Noise] = []
        if self._job is not job:
            said = await self.stop()
            self._job = job
            self._hurry.clear()
            if job and job.files and self.store:
                self._task = asyncio.create_task(self._read(self.store, job))
        return said + self._collect()

    async def wait(self) -> list[Noise]:
        """Give the reading of a job that may be over some more time."""
        self._hurry.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=AWAIT_FILE_S)
        return self._collect()

    async def stop(self) -> list[Noise]:
        """End the reading."""
        task, job, self._task, self._job = self._task, self._job, None, None
        if task is None or job is None:
            return []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return [_unmetered(job, "its file was not read in time")]

    def _collect(self) -> list[Noise]:
        task, job = self._task, self._job
        if task is None or job is None or not task.done():
            return []
        self._task = None
        try:
            job.sliced = task.result()
        except (MachineError, PeerError) as error:
            return [_unmetered(job, str(error))]
        return []

    async def _read(self, store: Files, job: Job) -> Sliced:
        for wait_s in TRIES_AFTER_S:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._hurry.wait()
            try:
                return await self._first_that_fits(store, job)
            except (MachineError, PeerError) as error:
                why = error
        raise why

    async def _first_that_fits(self, store: Files, job: Job) -> Sliced:
        """An older file of the same name may lie elsewhere: the number of layers tells."""
        left, why = job.files, PeerError("")
        while left:
            found = await store.fetch(left, MAX_FILE_BYTES)
            if found is None:
                break
            path, file = found
            left = left[left.index(path) + 1 :]
            stopped = threading.Event()
            try:
                with file:
                    return await asyncio.to_thread(read_sliced, file, job.plate, job.layers, stopped.is_set)
            except PeerError as error:
                why = error
            finally:
                stopped.set()
        raise why if str(why) else MachineFault(f"there is none of {', '.join(job.files)}")


def _unmetered(job: Job, why: str) -> Noise:
    return Noise(f"the filament of {job.name} is not metered: {why}")
