"""The presets that come with Makerfloor: each a folder of plain files beside this one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from floor.errors import ConfigError

ABOUT = "preset.toml"
ORDER = (
    "techshop",
    "fablab",
    "access-space",
    "metalab",
    "hackerspace",
    "prototype-factory",
    "shared-instruments",
    "chain",
    "desk",
)


@dataclass(frozen=True, slots=True)
class Preset:
    """What a preset is, and the settings that a space of its kind begins with."""

    name: str
    about: str
    space: str
    timezone: str
    language: str
    currency: str


def listed() -> list[Preset]:
    """Return every preset."""
    return [read(name) for name in ORDER]


def read(name: str) -> Preset:
    """Return a preset; raises ConfigError for a name that is none."""
    if name not in ORDER:
        remedy = f"Name one of: {', '.join(ORDER)}."
        raise ConfigError("makerfloor init", "--preset", f"is {name!r}", remedy)
    return Preset(name=name, **tomllib.loads((_folder(name) / ABOUT).read_text(encoding="utf-8")))


def check(name: str, directory: Path) -> None:
    """Raise ConfigError where a file is in the way of a preset's."""
    for path, _ in _files(_folder(name), Path()):
        if (directory / path).exists():
            remedy = "Name an empty directory, or move the file away."
            raise ConfigError(str(directory / path), "", "is there already", remedy)


def write(name: str, directory: Path) -> list[Path]:
    """Write a preset's files into a directory, and return them; raises ConfigError where one is there."""
    check(name, directory)
    files = _files(_folder(name), Path())
    for path, file in files:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(file.read_bytes())
    return [directory / path for path, _ in files]


def _folder(name: str) -> Traversable:
    return resources.files("booking_api.presets") / name.replace("-", "_")


def _files(folder: Traversable, path: Path) -> list[tuple[Path, Traversable]]:
    found: list[tuple[Path, Traversable]] = []
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.is_dir():
            found += _files(one, path / one.name)
        elif one.name != ABOUT:
            found.append((path / one.name, one))
    return found
