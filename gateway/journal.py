"""The journal: every fact numbered, chained and made durable, without a slow disk delaying a tap.

Facts get their place in the chain at once, in the event loop; one thread writes them, as many in a
transaction as have gathered. A start waits for the disk, but at most `PATIENCE_S` and only once: a disk that
is slower than that makes the journal *degraded*. Then nobody waits, entries go to the server from memory, and
the state ends only after the disk has written all that was kept and was quick `QUICK_TO_RECOVER` times.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from floor.wire.journal import GENESIS, Fact, JournalEntry, SessionMetered, chained
from floor.wire.roster import JournalPlace
from gateway.clock import Clock
from gateway.journal_sessions import SessionRecord
from gateway.journal_store import JournalStore, open_store

PATIENCE_S = 0.045
QUICK_TO_RECOVER = 5
KEEP_IN_MEMORY = 20_000
CARRY_TRIES = 100
KEEP_ACKNOWLEDGED_MS = 40 * 86_400_000
"""More than the longest lease, so that no open session's start is dropped."""
IDLE_S = 1.0
RETRY_S = 1.0

log = logging.getLogger(__name__)
Write = tuple[int, JournalEntry, str, "asyncio.Future[bool] | None"]


class Journal:
    """Append in the event loop, be durable in a thread. Use from one event loop only."""

    def __init__(self, path: Path, clock: Clock, on_degraded: Callable[[str], None]) -> None:
        self._clock = clock
        self._on_degraded = on_degraded
        self._store, self.position = open_store(path, clock.wall_ms())
        clock.not_before(self.position.last_recorded_ms)
        self._reader = JournalStore(path)
        self.epoch, self._seq, self._hash = self.position.epoch, self.position.seq, self.position.hash
        self.acknowledged = self.position.acknowledged
        self.durable = self._seq
        # The one who writes keeps it too: a second writer would wait for the lock, and not for ever.
        self._position = self._kept = (self.epoch, self.acknowledged)
        self._memory: deque[tuple[int, JournalEntry]] = deque()
        self._writes: queue.SimpleQueue[list[Write] | None] = queue.SimpleQueue()
        self._unsent: list[Write] = []
        self._loop = asyncio.get_running_loop()
        self._grown = asyncio.Event()
        self._quick = 0
        self.degraded = ""
        self.append_seconds: Callable[[float], None] = lambda _: None
        self._thread = threading.Thread(target=self._write_forever, name="journal", daemon=True)
        self._thread.start()

    @property
    def next_seq(self) -> int:
        """The number that the next entry will have."""
        return self._seq + 1

    @property
    def lag(self) -> int:
        """How many entries the server has not acknowledged."""
        return self._seq - self.acknowledged

    def known_to(self, place: JournalPlace | None) -> int:
        """Return up to which entry a roster knows, which the server wrote when it had `place` of this.

        What was acknowledged since is in none of its figures. None: an earlier server, which does not say.
        """
        if place is None or place.epoch > self.epoch:
            return self.acknowledged
        return min(place.seq, self.acknowledged) if place.epoch == self.epoch else 0

    def sessions(self, known: int | None = None) -> Iterator[SessionRecord]:
        """Yield the sessions that ended after the entry `known`, then those that had no end at the last stop.

        None: after what the server has. Take them all before anything is appended.
        """
        return self._reader.sessions(self.epoch, self.acknowledged if known is None else known)

    def lockouts(self) -> dict[str, str]:
        """Return the machines that were out of order at the last stop, with the reason."""
        return self._reader.lockouts()

    def counters(self) -> dict[str, int]:
        """Return the greatest count of readings that was durable of each badge at the last stop."""
        return self._reader.counters()

    def along(self, fact: Fact) -> None:
        """Record a fact in one transaction with the next one, so that nobody waits for the disk twice.

        Call `flush` when it is settled that none follows at once.
        """
        self._append(fact, None, along=True)

    def flush(self) -> None:
        """Give the disk what was recorded along with a fact that never came."""
        if self._unsent:
            self._writes.put(self._unsent)
            self._unsent = []

    def append(self, fact: Fact) -> None:
        """Record a fact; it is durable as soon as the disk takes it.

        While the disk takes nothing and memory is full, checkpoints are given up for starts and ends.
        """
        if not isinstance(fact, SessionMetered) or len(self._memory) < KEEP_IN_MEMORY:
            self._append(fact, None)

    async def append_durably(self, fact: Fact) -> bool:
        """Record a fact and wait until the disk has it; False when it did not within the patience."""
        if self.degraded:
            self._append(fact, None)
            return False
        written: asyncio.Future[bool] = self._loop.create_future()
        entry = self._append(fact, written)
        late = self._loop.call_later(PATIENCE_S, self._late, written, entry.seq)
        try:
            return await written
        finally:
            late.cancel()

    def _append(
        self, fact: Fact, written: asyncio.Future[bool] | None, *, along: bool = False
    ) -> JournalEntry:
        unplaced = JournalEntry.model_construct(
            seq=0,
            previous=GENESIS,
            hash=GENESIS,
            recorded_ms=self._clock.wall_ms(),
            clock_error_ms=self._clock.error_ms(),
            monotonic_ms=self._clock.monotonic_ms(),
            boot_id=self._clock.boot_id,
            fact=fact,
        )
        entry = self._place(unplaced, written)
        if not along:
            self.flush()
        return entry

    def _place(self, unplaced: JournalEntry, written: asyncio.Future[bool] | None) -> JournalEntry:
        numbered = unplaced.model_copy(update={"seq": self._seq + 1})
        entry = chained(self.epoch, self._hash, numbered)
        self._seq, self._hash = entry.seq, entry.hash
        self._memory.append((self.epoch, entry))
        self._unsent.append((self.epoch, entry, entry.model_dump_json(), written))
        if self.degraded:
            self._grown.set()
        return entry

    def _late(self, written: asyncio.Future[bool], seq: int) -> None:
        if not written.done():
            written.set_result(False)
            self._degrade(f"entry {seq} was not on disk after {PATIENCE_S * 1000:.0f} ms")

    def _degrade(self, why: str) -> None:
        if not self.degraded:
            self.degraded = why
            self._quick = 0
            log.error("journal degraded: %s", why)
            self._on_degraded(why)
            self._grown.set()

    def _wrote(self, batch: list[Write], took_s: float) -> None:
        """Take note, in the event loop, of what the thread has made durable."""
        for epoch, entry, _, written in batch:
            if epoch == self.epoch:
                self.durable = entry.seq
            if written is not None and not written.done():
                written.set_result(True)
        while self._memory and (self._memory[0][0], self._memory[0][1].seq) <= (
            batch[-1][0],
            batch[-1][1].seq,
        ):
            self._memory.popleft()
        self.append_seconds(took_s)
        if self.degraded:
            self._quick = self._quick + 1 if took_s < PATIENCE_S else 0
            if self._quick >= QUICK_TO_RECOVER and not self._memory:
                log.warning("journal recovered; it was degraded because %s", self.degraded)
                self.degraded = ""
        self._grown.set()

    def _write_forever(self) -> None:
        """The thread's body: gather what waits, write it in one transaction, again if it fails."""
        batch: list[Write] = []
        tidied = kept = 0.0
        while True:
            if time.monotonic() - kept > IDLE_S:
                kept = time.monotonic()
                self._keep_position()
            try:
                first = self._writes.get(timeout=IDLE_S)
            except queue.Empty:
                if time.monotonic() - tidied > 60:
                    tidied = time.monotonic()
                    self._tidy()
                continue
            batch = list(first or ())
            stop = first is None
            while not self._writes.empty():
                more = self._writes.get()
                stop = stop or more is None
                if more is not None:
                    batch += more
            if batch and not self._write(batch):
                return
            if stop:
                self._keep_position()
                return

    def _keep_position(self) -> None:
        """Keep what the server has; should that fail, the server says it again."""
        position = self._position
        if position == self._kept:
            return
        try:
            self._store.set_position(*position)
            self._kept = position
        except sqlite3.Error as error:
            log.warning("journal: could not keep its position: %s", error)

    def _write(self, batch: list[Write]) -> bool:
        while True:
            began = time.perf_counter()
            try:
                self._store.write((epoch, entry, body) for epoch, entry, body, _ in batch)
            except sqlite3.Error as error:
                if not self._tell(self._degrade, f"the disk refused: {error}"):
                    return False
                time.sleep(RETRY_S)
                continue
            return self._tell(self._wrote, batch, time.perf_counter() - began)

    def _tell(self, call: Callable[..., None], *args: object) -> bool:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop is closed: the process ends
            return False
        return True

    def _tidy(self) -> None:
        try:
            before_ms = self._clock.wall_ms() - KEEP_ACKNOWLEDGED_MS
            self._store.tidy(self.epoch, self.acknowledged, before_ms)
        except sqlite3.Error as error:
            log.warning("journal: could not tidy: %s", error)

    async def grown(self) -> None:
        """Wait until there may be more to send."""
        await self._grown.wait()
        self._grown.clear()

    async def to_send(self, after: int, limit: int) -> list[JournalEntry]:
        """Return entries after `after`: durable ones, or in a degraded state those in memory too."""
        if after < self.durable:
            last = min(limit, self.durable - after)
            return await asyncio.to_thread(self._reader.read, self.epoch, after, last)
        if not self.degraded:
            return []
        waiting = [entry for epoch, entry in self._memory if epoch == self.epoch and entry.seq > after]
        return waiting[:limit]

    async def agrees(self, seq: int, hash: str | None) -> bool:
        """Whether the entry that the server has as `seq` is ours; an older server sends no hash."""
        if hash is None or seq == 0:
            return True
        for epoch, entry in self._memory:
            if (epoch, entry.seq) == (self.epoch, seq):
                return entry.hash == hash
        found = await asyncio.to_thread(self._reader.read, self.epoch, seq - 1, 1)
        return not found or found[0].hash == hash

    def acknowledge(self, seq: int) -> None:
        """Take note of what the server has; it may go back, when the server was restored."""
        self.acknowledged = min(seq, self._seq)
        self._position = (self.epoch, self.acknowledged)
        self._grown.set()

    async def begin_epoch(self, after: int) -> None:
        """Start a new chain, because this one is behind the server's or was forked from a cloned card.

        Entries after `after` go into the new chain with their own times; the server knows sessions by id, so
        what it has already is not applied again.
        """
        old, carried = self.epoch, list[JournalEntry]()
        for _ in range(CARRY_TRIES):
            at = after + len(carried)
            carried += await asyncio.to_thread(self._reader.read, old, at, max(0, self._seq - at))
            at = after + len(carried)
            waiting = [entry for epoch, entry in self._memory if epoch == old and entry.seq > at]
            if at + len(waiting) >= self._seq:  # else some became durable while others were read
                break
        self.epoch = max(old + 1, self._clock.wall_ms())
        self._seq, self._hash, self.acknowledged, self.durable = 0, GENESIS, 0, 0
        self._position = (self.epoch, 0)
        for entry in (*carried, *waiting):
            self._place(entry, None)
        self.flush()

    def close(self) -> None:
        """Write what waits, then close; waits at most two seconds for the disk."""
        self.flush()
        self._writes.put(None)
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self._store.close()
            self._reader.close()
