"""A real PostgreSQL for tests: a cluster of its own in a temporary directory, on a free port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

MISSING = "PostgreSQL is missing: apt-get install postgresql (make setup does, as root)"
LIMIT_S = 60
MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 << 30
FAST = "-c fsync=off -c shared_buffers=16MB"
"""What makes it fast, and nothing of it durable."""


@dataclass(frozen=True, slots=True)
class PostgresPeer:
    """A running server; `name` gives the URL of a database that is not there yet, `make` of an empty one."""

    port: int
    home: Path
    control: tuple[str, ...]
    tuned: str

    @property
    def _postmaster(self) -> int:
        return int((self.home / "data" / "postmaster.pid").read_text().split()[0])

    def kill(self) -> None:
        """Kill the postmaster; its processes end when they notice."""
        os.kill(self._postmaster, signal.SIGKILL)

    @contextlib.contextmanager
    def silent(self, most_s: float) -> Iterator[threading.Timer]:
        """Stop all of it within the block, as a host that hangs: connections stay, and nobody answers.

        It goes on after `most_s` at the latest, for a block may wait for it: the timer is over then.
        """
        children = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children").read_text().split()
        processes = [self._postmaster, *map(int, children)]

        def signalled(number: signal.Signals) -> None:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)

        timer = threading.Timer(most_s, signalled, [signal.SIGCONT])
        signalled(signal.SIGSTOP)
        timer.start()
        try:
            yield timer
        finally:
            timer.cancel()
            signalled(signal.SIGCONT)

    def start(self) -> None:
        """Start it (again), as soon as no process of a killed one is left."""
        options = f"-h 127.0.0.1 -p {self.port} -k '' -c max_connections=120 {self.tuned}"
        command = [*self.control, "-l", str(self.home / "log"), "-o", options, "start"]
        deadline_s = time.monotonic() + LIMIT_S
        while True:
            try:
                return _run(command, self.home)
            except AssertionError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        """Stop it, unless it was killed."""
        if subprocess.run([*self.control, "status"], stdout=subprocess.DEVNULL, check=False).returncode != 3:
            _run([*self.control, "-m", "immediate", "stop"], self.home)

    def promote(self) -> None:
        """Have a standby take over."""
        _run([*self.control, "promote"], self.home)

    def order(self, *statements: str) -> None:
        with psycopg.connect(self.where("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def name(self) -> str:
        return f"postgresql+psycopg://floor@127.0.0.1:{self.port}/makerfloor_{secrets.token_hex(6)}"

    def make(self) -> str:
        url = self.name()
        self.create(url)
        return url

    def create(self, url: str) -> None:
        self.order(f'CREATE DATABASE "{url.rpartition("/")[2]}"')

    def drop(self, url: str) -> None:
        """Take a database away, if it is there, and whoever is still connected to it."""
        self.order(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    def where(self, database: str) -> str:
        """Return how psycopg reaches a database of the server."""
        return f"host=127.0.0.1 port={self.port} user=floor dbname={database}"


def program(name: str) -> str:
    """Find one of PostgreSQL's programs, which Debian keeps off the PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ.get("PATH", "")]))
    assert found, MISSING
    return found


class Cluster:
    """A server of one's own to start and kill by `command`, durable as Debian's; it holds one database."""

    def __init__(self, home: Path) -> None:
        prefix, data = _as_somebody(home), home / "data"
        self._peer = PostgresPeer(free_port(), home, (), "")
        _run([*prefix, *_initdb(data)], home)
        settings = {"listen_addresses": "127.0.0.1", "port": self._peer.port, "unix_socket_directories": ""}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.command = [*prefix, program("postgres"), "-D", str(data), *options]
        self.url = self._peer.name()

    def answers(self) -> bool:
        """Whether the server takes connections now."""
        try:
            psycopg.connect(self._peer.where("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def create(self) -> None:
        """Make the database of `url`."""
        self._peer.create(self.url)


@contextlib.contextmanager
def run_postgres(durable: Path | None = None) -> Iterator[PostgresPeer]:
    """Run a server for as long as the block lasts; fast to start, so nothing of it is durable.

    In the folder `durable` it is: as it comes from its makers, with every commit on disk.
    """
    fast = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES else None
    with _cluster(durable or fast, [*_initdb(Path("data")), "--no-sync"], "" if durable else FAST) as peer:
        yield peer


@contextlib.contextmanager
def run_standby(primary: PostgresPeer, durable: Path) -> Iterator[PostgresPeer]:
    """Run a copy that follows a server, in a folder of its own below `durable`."""
    source = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "floor")
    copy = [program("pg_basebackup"), *source, "-D", "data", "--write-recovery-conf", "--checkpoint=fast"]
    with _cluster(durable, copy, "") as peer:
        yield peer


@contextlib.contextmanager
def _cluster(folder: Path | None, make: list[str], tuned: str) -> Iterator[PostgresPeer]:
    """Run what a command makes in the directory `data` of where it runs."""
    with tempfile.TemporaryDirectory(prefix="makerfloor-postgres-", dir=folder) as made:
        home, prefix = Path(made), _as_somebody(Path(made))
        _run([*prefix, *make], home)
        control = (*prefix, program("pg_ctl"), "-D", str(home / "data"), "-w", "-t", str(LIMIT_S))
        peer = PostgresPeer(free_port(), home, control, tuned)
        peer.start()
        try:
            yield peer
        finally:
            peer.stop()


def free_port() -> int:
    """Return a port of 127.0.0.1 at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _initdb(data: Path) -> list[str]:
    options = ("-U", "floor", "-A", "trust", "-E", "UTF8", "--no-locale")
    return [program("initdb"), "-D", str(data), *options]


def _as_somebody(home: Path) -> list[str]:
    """Return what goes before a command: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("nobody")
    os.chown(home, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _run(command: list[str], home: Path) -> None:
    # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
    said = home / f"said-{secrets.token_hex(4)}"
    with said.open("wb") as out:
        done = subprocess.run(command, stdout=out, stderr=out, cwd=home, timeout=LIMIT_S * 2, check=False)
    assert done.returncode == 0, said.read_text(errors="replace")[-2000:]
