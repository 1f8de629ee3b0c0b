"""Every name of the command line is listed where it is found, with the sentence that its command says."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
from typer.core import TyperGroup
from typer.main import get_group

from booking_api.cli.root import MODULES, NAMES, app

ROOMS = sorted(NAMES)
ADDS_TO = {"quoting": "floor", "badges": "people", "reservations": "reservations_try"}
"""Modules that add commands to another's group, which they import."""
HEAVY = ("sqlalchemy", "alembic", "fastapi", "aiomqtt", "segno")


@pytest.fixture(scope="module")
def root() -> TyperGroup:
    for room in ROOMS:
        import_module(f"booking_api.cli.{room}")
    return get_group(app)


def test_each_command_is_listed_with_its_own_first_sentence(root: TyperGroup) -> None:
    listed = {name: words for names in NAMES.values() for name, words in names.items()}
    said = {name: (command.help or "").split("\n\n")[0] for name, command in root.commands.items()}
    assert said == listed
    registered = [one.name or one.callback.__name__ for one in app.registered_commands if one.callback]
    assert sorted([*registered, *(str(one.name) for one in app.registered_groups)]) == sorted(MODULES)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_name_brings_all_of_its_commands(root: TyperGroup, name: str) -> None:
    """A command that another module adds to a name is found only when the name's own module loads that."""
    room = sys.modules[f"booking_api.cli.{MODULES[name]}"]
    loaded = {room.__name__, *(getattr(one, "__name__", "") for one in vars(room).values())}
    loaded |= {str(getattr(one, "__module__", "")) for one in vars(room).values()}
    if MODULES[name] in ADDS_TO:
        loaded.add(f"booking_api.cli.{ADDS_TO[MODULES[name]]}")
    command = root.commands[name]
    for one in command.commands.values() if isinstance(command, TyperGroup) else [command]:
        assert one.callback is not None
        assert one.callback.__module__ in loaded, f"{name} {one.name}"


def test_the_list_of_commands_loads_none_of_them() -> None:
    code = "import sys, booking_api.cli.root; print(*(one for one in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not set(HEAVY) & set(done.stdout.split())
