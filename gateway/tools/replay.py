"""`makerfloor-gateway replay FILE`: the driver of a recording, run on it without waiting, and compared."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from firmware_bridge.events import MachineEvent
from firmware_bridge.recordings import file
from firmware_bridge.recordings.replay import replay
from gateway.tools.lines import Lines
from gateway.tools.machines import typed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", type=Path, help="a recording")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting other than the recorded one",
    )
    parser.add_argument("--strict", action="store_true", help="fail when the driver writes anything else")
    parser.add_argument("--quiet", action="store_true", help="print no events")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what the driver says now; 1 when it differs from what it said then."""
    recording = file.load(arguments.file)
    lines = Lines()

    def show(at_s: float, event: MachineEvent) -> None:
        if not arguments.quiet and (line := lines.line(event)):
            print(f"{at_s:10.3f} s  {line}")

    settings = typed(recording.kind, arguments.set)
    replayed = replay(recording, str(arguments.file), settings, show)
    for words in replayed.written:
        print(f"{arguments.file}: {words}", file=sys.stderr)
    if replayed.difference:
        print(f"{arguments.file}: the driver says something else: {replayed.difference}", file=sys.stderr)
        return 1
    print(f"{arguments.file}: {len(replayed.events)} events, as recorded with {recording.software}")
    return 1 if arguments.strict and replayed.written else 0
