"""Prometheus as a child process on 127.0.0.1, with Makerfloor's rules and targets."""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from floor.errors import ConfigError

HOST = "127.0.0.1"
RETENTION = "400d"
HOW_TO_GET = "Prometheus is not on this machine; get it with `apt-get install prometheus`"
"""The sentence for a person who has none."""

_START_S = 60.0
_STOP_S = 20.0
_POLL_S = 0.05
_ANSWER_S = 2.0
_PORT_TRIES = 3


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """What Prometheus scrapes and where it keeps it.

    `directory` (made when missing) holds its configuration, log and figures. Targets are "host:port";
    `gateways` are by name. Port 0 takes a free one. The interval is in real seconds, 1 to 60.
    """

    directory: Path
    gateways: Mapping[str, str] = field(default_factory=dict)
    server: str | None = None
    port: int = 0
    scrape_interval_s: int = 15

    def __post_init__(self) -> None:
        if not 1 <= self.scrape_interval_s <= 60:
            raise ConfigError(
                "prometheus",
                "scrape_interval_s",
                f"is {self.scrape_interval_s}",
                "Choose 1 to 60 seconds: rules look back five minutes",
            )


def find_prometheus() -> str | None:
    """Return Prometheus' program, or None: then HOW_TO_GET says what to do."""
    return shutil.which("prometheus")


def rules_directory() -> Path:
    """Where the recording rules and alerts lie that come with Makerfloor."""
    return Path(str(resources.files("dashboards"))) / "prometheus" / "rules"


def write_configuration(settings: PrometheusSettings) -> Path:
    """Write the configuration and the target files below the directory; return the configuration's path."""
    directory = settings.directory.resolve()
    targets = directory / "targets"
    targets.mkdir(parents=True, exist_ok=True)
    write_targets(targets / "gateways.json", _gateway_targets(settings.gateways))
    write_targets(targets / "server.json", {settings.server: {}} if settings.server else {})
    template = string.Template((rules_directory().parent / "prometheus.yml").read_text())
    path = directory / "prometheus.yml"
    text = template.substitute(
        scrape_interval_s=settings.scrape_interval_s,
        scrape_timeout_s=min(settings.scrape_interval_s, 10),
        rules=json.dumps(str(rules_directory()))[1:-1],
        targets=json.dumps(str(targets))[1:-1],
    )
    path.write_text(text)
    return path


def write_targets(path: Path, labels: Mapping[str, Mapping[str, str]]) -> None:
    """Replace a target file, {"host:port": labels}; a running Prometheus takes it up by itself."""
    fresh = path.with_suffix(".new")
    fresh.write_text(
        json.dumps([{"targets": [address], "labels": known} for address, known in labels.items()])
    )
    fresh.replace(path)


def _gateway_targets(gateways: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {address: {"gateway": name} for name, address in gateways.items()}


class PrometheusProcess:
    """A running Prometheus, for as long as its `async with` block lasts; it answers when the block begins.

    Entering raises ConfigError when it is not on the machine, the port is in use, or it does not start.
    """

    def __init__(self, settings: PrometheusSettings) -> None:
        self.settings = settings
        self.port = settings.port
        self._log = settings.directory.resolve() / "prometheus.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        program = find_prometheus()
        if program is None:
            raise ConfigError("prometheus", "", HOW_TO_GET, "Only the utilisation page needs it")
        with _locked(self.settings.directory.resolve()) as lock:
            configuration = await asyncio.to_thread(write_configuration, self.settings)
            await self._start(program, configuration, lock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self._stop())

    async def ended(self) -> str:
        """Wait until it ends by itself, and give the last that it wrote."""
        assert self._process is not None, "enter the block first"
        await self._process.wait()
        return last_words(self._log)

    def set_gateways(self, gateways: Mapping[str, str]) -> None:
        """Scrape these gateways (name: "host:port") from now on; within some seconds, without a restart."""
        write_targets(
            self.settings.directory.resolve() / "targets" / "gateways.json", _gateway_targets(gateways)
        )

    async def _start(self, program: str, configuration: Path, lock: int) -> None:
        """Start on the port asked for; on port 0 try again, when another process took it."""
        for left in reversed(range(_PORT_TRIES)):
            self.port = _free_port(self.settings.port)
            self._process = await _spawn(self._command(program, configuration), self._log, lock)
            try:
                if await self._ready(self._process):
                    return
            except BaseException:
                await self._stop()
                raise
            await self._stop()
            words = last_words(self._log)
            if "address already in use" not in words:
                raise ConfigError(str(self._log), "", f"Prometheus did not start: {words}", "See the log")
            if self.settings.port or not left:
                break
        raise _in_use(self.port)

    def _command(self, program: str, configuration: Path) -> list[str]:
        return [
            program,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={configuration.parent / 'data'}",
            f"--storage.tsdb.retention.time={RETENTION}",
            f"--web.listen-address={HOST}:{self.port}",
            "--log.level=warn",
        ]

    async def _ready(self, process: asyncio.subprocess.Process) -> bool:
        """Wait until it is ready; False when the process ends first or the time is up."""
        async with httpx.AsyncClient(timeout=_ANSWER_S, trust_env=False) as client:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_START_S):
                    while process.returncode is None:
                        with contextlib.suppress(httpx.HTTPError):
                            if (await client.get(f"{self.url}/-/ready")).status_code == httpx.codes.OK:
                                return process.returncode is None
                        await asyncio.sleep(_POLL_S)
        return False

    async def _stop(self) -> None:
        process = self._process
        assert process is not None, "enter the block first"
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _STOP_S)


async def _spawn(command: list[str], log: Path, lock: int) -> asyncio.subprocess.Process:
    """Start in a session of its own, so that Ctrl-C does not end it first; a killed parent still ends it."""
    if setpriv := shutil.which("setpriv"):
        command = [setpriv, "--pdeathsig", "TERM", "--", *command]
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(lock,),
        )


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[int]:
    """Lock a directory until every process that was given the file has ended.

    Prometheus' own lock file does not keep a second one out (2.42).
    """
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield lock
    except BlockingIOError as error:
        raise ConfigError(
            "prometheus",
            "",
            f"another Prometheus uses {directory}",
            f"End it (`fuser {directory / 'lock'}` names it), or name another directory",
        ) from error
    finally:
        os.close(lock)


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise _in_use(port) from error
        return int(probe.getsockname()[1])


def _in_use(port: int) -> ConfigError:
    return ConfigError(
        "prometheus",
        "port",
        f"cannot listen on {HOST} port {port}",
        f"End what listens there (`ss -ltnp 'sport = :{port}'` names it) or choose another; 0 picks one",
    )


def last_words(log: Path) -> str:
    """The last line of a log, at most 500 characters."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it wrote nothing"
