"""A broker as a child process: Mosquitto when it is on the machine, else the embedded one."""

import asyncio
import contextlib
import os
import shutil
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
from booking_api.child import POLL_S, Child, Door, spawn
from floor.errors import ConfigError

_START_S = 30.0
_STOP_S = 10.0


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

    def __init__(self, engine: Engine, host: str, port: int, child: Child) -> None:
        self.engine = engine
        self.host = host
        self.port = port
        self.pid = child.pid
        self.kill = child.kill
        self.ended = child.ended


@contextlib.asynccontextmanager
async def run_broker(settings: BrokerSettings) -> AsyncIterator[BrokerProcess]:
    """Run a broker for as long as the block lasts; it answers when the block begins.

    Raises ConfigError when an identity is refused, the port is in use, or the broker does not start.
    """
    check_identities(settings.identities)
    engine = settings.engine or (Engine.MOSQUITTO if find_mosquitto() else Engine.EMBEDDED)
    # Both brokers read their files from where they stand: a relative path would be another one there.
    directory = await asyncio.to_thread(_write_files, settings)

    async def ready(port: int) -> bool:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(settings.host, port)
            writer.close()
            await asyncio.sleep(POLL_S)  # one that could not bind ends now, and another answered
            return True
        return False

    async def spawned(port: int) -> Child:
        command = _command(settings.listener(port), engine, directory)
        return await spawn(command, directory / f"{engine}.log", _STOP_S)

    door = Door("broker", settings.host, settings.port)
    child, port = await door.start(f"the {engine} broker", spawned, ready, _START_S)
    try:
        yield BrokerProcess(engine, settings.host, port, child)
    finally:
        await asyncio.shield(child.stop())


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
