"""What must hold after a power cut at any write: nothing that was said to be durable is lost or changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

from floor.wire.journal import GENESIS, JournalEntry, MachineCleared, MachineLockedOut, entry_hash
from gateway.journal_store import JournalStore, open_store
from tests.kit.disk.writes import Disk, Write

JOURNALIST = ("-m", "tests.kit.disk.journalist")
"""The program whose writes are recorded; its arguments are a folder and a number of sessions."""
NOW_MS = 1_800_000_000_000
Said = tuple[int, int, str]


@dataclass
class Cuts:
    """How many power cuts were tried, and how much was on the disks that they left."""

    cuts: int = 0
    entries: int = 0


def cut_everywhere(writes: Sequence[Write], folder: Path, *, partly: int, seed: int) -> Cuts:
    """Cut the power between any two writes, and see what the journal makes of the disk.

    Each cut leaves all that was written, only what was synced, and `partly` times some sectors of the rest.
    AssertionError names the first that lost something.
    """
    disk, said, tried, random = Disk(), list[Said](), Cuts(), Random(seed)
    for place, one in enumerate([*writes, Write("S", "", 0, b"")]):
        kept = [disk.all(), disk.none(), *(disk.some(random) for _ in range(partly))]
        for variant, rest in enumerate(kept):
            laid = folder / "disk"
            shutil.rmtree(laid, ignore_errors=True)
            laid.mkdir()
            disk.lay_out(laid, rest)
            try:
                tried.entries += well(laid, said)
            except Exception as error:
                raise AssertionError(f"seed {seed}: cut {place}, variant {variant}: {error!r}") from error
            tried.cuts += 1
        if one.name == "said":
            said += said_in(one)
        else:
            disk.take(one)
    return tried


def said_in(one: Write) -> Iterator[Said]:
    for line in one.data.decode().splitlines():
        epoch, seq, hash = line.split()
        yield int(epoch), int(seq), hash


def well(folder: Path, said: Sequence[Said]) -> int:
    """See that all that was said is there, that the chains hold, and that the journal goes on."""
    store, position = open_store(folder / "journal.db", NOW_MS)
    try:
        assert position.torn is None, f"the journal was taken for broken: {position.torn}"
        held = {epoch: store.read(epoch, 0, 100_000) for epoch in {1, position.epoch}}
        for epoch, seq, hash in said:
            there = held.get(epoch, [])
            assert len(there) >= seq, f"entry {seq} of epoch {epoch} was durable and is gone"
            assert there[seq - 1].hash == hash, f"entry {seq} of epoch {epoch} is another"
        for epoch, entries in held.items():
            _chained(epoch, entries)
        assert store.lockouts() == _locked_out(held), "what is out of order is not what the entries say"
        _goes_on(store, position.epoch, held[position.epoch])
        return sum(len(entries) for entries in held.values())
    finally:
        store.close()


def _chained(epoch: int, entries: list[JournalEntry]) -> None:
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1)), f"epoch {epoch} has a gap"
    assert not entries or entries[0].previous == GENESIS
    for before, entry in pairwise(entries):
        assert entry.previous == before.hash, f"epoch {epoch}: entry {entry.seq} follows another"
    for entry in entries:
        assert entry.hash == entry_hash(entry.previous, epoch, entry)


def _locked_out(held: dict[int, list[JournalEntry]]) -> dict[str, str]:
    locked: dict[str, str] = {}
    for epoch in sorted(held):
        for entry in held[epoch]:
            match entry.fact:
                case MachineLockedOut(machine=machine, reason=reason):
                    locked[machine] = reason
                case MachineCleared(machine=machine):
                    locked.pop(machine, None)
    return locked


def _goes_on(store: JournalStore, epoch: int, entries: list[JournalEntry]) -> None:
    if entries:
        last = entries[-1]
        store.write([(epoch, last.model_copy(update={"seq": last.seq + 1}), "{}")])
