"""Which machine a technician means, and why it cannot be had."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, fields

from firmware_bridge.driver import Driver
from firmware_bridge.events import MachineEvent
from firmware_bridge.registry import KINDS
from floor.errors import ConfigError
from gateway import config as configuration
from gateway.config import GatewayConfig

COMMAND_LINE = "the command line"


@dataclass(frozen=True, slots=True)
class Meant:
    """A machine: the kind of its driver, its settings, where they stand, whether its gateway runs."""

    name: str
    kind: str
    settings: Mapping[str, object]
    where: str
    gateway_runs: bool = False


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a machine."""
    parser.add_argument("machine", nargs="?", default="", help="a machine of gateway.toml")
    parser.add_argument(
        "--driver", metavar="KIND", help="the kind of a machine that stands in no gateway.toml"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of it, or one to try"
    )
    parser.add_argument("--seconds", type=float, help="stop after so many seconds (default: at Ctrl-C)")


def meant(arguments: argparse.Namespace) -> Meant:
    """Find the machine that is meant. Raises ConfigError in words that say which there are."""
    if arguments.driver:
        settings = typed(arguments.driver, arguments.set)
        return Meant(arguments.machine or arguments.driver, arguments.driver, settings, COMMAND_LINE)
    config = configuration.load(arguments.config)
    names = ", ".join(station.machine for station in config.stations)
    station = next((one for one in config.stations if one.machine == arguments.machine), None)
    if station is None:
        problem = (
            f"{arguments.machine!r} is none of its machines" if arguments.machine else "no machine is named"
        )
        raise ConfigError(config.file, "", problem, f"Name one of: {names}; or use --driver KIND.")
    if station.driver is None:
        remedy = "Add driver = {kind = …}, see docs/drivers; or use --driver KIND."
        raise ConfigError(config.file, "driver", f"{station.machine} has no driver", remedy)
    kind = str(station.driver["kind"])
    settings = {key: value for key, value in station.driver.items() if key != "kind"}
    where = f"{config.file}: station {station.machine}"
    return Meant(station.machine, kind, settings | typed(kind, arguments.set), where, gateway_runs(config))


def typed(kind: str, pairs: Sequence[str]) -> dict[str, object]:
    """Read `key=value` pairs as the settings of a kind want them: numbers where numbers stand."""
    shape = KINDS[kind]()[0] if kind in KINDS else None
    numbers = {one.name for one in fields(shape) if one.type == "float"} if shape else set()  # type: ignore[arg-type]
    found: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(COMMAND_LINE, "--set", f"{pair!r} has no =", "Write --set key=value.")
        try:
            found[key] = float(value) if key in numbers else value
        except ValueError:
            raise ConfigError(COMMAND_LINE, key, f"{value!r} is no number", "Write a number.") from None
    return found


def gateway_runs(config: GatewayConfig) -> bool:
    """Whether the gateway of this configuration runs now, as far as can be seen."""
    try:
        with (config.data / "gateway.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


_HELD = ("exclusively lock", "resource temporarily unavailable", "resource busy", "address already in use")
_REFUSED = ("connection refused", "connect call failed", "errno 111")


def hint(words: str, machine: Meant) -> str:
    """Return what a technician should know beside a machine's words of why it is unreachable; or nothing."""
    low = words.lower()
    if any(one in low for one in _HELD):
        if machine.gateway_runs:
            return "the running gateway holds this line: stop it first (systemctl stop makerfloor-gateway)"
        return "another program holds this line: a gateway, a sender, or a terminal"
    if any(one in low for one in _REFUSED):
        return "the connection is refused: nobody listens there; is its program up, is the port right?"
    if "errno 13" in low or "permission denied" in low:
        return "this user may not open it: add them to the group dialout (ports) or gpio (pins)"
    if "no such file" in low or "errno 2]" in low:
        return "there is no such device: is it plugged in? `makerfloor-gateway discover --serial` lists ports"
    return ""


async def follow(
    driver: Driver,
    take: Callable[[MachineEvent], None],
    seconds: float | None,
    ended: asyncio.Event | None = None,
) -> None:
    """Read a driver until the time is over, `ended` is set, or somebody presses Ctrl-C."""
    loop = asyncio.get_running_loop()
    stopped = ended or asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stopped.set)
    reading = asyncio.create_task(_read(driver, take))
    stopping = asyncio.create_task(_wait(stopped))
    try:
        done, _ = await asyncio.wait(
            {reading, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for task in (reading, stopping):
            task.cancel()
        await asyncio.gather(reading, stopping, return_exceptions=True)
        await driver.aclose()
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(sign)
    if reading in done:
        reading.result()


async def _read(driver: Driver, take: Callable[[MachineEvent], None]) -> None:
    async with aclosing(driver.events()) as events:
        async for event in events:
            take(event)


async def _wait(stopped: asyncio.Event) -> None:
    await stopped.wait()
