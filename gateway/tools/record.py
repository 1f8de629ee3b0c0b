"""`makerfloor-gateway record MACHINE FILE`: what passes between driver and machine, without its secrets."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from firmware_bridge import registry
from firmware_bridge.events import MachineEvent
from firmware_bridge.recordings import file
from firmware_bridge.recordings.replay import replay
from firmware_bridge.recordings.tape import MOST_BYTES, Tape
from firmware_bridge.transports.real import RealTransports
from firmware_bridge.transports.recording import RecordingTransports
from floor.errors import ConfigError
from gateway.tools.machines import COMMAND_LINE, Meant, add_machine, follow, meant
from gateway.tools.watch import printer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_machine(parser)
    parser.add_argument("file", type=Path, help="the file to write; it must not be there yet")
    parser.add_argument(
        "--limit-kb", type=int, default=MOST_BYTES >> 10, help="stop there (default: %(default)s)"
    )
    parser.add_argument("--with-names", action="store_true", help="keep the names of users as they are")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Record until the time is over, the limit, or Ctrl-C. Raises ConfigError for what cannot be had."""
    if arguments.file.exists():
        raise ConfigError(COMMAND_LINE, "FILE", f"{arguments.file} is there already", "Name a new file.")
    if arguments.limit_kb < 1:
        raise ConfigError(COMMAND_LINE, "--limit-kb", "is less than 1", "Write a number of kilobytes.")
    machine = meant(arguments)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    most = min(arguments.limit_kb << 10, MOST_BYTES)
    tape = asyncio.run(_record(machine, printer(machine), arguments.seconds, most))
    try:
        size = file.save(
            arguments.file,
            machine.kind,
            machine.settings,
            tape.entries,
            when,
            with_names=arguments.with_names,
        )
    except OSError as error:
        raise ConfigError(COMMAND_LINE, "FILE", f"it cannot be written: {error}", "Name another.") from error
    return _report(arguments.file, machine, tape, size)


async def _record(
    machine: Meant, show: Callable[[MachineEvent], None], seconds: float | None, most_bytes: int
) -> Tape:
    tape = Tape(most_bytes)
    transports = RecordingTransports(RealTransports(), tape)
    driver = registry.build(machine.kind, machine.settings, machine.where, transports)

    def take(event: MachineEvent) -> None:
        tape.said(event)
        show(event)

    await follow(driver, take, seconds, tape.full)
    tape.end()
    return tape


def _report(path: Path, machine: Meant, tape: Tape, size: int) -> int:
    removed = ", ".join(file.secret_settings(machine.kind, machine.settings)) or "none were set"
    print(f"{path}: {size / 1000:.1f} kB, {len(tape.entries)} entries; secret settings left out: {removed}")
    print("Read it before you send it: job names, G-code and device names are in it.")
    if tape.cut:
        print(f"{path}: the limit was reached, and the recording stopped there", file=sys.stderr)
    try:
        difference = replay(file.load(path), str(path)).difference
    except ConfigError as error:
        difference = str(error)
    if difference:
        print(f"{path}: it does not play as it was recorded: {difference}", file=sys.stderr)
    return 0
