"""A program of ours as a child process: its output in a log, a deadline to start, an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from floor.errors import ConfigError

HOST = "127.0.0.1"
START_S = 90.0
STOP_S = 20.0
_POLL_S = 0.1


class Child:
    """A running program of Makerfloor; made by `running`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.returncode is None

    async def ended(self) -> str:
        """Wait until it ends by itself, and give the last that it wrote."""
        await self._process.wait()
        return last_words(self.log)

    async def stop(self) -> None:
        """Ask it to end, and make it end when it does not within 20 s."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.alive:
                return
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_S)


@contextlib.asynccontextmanager
async def running(name: str, program: str, arguments: Sequence[str], log: Path) -> AsyncIterator[Child]:
    """Run a program for as long as the block lasts. Raises ConfigError when it is not installed."""
    path = shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)
    if path is None:
        raise ConfigError(program, "", "is not installed", 'Install "makerfloor[gateway,server]".')
    command = [path, *arguments]
    # A session of its own keeps Ctrl-C from it, so that the order of the end is ours; should this process
    # be killed, the kernel ends it.
    if setpriv := shutil.which("setpriv"):
        command = [setpriv, "--pdeathsig", "TERM", "--", *command]
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    child = Child(name, process, log)
    try:
        yield child
    finally:
        await asyncio.shield(child.stop())


async def wait_for(child: Child, ready: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the child is ready; raises ConfigError with its log when it ends or takes 90 s."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_S):
            while child.alive:
                if await ready():
                    return
                await asyncio.sleep(_POLL_S)
    problem = f"the {child.name} did not start: {last_words(child.log)}"
    raise ConfigError(str(child.log), "", problem, "See this log.")


def free_port(wanted: int) -> int:
    """Return the port, or a free one for 0. Raises ConfigError when something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            problem = f"cannot listen on {HOST} port {wanted} ({error.strerror})"
            remedy = "Choose another with --port, or 0 for any; or end what listens there."
            raise ConfigError("makerfloor demo", "--port", problem, remedy) from error
        return int(probe.getsockname()[1])


def last_words(log: Path) -> str:
    """The last line of a log, at most 500 characters."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it wrote nothing"
