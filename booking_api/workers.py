"""Several processes of one server: begun by one, kept running by it, ended with it. SQLite has one."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import make_url

from booking_api.child import tied
from booking_api.settings import Settings
from booking_api.start import make_data
from floor.errors import ConfigError

log = logging.getLogger(__name__)
WORKERS_MAX = 16
AGAIN_S = 1.0
STOP_S = 15.0
"""How long a worker may take to end what it does."""
LOCK = "server.lock"
PAGE = "docs/operations/several-workers.md"


@dataclass(frozen=True, slots=True)
class Worker:
    """One process: its command, and the sockets at which it listens."""

    command: tuple[str, ...]
    doors: tuple[socket.socket, ...]


@contextlib.contextmanager
def only_one(settings: Settings, workers: int) -> Iterator[None]:
    """Hold an SQLite database for one server process; raises ConfigError for more, or where one has it.

    On PostgreSQL there may be several.
    """
    if make_url(settings.database_url).get_backend_name() != "sqlite":
        yield
        return
    key, remedy = "database.url", f"Several workers need PostgreSQL: {PAGE}."
    if workers > 1:
        raise ConfigError(str(settings.file), key, "is SQLite, which serves one process", remedy)
    make_data(settings)
    with (settings.data / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            problem = "is SQLite, and a server that runs has it already"
            raise ConfigError(str(settings.file), key, problem, f"End that one. {remedy}") from None
        yield


def worker(arguments: Sequence[str], doors: Sequence[socket.socket]) -> Worker:
    """Return a worker with the arguments of `makerfloor`, which is told of the sockets that it inherits."""
    told = ",".join(str(door.fileno()) for door in doors)
    return Worker((sys.executable, "-m", "booking_api.cli", *arguments, "--doors", told), tuple(doors))


def inherited(doors: str) -> list[socket.socket]:
    """Return the sockets that a worker was told of."""
    return [socket.socket(fileno=int(number)) for number in doors.split(",")]


def keep(workers: Sequence[Worker]) -> None:
    """Keep the workers running until SIGTERM or SIGINT; one that ends begins again after a moment."""
    asyncio.run(_keep_all(workers))


async def _keep_all(workers: Sequence[Worker]) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        kept = [group.create_task(_keep(one)) for one in workers]
        await stop.wait()
        for task in kept:
            task.cancel()


async def _keep(one: Worker) -> None:
    while True:
        process = await asyncio.create_subprocess_exec(
            *tied(one.command), start_new_session=True, pass_fds=[door.fileno() for door in one.doors]
        )
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise
        log.error("a worker ended (%d); it begins again", status)
        await asyncio.sleep(AGAIN_S)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()
