"""Which engine the databases of tests are on: SQLite, or PostgreSQL by MAKERFLOOR_TEST_ENGINE=postgresql.

A database belongs to a folder, as a SQLite file does: one of PostgreSQL is dropped once its folder is gone.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
from pathlib import Path

from tests.peers.postgres import PostgresPeer, run_postgres

IS_POSTGRESQL = os.environ.get("MAKERFLOOR_TEST_ENGINE", "sqlite") == "postgresql"
SWEEP_EACH = 20
OF_SQLITE: dict[str, str] = {
    "tests/unit/test_server_settings.py": "what the settings say of a SQLite file, and its errors",
    "tests/unit/test_demo_folder.py": "the demonstration's folder, which is always of SQLite",
    "tests/simulation/test_demo_floor.py": "the demonstration, which is always on SQLite",
    "tests/simulation/test_power_cuts.py": "the gateway's journal, which is always of SQLite",
    "tests/contract/server/test_backup_commands.py::test_it_takes_everything": "a copy of a SQLite file",
    "tests/contract/server/test_server_command_line.py::test_a_full_disk": "a SQLite file that may not grow",
    "tests/docs/test_settings_documented.py": "the address of the database where none is set",
    "tests/browser": "pages in a browser, which no database changes",
    "tests/contract/firmware": "nothing of it has a server",
    "tests/contract/hardware": "nothing of it has a server",
    "tests/house": "nothing of it has a server",
    "tests/model": "nothing of it has a server",
}
"""What a run on PostgreSQL leaves out, and why."""
_running = contextlib.ExitStack()
_folders: dict[str, Path] = {}


@functools.cache
def peer() -> PostgresPeer:
    """Start this process' PostgreSQL, which lives until `end`."""
    atexit.register(end)
    return _running.enter_context(run_postgres())


def end() -> None:
    """Stop the PostgreSQL, if there is one."""
    _running.close()


def url_in(folder: Path, file: str = "floor.db") -> str:
    """Name the database of a folder, which need not be there; the same folder has the same one."""
    if not IS_POSTGRESQL:
        return f"sqlite:///{folder / file}"
    if len(_folders) % SWEEP_EACH == SWEEP_EACH - 1:
        sweep()
    name = hashlib.sha256(str(folder.resolve() / file).encode()).hexdigest()[:24]
    url = f"postgresql+psycopg://floor@127.0.0.1:{peer().port}/makerfloor_{name}"
    _folders[url] = folder
    return url


def empty_in(folder: Path, file: str = "floor.db") -> str:
    """Make an empty database for a folder."""
    url = url_in(folder, file)
    if IS_POSTGRESQL:
        peer().drop(url)
        peer().create(url)
    return url


def setting(folder: Path) -> str:
    """Return what a settings file in the folder says of its empty database: nothing for SQLite."""
    return f'[database]\nurl = "{empty_in(folder)}"\n' if IS_POSTGRESQL else ""


def sweep() -> None:
    """Drop the databases of folders that are gone."""
    for url in [url for url, folder in _folders.items() if not folder.exists()]:
        del _folders[url]
        peer().drop(url)
