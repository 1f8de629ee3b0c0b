"""Wait until no session runs, so that a gateway can be stopped for an upgrade without ending anybody's."""

from __future__ import annotations

import argparse
import http.client
import time
from collections.abc import Callable
from typing import Any

from floor.errors import ConfigError
from floor.wire.messages import Stations
from floor.words import StationState
from gateway.config import GatewayConfig

POLL_S = 1.0
ANSWER_S = 5.0
AT_REST = frozenset({StationState.FREE, StationState.LOCKED_OUT, StationState.OFFLINE})
Command = Callable[[GatewayConfig, argparse.Namespace], int]
Configured = Callable[[Command], Callable[[argparse.Namespace], int]]


def add_command(commands: Any, configured: Configured) -> None:
    """Add `wait-idle` to a parser's commands."""
    waiting = commands.add_parser("wait-idle", help="wait until no session runs; then exit with status 0")
    waiting.add_argument("--timeout", type=int, default=3600, help="seconds (default: %(default)s)")
    waiting.set_defaults(command=configured(wait_idle))


def wait_idle(config: GatewayConfig, arguments: argparse.Namespace) -> int:
    """Return 0 once nothing runs, 1 when something ran all the time; ConfigError without an answer."""
    deadline = time.monotonic() + arguments.timeout
    while busy := _busy(config):
        if time.monotonic() >= deadline:
            print(f"still in use after {arguments.timeout} s: {', '.join(busy)}")
            return 1
        time.sleep(POLL_S)
    print("no session runs")
    return 0


def _busy(config: GatewayConfig) -> list[str]:
    """Return the machines that are in use, by the running gateway's own page."""
    host = "127.0.0.1" if config.http_host == "0.0.0.0" else config.http_host
    connection = http.client.HTTPConnection(host, config.http_port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/status")
        shown = Stations.model_validate_json(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or error
        problem = f"no gateway answers at {host}:{config.http_port}: {why}"
        raise ConfigError(config.file, "http.port", problem, "Does it run, with this file?") from error
    finally:
        connection.close()
    return [station.machine for station in shown.stations if station.state not in AT_REST]
