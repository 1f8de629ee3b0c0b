"""Monthly sums, kept so that a report of a year reads thousands of rows and not its million.

What machines did is added in the transaction that brings it. Money follows the book: entries are counted in
their order, each once, a moment after they were posted. Both can be counted anew at any time, and come out
the same. A month is of the space's clock; use counts in the month in which it ended, whenever it is heard of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from sqlalchemy import BigInteger, case, cast, delete, func, insert
from sqlalchemy.orm import aliased
from sqlalchemy.sql import ColumnElement
from sqlmodel import Session, SQLModel, col, or_, select

from booking_api.accounts.funds import PAID_IN
from booking_api.context import Context
from booking_api.db import Database, insert_rows, zone_of
from booking_api.ledger.models import MAIN_BOOK, Book, LedgerEntry, LedgerPosting
from booking_api.periods.calendar import bounds, month_at
from booking_api.reports.models import CountedTo, MonthlyMoney, MonthlyPerson, MonthlyUse
from booking_api.reports.spans import Months
from booking_api.rounds import Round
from booking_api.sessions.models import Job, MachineSession, Refusal
from floor.meter import Quantity
from floor.words import DenialReason, JobOutcome

SESSIONS, SESSION_TIME = "sessions", "session_time_ms"
JOBS_ENDED, JOBS_DONE = "jobs_ended", "jobs_done"
REFUSALS, OCCUPIED = "refusals", "refused_occupied"
"""What is counted beside the quantities of the meters."""
FUND = "assets:fund:"
FOLLOWED = ("income:", "expense:", FUND)
"""The accounts of the books that a report is made of."""
_STATE = "all"
_ENTRIES_AT_ONCE = 20_000
_ADD_USE = (
    "ON CONFLICT (month, machine, quantity) DO UPDATE SET amount = monthly_use.amount + excluded.amount"
)
_ADD_PERSON = "ON CONFLICT (month, member, tier, account) DO NOTHING"
_ADD_MONEY = (
    "ON CONFLICT (month, account, commodity)"
    " DO UPDATE SET amount_micro = monthly_money.amount_micro + excluded.amount_micro"
)
Row = Mapping[str, Any]


def moved(
    session: Session, ended: Sequence[Row], refusals: Iterable[Row] = (), jobs: Iterable[Row] = ()
) -> None:
    """Count sessions that ended, taps that were refused and jobs that ended (their rows), each once."""
    zone, sums = zone_of(session), dict[tuple[str, str, str], int]()

    def add(at_ms: int, machine: str, quantities: Mapping[str, int]) -> None:
        month = month_at(at_ms, zone)
        for quantity, amount in quantities.items():
            sums[month, machine, quantity] = sums.get((month, machine, quantity), 0) + amount

    for row in ended:
        counted = {SESSIONS: 1, SESSION_TIME: row["elapsed_ms"]}
        add(row["ended_ms"], row["machine"], counted | {q: row["counters"].get(q, 0) for q in Quantity})
    for row in refusals:
        occupied = row["reason"] == DenialReason.IN_USE
        add(row["at_ms"], row["machine"], {REFUSALS: 1, OCCUPIED: int(occupied)})
    for row in jobs:
        done = row["outcome"] == JobOutcome.DONE
        add(row["at_ms"], row["machine"], {JOBS_ENDED: 1, JOBS_DONE: int(done)})
    _add_use(session, sums)
    people = {(month_at(row["ended_ms"], zone), row["member"], row["tier"], row["account"]) for row in ended}
    names = ("month", "member", "tier", "account")
    rows = [dict(zip(names, one, strict=True)) for one in sorted(people)]
    insert_rows(session, MonthlyPerson, rows, _ADD_PERSON)


def _add_use(session: Session, sums: Mapping[tuple[str, str, str], int]) -> None:
    """Add to the kept sums, always in one order: two who add at once wait for each other, and no more."""
    rows = [
        {"month": month, "machine": machine, "quantity": str(quantity), "amount": amount}
        for (month, machine, quantity), amount in sorted(sums.items())
        if amount
    ]
    insert_rows(session, MonthlyUse, rows, _ADD_USE)


def catch_up(database: Database) -> None:
    """Count what the sums lack: all that is there when they were never made, or the clock was another."""
    with database.read() as session:
        state, seq = session.get(CountedTo, _STATE), _sealed(session)
    if state is None or state.zone != str(database.zone):
        with database.write(alone=True) as session:
            recount(session)
    elif state.ledger_seq < seq:
        with database.write() as session:
            follow(session)


def recount(session: Session) -> None:
    """Count everything anew; nobody else may write meanwhile."""
    zone = zone_of(session)
    for table in (MonthlyUse, MonthlyPerson, MonthlyMoney, CountedTo):
        session.exec(delete(table))
    _count_sessions(session, zone)
    _count_taps(session, zone)
    session.add(CountedTo(id=_STATE, zone=str(zone), ledger_seq=0))
    session.flush()
    follow(session)


def follow(session: Session) -> None:
    """Count the entries of the book that were sealed since; whoever else does so waits."""
    query = select(CountedTo).where(CountedTo.id == _STATE).with_for_update()
    state = session.exec(query.execution_options(populate_existing=True)).one()
    zone, last = zone_of(session), _sealed(session)
    while state.ledger_seq < last:
        upto = min(last, state.ledger_seq + _ENTRIES_AT_ONCE)
        _count_money(session, zone, state.ledger_seq, upto)
        state.ledger_seq = upto
    session.add(state)
    session.flush()


def _sealed(session: Session) -> int:
    return session.exec(select(Book.seq).where(Book.id == MAIN_BOOK)).first() or 0


def _count_money(session: Session, zone: tzinfo, after: int, upto: int) -> None:
    """Count entries by number. What a funder paid in is no use of a fund, nor is its reversal."""
    undone = aliased(LedgerEntry)
    account, kind = col(LedgerPosting.account), func.coalesce(col(undone.kind), col(LedgerEntry.kind))
    query = (
        select(LedgerEntry.occurred_ms, account, LedgerPosting.commodity, LedgerPosting.amount_micro)
        .join(LedgerPosting, col(LedgerPosting.entry) == col(LedgerEntry.id))
        .outerjoin(undone, col(undone.id) == col(LedgerEntry.reverses))
        .where(
            LedgerEntry.book == MAIN_BOOK,
            col(LedgerEntry.seq) > after,
            col(LedgerEntry.seq) <= upto,
            or_(*(account.startswith(prefix) for prefix in FOLLOWED)),
            or_(~account.startswith(FUND), kind.not_in(PAID_IN)),
        )
    )
    sums: dict[tuple[str, str, str], int] = {}
    months = Months(zone)
    for occurred_ms, name, commodity, amount in session.exec(query):
        key = (months.of(occurred_ms), name, commodity)
        sums[key] = sums.get(key, 0) + amount
    names = ("month", "account", "commodity", "amount_micro")
    rows = [dict(zip(names, (*key, amount), strict=True)) for key, amount in sorted(sums.items())]
    insert_rows(session, MonthlyMoney, rows, _ADD_MONEY)


def _spans(session: Session, at: Any, zone: tzinfo) -> Iterable[tuple[str, int, int]]:
    """Yield each month in which there is something, with its bounds."""
    begin_ms: int | None = session.exec(select(func.min(at))).one()
    while begin_ms is not None:
        month = month_at(begin_ms, zone)
        from_ms, to_ms = bounds(month, zone)
        yield month, from_ms, to_ms
        begin_ms = session.exec(select(func.min(at)).where(at >= to_ms)).one()


def _count_sessions(session: Session, zone: tzinfo) -> None:
    ended, machine = col(MachineSession.ended_ms), col(MachineSession.machine)
    counters = col(MachineSession.counters)
    sums: list[ColumnElement[int]] = [
        func.sum(cast(counters[quantity.value].as_string(), BigInteger)) for quantity in Quantity
    ]
    named = (SESSIONS, SESSION_TIME, *(quantity.value for quantity in Quantity))
    for month, from_ms, to_ms in _spans(session, ended, zone):
        within = (ended >= from_ms, ended < to_ms, col(MachineSession.stop_type).is_not(None))
        query = select(machine, func.count(), func.sum(col(MachineSession.elapsed_ms)), *sums)
        rows = session.exec(query.where(*within).group_by(machine)).all()
        _keep(session, month, named, rows)
        who = (col(MachineSession.member), col(MachineSession.tier), col(MachineSession.account))
        people = session.exec(select(*who).where(*within).distinct()).all()
        _insert(
            session,
            MonthlyPerson,
            [{"month": month, "member": one, "tier": tier, "account": paid} for one, tier, paid in people],
        )


def _count_taps(session: Session, zone: tzinfo) -> None:
    """Count refusals and jobs."""
    occupied = case((col(Refusal.reason) == DenialReason.IN_USE, 1), else_=0)
    done = case((col(Job.outcome) == JobOutcome.DONE, 1), else_=0)
    refused, ended = col(Refusal.at_ms), col(Job.at_ms)
    for table, at, part, names in (
        (Refusal, refused, occupied, (REFUSALS, OCCUPIED)),
        (Job, ended, done, (JOBS_ENDED, JOBS_DONE)),
    ):
        machine = col(table.machine)
        for month, from_ms, to_ms in _spans(session, at, zone):
            query = select(machine, func.count(), func.sum(part)).where(at >= from_ms, at < to_ms)
            _keep(session, month, names, session.exec(query.group_by(machine)).all())


def _keep(session: Session, month: str, names: Sequence[str], rows: Iterable[Any]) -> None:
    """Keep a month's sums by machine, each row a machine and the amounts of `names`."""
    found = (
        (machine, name, amount)
        for machine, *amounts in rows
        for name, amount in zip(names, amounts, strict=True)
        if amount
    )
    _insert(
        session,
        MonthlyUse,
        [
            {"month": month, "machine": machine, "quantity": name, "amount": int(amount)}
            for machine, name, amount in found
        ],
    )


def _insert(session: Session, table: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(table), rows)


async def _look(context: Context) -> None:
    await asyncio.to_thread(catch_up, context.database)


ROUND = Round(60.0, _look)
