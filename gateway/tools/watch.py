"""`makerfloor-gateway watch MACHINE`: what a machine says, as it says it."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from datetime import datetime

from firmware_bridge import registry
from firmware_bridge.events import ActivityChanged, MachineEvent
from firmware_bridge.recordings.tape import event_table
from floor.words import Activity
from gateway.tools.lines import Lines
from gateway.tools.machines import Meant, add_machine, follow, hint, meant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_machine(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print events until the time is over or Ctrl-C; raises ConfigError for what cannot be built."""
    machine = meant(arguments)
    asyncio.run(_watch(machine, printer(machine, as_json=arguments.json), arguments.seconds))
    return 0


async def _watch(machine: Meant, take: Callable[[MachineEvent], None], seconds: float | None) -> None:
    await follow(registry.build(machine.kind, machine.settings, machine.where), take, seconds)


def printer(machine: Meant, *, as_json: bool = False) -> Callable[[MachineEvent], None]:
    """Return what prints an event, with the time, and a hint where the machine is out of reach."""
    lines = Lines()

    def show(event: MachineEvent) -> None:
        now = datetime.now().astimezone()
        lost = isinstance(event, ActivityChanged) and event.activity is Activity.UNREACHABLE
        why = hint(event.words, machine) if isinstance(event, ActivityChanged) and lost else ""
        if as_json:
            table = {"time": now.isoformat(timespec="milliseconds"), **event_table(event)}
            print(json.dumps(table | ({"hint": why} if why else {})), flush=True)
        elif line := lines.line(event):
            print(f"{now:%H:%M:%S}.{now.microsecond // 100_000} {line}", flush=True)
            if why:
                print(f"{'':10} → {why}", flush=True)

    return show
