"""Takes a backup while the server runs, reads it again from the disk, and only then says that it is there."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import io
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from booking_api import migrations
from booking_api.audit import chain as audit
from booking_api.backups import last, snapshot
from booking_api.backups.manifest import NAME, POSTGRESQL, SQLITE, Facts, Manifest, Member
from booking_api.backups.reading import check
from booking_api.backups.sealed import Sealing, Secret
from booking_api.db import Database, check_reachable, room_on_disk
from booking_api.gateways import versions
from booking_api.ledger import heads
from booking_api.prints import files as prints
from booking_api.settings import SECRETS, Settings
from booking_api.start import make_data
from floor.errors import ConfigError, Refused

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STAGING = "backing-up"
LEVEL = 6
_BACKUP = re.compile(r"makerfloor-\d{8}T\d{6}Z\.backup")
_PART = ".part"
_GROWING = (heads.FILE, audit.FILE)
_LEFT_OUT = frozenset({versions.FILE, last.FILE})
"""What a restored server makes anew, or what says something of the server that was."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was written and read again; its size in bytes."""

    file: Path
    size: int
    manifest: Manifest


def name_at(now_ms: int) -> str:
    """Return what a backup is called in a folder: names sort by time."""
    return f"makerfloor-{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%dT%H%M%SZ}.backup"


def take(settings: Settings, secret: Secret, file: Path, also: Sequence[Path], now_ms: int) -> Taken:
    """Write a backup to a new file. Raises Refused while another one is taken, StorageFull, ConfigError."""
    make_data(settings)
    with (
        _opened(settings) as database,
        _alone(settings.data) as staging,
        tells_of_files(file.parent),
    ):
        if file.exists():
            raise ConfigError(str(file), "", "is there already", "Name a new file, or a folder.")
        part = file.with_name(file.name + _PART)
        try:
            with open(part, "wb", opener=private) as out:
                _write(settings, database, secret, out, staging, also, now_ms)
                out.flush()
                os.fsync(out.fileno())
            manifest = check(part, secret)
            part.rename(file)
            sync_folder(file.parent)
        finally:
            part.unlink(missing_ok=True)
        last.note(settings.data, now_ms)
        return Taken(file, file.stat().st_size, manifest)


def forget_old(folder: Path, keep: int) -> list[Path]:
    """Delete the oldest backups of a folder but `keep`; other files stay. Returns what went."""
    mine = sorted(path for path in folder.iterdir() if _BACKUP.fullmatch(path.name))
    with tells_of_files(folder):
        for path in mine[:-keep]:
            path.unlink()
    return mine[:-keep]


@contextlib.contextmanager
def tells_of_files(folder: Path) -> Iterator[None]:
    """Make one clear sentence of what the disk says: StorageFull, or a ConfigError that names the file."""
    try:
        with room_on_disk(folder):
            yield
    except OSError as error:
        where = str(error.filename or folder)
        problem = f"cannot be read or written ({error.strerror or error})"
        raise ConfigError(where, "", problem, "Look at the disk, and at who may do so.") from error


def private(path: str, flags: int) -> int:
    """Open a file that its owner alone may read."""
    return os.open(path, flags, 0o600)


def sync_folder(folder: Path) -> None:
    """Make durable what was renamed in a folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    """Open the database of whatever form: it is well to have a backup of the old one before an upgrade."""
    database = Database(settings.database_url, settings.data)
    try:
        check_reachable(database)
        if migrations.current(database.engine) is None:
            remedy = "Name the right settings with --config."
            raise ConfigError(str(settings.file), "database.url", "names an empty database", remedy)
        yield database
    finally:
        database.close()


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[Path]:
    """Give an empty folder for the copy of the database; what a killed backup left there is cleared."""
    staging = data / STAGING
    with tells_of_files(data):
        staging.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(staging, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            words = "Another backup is being taken. Wait until it is done."
            raise Refused("backup_under_way", words) from None
        _clear(staging)
        try:
            yield staging
        finally:
            _clear(staging)
    finally:
        os.close(lock)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _write(
    settings: Settings,
    database: Database,
    secret: Secret,
    out: BinaryIO,
    staging: Path,
    also: Sequence[Path],
    now_ms: int,
) -> None:
    # Heads are published after their commit, so those that are there before the copy are all in the copy.
    grown = {name: _size(settings.data / name) for name in _GROWING}
    kind, copy = ("sqlite", SQLITE) if snapshot.is_sqlite(database) else ("postgresql", POSTGRESQL)
    facts = snapshot.take(database, staging / copy)
    stamps = _stamps(settings.data)
    sealing = Sealing(out, secret)
    members: dict[str, Member] = {}
    with gzip.open(sealing, "wb", LEVEL) as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        _add(tar, members, copy, staging / copy)
        for name, path in _named(_files(settings, database, also)):
            limit = grown.get(name.removeprefix("data/"))
            with contextlib.suppress(FileNotFoundError):  # a print's file that nobody needs any more
                _add(tar, members, name, path, limit)
        if _stamps(settings.data) != stamps:
            words = "A key was changed meanwhile, so the backup was dropped. Take it again."
            raise Refused("backup_keys_changed", words)
        manifest = _manifest(settings, kind, facts, members, now_ms)
        text = manifest.model_dump_json(indent=1).encode()
        info = tarfile.TarInfo(NAME)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    sealing.finish()


def _manifest(
    settings: Settings, kind: str, facts: Facts, members: dict[str, Member], now_ms: int
) -> Manifest:
    return Manifest(
        software=version("makerfloor"),
        made_ms=now_ms,
        space=settings.space_name,
        timezone=settings.timezone,
        database="sqlite" if kind == "sqlite" else "postgresql",
        environment=sorted(name for name in SECRETS.values() if name in os.environ),
        facts=facts,
        members=members,
    )


class _Hashed(io.RawIOBase):
    """A file that is hashed as it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.sha256 = file, hashlib.sha256()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read what comes next."""
        into = memoryview(buffer)
        piece = self._file.read(len(into))
        self.sha256.update(piece)
        into[: len(piece)] = piece
        return len(piece)


def _add(
    tar: tarfile.TarFile, members: dict[str, Member], name: str, path: Path, limit: int | None = None
) -> None:
    """Add a file; of one that grows, what was there at first."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        info = tarfile.TarInfo(name)
        info.size = size if limit is None else min(size, limit)
        hashed = _Hashed(file)
        tar.addfile(info, hashed)
    members[name] = Member(size=info.size, sha256=hashed.sha256.hexdigest())


def _files(settings: Settings, database: Database, also: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield everything on disk that a server is made of, but its database, with its name in the backup."""
    yield "settings/makerfloor.toml", settings.file
    home = settings.file.resolve().parent
    for path in (settings.broker.ca, settings.payments.reminders):
        if path is None or path.is_relative_to(settings.data):
            continue
        inside = path.is_relative_to(home)
        name = f"settings/{path.relative_to(home)}" if inside else f"also/{path.parent.name}/{path.name}"
        yield name, path
    for path in _walk(settings.data):
        if not _left_out(path, settings.data, database):
            yield f"data/{path.relative_to(settings.data).as_posix()}", path
    for one in also:
        whole = one.resolve()
        for path in _walk(whole) if whole.is_dir() else (whole,):
            yield f"also/{path.relative_to(whole.parent).as_posix()}", path


def _named(files: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, Path]]:
    """Yield each file once; raises ConfigError where two would have one name."""
    known: dict[str, Path] = {}
    for name, path in files:
        if name not in known:
            known[name] = path
            yield name, path
        elif known[name] != path:
            problem = f"would be {name} in the backup, as {known[name]} is"
            raise ConfigError(str(path), "", problem, "Rename one of them.")


def _walk(folder: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        yield from (path for name in sorted(names) if (path := Path(at, name)).is_file())


def _left_out(path: Path, data: Path, database: Database) -> bool:
    """Whether a file of the data folder is no part: the living database, what is half written, backups."""
    inside = path.relative_to(data)
    if inside.parts[0] == STAGING or inside.is_relative_to(Path(prints.FOLDER, prints.INCOMING)):
        return True
    if snapshot.is_sqlite(database) and path.name.startswith(Path(str(database.engine.url.database)).name):
        return True
    if _BACKUP.fullmatch(path.name.removesuffix(_PART)) or path.suffix in (".new", _PART):
        return True
    return str(inside) in _LEFT_OUT


def _stamps(data: Path) -> list[tuple[str, int, int]]:
    """Return how the keys stand: while they are replaced, no two files belong together."""
    found = sorted((*data.glob("*.key"), *data.glob("*.json")))
    return [(path.name, path.stat().st_ino, path.stat().st_mtime_ns) for path in found]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
