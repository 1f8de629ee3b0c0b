"""Statements of open months, kept for a while where a month is large, as pages are asked for them often.

A close and its dry run work theirs out anew, always.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.clock import Clock
from booking_api.costing.models import CostVersion
from booking_api.db import zone_of
from booking_api.ledger.accounts import pool_cost
from booking_api.ledger.models import AccountBalance
from booking_api.periods.calendar import bounds, month_at
from booking_api.periods.models import Period
from booking_api.periods.statement import CloseStated
from booking_api.periods.stating import state
from floor.money import Commodity

KEEP_MS = 3_600_000
"""So old a statement is at most, in milliseconds of the floor; a round works it out more often."""
LARGE = 2_000
"""A month of fewer sessions is added up in a moment, and never kept."""
MONTHS = 14
"""So many months are kept; more are worked out again when they are asked for."""
_Mark = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A statement, and when it was worked out: floor time, UTC milliseconds."""

    stated: CloseStated
    at_ms: int
    mark: _Mark


class Statements:
    """Open months' statements, each worked out by one at a time."""

    def __init__(self, currency: Commodity, clock: Clock) -> None:
        self._currency, self._clock = currency, clock
        self._kept: dict[str, Kept] = {}
        self._works = threading.Lock()

    def of(self, session: Session, month: str, *, anew: bool = False) -> Kept:
        """Return a month's statement: of now (with `anew` always), or where it is large of the last hour.

        What people decide counts at once: cost files, suppliers' invoices, closes. Uses count when it is
        worked out again. Raises Refused for what is no month.
        """
        mark, before = _mark(session), self._kept.get(month)
        if before and not anew and self._good(before, mark):
            return before
        with self._works:
            kept = self._kept.get(month)
            if kept and kept is not before and self._good(kept, mark):
                return kept  # who waited takes what the one before worked out
            now_ms = self._clock.now_ms()
            made = Kept(state(session, month, self._currency), now_ms, mark)
            self._kept.pop(month, None)
            if made.stated.sessions >= LARGE:
                self._kept[month] = made
                while len(self._kept) > MONTHS:
                    del self._kept[next(iter(self._kept))]
            return made

    def look(self, session: Session) -> CloseStated:
        """Work out the running month, which is returned, and the last one while it is open."""
        zone = zone_of(session)
        now = month_at(self._clock.now_ms(), zone)
        last = month_at(bounds(now, zone)[0] - 1, zone)
        if session.get(Period, last) is None:
            self.of(session, last, anew=True)
        return self.of(session, now, anew=True).stated

    def _good(self, kept: Kept, mark: _Mark) -> bool:
        return kept.mark == mark and 0 <= self._clock.now_ms() - kept.at_ms < KEEP_MS


def _mark(session: Session) -> _Mark:
    """Return what differs after somebody decided on costs, booked an invoice, or closed a month."""
    booked = col(AccountBalance.account)
    costs = (booked >= pool_cost("", "")[:-1], booked < pool_cost("", "")[:-2] + ";")
    return (
        session.exec(select(func.max(CostVersion.n))).one(),
        session.exec(select(func.max(Period.to_ms))).one(),
        *session.exec(select(func.count(), func.sum(AccountBalance.amount_micro)).where(*costs)).one(),
    )
