"""What a technician needs beside a machine: find it, watch it, record what it says, play that again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gateway.tools import discover, record, replay, watch, wiring

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    """Add the commands of this folder to a parser."""
    watching = commands.add_parser("watch", help="print what a machine says, as it says it")
    watch.add_arguments(watching)
    recording = commands.add_parser("record", help="keep a machine's traffic in a file, without its secrets")
    record.add_arguments(recording)
    replaying = commands.add_parser("replay", help="run a driver on a recording, and compare")
    replay.add_arguments(replaying)
    discovering = commands.add_parser("discover", help="find machines, and propose their configuration")
    discover.add_arguments(discovering)
    drawing = commands.add_parser("wiring", help="draw which wire goes to which pin, from the settings")
    wiring.add_arguments(drawing)
