"""Holds a server's books against what the contacts of real processes did, whoever was killed meanwhile."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlmodel import col, select

from booking_api.db import Database
from booking_api.ledger.models import AccountBalance
from booking_api.members.models import Member
from booking_api.metering.models import JournalHead, JournalRecord, Quarantined
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.settings import read_settings
from floor.words import StopType
from tests.simulation.processes import (
    ADA,
    BEN,
    CHECKPOINT_S,
    NEAR_S,
    PRICE_MICRO_MS,
    Death,
    Powered,
    Space,
)

CENT_MICRO = 10_000
NUMBERS = {"1001": ADA, "1002": BEN}
TAPPED_S = 6.0
"""How long before a contact closed its tap may be: a process that starts reads its line late."""


@dataclass(frozen=True)
class Books:
    """What the server has."""

    sessions: list[MachineSession]
    heads: list[JournalHead]
    records: list[tuple[int, int]]
    quarantined: int
    owed: dict[str, int]
    badges: dict[str, bytes]
    """Of each member, by id."""

    @property
    def settled(self) -> bool:
        """Whether every session has ended, and was priced or waits for an operator."""
        return all(row.state in (SessionState.PRICED, SessionState.EXCEPTION) for row in self.sessions)


def read(space: Space) -> Books:
    """Read the server's database."""
    settings = read_settings(space.folder / "space/makerfloor.toml", {})
    database = Database(settings.database_url, settings.data)
    try:
        with database.read() as session:
            places = select(JournalRecord.epoch, JournalRecord.seq).order_by(
                col(JournalRecord.epoch), col(JournalRecord.seq)
            )
            balances = session.exec(select(AccountBalance)).all()
            return Books(
                list(session.exec(select(MachineSession).order_by(col(MachineSession.start_monotonic_ms)))),
                list(session.exec(select(JournalHead))),
                list(session.exec(places).all()),
                len(session.exec(select(Quarantined.seq)).all()),
                {row.account: row.amount_micro for row in balances},
                {
                    row.id: NUMBERS[row.number]
                    for row in session.exec(select(Member))
                    if row.number in NUMBERS
                },
            )
    finally:
        database.close()


def has_all(space: Space) -> bool:
    """Whether the server has all that the gateway recorded, and every session is priced or an exception."""
    (path,) = (space.folder / "pi").rglob("journal.db")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        last = journal.execute("SELECT epoch, max(seq) FROM entries GROUP BY epoch").fetchall()
    books = read(space)
    return books.settled and sorted((head.epoch, head.seq) for head in books.heads) == sorted(last)


def contradictions(space: Space) -> list[str]:
    """Return what contradicts the truth, a line each."""
    books = read(space)
    killed = [death for death in space.deaths if death.name == "gateway"]
    pairs, rest = _paired(space.rig.uses, books.sessions)
    found = [f"no session for {use}" for use in rest]
    for use, row in pairs:
        found += _times(use, row, killed)
        near = {badge for at_s, badge in space.taps[use.machine] if -TAPPED_S < at_s - use.on_s < 0.1}
        if books.badges.get(row.member) not in near:
            found.append(f"{row.id} is billed to {row.member}, who did not tap: {use}")
    used = {row.id for _, row in pairs}
    found += [
        f"{row.id} at {row.machine} for {row.elapsed_ms} ms had no power"
        for row in books.sessions
        if row.id not in used and row.elapsed_ms > 1_500  # killed before its relay closed
    ]
    return [*found, *_bills(books), *_journal(books)]


def _paired(
    uses: Sequence[Powered], rows: Sequence[MachineSession]
) -> tuple[list[tuple[Powered, MachineSession]], list[Powered]]:
    """Match by the monotonic clock, which the gateway and the contacts' watcher share here."""
    free = defaultdict(list)
    for row in rows:
        free[row.machine].append(row)
    pairs, rest = [], []
    for use in uses:
        near = [row for row in free[use.machine] if abs(row.start_monotonic_ms / 1000 - use.on_s) < NEAR_S]
        if near:
            best = min(near, key=lambda row: abs(row.start_monotonic_ms / 1000 - use.on_s))
            free[use.machine].remove(best)
            pairs.append((use, best))
        else:
            rest.append(use)
    return pairs, rest


def _times(use: Powered, row: MachineSession, killed: Sequence[Death]) -> Iterator[str]:
    """As long as it was; one that the gateway's death cut ends at its last checkpoint; no other does."""
    billed_s = row.elapsed_ms / 1000
    cuts = [death for death in killed if use.on_s < death.after_s and death.before_s < use.off_s + 0.3]
    least_s = min([use.lasted_s, *(death.before_s - use.on_s - 2 * CHECKPOINT_S for death in cuts)])
    if not least_s - NEAR_S <= billed_s <= use.lasted_s + NEAR_S:
        yield f"{row.id} is billed {billed_s:.1f} s, not {least_s:.1f} to {use.lasted_s:.1f}: {use}"
    if row.stop_type is StopType.POWER_LOST and not cuts:
        yield f"{row.id} ended as power_lost, and nobody was killed: {use}"
    if not use.off_s:
        yield f"{use} never ended"


def _bills(books: Books) -> Iterator[str]:
    owed = dict.fromkeys(books.badges, 0)
    for row in books.sessions:
        micro = row.total_micro or 0
        if row.state is not SessionState.PRICED:
            yield f"{row.id} is {row.state}: {row.exception}"
        elif abs(micro - row.elapsed_ms * PRICE_MICRO_MS) > CENT_MICRO // 2 + 1:
            yield f"{row.id} of {row.elapsed_ms} ms is charged {micro}"
        owed[row.member] = owed.get(row.member, 0) + micro
    for member, micro in owed.items():
        booked = books.owed.get(f"assets:member:{member}", 0)
        if booked != micro:
            yield f"{member} owes {booked}, but the sessions cost {micro}"


def _journal(books: Books) -> Iterator[str]:
    """One chain without a gap: nothing lost, nothing twice, nothing put aside."""
    if books.quarantined:
        yield f"{books.quarantined} entries are in quarantine"
    if len(books.heads) != 1:
        yield f"the journal began anew: epochs {[head.epoch for head in books.heads]}"
    at = defaultdict(int)
    for epoch, seq in books.records:
        at[epoch] += 1
        if seq != at[epoch]:
            yield f"entry {epoch}/{at[epoch]} is missing"
            return
