"""Files of queued prints: fetched from the server before anybody taps, kept in a bounded folder.

A print lies there as `ID.gcode` once it is whole and has the right SHA-256. `ID.sent` says that its machine
had it, so that a gateway that is out of touch prints nothing twice, until the roster has it no more.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path

import aiohttp

from floor.wire.roster import QueuedPrint
from gateway.config import ServerConfig
from gateway.metrics import Metrics
from gateway.roster import RosterStore

log = logging.getLogger(__name__)
FOLDER = "prints"
SILENCE_S = 30.0
FETCH_S = 1_800.0
PIECE_BYTES = 1 << 18
BACKOFF_S = (2.0, 300.0)
AGAIN_S = 60.0


class _Wrong(Exception):
    """What came is not what the roster names."""


@dataclass(slots=True)
class _Trial:
    failures: int = 0
    not_before_s: float = 0.0


@dataclass(slots=True)
class PrintFiles:
    """The files of this gateway's queue. `run` never ends; what cannot be had is tried again with backoff."""

    data: Path
    server: ServerConfig
    roster: RosterStore
    metrics: Metrics
    _ready: set[str] = field(default_factory=set)
    _sent: set[str] = field(default_factory=set)
    _trials: dict[str, _Trial] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Take stock of what the last process left."""
        for path in self._folder.glob("*.gcode"):
            self._ready.add(path.stem)
        for path in self._folder.glob("*.sent"):
            self._sent.add(path.stem)

    @property
    def _folder(self) -> Path:
        return self.data / FOLDER

    @property
    def has_server(self) -> bool:
        """Whether it is known where files come from."""
        return bool(self.server.url)

    def first(self, machine: str, member: str) -> QueuedPrint | None:
        """Return the print of a member that is first at a machine, and was not printed yet."""
        known = self.roster.machines.get(machine)
        prints = known.entry.prints if known else ()
        return next((one for one in prints if one.member == member and one.id not in self._sent), None)

    def path(self, print: QueuedPrint) -> Path | None:
        """Return where a print's file lies; None while it is not here."""
        return self._folder / f"{print.id}.gcode" if print.id in self._ready else None

    async def sent(self, print: QueuedPrint) -> None:
        """Remember durably that a machine had a print, and let its file go."""
        self._sent.add(print.id)
        await asyncio.to_thread(self._mark, print.id)
        self.roster_came()

    def roster_came(self) -> None:
        """Look again at what is wanted."""
        self._news.set()

    async def run(self) -> None:
        """Fetch what is queued and drop what is not, for ever."""
        if not self.has_server:
            return
        tls = ssl.create_default_context(cafile=self.server.ca) if self.server.ca else True
        quiet = aiohttp.ClientTimeout(total=FETCH_S, connect=SILENCE_S, sock_read=SILENCE_S)
        async with aiohttp.ClientSession(
            timeout=quiet, connector=aiohttp.TCPConnector(ssl=tls), auto_decompress=False
        ) as http:
            while True:
                self._news.clear()
                wanted = list(self._wanted())
                await asyncio.to_thread(self._tidy, {one.id for one in wanted})
                for one in wanted:
                    await self._try(http, one)
                await self._wait(wanted)

    def _wanted(self) -> Iterator[QueuedPrint]:
        """Yield what is to be here, machine by machine in turns, as far as there is room for it."""
        queues = [list(known.entry.prints) for known in self.roster.machines.values()]
        room = self.server.cache_mib << 20
        for rank in range(max(map(len, queues), default=0)):
            for queue in queues:
                if rank < len(queue) and queue[rank].id not in self._sent and queue[rank].size <= room:
                    room -= queue[rank].size
                    yield queue[rank]

    async def _wait(self, wanted: list[QueuedPrint]) -> None:
        """Wait for another roster, or until a file that did not come is due again."""
        due = [self._trials[one.id].not_before_s for one in wanted if one.id in self._trials]
        wait_s = min((at - time.monotonic() for at in due), default=AGAIN_S)
        try:
            async with asyncio.timeout(min(max(wait_s, 0.1), AGAIN_S)):
                await self._news.wait()
        except TimeoutError:
            return

    async def _try(self, http: aiohttp.ClientSession, print: QueuedPrint) -> None:
        trial = self._trials.get(print.id, _Trial())
        if print.id in self._ready or time.monotonic() < trial.not_before_s:
            return
        try:
            await self._fetch(http, print)
        except (aiohttp.ClientError, OSError, TimeoutError, _Wrong) as error:
            self.metrics.peer_errors.labels("print_file").inc()
            log.warning("the file of print %s did not come: %s", print.id, error or type(error).__name__)
            low, high = BACKOFF_S
            wait_s = min(high, low * 2**trial.failures) * random.uniform(0.5, 1)
            trial.not_before_s = time.monotonic() + wait_s
            trial.failures = min(trial.failures + 1, 16)
            self._trials[print.id] = trial
        else:
            self._ready.add(print.id)
            self._trials.pop(print.id, None)

    async def _fetch(self, http: aiohttp.ClientSession, print: QueuedPrint) -> None:
        address = f"{self.server.url}/api/print-files/{print.id}"
        headers = {"X-Print-Token": print.token}
        part, digest, size = self._folder / f"{print.id}.part", hashlib.sha256(), 0
        async with http.get(address, headers=headers, allow_redirects=False) as answer:
            if answer.status != 200:
                raise _Wrong(f"the server answers {answer.status}")
            file = await asyncio.to_thread(self._open, part)
            with file:
                async for piece in answer.content.iter_chunked(PIECE_BYTES):
                    size += len(piece)
                    if size > print.size:
                        raise _Wrong(f"it is larger than {print.size} bytes")
                    digest.update(piece)
                    await asyncio.to_thread(file.write, piece)
                await asyncio.to_thread(_sync, file)
        if digest.hexdigest() != print.sha256:
            raise _Wrong("its SHA-256 is another")
        await asyncio.to_thread(part.replace, part.with_suffix(".gcode"))

    def _open(self, part: Path) -> BufferedWriter:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return part.open("wb")

    def _mark(self, id: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / f"{id}.sent").open("wb") as file:
            _sync(file)

    def _tidy(self, wanted: set[str]) -> None:
        """Drop files that are not wanted, and marks of prints that the roster has no more."""
        machines = self.roster.machines.values()
        if not machines:
            return  # without a roster nobody knows what was printed
        known = {one.id for machine in machines for one in machine.entry.prints}
        for path in self._folder.glob("*"):
            needed = known if path.suffix == ".sent" else wanted
            if path.stem not in needed:
                path.unlink(missing_ok=True)
        self._ready &= wanted
        self._sent &= known
        for id in self._trials.keys() - wanted:
            del self._trials[id]


def _sync(file: BufferedWriter) -> None:
    file.flush()
    os.fsync(file.fileno())
