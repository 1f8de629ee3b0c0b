"""Folders that `makerfloor init` made once in this process, and that are copied for each test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy import text

from booking_api.db import Database
from booking_api.settings import read_settings
from tests.kit.engine import IS_POSTGRESQL, url_in
from tests.kit.template import copied

FILE = "makerfloor.toml"
URL = "MAKERFLOOR_DATABASE_URL"
_made: dict[tuple[str, ...], tempfile.TemporaryDirectory[str]] = {}


def initialised(folder: Path, run: Callable[..., object], *arguments: str) -> None:
    """Fill a folder with what `makerfloor init` makes with these arguments; `run` types a command in."""

    def init(url: str, home: Path) -> None:
        with mock.patch.dict(os.environ, {URL: url} if url else {}):
            run("init", str(home), *arguments)
        assert (home / FILE).is_file()

    if IS_POSTGRESQL:
        copied(init, url_in(folder), folder, *arguments)
        with (folder / FILE).open("a") as settings:
            settings.write(f'[database]\nurl = "{url_in(folder)}"\n')
        return
    if arguments not in _made:
        made = tempfile.TemporaryDirectory(prefix="makerfloor-init-")
        init("", Path(made.name))
        _made[arguments] = made
    shutil.copytree(_made[arguments].name, folder, dirs_exist_ok=True)


def asked(folder: Path, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements beside the software in the database of such a folder; return the last one's rows."""
    settings = read_settings(folder / FILE, {})
    database = Database(settings.database_url, settings.data)
    with database.engine.begin() as connection:
        results = [connection.execute(text(one)) for one in statements]
        rows = [tuple(row) for row in results[-1]] if results[-1].returns_rows else []
    database.close()
    return rows
