"""Folders that `makerfloor init` made once in this process, and that are copied for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

_made: dict[tuple[str, ...], tempfile.TemporaryDirectory[str]] = {}


def initialised(folder: Path, run: Callable[..., object], *arguments: str) -> None:
    """Fill a folder with what `makerfloor init` makes with these arguments; `run` types a command in."""
    if arguments not in _made:
        made = tempfile.TemporaryDirectory(prefix="makerfloor-init-")
        run("init", made.name, *arguments)
        assert (Path(made.name) / "makerfloor.toml").is_file()
        _made[arguments] = made
    shutil.copytree(_made[arguments].name, folder, dirs_exist_ok=True)
