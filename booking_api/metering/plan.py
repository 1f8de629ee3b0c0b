"""What of a batch is new, what was seen, and what does not fit: decided without a database."""

from collections.abc import Mapping
from dataclasses import dataclass

from floor.wire.journal import GENESIS, JournalBatch, JournalEntry, entry_hash


@dataclass(frozen=True, slots=True)
class Head:
    """The last applied entry of one epoch of a gateway's journal."""

    seq: int = 0
    hash: str = GENESIS
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Misfit:
    """An entry that does not fit what was applied, and why."""

    entry: JournalEntry
    problem: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a batch; `head` is where its epoch stands afterwards."""

    apply: tuple[JournalEntry, ...]
    duplicates: int
    misfits: tuple[Misfit, ...]
    head: Head


def plan(head: Head, applied: Mapping[int, str], batch: JournalBatch) -> Plan:
    """Decide on each entry; `applied` holds the hashes of applied entries by sequence.

    Entries after a gap are left: the acknowledgement says what is missing, and the gateway sends it again.
    From the first misfit on nothing of its epoch is applied: two journals claim the same place.
    """
    new: list[JournalEntry] = []
    misfits: list[Misfit] = []
    duplicates, seq, last, seen = 0, head.seq, head.hash, dict(applied)
    for entry in batch.entries:
        if seen.get(entry.seq) == entry.hash:
            duplicates += 1
            continue
        if entry.seq > seq + 1 and not (head.quarantined or misfits):
            break
        problem = _problem(entry, batch.epoch, seq, last)
        if problem or head.quarantined or misfits:
            misfits.append(Misfit(entry, problem or "It follows an entry that does not fit."))
            continue
        new.append(entry)
        seq, last = entry.seq, entry.hash
        seen[seq] = last
    return Plan(tuple(new), duplicates, tuple(misfits), Head(seq, last, head.quarantined or bool(misfits)))


def _problem(entry: JournalEntry, epoch: int, seq: int, last: str) -> str:
    if entry.seq <= seq:
        return "Another entry was applied in its place: two gateways use one name, or a card was cloned."
    if entry_hash(entry.previous, epoch, entry) != entry.hash:
        return "Its content is not what its hash was made of."
    if entry.previous != last:
        return "It does not follow the entry that was applied before it."
    return ""
