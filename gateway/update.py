"""Change to another version and back: each lies in a folder of its own, and a link says which one runs."""

from __future__ import annotations

import argparse
import http.client
import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

from floor.errors import ConfigError
from gateway.config import GatewayConfig
from gateway.upgrade import Configured, wait_idle

PROGRAM = Path("venv", "bin", "makerfloor-gateway")
LINK = Path("/opt/makerfloor/current")
RESTART = "systemctl restart makerfloor-gateway"
ROLLED_BACK, DOWN = 1, 3
POLL_S, ANSWER_S, STEADY = 0.5, 5.0, 3
"""It is healthy when so many answers in a row say so."""
PROOF_S, RESTART_S, BACK_S = 120, 120, 60


def add_command(commands: Any, configured: Configured) -> None:
    """Add `update` to a parser's commands."""
    update = commands.add_parser("update", help="run another version; the present one again if it fails")
    update.add_argument("--to", type=Path, required=True, help="the other version's folder, with its venv")
    update.add_argument("--link", type=Path, default=LINK, help="what says which runs (default: %(default)s)")
    update.add_argument("--restart", default=RESTART, help="how to restart (default: %(default)s)")
    update.add_argument(
        "--timeout", type=int, default=3600, help="wait so long for idleness (default: %(default)s s)"
    )
    update.add_argument(
        "--healthy-within", type=int, default=60, help="else it goes back (default: %(default)s s)"
    )
    update.set_defaults(command=configured(run))


def run(config: GatewayConfig, arguments: argparse.Namespace) -> int:
    """Return 0 when the other version runs, 1 when nothing changed or it was taken back, 3 when none runs.

    Raises ConfigError, with nothing changed, for a folder whose program does not start.
    """
    link, to = arguments.link, arguments.to.absolute()
    before = _target(config, link)
    _prove(to)
    if Path(before) == to:
        print(f"{to} runs already")
        return 0
    if wait_idle(config, arguments):
        return ROLLED_BACK
    _switch(link, str(to))
    if _restart(arguments.restart) and _healthy(config, arguments.healthy_within):
        print(f"{to} runs; before it was {before}")
        return 0
    print(f"{to} is not healthy within {arguments.healthy_within} s: back to {before}")
    _switch(link, before)
    if _restart(arguments.restart) and _healthy(config, BACK_S):
        return ROLLED_BACK
    print(f"{before} does not answer either: look at its log")
    return DOWN


def _target(config: GatewayConfig, link: Path) -> str:
    if not config.http_port:
        raise ConfigError(config.file, "http.port", "is 0, so nobody knows where to ask", "Write a port.")
    try:
        return os.readlink(link)
    except OSError as error:
        problem = f"is not a link: {error.strerror}"
        raise ConfigError(str(link), "", problem, "Make it as docs/install-gateway.md says.") from error


def _prove(folder: Path) -> None:
    """Start the other version's program once, without any effect: all that it imports is there."""
    program = folder / PROGRAM
    try:
        done = subprocess.run([program, "--help"], capture_output=True, timeout=PROOF_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(str(program), "", f"does not start: {error}", "Install it anew.") from error
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no words"]
        raise ConfigError(str(program), "", f"does not start: {words[0]}", "Install it anew.")


def _switch(link: Path, target: str) -> None:
    """Point the link elsewhere in one step, so that a power cut leaves the one or the other."""
    new = link.with_name(f"{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)
    folder = os.open(link.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _restart(command: str) -> bool:
    try:
        return subprocess.run(shlex.split(command), timeout=RESTART_S).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"it cannot be restarted: {error}")
        return False


def _healthy(config: GatewayConfig, within_s: float) -> bool:
    """Whether the gateway says a few times in a row, in time, that it is well."""
    deadline, well = time.monotonic() + within_s, 0
    while time.monotonic() < deadline:
        well = well + 1 if _answers(config) else 0
        if well == STEADY:
            return True
        time.sleep(POLL_S)
    return False


def _answers(config: GatewayConfig) -> bool:
    host = "127.0.0.1" if config.http_host == "0.0.0.0" else config.http_host
    connection = http.client.HTTPConnection(host, config.http_port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
