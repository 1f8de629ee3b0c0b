"""What the process before this one left: sessions that it was cut off from, prices that the server lacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from floor.access import AccountStanding
from gateway.credit import Credit
from gateway.journal import Journal
from gateway.journal_sessions import Place, SessionRecord
from gateway.metering import Mark, Marks
from gateway.prices import Prices
from gateway.roster import RosterStore


def recall(
    journal: Journal,
    roster: RosterStore,
    credit: Credit,
    prices: Prices,
    told: Callable[[SessionRecord], None] = lambda record: None,
) -> list[SessionRecord]:
    """Hold and count again what the server cannot know yet; return the sessions that have no end.

    Call it before anything is appended to the journal. `told` hears of each session.
    """
    cut_off: list[SessionRecord] = []
    known = journal.known_to(roster.journal)
    for record in journal.sessions(known):
        _hold(record, (journal.epoch, known), roster, credit)
        told(record)
        if record.ended is None:
            cut_off.append(record)
        else:
            _count(record, Mark(record.ended.elapsed_ms, record.ended.counters), credit, prices)
    return cut_off


def _hold(record: SessionRecord, known: Place, roster: RosterStore, credit: Credit) -> None:
    lease = record.lease
    account = roster.account(lease.member, lease.account) or AccountStanding(lease.account, "")
    for part, (epoch, seq) in record.holds:
        if epoch != known[0] or seq > known[1]:
            credit.hold(lease.session_id, account, part, (epoch, seq))


def _count(record: SessionRecord, last: Mark, credit: Credit, prices: Prices) -> None:
    lease = record.lease
    marks = Marks(lease.granted_ms, partial(prices.divides, lease.machine))
    for mark in record.marks:
        marks.add(mark)
    if price := prices.ended(marks.visit(lease, last), *record.ended_at):
        credit.ended(lease.session_id, price.money_micro or 0)
