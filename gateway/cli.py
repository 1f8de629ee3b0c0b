"""makerfloor-gateway: run a gateway, check its settings, switch everything off; tools for technicians."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from floor.errors import ConfigError
from floor.timescale import TimeScale
from gateway import boxes, checking, devices, tools, update, upgrade
from gateway import config as configuration
from gateway.app import Gateway, locked, opened
from gateway.click import Click, ask_person
from gateway.config import GatewayConfig
from gateway.journal_store import refuse_volatile

USAGE_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status, or 2 with one clear sentence on standard error."""
    words = sys.argv[1:] if argv is None else argv
    arguments = _parser(words).parse_args(words)
    logging.basicConfig(level=arguments.log.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        return int(arguments.command(arguments))
    except ConfigError as error:
        print(f"makerfloor-gateway: {error}", file=sys.stderr)
        return USAGE_ERROR


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
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
    check = commands.add_parser("check", help="look at everything that is wired, say what is missing")
    check.add_argument("--click", action="append", metavar="MACHINE", help="give it power for a second")
    check.add_argument("--yes", action="store_true", help="with --click: ask nobody")
    check.set_defaults(command=_configured(_check))
    off = commands.add_parser("off", help="switch every relay off (systemd runs this after the process)")
    off.add_argument("--all", action="store_true", help='also those with on_process_loss = "keep"')
    off.set_defaults(command=_configured(_off))
    upgrade.add_command(commands, _configured)
    update.add_command(commands, _configured)
    tools.add_commands(commands, words)
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
    from gateway.simulation import crowd  # here: a gateway of a real floor has no simulated people

    await crowd.run(gateway)


def _raise_plain(task: asyncio.Task[None]) -> None:
    """Raise a task's failure; a ConfigError that came out of a group of tasks is raised alone."""
    try:
        task.result()
    except* ConfigError as group:
        raise group.exceptions[0] from None


def _check(config: GatewayConfig, arguments: argparse.Namespace) -> int:
    """Building a relay switches it off, so a running gateway is left alone."""
    if config.storage == "durable":
        refuse_volatile(config.data)
    devices.refuse_shared_pins(config)
    click = Click(arguments.click, None if arguments.yes else ask_person) if arguments.click else None
    report = checking.Report()
    with locked(config):
        checking.check(config, report, click)
    report.sum_up()
    return USAGE_ERROR if report.wrong else int(bool(report.missing))


def _off(config: GatewayConfig, arguments: argparse.Namespace) -> int:
    """Switch off what can be switched off; one relay that cannot be had stops no other."""
    built = list(devices.relays(config, () if arguments.all else boxes.may_keep(config)))
    relays = [relay for relay in built if not isinstance(relay, ConfigError)]
    errors = [error for error in built if isinstance(error, ConfigError)]
    for error in (*errors, *devices.switch_off(relays)):
        print(f"makerfloor-gateway: {error}", file=sys.stderr)
    return 1 if len(relays) < len(built) else 0
