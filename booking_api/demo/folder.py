"""The demonstration's data folder: marked as such, with its secrets and how far floor time has come."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from floor.errors import ConfigError
from floor.timescale import TimeScale

MARKER = "makerfloor-demo.txt"
MARKER_TEXT = (
    "This folder belongs to `makerfloor demo`. Stop the demo, and you may delete it;\n"
    "`makerfloor demo --fresh` does so by itself, and begins anew.\n"
)
SERVER = "server"
"""Whose password it is with which the server enters the broker."""
SIGN_INS = ("member", "technician", "operator")
SAVE_EVERY_S = 5.0
_SECRETS = "passwords.json"
_TIME = "floor-time.json"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that carries the marker. `new` says that nothing was in it."""

    path: Path
    new: bool

    @property
    def logs(self) -> Path:
        """Where the output of each process goes."""
        return self.path / "logs"

    def passwords(self) -> dict[str, str]:
        """Return the passwords of sign-ins and SERVER; made at random at the first start (mode 0600)."""
        file, names = self.path / _SECRETS, (*SIGN_INS, SERVER)
        if not file.exists():
            write_private(file, json.dumps({name: _password() for name in names}, indent=2) + "\n")
        try:
            kept = json.loads(file.read_text())
            return {name: str(kept[name]) for name in names}
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(str(file), "", f"is damaged ({error!r})", "Begin anew with --fresh.") from error

    def time_scale(self, speed: int) -> TimeScale:
        """Return a scale whose floor time begins now, or where the last start left it if that is later."""
        real_ms = time.time_ns() // 1_000_000
        return TimeScale(real_ms, max(real_ms, self._floor_ms()), speed)

    def save_time(self, scale: TimeScale, ahead_s: float = 0.0) -> None:
        """Keep how far floor time has come; `ahead_s` real seconds more cover what is not saved any more."""
        floor_ms = scale.at(time.time_ns() // 1_000_000 + round(ahead_s * 1000))
        fresh = self.path / f"{_TIME}.new"
        fresh.write_text(json.dumps({"floor_ms": max(floor_ms, self._floor_ms())}))
        fresh.replace(self.path / _TIME)

    def _floor_ms(self) -> int:
        file = self.path / _TIME
        try:
            return int(json.loads(file.read_text())["floor_ms"])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(str(file), "", f"is damaged ({error!r})", "Begin anew with --fresh.") from error


@contextlib.contextmanager
def held_folder(path: Path, *, fresh: bool = False) -> Iterator[Folder]:
    """Hold the folder for as long as the block lasts; made and marked when missing or empty.

    `fresh` empties it first. Raises ConfigError for a folder that another demonstration holds, and for one
    with anything in it that is not the demonstration's own.
    """
    path = path.resolve()
    with contextlib.ExitStack() as stack:
        try:
            marker, new = stack.enter_context(_marked(path))
            _lock(marker, path)
            if fresh and not new:
                _empty(path)
            (path / "logs").mkdir(exist_ok=True)
        except OSError as error:
            remedy = "Name a folder that you may write, on a disk with some space."
            raise ConfigError(str(path), "--data", f"cannot be used ({error})", remedy) from error
        yield Folder(path, new=fresh or new)


@contextlib.contextmanager
def _marked(path: Path) -> Iterator[tuple[IO[str], bool]]:
    """Open the folder's marker, and say whether the folder is new."""
    new = not path.exists() or (path.is_dir() and not any(path.iterdir()))
    if not new and not (path / MARKER).is_file():
        problem = f"is there already, and carries no {MARKER}: it is not the demo's"
        raise ConfigError(str(path), "--data", problem, "Nothing was touched. Name another folder.")
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (path / MARKER).open("a+", encoding="utf-8") as marker:
        if new:
            marker.write(MARKER_TEXT)
            marker.flush()
        yield marker, new


def _lock(marker: IO[str], path: Path) -> None:
    try:
        fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        remedy = "End that one, or name another folder."
        raise ConfigError(str(path), "--data", "another demo runs with this folder", remedy) from None


def _empty(path: Path) -> None:
    """Delete what is in the folder but its marker: what is cut off half-way is still the demo's."""
    for entry in path.iterdir():
        if entry.name == MARKER:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def write_private(file: Path, text: str) -> None:
    """Replace a file by one that only its owner may read, from its first byte on."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    fresh.replace(file)


def _password() -> str:
    """Four groups of four letters and digits that are not mistaken for each other: 79 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
