"""Roster versions: (epoch, n), never given out twice, not even after the database was restored."""

import fcntl
import functools
import os
import secrets
from pathlib import Path

from sqlmodel import Session

from booking_api.db import DATA, after_commit
from booking_api.gateways.changes import hold_rosters
from floor.errors import PeerError
from floor.wire.roster import RosterVersion

FILE = "roster-version"
EPOCHS_AHEAD_MAX = 1_000
NONE_YET = RosterVersion(1, 0)


def next_version(session: Session) -> RosterVersion:
    """Take the next version; the file outside the database learns of it before any gateway does."""
    state = hold_rosters(session)
    state.n += 1
    session.add(state)
    version = RosterVersion(state.epoch, state.n)
    after_commit(session, functools.partial(_write, session.info[DATA] / FILE, version))
    return version


def check_restored(session: Session) -> bool:
    """Begin a new epoch when the database is behind the file beside it; say whether it was.

    Call it once before gateways are answered. A lost file counts as a restored database.
    """
    state = hold_rosters(session)
    here = RosterVersion(state.epoch, state.n)
    kept = _read(session.info[DATA] / FILE)
    if here == NONE_YET and kept is None:
        return False
    if kept is not None and kept <= here:
        return False
    _begin_epoch(session, kept.epoch if kept else here.epoch)
    return True


def begin_after_restore(session: Session) -> RosterVersion:
    """Begin a new epoch in a database that was made of a backup; return the first version of it.

    It is some epochs on, by chance: a backup may be restored twice, and what a gateway holds of the first
    time must not look like what the second gives out.
    """
    state = hold_rosters(session)
    _begin_epoch(session, state.epoch + secrets.randbelow(EPOCHS_AHEAD_MAX // 2))
    return RosterVersion(state.epoch, state.n)


def seen(session: Session, version: RosterVersion) -> None:
    """Take that a gateway holds this version; one that is ahead of ours proves that we were restored.

    Raises PeerError for one that is ahead by more than restores explain.
    """
    state = hold_rosters(session)
    if version.epoch > state.epoch + EPOCHS_AHEAD_MAX:
        raise PeerError(f"roster epoch {version.epoch} was never given out; ours is {state.epoch}")
    if version > RosterVersion(state.epoch, state.n):
        _begin_epoch(session, version.epoch)


def _begin_epoch(session: Session, after: int) -> None:
    state = hold_rosters(session)
    state.epoch, state.n = max(state.epoch, after) + 1, 0
    session.add(state)
    session.flush()
    next_version(session)


def _read(file: Path) -> RosterVersion | None:
    try:
        epoch, n = file.read_text(encoding="ascii").split()
        return RosterVersion(int(epoch), int(n))
    except (OSError, ValueError):
        return None


def _write(file: Path, version: RosterVersion) -> None:
    """Write a version down, unless another process has written a later one meanwhile."""
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        kept = _read(file)
        if kept is None or kept < version:
            partial = file.with_suffix(".new")
            partial.write_text(f"{version.epoch} {version.n}\n", encoding="ascii")
            os.replace(partial, file)
    finally:
        os.close(folder)
