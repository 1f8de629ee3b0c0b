"""Prices visits and posts what they cost: alone, or in the order of their ends where one depends on another.

A visit that comes late is put in its place, and what came after it is priced again from where the account
stood when its last month was closed. What costs something else then is taken back and posted anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col, select

from booking_api.billing import history
from booking_api.billing.dividing import SPLIT
from booking_api.billing.history import Standing
from booking_api.billing.lots import Shelf, draws_of, shelves
from booking_api.billing.models import Charge
from booking_api.billing.past import Past, lines_of, past
from booking_api.billing.posting import AFTER_BUDGET, SYSTEM, Draft, line_rows
from booking_api.billing.pricing import FAILURES, Priced, price_alone, price_next, problem_of
from booking_api.billing.visits import Due
from booking_api.db import zone_of
from booking_api.ledger import service as ledger
from booking_api.sessions.models import MachineSession
from floor import tariff as floor_tariff
from floor.allowance import Draw

Row = dict[str, Any]
AGAIN = "An earlier use arrived later: priced again."


@dataclass(slots=True)
class Billed:
    """What came of visits: the rows of their charges, and why some could not be priced.

    `changed` are sessions that were priced before and cost something else now, in micro-units.
    """

    charges: dict[str, list[Row]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)


def bill(
    session: Session,
    visits: Sequence[Past],
    now_ms: int,
    author: str = SYSTEM,
    *,
    recount: Collection[str] = (),
    reason: str = AGAIN,
) -> Billed:
    """Price and post visits; those that have charges already are new to their account.

    `recount` names accounts from which a visit was taken away: what is left there is priced again.
    """
    ledger.hold(session)
    by_account: dict[str, list[Past]] = {account: [] for account in recount}
    for one in visits:
        by_account.setdefault(one.due.visit.account, []).append(one)
    return _Billing(session, by_account, now_ms, author, reason).run(by_account, set(recount))


class _Billing:
    """One transaction's pricing; the book is held, so that no other prices the same accounts meanwhile."""

    def __init__(
        self, session: Session, accounts: Collection[str], now_ms: int, author: str, reason: str
    ) -> None:
        self.session, self.reason, self.zone = session, reason, zone_of(session)
        self.shelves = shelves(session, accounts)
        self.draft = Draft(session, self.shelves, now_ms, author)
        self.billed = Billed()
        self.again: set[str] = set()
        self.standings = history.standings(session, accounts)
        self.moved: dict[str, Standing] = {}

    def run(self, by_account: Mapping[str, Sequence[Past]], recount: Collection[str]) -> Billed:
        for account, mine in by_account.items():
            shelf = self.shelves.setdefault(account, Shelf(account))
            ordered: list[Past] = []
            for one in mine:
                if one.due.prices.depends or one.due.prices.names & shelf.names:
                    ordered.append(one)
                else:
                    self._alone(one)
            if ordered or account in recount:
                self._in_order(shelf, sorted(ordered, key=lambda one: one.due.key), account in recount)
        history.keep(self.session, self.moved)  # first: the draft tells gateways of who has a history
        for row in self.draft.write():
            self.billed.charges.setdefault(row["session"] or row["fee"], []).append(row)
        self.billed.changed = summed(self.session, self.again)
        return self.billed

    def _alone(self, one: Past) -> None:
        try:
            priced = price_alone(one.due, self.zone)
        except FAILURES as error:
            self._failed(one.due, error)
        else:
            self.draft.charge(priced, one.counts(), split=one.split)

    def _failed(self, due: Due, error: Exception) -> None:
        self.billed.problems[due.visit.id] = problem_of(error, due.prices.tariff)

    def _in_order(self, shelf: Shelf, new: list[Past], recount: bool) -> None:
        kept = self.standings.get(shelf.account, Standing())
        before: list[Past] = []
        if recount or new[0].due.key <= kept.key:
            kept = history.base(self.session, shelf.account)
            before = past(self.session, shelf.account, kept, shelf.names)
            ids = {one.due.visit.id for one in new}
            before = [one for one in before if one.due.visit.id not in ids]
        after = self._walk(shelf, kept, before, new)
        if after.key == Standing().key:
            history.forget(self.session, shelf.account)
        elif after != kept:
            self.moved[shelf.account] = Standing(after.key, after.history)

    def _walk(self, shelf: Shelf, kept: Standing, before: list[Past], new: list[Past]) -> Standing:
        """Price visits one after another; post the new ones, and of those before what costs otherwise now."""
        charged = _Charged(self.session, shelf.account, before)
        for draws in charged.draws.values():
            shelf.give(draws)
        fresh = {one.due.visit.id for one in new}
        at = kept
        for one in sorted([*before, *new], key=lambda one: one.due.key):
            due, is_new = one.due, one.due.visit.id in fresh
            try:
                stands = is_new or max(one.counts()) not in one.waived()
                priced, after = price_next(due, at.history, shelf, self.zone, draws=stands)
            except FAILURES as error:
                self._failed(due, error)
                continue
            at = Standing(due.key, after)
            if is_new:
                self.draft.charge(priced, one.counts(), split=one.split)
            elif changed := charged.changed(one, priced):
                self._again(one, priced, changed)
        return at

    def _again(self, one: Past, priced: Priced, changed: Collection[str]) -> None:
        """Take back the charges of some of a visit's months, and make them anew."""
        for charge in one.standing():
            if charge.period in changed:
                self.draft.replace(charge, self.reason)
        same = [charge.period for charge in priced.charges if charge.period not in changed]
        self.draft.charge(priced, one.counts(), same, one.split)
        if not one.due.fee:
            self.again.add(one.due.visit.id)


class _Charged:
    """What visits were charged, to compare it with what they cost."""

    def __init__(self, session: Session, account: str, visits: Sequence[Past]) -> None:
        live = [charge for one in visits for charge in one.live().values()]
        by_entry = draws_of(session, account, [charge.entry for charge in live if charge.entry])
        self.draws: dict[str, list[Draw]] = {
            charge.id: by_entry[charge.entry] for charge in live if charge.entry in by_entry
        }
        self.lines = lines_of(session, [charge.id for charge in live])

    def changed(self, one: Past, priced: Priced) -> set[str]:
        """Return the months whose charge is not what it was."""
        found = set()
        last = priced.charges[-1].period
        for charge in priced.charges:
            kept = one.live().get(charge.period)
            if kept is None:
                continue
            draws = sorted(priced.draws, key=str) if charge.period == last else []
            drawn = sorted(self.draws.get(kept.id, []), key=str)
            same = draws == drawn and self._same(kept, priced, charge)
            if not same:
                found.add(charge.period)
        return found

    def _same(self, kept: Charge, priced: Priced, charge: floor_tariff.Charge) -> bool:
        lines = self.lines.get(kept.id, [])
        shares = kept.unfunded | {
            fund: paid + kept.unfunded.get(fund, 0) for fund, paid in kept.funds.items()
        }
        for line in lines:
            if line.bound == AFTER_BUDGET:
                shares[line.component] = shares.get(line.component, 0) + line.amount_micro
        asked = {share.fund: share.total_micro for share in charge.shares if share.total_micro}
        before = [line.model_dump() for line in lines if line.bound not in (AFTER_BUDGET, SPLIT)]
        return (
            kept.rounding_micro == charge.rounding_micro
            and asked == shares
            and before == line_rows(kept.id, priced, charge)
        )


def summed(session: Session, sessions: Iterable[str]) -> dict[str, int]:
    """Bring what sessions say that they cost to the sum of their charges; return it by session."""
    ids = list(sessions)
    if not ids:
        return {}
    query = (
        select(Charge.session, func.sum(Charge.total_micro))
        .where(col(Charge.session).in_(ids), col(Charge.replaced_ms).is_(None))
        .group_by(col(Charge.session))
    )
    found = dict.fromkeys(ids, 0) | {id: int(total) for id, total in session.exec(query) if id}
    session.execute(update(MachineSession), [{"id": id, "total_micro": total} for id, total in found.items()])
    for kept in session.identity_map.values():
        if isinstance(kept, MachineSession) and kept.id in found:
            set_committed_value(kept, "total_micro", found[kept.id])
    return found


def recount(session: Session, account: str, before: str = "9999-99", until_ms: int = 1 << 62) -> Standing:
    """Return where an account stands by pricing its visits again, up to those that ended at `until_ms`.

    It begins where the last month that is earlier than `before` was closed, and posts nothing.
    """
    shelf = shelves(session, [account]).get(account, Shelf(account))
    at = history.base(session, account, before)
    visits = past(session, account, at, shelf.names)
    for draws in _Charged(session, account, visits).draws.values():
        shelf.give(draws)
    for one in sorted(visits, key=lambda one: one.due.key):
        if one.due.visit.ended_ms < until_ms:
            kept = max(one.counts()) not in one.waived()
            _, after = price_next(one.due, at.history, shelf, zone_of(session), draws=kept)
            at = Standing(one.due.key, after)
    return at
