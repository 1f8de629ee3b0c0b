"""The program whose power is cut: a journal that starts, meters and ends sessions, tidies and begins anew.

`python -m tests.kit.disk.journalist FOLDER SESSIONS`. After each entry that it was told is durable, it writes
the entry's epoch, number and hash to `said` in the folder: what was said before a cut must be there after it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from floor.wire.journal import Fact, MachineCleared, MachineLockedOut, SessionEnded, SessionMetered
from floor.wire.journal import SessionStarted as Started
from floor.words import StopType
from gateway.journal import Journal
from gateway.journal_store import JournalStore
from tests.kit.gateway import FakeClock

SESSION = "01900000-0000-7000-8000-{:012x}"


def facts(n: int) -> list[Fact]:
    """Return the facts of one session, and of a lockout here and there."""
    id = SESSION.format(n)
    told: list[Fact] = [
        Started(
            session_id=id, machine="laser", member="m1", account="a1", badge="b1", tier="t", max_duration_s=60
        ),
        SessionMetered(session_id=id, elapsed_ms=1000, counters={}),
        SessionEnded(session_id=id, stop_type=StopType.TAP_OUT, elapsed_ms=2000, counters={}),
    ]
    if n % 5 == 0:
        told.append(MachineLockedOut(machine="laser", reason="a lamp is dark", by="m2"))
        told.append(MachineCleared(machine="laser", reason="replaced", by="m2"))
    return told


async def run(folder: Path, sessions: int) -> None:
    """Write them all; the server acknowledges half way, and asks for a new epoch near the end."""
    journal = Journal(folder / "journal.db", FakeClock(), lambda _: None)
    with (folder / "said").open("a", buffering=1) as said:
        for n in range(sessions):
            for fact in facts(n):
                journal.append(fact)
                await _durable(journal)
                last = journal.next_seq - 1
                entry = (await journal.to_send(last - 1, 1))[0]
                said.write(f"{journal.epoch} {last} {entry.hash}\n")
            if n == sessions // 2:
                journal.acknowledge(journal.next_seq - 1)
                tidying = JournalStore(folder / "journal.db")
                tidying.tidy(journal.epoch, journal.acknowledged, before_ms=0)
                tidying.close()
            if n == sessions * 3 // 4:
                await journal.begin_epoch(journal.acknowledged)
                await _durable(journal)
    journal.close()


async def _durable(journal: Journal) -> None:
    while journal.durable < journal.next_seq - 1:
        await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))
