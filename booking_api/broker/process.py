"""A broker as a child process: Mosquitto when it is on the machine, else the embedded one."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from booking_api.broker.plan import (
    PACKET_BYTES_MAX,
    Identity,
    Listener,
    Tls,
    check_identities,
    render_acl,
    render_mosquitto,
    render_passwords,
)
from floor.errors import ConfigError

_START_S = 30.0
_STOP_S = 10.0
_POLL_S = 0.05
_PORT_TRIES = 3


class Engine(StrEnum):
    """Which broker runs."""

    MOSQUITTO = "mosquitto"
    EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """How a broker runs.

    `directory` holds its files and is made when missing. Port 0 takes a free one. Without an engine,
    Mosquitto is taken when it is on the machine. Sizes in bytes.
    """

    directory: Path
    identities: tuple[Identity, ...]
    host: str = "127.0.0.1"
    port: int = 0
    tls: Tls | None = None
    engine: Engine | None = None
    packet_bytes_max: int = PACKET_BYTES_MAX

    def listener(self, port: int) -> Listener:
        """Where and how the broker listens, on a port that is not 0."""
        return Listener(self.host, port, self.tls, self.packet_bytes_max)


def find_mosquitto() -> str | None:
    """Mosquitto's program, also where Debian puts it and a user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class BrokerProcess:
    """A running broker; made by `run_broker`."""

    def __init__(
        self, engine: Engine, host: str, port: int, process: asyncio.subprocess.Process, log: Path
    ) -> None:
        self.engine = engine
        self.host = host
        self.port = port
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """The process id of the broker."""
        return self._process.pid

    def kill(self) -> None:
        """End the broker as a power cut would; for tests of what survives."""
        self._process.kill()

    async def ended(self) -> str:
        """Wait until the broker ends by itself, and give the last that it wrote."""
        await self._process.wait()
        return _last_words(self._log)


@contextlib.asynccontextmanager
async def run_broker(settings: BrokerSettings) -> AsyncIterator[BrokerProcess]:
    """Run a broker for as long as the block lasts; it answers when the block begins.

    Raises ConfigError when an identity is refused, the port is in use, or the broker does not start.
    """
    check_identities(settings.identities)
    engine = settings.engine or (Engine.MOSQUITTO if find_mosquitto() else Engine.EMBEDDED)
    # Both brokers read their files from where they stand: a relative path would be another one there.
    directory = await asyncio.to_thread(_write_files, settings)
    broker = await _start(settings, engine, directory)
    try:
        yield broker
    finally:
        await asyncio.shield(_stop(broker._process))


def _write_files(settings: BrokerSettings) -> Path:
    directory = settings.directory.resolve()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(directory / "passwords", render_passwords(settings.identities))
    _write(directory / "acl", render_acl(settings.identities))
    return directory


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


async def _start(settings: BrokerSettings, engine: Engine, directory: Path) -> BrokerProcess:
    """Start on the port asked for; on port 0 another process may take the free one first, so try again."""
    log = directory / f"{engine}.log"
    for attempt in range(_PORT_TRIES):
        port = _free_port(settings)
        process = await _spawn(_command(settings.listener(port), engine, directory), log)
        try:
            answered = await _answers(process, settings.host, port)
        except BaseException:
            await _stop(process)
            raise
        if answered:
            return BrokerProcess(engine, settings.host, port, process, log)
        await _stop(process)
        words = _last_words(log)
        if "in use" not in words:
            raise ConfigError(str(log), "", f"the {engine} broker did not start: {words}", "See the log")
        if settings.port or attempt == _PORT_TRIES - 1:
            raise _in_use(settings.host, port)
    raise AssertionError("the last attempt returns or raises")


def _free_port(settings: BrokerSettings) -> int:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise _in_use(settings.host, settings.port, error.strerror or str(error)) from error
        return int(probe.getsockname()[1])


def _in_use(host: str, port: int, problem: str = "Address already in use") -> ConfigError:
    return ConfigError(
        "broker",
        "port",
        f"cannot listen on {host} port {port} ({problem})",
        f"End what listens there (`ss -ltnp 'sport = :{port}'` names it) or choose another; 0 picks one",
    )


def _command(listener: Listener, engine: Engine, directory: Path) -> list[str]:
    if engine is Engine.MOSQUITTO:
        program = find_mosquitto()
        if program is None:
            raise ConfigError(
                "broker",
                "engine",
                "mosquitto is not on this machine",
                "apt-get install mosquitto, or use 'embedded'",
            )
        configuration = directory / "mosquitto.conf"
        _write(configuration, render_mosquitto(listener, directory, as_root=os.geteuid() == 0))
        return [program, "-c", str(configuration)]
    command = [sys.executable, "-m", "booking_api.broker.embedded", "--host", listener.host, "--port"]
    command += [str(listener.port), "--packet-bytes-max", str(listener.packet_bytes_max)]
    command += ["--passwords", str(directory / "passwords"), "--acl", str(directory / "acl")]
    if tls := listener.tls:
        command += [
            "--cafile",
            str(tls.cafile),
            "--certfile",
            str(tls.certfile),
            "--keyfile",
            str(tls.keyfile),
        ]
    return command


async def _spawn(command: list[str], log: Path) -> asyncio.subprocess.Process:
    """Start in a session of its own, so that Ctrl-C ends the broker last; a killed parent still ends it."""
    if setpriv := shutil.which("setpriv"):
        command = [setpriv, "--pdeathsig", "TERM", "--", *command]
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


async def _answers(process: asyncio.subprocess.Process, host: str, port: int) -> bool:
    """Wait until the port answers; False when the process ends first or the time is up."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_S):
            while process.returncode is None:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(host, port)
                    writer.close()
                    await asyncio.sleep(_POLL_S)  # one that could not bind ends now, and another answered
                    return process.returncode is None
                await asyncio.sleep(_POLL_S)
    return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _STOP_S)


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it wrote nothing"
