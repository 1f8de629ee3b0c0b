"""The journal on disk: one SQLite file, durable at each commit (WAL, synchronous=FULL)."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from floor.errors import ConfigError
from floor.wire.journal import (
    GENESIS,
    AccountChosen,
    BadgeProven,
    HoldRaised,
    JournalEntry,
    MachineCleared,
    MachineLockedOut,
    SessionEnded,
    SessionHeld,
    SessionMetered,
    SessionStarted,
)
from gateway.journal_sessions import SessionRecord

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    epoch INTEGER NOT NULL, seq INTEGER NOT NULL, recorded_ms INTEGER NOT NULL, kind TEXT NOT NULL,
    hash TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (epoch, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lockouts (machine TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (badge TEXT PRIMARY KEY, counter INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS position (
    one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, acknowledged INTEGER NOT NULL);
INSERT OR IGNORE INTO position VALUES (1, 1, 0);
"""
COUNT = """INSERT INTO counters VALUES (?, ?) ON CONFLICT (badge)
    DO UPDATE SET counter = excluded.counter WHERE excluded.counter > counter"""
OF_SESSIONS = (
    "('session_started', 'session_metered', 'session_held', 'account_chosen', 'hold_raised', 'session_ended')"
)
VOLATILE = frozenset({"tmpfs", "ramfs", "overlay", "aufs"})


@dataclass(frozen=True, slots=True)
class Position:
    """Where the journal stands. `torn` names the file that a broken journal was moved to."""

    epoch: int
    seq: int
    hash: str
    acknowledged: int
    last_recorded_ms: int
    torn: str | None = None


class JournalStore:
    """All SQL of the journal. One thread writes; another may read through its own store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def position(self) -> Position:
        """Return where the journal stands; raises sqlite3.DatabaseError when the file is broken."""
        if (verdict := self._db.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(verdict)
        epoch, acknowledged = self._db.execute("SELECT epoch, acknowledged FROM position").fetchone()
        begun = self._db.execute("SELECT max(epoch) FROM entries").fetchone()[0] or 0
        if begun > epoch:  # a power cut came between a new epoch's first entries and its position
            epoch, acknowledged = begun, 0
        last = self._db.execute(
            "SELECT seq, hash FROM entries WHERE epoch = ? ORDER BY seq DESC LIMIT 1", (epoch,)
        ).fetchone()
        newest = self._db.execute("SELECT max(recorded_ms) FROM entries").fetchone()[0]
        seq, hash = last or (0, GENESIS)
        # A slow disk may have kept that the server has an entry, and then lost the entry to a power cut.
        return Position(epoch, seq, hash, min(acknowledged, seq), newest or 0)

    def write(self, entries: Iterable[tuple[int, JournalEntry, str]]) -> None:
        """Append entries (epoch, entry, its JSON) in one durable transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for epoch, entry, body in entries:
                row = (epoch, entry.seq, entry.recorded_ms, entry.fact.type, entry.hash, body)
                self._db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)
                match entry.fact:
                    case MachineLockedOut(machine=machine, reason=reason):
                        self._db.execute("INSERT OR REPLACE INTO lockouts VALUES (?, ?)", (machine, reason))
                    case MachineCleared(machine=machine):
                        self._db.execute("DELETE FROM lockouts WHERE machine = ?", (machine,))
                    case BadgeProven(badge=badge, counter=counter):
                        self._db.execute(COUNT, (badge, counter))
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def read(self, epoch: int, after: int, limit: int) -> list[JournalEntry]:
        """Return up to `limit` entries of an epoch that follow `after`."""
        rows = self._db.execute(
            "SELECT body FROM entries WHERE epoch = ? AND seq > ? ORDER BY seq LIMIT ?", (epoch, after, limit)
        ).fetchall()
        return [JournalEntry.model_validate_json(row[0]) for row in rows]

    def sessions(self, epoch: int, known: int) -> Iterator[SessionRecord]:
        """Yield the sessions that ended after an entry, then those without an end; reads all that is kept.

        No tap pays for a table of them. Append nothing meanwhile.
        """
        unknown = self._ended_since(epoch, known)
        open_: dict[str, SessionRecord] = {}
        for at, body in self._db.execute(
            f"SELECT epoch, body FROM entries WHERE kind IN {OF_SESSIONS} ORDER BY epoch, seq"
        ):
            entry = JournalEntry.model_validate_json(body)
            place = (at, entry.seq)
            match entry.fact:
                case SessionStarted(session_id=id) as started:
                    record = open_.setdefault(id, SessionRecord.of(started, entry))
                    record.pays(started.account, started.limit_micro, place)
                case SessionEnded(session_id=id) as ended if id in open_:
                    if id not in unknown:
                        del open_[id]
                    elif place > (epoch, known):
                        yield open_.pop(id).end(ended, place)
                case (
                    SessionMetered(session_id=id)
                    | SessionHeld(session_id=id)
                    | AccountChosen(session_id=id)
                    | HoldRaised(session_id=id)
                ):
                    if id in open_:
                        open_[id].take(entry, place)
        yield from open_.values()

    def _ended_since(self, epoch: int, known: int) -> set[str]:
        """Return the sessions that ended after an entry; a new epoch may tell an end again."""
        rows = self._db.execute(
            "SELECT body FROM entries WHERE kind = 'session_ended' AND epoch = ? AND seq > ?",
            (epoch, known),
        )
        facts = (JournalEntry.model_validate_json(body).fact for (body,) in rows)
        return {fact.session_id for fact in facts if isinstance(fact, SessionEnded)}

    def lockouts(self) -> dict[str, str]:
        """Return the machines that are out of order, with the reason."""
        return dict(self._db.execute("SELECT machine, reason FROM lockouts").fetchall())

    def counters(self) -> dict[str, int]:
        """Return the greatest count of readings that was taken of each badge, by its reference."""
        return dict(self._db.execute("SELECT badge, counter FROM counters").fetchall())

    def set_position(self, epoch: int, acknowledged: int) -> None:
        """Remember what the server has; needs no durability of its own, the server says it again."""
        self._db.execute("UPDATE position SET epoch = ?, acknowledged = ?", (epoch, acknowledged))

    def tidy(self, epoch: int, acknowledged: int, before_ms: int) -> None:
        """Drop acknowledged entries from before an instant, and fold the write-ahead log into the file."""
        self._db.execute(
            "DELETE FROM entries WHERE recorded_ms < ? AND (epoch < ? OR (epoch = ? AND seq <= ?))",
            (before_ms, epoch, epoch, acknowledged),
        )
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")


def open_store(path: Path, now_ms: int) -> tuple[JournalStore, Position]:
    """Open a journal. One that a power cut or a dying card broke is moved aside, and a new epoch begun."""
    try:
        store = JournalStore(path)
        return store, store.position()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
            raise ConfigError(
                str(path),
                "",
                f"the journal cannot be opened: {error}",
                "Check the disk, and who owns the folder.",
            ) from error
        torn = path.with_name(f"{path.name}.torn-{now_ms}")
        for suffix in ("", "-wal", "-shm"):
            if (part := path.with_name(path.name + suffix)).exists():
                part.rename(torn.with_name(torn.name + suffix))
        store, epoch = JournalStore(path), max(1, now_ms)  # a Pi without a clock may be in 1970
        store.set_position(epoch, 0)
        return store, Position(epoch, 0, GENESIS, 0, 0, str(torn))


def refuse_volatile(folder: Path) -> None:
    """Raise ConfigError when a folder would lose what is written to it at a power cut."""
    best = ("", "")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind, *_ = line.split(" ")
        mount = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), mount)  # a space is \040 there
        inside = os.path.commonpath([mount, folder.resolve()]) == mount
        if inside and len(mount) >= len(best[0]):
            best = (mount, kind)
    if best[1] in VOLATILE:
        raise ConfigError(
            str(folder),
            "journal.storage",
            f"the journal would lie on {best[1]}, which a power cut empties",
            'Put data on a disk or card, or write storage = "volatile" for a trial.',
        )
