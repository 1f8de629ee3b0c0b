"""What a session costs, as the server will bill it when no other session of its account comes between.

A price may depend on what the account used before: allowances, brackets, caps, packs. The roster says where
each account stands; what ended here since then is counted on top, until a roster has come that knows of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from floor.money import MICRO, Commodity, RoundingMode, round_fraction
from floor.tariff import History, Tariff, Visit, in_force, price_visit
from floor.tariff.calendar import cuts, in_window, local
from gateway.roster import RosterStore

log = logging.getLogger(__name__)
KEPT_MAX = 2_000
"""Visits that no roster knows of yet; of more than these the oldest are forgotten."""
ACCOUNTS_MAX = 256


@dataclass(frozen=True, slots=True)
class Price:
    """What is owed, in micro-units of the tariff's commodity.

    `money_micro` is the same in the currency of spending limits; None where nothing says what it is worth.
    """

    total_micro: int
    commodity: Commodity
    money_micro: int | None


@dataclass(frozen=True, slots=True)
class _Ended:
    visit: Visit
    epoch: int
    seq: int


class Prices:
    """Prices sessions by the newest roster, and by what ended here that it cannot know yet."""

    def __init__(self, roster: RosterStore) -> None:
        self._roster = roster
        self._ended: list[_Ended] = []
        self._histories: dict[str, History] = {}
        self._positions: dict[str, dict[str, str]] = {}

    def of(self, visit: Visit) -> Price | None:
        """Return what a visit costs if it ends as it stands; None where no price is in force.

        None also where the clock, or a tariff that changed its commodity, lets nobody say.
        """
        priced = self._priced(self._dated(visit))
        return priced[0] if priced else None

    def divides(self, machine: str, from_ms: int, to_ms: int) -> bool:
        """Whether a version, a day or a time window of a machine's tariff begins or ends between instants."""
        versions, zone = self._versions(machine), self._roster.zone
        if any(from_ms < version.valid_from_ms < to_ms for version in versions):
            return True
        minutes = {0} | {m for v in versions for w in v.windows for m in (w.from_min, w.to_min)}

        def label(at_ms: int) -> object:
            shown = local(at_ms, zone)
            return shown.date(), [in_window(version.windows, shown) for version in versions]

        try:
            return bool(cuts(from_ms, to_ms, zone, minutes, label))
        except ValueError:  # no clock should have shown that
            return False

    def ended(self, visit: Visit, epoch: int, seq: int) -> Price | None:
        """Price a visit that ended here, and count it; `seq` is its end's place in the journal."""
        visit = self._dated(visit)
        priced = self._priced(visit)
        self._ended.append(_Ended(visit, epoch, seq))
        if len(self._ended) > KEPT_MAX:
            log.warning("more than %d sessions are not known to the server: prices may be off", KEPT_MAX)
            del self._ended[0]
        if priced:
            self._histories[visit.account] = priced[1]
        return priced[0] if priced else None

    def roster_came(self, epoch: int, seq: int, *, all_known: bool) -> None:
        """Let go of what the roster counts; see gateway.credit."""
        self._ended = [
            ended for ended in self._ended if not all_known and (ended.epoch != epoch or ended.seq > seq)
        ]
        self._histories.clear()

    def _versions(self, machine: str) -> Sequence[Tariff]:
        known = self._roster.machines.get(machine)
        return known.tariffs if known else ()

    def _dated(self, visit: Visit) -> Visit:
        """Return a visit with its member's first day, and not before all prices.

        A Pi without a battery begins in 1970, where nothing has a price and no limit would hold: it was at
        least as late as when the server signed the roster.
        """
        member, later_ms = self._roster.member(visit.member), self._roster.issued_ms - visit.started_ms
        if member and member.since:
            visit = replace(visit, since=member.since)
        if later_ms <= 0 or any(
            version.valid_from_ms <= visit.started_ms for version in self._versions(visit.machine)
        ):
            return visit
        return replace(visit, readings=[replace(one, at_ms=one.at_ms + later_ms) for one in visit.readings])

    def _worth(self, tariff: Tariff, total_micro: int) -> int | None:
        currency, code = self._roster.commodity, tariff.commodity.code
        if tariff.worth is not None and tariff.worth.commodity == (currency or tariff.worth.commodity):
            return round_fraction(Fraction(total_micro * tariff.worth.amount_micro, MICRO), RoundingMode.UP)
        return total_micro if tariff.worth is None and code == (currency or code) else None

    def _priced(self, visit: Visit) -> tuple[Price, History] | None:
        versions = self._versions(visit.machine)
        try:
            bill, after = price_visit(visit, versions, self._history(visit), self._roster.zone)
            tariff = in_force(versions, visit.started_ms)
        except (LookupError, ValueError):
            return None
        total = bill.total_micro
        return Price(total, tariff.commodity, self._worth(tariff, total)), after

    def _history(self, visit: Visit) -> History:
        """Return where an account stands: kept, so that no tap waits for all that came before."""
        held = self._histories.get(visit.account)
        if held is None:
            if len(self._histories) >= ACCOUNTS_MAX:
                self._histories.clear()
                self._positions.clear()
            mine = (ended.visit for ended in self._ended if ended.visit.account == visit.account)
            held = self._histories[visit.account] = self._counted(self._told(visit), mine)
        return held

    def _told(self, visit: Visit) -> History:
        """Return where the roster has the account; one that it no longer has stands where it stood."""
        account = self._roster.account(visit.member, visit.account)
        if account is not None:
            self._positions[visit.account] = account.positions
        told = self._positions.get(visit.account, {})
        return History({key: Fraction(position) for key, position in told.items()})

    def _counted(self, history: History, visits: Iterable[Visit]) -> History:
        for visit in sorted(visits, key=lambda visit: (visit.ended_ms, visit.id)):
            versions = self._versions(visit.machine)
            try:
                _, history = price_visit(visit, versions, history, self._roster.zone)
            except (LookupError, ValueError):
                continue
        return history
