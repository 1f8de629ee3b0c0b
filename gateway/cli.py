"""makerfloor-gateway: run a gateway, check its settings, switch everything off; tools for technicians."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from firmware_bridge.driver import TakesFiles
from floor.errors import ConfigError, MachineFault
from floor.timescale import TimeScale
from floor.words import InputRole
from gateway import boxes, devices, tools, update
from gateway import config as configuration
from gateway.app import Gateway, locked, opened
from gateway.config import GatewayConfig
from gateway.journal_store import refuse_volatile
from gateway.simulation import crowd
from hardware.ports import Input

USAGE_ERROR = 2
INPUT_STATES = {
    InputRole.EMERGENCY_STOP: ("released", "pressed"),
    InputRole.INTERLOCK: ("closed", "open"),
    InputRole.DOOR: ("closed", "open"),
    InputRole.END: ("not pressed", "pressed"),
    InputRole.OOPS: ("not pressed", "pressed"),
}
"""What `check` calls an input that is inactive, and one that is active."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status, or 2 with one clear sentence on standard error."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=arguments.log.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        return int(arguments.command(arguments))
    except ConfigError as error:
        print(f"makerfloor-gateway: {error}", file=sys.stderr)
        return USAGE_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "makerfloor-gateway", description="The process on a Pi beside the machines."
    )
    parser.add_argument(
        "--config", type=Path, default=Path("gateway.toml"), help="settings (default: %(default)s)"
    )
    parser.add_argument("--log", default="info", choices=["debug", "info", "warning", "error"])
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run the stations until stopped")
    run.add_argument("--time-scale", type=TimeScale.parse, help="real_ms:floor_ms:speed, for demonstrations")
    run.set_defaults(command=_configured(_run))
    simulate = commands.add_parser("simulate", help="run with simulated people at the simulated stations")
    simulate.add_argument("--time-scale", type=TimeScale.parse, help="real_ms:floor_ms:speed")
    simulate.set_defaults(command=_configured(_simulate))
    check = commands.add_parser("check", help="read the settings, build every device, say what is missing")
    check.set_defaults(command=_configured(_check))
    off = commands.add_parser("off", help="switch every relay off (systemd runs this after the process)")
    off.set_defaults(command=_configured(_off))
    update.add_command(commands, _configured)
    tools.add_commands(commands)
    return parser


def _configured(
    command: Callable[[GatewayConfig, argparse.Namespace], int],
) -> Callable[[argparse.Namespace], int]:
    """Return a command that reads the configuration first."""
    return lambda arguments: command(configuration.load(arguments.config), arguments)


def _run(config: GatewayConfig, arguments: argparse.Namespace) -> int:
    asyncio.run(_until_stopped(config, arguments.time_scale, simulated=False))
    return 0


def _simulate(config: GatewayConfig, arguments: argparse.Namespace) -> int:
    asyncio.run(_until_stopped(config, arguments.time_scale, simulated=True))
    return 0


async def _until_stopped(config: GatewayConfig, scale: TimeScale | None, *, simulated: bool) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopped.set)
    async with opened(config, scale) as gateway:
        tasks = [asyncio.create_task(gateway.run())]
        if simulated:
            tasks.append(asyncio.create_task(_people(gateway)))
        tasks.append(asyncio.create_task(_wait(stopped)))
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for task in done:
            _raise_plain(task)


async def _wait(stopped: asyncio.Event) -> None:
    await stopped.wait()


async def _people(gateway: Gateway) -> None:
    await crowd.run(gateway)


def _raise_plain(task: asyncio.Task[None]) -> None:
    """Raise a task's failure; a ConfigError that came out of a group of tasks is raised alone."""
    try:
        task.result()
    except* ConfigError as group:
        raise group.exceptions[0] from None


def _check(config: GatewayConfig, _: argparse.Namespace) -> int:
    """Building a relay switches it off, so a running gateway is left alone."""
    unread: list[Input] = []
    if config.storage == "durable":
        refuse_volatile(config.data)
    refused, hazardous = False, boxes.hazardous(config)
    devices.refuse_shared_pins(config)
    with locked(config):
        for station in config.stations:
            built = devices.build(config, station)
            switched = [relay for relay in (built.relay, built.extraction) if relay]
            names = [part.name for part in (built.reader, *switched, built.panel, built.driver) if part]
            print(f"{station.machine}: {', '.join(names)}: can be built")
            devices.switch_off(switched)
            if built.node and not built.node.fail_safe:
                print(f"{station.machine}: the box {built.node.name} {boxes.UNFIT}")
                refused |= station.machine in hazardous
            unread += [one for one in built.inputs if not _say_state(station.machine, one)]
            if isinstance(built.driver, TakesFiles) and not config.server.url:
                print(f"{station.machine}: no [server] url is written, so no queued print can be fetched")
    if config.server.url:
        print(f"queued prints are fetched from {config.server.url}")
    if refused:
        print("refused: a machine above is hazardous by the roster; give it a relay on a wire")
    return int(refused or bool(unread))


def _say_state(machine: str, one: Input) -> bool:
    """Print what an input reads now; returns whether it can be read."""
    try:
        state = INPUT_STATES[one.role][one.read()]
    except MachineFault as error:
        print(f"{machine}: {error}")
        return False
    print(f"{machine}: input {one.name} ({one.role}): {state}")
    return True


def _off(config: GatewayConfig, _: argparse.Namespace) -> int:
    """Switch off what can be switched off; one relay that cannot be had stops no other."""
    built = list(devices.relays(config))
    relays = [relay for relay in built if not isinstance(relay, ConfigError)]
    errors = [error for error in built if isinstance(error, ConfigError)]
    for error in (*errors, *devices.switch_off(relays)):
        print(f"makerfloor-gateway: {error}", file=sys.stderr)
    return 1 if len(relays) < len(built) else 0
