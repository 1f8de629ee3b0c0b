"""Databases that were made once in this process, and are copied for each test: migrations take their time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psycopg
from sqlalchemy import URL, make_url

R = TypeVar("R")
_made: dict[tuple[str, ...], tuple[tempfile.TemporaryDirectory[str], URL, object]] = {}


def copied(build: Callable[[str, Path], R], url: str, data: Path, *words: str) -> R:
    """Make at `url`, where nothing is yet, and in a folder what `build` makes; returns its result.

    `build` is called once for each server of databases (and `words`, where it depends on more), with an empty
    one, and closes what it opened.
    """
    wanted = make_url(url)
    key = (f"{build.__module__}.{build.__qualname__}", f"{wanted.drivername}:{wanted.port}", *words)
    if key not in _made:
        folder = tempfile.TemporaryDirectory(prefix="makerfloor-template-")
        first = _template(wanted, Path(folder.name))
        _made[key] = folder, first, build(first.render_as_string(False), Path(folder.name))
    folder, template, result = _made[key]
    data.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder.name, data, dirs_exist_ok=True, ignore=shutil.ignore_patterns("template.db*"))
    if wanted.database and wanted.drivername == "sqlite":
        shutil.copyfile(str(template.database), wanted.database)
    else:
        _order(wanted, f'DROP DATABASE IF EXISTS "{wanted.database}" WITH (FORCE)')
        _order(wanted, f'CREATE DATABASE "{wanted.database}" TEMPLATE "{template.database}"')
    return result  # type: ignore[return-value]


def _template(wanted: URL, folder: Path) -> URL:
    if wanted.drivername == "sqlite":
        return wanted.set(database=str(folder / "template.db"))
    template = wanted.set(database=f"template_{folder.name.rpartition('-')[2]}")
    _order(wanted, f'CREATE DATABASE "{template.database}"')
    return template


def _order(where: URL, statement: str) -> None:
    place = f"host={where.host} port={where.port} user={where.username} dbname=postgres"
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute(statement.encode())
