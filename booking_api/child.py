"""A program as a child process: its output in a log, a deadline to start, an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from floor.errors import ConfigError

POLL_S = 0.05
_PORT_TRIES = 3


class Child:
    """A running program; made by `spawn`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, stop_s: float) -> None:
        self.log = log
        self._process = process
        self._stop_s = stop_s

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.returncode is None

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()

    async def ended(self) -> str:
        """Wait until it ends by itself, and give the last that it wrote."""
        await self._process.wait()
        return self.last_words()

    async def stop(self) -> None:
        """Ask it to end, and make it end when it does not in the seconds that it has."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.alive:
                return
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), self._stop_s)

    async def answers(self, ready: Callable[[], Awaitable[bool]], within_s: float) -> bool:
        """Wait until it is ready; False when it ends first or the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.alive:
                    if await ready():
                        return self.alive
                    await asyncio.sleep(POLL_S)
        return False

    def last_words(self) -> str:
        """The last line of its log, at most 500 characters."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:500] if lines else "it wrote nothing"


def tied(command: Sequence[str]) -> list[str]:
    """Return a command whose process ends with the one that starts it, however that ends."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *command] if setpriv else list(command)


async def spawn(
    command: Sequence[str], log: Path, stop_s: float, *, append: bool = False, pass_fds: Sequence[int] = ()
) -> Child:
    """Start in a session of its own, so that Ctrl-C does not end it first; a killed parent still ends it.

    `stop_s`: how long it may take to end before it is made to.
    """
    with log.open("ab" if append else "wb") as output:
        process = await asyncio.create_subprocess_exec(
            *tied(command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    return Child(process, log, stop_s)


@dataclass(frozen=True, slots=True)
class Door:
    """Where a child is to listen; port 0 takes a free one. `room` and `key` name what sets it."""

    room: str
    host: str
    port: int
    key: str = "port"

    def free_port(self) -> int:
        """Return the port, or a free one for 0. Raises ConfigError when it cannot be listened at."""
        with socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise self._taken(self.port, error.strerror or str(error)) from error
            return int(probe.getsockname()[1])

    async def start(
        self,
        name: str,
        spawned: Callable[[int], Awaitable[Child]],
        ready: Callable[[int], Awaitable[bool]],
        within_s: float,
    ) -> tuple[Child, int]:
        """Start a child that listens here; return it, once it answers, and its port.

        On port 0 another process may take the free one first: then it is tried again. Raises ConfigError
        when the port is taken, and with the child's last words when it does not start.
        """
        for left in reversed(range(_PORT_TRIES)):
            port = self.free_port()
            child = await spawned(port)
            try:
                if await child.answers(partial(ready, port), within_s):
                    return child, port
            except BaseException:
                await child.stop()
                raise
            await child.stop()
            words = child.last_words()
            if "in use" not in words:
                raise ConfigError(str(child.log), "", f"{name} did not start: {words}", "See the log")
            if self.port or not left:
                raise self._taken(port, "Address already in use")
        raise AssertionError("the last attempt returns or raises")

    def _taken(self, port: int, problem: str) -> ConfigError:
        return ConfigError(
            self.room,
            self.key,
            f"cannot listen on {self.host} port {port} ({problem})",
            f"End what listens there (`ss -ltnp 'sport = :{port}'` names it) or choose another; 0 picks one",
        )
