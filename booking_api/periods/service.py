"""Months are closed one after another, and the latest can be opened again: by reversal, with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.billing import service as billing
from booking_api.clock import make_id
from booking_api.costing.models import Reopening
from booking_api.db import zone_of
from booking_api.ledger import service as ledger
from booking_api.ledger.models import LedgerEntry
from booking_api.periods.books import Books, sources
from booking_api.periods.calendar import bounds, month_at, open_from_ms
from booking_api.periods.models import Period
from booking_api.periods.rounds import prefix_of
from booking_api.periods.statement import CloseStated
from booking_api.periods.stating import state
from booking_api.sessions.models import MachineSession, SessionState
from floor.errors import Refused
from floor.ledger import Entry, reversal
from floor.money import Commodity

AT_ONCE = 500
"""How many entries are posted in one go, so that no statement has more parameters than a database takes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A month's statement; `posted` tells a close that did something from one that was done before."""

    statement: CloseStated
    posted: bool
    closed_ms: int | None = None
    closed_by: str = ""


def preview(
    session: Session, month: str, currency: Commodity, now_ms: int, *, accept_exceptions: bool = False
) -> Outcome:
    """Return what a close would state, and post nothing; of a closed month, what it stated.

    Raises Refused as `close` does.
    """
    if done := closed(session, month):
        return done
    accepted = check(session, month, now_ms, accept_exceptions)
    return Outcome(state(session, month, currency, accepted), posted=False)


def close(
    session: Session,
    month: str,
    currency: Commodity,
    author: str,
    now_ms: int,
    *,
    accept_exceptions: bool = False,
) -> Outcome:
    """Close a month: post its results and rebates, and let nothing occur in it any more.

    A closed month stays as it is. Raises Refused when it is not over, an earlier one is open, or sessions of
    it run or wait for an operator (which `accept_exceptions` lets be: they are booked later).
    """
    ledger.hold(session)
    if done := closed(session, month):
        return done
    accepted = check(session, month, now_ms, accept_exceptions)
    billing.expire_lots(session, now_ms)
    billing.round_statements(session, month, author, now_ms)
    stated = state(session, month, currency, accepted)
    _, to_ms = bounds(month, zone_of(session))
    entries = list(Books(session, stated, to_ms - 1, author, now_ms).entries())
    _post(session, entries)
    billing.freeze_histories(session, month)
    session.add(
        Period(
            month=month,
            to_ms=to_ms,
            closed_ms=now_ms,
            closed_by=author,
            statement=stated.model_dump(mode="json"),
        )
    )
    session.flush()
    return Outcome(stated, posted=True, closed_ms=now_ms, closed_by=author)


def reopen(session: Session, month: str, reason: str, author: str, now_ms: int) -> None:
    """Open the latest closed month again: reverse what its close posted, and keep what it had stated.

    Raises Refused for another month, and without a reason.
    """
    if not reason.strip():
        raise Refused("reason_missing", "Say why the month is opened again.")
    bounds(month, zone_of(session))
    ledger.hold(session)
    last = session.exec(select(Period).order_by(col(Period.month).desc())).first()
    if last is None or last.month != month:
        words = f"The latest closed month is {last.month}." if last else "No month is closed."
        raise Refused("month_not_latest", f"{month} cannot be opened again. {words}")
    stated = CloseStated.model_validate(last.statement)
    prefix = prefix_of(session, month)
    posted = _posted(session, list(sources(prefix, stated)))
    session.delete(last)
    session.flush()
    _post(session, [_undo(entry, reason, author, now_ms) for entry in posted])
    count = session.exec(select(func.count()).where(Reopening.month == month)).one()
    session.add(
        Reopening(
            month=month,
            n=count + 1,
            reopened_ms=now_ms,
            author=author,
            reason=reason.strip()[:200],
            statement=stated.model_dump_json(),
        )
    )
    session.flush()
    billing.thaw_histories(session, month)


def listed(session: Session) -> list[Period]:
    """Return the closed months, newest first."""
    return list(session.exec(select(Period).order_by(col(Period.month).desc())))


def next_month(session: Session) -> str | None:
    """Return the month that is to be closed next, None before anything happened."""
    zone = zone_of(session)
    last = session.exec(select(func.max(Period.to_ms))).one()
    if last is not None:
        return month_at(last, zone)
    began = _first_activity(session)
    return None if began is None else month_at(began, zone)


def closed(session: Session, month: str) -> Outcome | None:
    """Return what the close of a month stated, None for an open one."""
    period = session.get(Period, month)
    if period is None:
        return None
    stated = CloseStated.model_validate(period.statement)
    return Outcome(stated, posted=False, closed_ms=period.closed_ms, closed_by=period.closed_by)


def check(session: Session, month: str, now_ms: int, accept_exceptions: bool) -> int:
    """Raise Refused unless a month can be closed; return how many sessions wait for an operator."""
    from_ms, to_ms = bounds(month, zone_of(session))
    if from_ms < open_from_ms(session):
        raise Refused("month_passed", f"{month} is over: a later month is closed.")
    following = next_month(session)
    if following is not None and following < month:
        raise Refused("month_before_open", f"{following} is not closed yet. Close it first.")
    if now_ms < to_ms:
        raise Refused("month_not_over", f"{month} is not over yet.")
    running = _sessions(session, SessionState.OPEN, to_ms)
    if running:
        words = f"{running} sessions that began in {month} or before have not ended. End them, or wait."
        raise Refused("sessions_running", words)
    waiting = _sessions(session, SessionState.EXCEPTION, to_ms)
    if waiting and not accept_exceptions:
        words = f"{waiting} sessions wait for an operator: see `makerfloor exception list`. "
        words += "Settle them, or close without them (--accept-exceptions): they are booked when settled."
        raise Refused("sessions_waiting", words)
    return waiting


def _sessions(session: Session, state: SessionState, to_ms: int) -> int:
    query = select(func.count()).where(MachineSession.state == state, MachineSession.started_ms < to_ms)
    return session.exec(query).one()


def _first_activity(session: Session) -> int | None:
    first = session.exec(select(func.min(LedgerEntry.occurred_ms))).one()
    began = select(func.min(MachineSession.ended_ms)).where(MachineSession.state == SessionState.PRICED)
    found = [one for one in (first, session.exec(began).one()) if one is not None]
    return min(found, default=None)


def _post(session: Session, entries: Sequence[Entry]) -> None:
    for at in range(0, len(entries), AT_ONCE):
        ledger.post(session, entries[at : at + AT_ONCE])


def _posted(session: Session, sources: Sequence[str]) -> list[Entry]:
    """Return the entries of these sources, newest first."""
    found: list[Entry] = []
    for at in range(0, len(sources), AT_ONCE):
        wanted = select(LedgerEntry).where(col(LedgerEntry.source).in_(sources[at : at + AT_ONCE]))
        rows = session.exec(wanted).all()
        postings = ledger.postings_of(session, [row.id for row in rows])
        found += [ledger.read_entry(row, postings[row.id]) for row in rows]
    return sorted(found, key=lambda entry: entry.id, reverse=True)


def _undo(entry: Entry, reason: str, author: str, now_ms: int) -> Entry:
    return reversal(entry, id=make_id(now_ms), posted_ms=now_ms, author=author, reason=reason)
