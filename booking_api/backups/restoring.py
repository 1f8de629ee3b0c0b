"""Makes a server of a backup again, in a new folder: whole and verified, or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

from booking_api import doctor, migrations
from booking_api.backups import snapshot
from booking_api.backups.manifest import POSTGRESQL, SQLITE, Manifest, facts_of
from booking_api.backups.reading import read
from booking_api.backups.sealed import Secret
from booking_api.backups.taking import private, sync_folder, tells_of_files
from booking_api.db import Database
from booking_api.gateways import versions
from booking_api.settings import FILE, read_settings
from floor.errors import ConfigError, PeerError
from floor.wire.roster import RosterVersion

DATA, DATABASE = "data", "makerfloor.db"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, the first version of its rosters, what `doctor` found, and what to put right."""

    manifest: Manifest
    rosters: RosterVersion
    findings: list[doctor.Finding]
    to_do: list[str]


def restore(file: Path, secret: Secret, folder: Path, url: str | None) -> Restored:
    """Restore into a folder that is not there or empty, and of PostgreSQL into an empty database, `url`.

    Raises ConfigError, PeerError where the backup is damaged, StorageFull. Then the folder is as it was; a
    database of PostgreSQL may be filled when a step after that failed.
    """
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        remedy = "Name a folder that is not there, or empty."
        raise ConfigError(str(folder), "", "is not empty, and nothing is ever written over", remedy)
    if url is not None:
        snapshot.check_empty(url)
    with _staged(folder) as staging:
        manifest = read(file, secret, lambda name: _open(staging, name))
        _check_form(file, manifest, url)
        dump = staging / POSTGRESQL
        if url is not None:
            snapshot.load(dump, url)
            dump.unlink()
        database = Database(
            url or f"sqlite:///{staging / DATA / DATABASE}", staging / DATA, ZoneInfo(manifest.timezone)
        )
        try:
            rosters, findings = _bring_up(file, manifest, database)
        finally:
            database.close()
        staging.rename(folder)
        sync_folder(folder.parent)
    return Restored(manifest, rosters, findings, _to_do(manifest, folder, url))


@contextlib.contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Give a folder beside the one that is to be; what is left of it in the end is deleted."""
    with tells_of_files(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            (staging / DATA).mkdir(mode=0o700)
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _open(staging: Path, name: str) -> IO[bytes]:
    """Open the place of one of a backup's files below a folder; raises OSError."""
    path = staging / name.removeprefix("settings/")
    if name == SQLITE:
        path = staging / DATA / DATABASE
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open(path, "xb", opener=private)


def _check_form(file: Path, manifest: Manifest, url: str | None) -> None:
    """Raise ConfigError where this software or what was asked for does not fit the backup."""
    ours = migrations.newest() or ""
    if manifest.facts.migration > ours:
        problem = f"was made by Makerfloor {manifest.software} (database form {manifest.facts.migration})"
        remedy = f"This software knows forms up to {ours}: install that version or a later one."
        raise ConfigError(str(file), "", problem, remedy)
    if (manifest.database == "postgresql") != (url is not None):
        remedy = (
            "Name an empty one with --database postgresql+psycopg://…"
            if url is None
            else "Leave --database away."
        )
        raise ConfigError(str(file), "", f"has a {manifest.database} database in it", remedy)


def _bring_up(
    file: Path, manifest: Manifest, database: Database
) -> tuple[RosterVersion, list[doctor.Finding]]:
    """Compare the database with what was backed up, bring it to this software's form, and examine it."""
    with database.engine.connect() as connection:
        if facts_of(connection) != manifest.facts:
            raise PeerError(f"{file}: the database in it is not what its manifest says.")
    if manifest.facts.migration != migrations.newest():
        migrations.upgrade(database.engine, zone=database.zone)
    with database.write() as session:
        rosters = versions.begin_after_restore(session)
    return rosters, doctor.examine(database)


def _to_do(manifest: Manifest, folder: Path, url: str | None) -> list[str]:
    """Say what of the settings does not lead to what was restored: they are as they were."""
    found = [f"Set {name} in the server's environment, as it was." for name in manifest.environment]
    try:
        settings = read_settings(folder / FILE)
    except ConfigError as error:
        return [*found, str(error)]
    data = folder / DATA
    if settings.data != data:
        found.append(f"{settings.file}: server.data: is {settings.data}. Write {str(data)!r}.")
    wanted = url or f"sqlite:///{data / DATABASE}"
    if settings.database_url != wanted:
        named = "the database that you named" if url else repr(wanted)
        found.append(f"{settings.file}: database.url: leads elsewhere. Write {named}.")
    also = folder / "also"
    if also.is_dir():
        names = ", ".join(sorted(os.listdir(also)))
        found.append(f"{also} has what lay elsewhere: {names}. Put it where it belongs.")
    return found
