"""Prometheus as a child process on 127.0.0.1, with Makerfloor's rules and targets."""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from booking_api.child import Child, Door, spawn
from floor.errors import ConfigError

HOST = "127.0.0.1"
RETENTION = "400d"
HOW_TO_GET = "Prometheus is not on this machine; get it with `apt-get install prometheus`"
"""The sentence for a person who has none."""

_START_S = 60.0
_STOP_S = 20.0
_ANSWER_S = 2.0


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
        self._child: Child | None = None

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
        assert self._child is not None, "enter the block first"
        await asyncio.shield(self._child.stop())

    async def ended(self) -> str:
        """Wait until it ends by itself, and give the last that it wrote."""
        assert self._child is not None, "enter the block first"
        return await self._child.ended()

    def set_gateways(self, gateways: Mapping[str, str]) -> None:
        """Scrape these gateways (name: "host:port") from now on; within some seconds, without a restart."""
        write_targets(
            self.settings.directory.resolve() / "targets" / "gateways.json", _gateway_targets(gateways)
        )

    async def _start(self, program: str, configuration: Path, lock: int) -> None:
        async def spawned(port: int) -> Child:
            command = _command(program, configuration, port)
            return await spawn(command, configuration.parent / "prometheus.log", _STOP_S, pass_fds=(lock,))

        async with httpx.AsyncClient(timeout=_ANSWER_S, trust_env=False) as client:

            async def ready(port: int) -> bool:
                with contextlib.suppress(httpx.HTTPError):
                    return (await client.get(f"http://{HOST}:{port}/-/ready")).status_code == httpx.codes.OK
                return False

            door = Door("prometheus", HOST, self.settings.port)
            self._child, self.port = await door.start("Prometheus", spawned, ready, _START_S)


def _command(program: str, configuration: Path, port: int) -> list[str]:
    return [
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={configuration.parent / 'data'}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=warn",
    ]


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
