"""What a technician needs beside a machine: find it, watch it, record what it says, play that again."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

TOOLS = {
    "watch": "print what a machine says, as it says it",
    "record": "keep a machine's traffic in a file, without its secrets",
    "replay": "run a driver on a recording, and compare",
    "discover": "find machines, and propose their configuration",
    "badge": "write a badge that cannot be copied",
    "wiring": "draw which wire goes to which pin, from the settings",
}
"""The modules of this folder that are commands, and what the list of commands says of them."""


def add_commands(commands: Commands, words: Sequence[str]) -> None:
    """Add the commands of this folder to a parser; only one that the words name is loaded."""
    for name, help in TOOLS.items():
        parser = commands.add_parser(name, help=help)
        if name in words:
            import_module(f"{__name__}.{name}").add_arguments(parser)
