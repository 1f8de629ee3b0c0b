"""What was billed before, as it would be priced again: sessions and fees with all their charges."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from booking_api.billing.dividing import Shares
from booking_api.billing.history import Standing
from booking_api.billing.models import Charge, ChargePart, Fee, SessionSplit
from booking_api.billing.visits import Due, PriceList, fee_due, price_lists, readings_of, session_due
from booking_api.db import zone_of
from booking_api.ledger.models import ChargeLine
from booking_api.machines.models import Machine
from booking_api.periods.calendar import bounds
from booking_api.sessions.models import MachineSession

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Past:
    """A visit that was billed, and its charges, replaced ones too, in the order in which they were made.

    Where its cost is split, `split` says how; what other accounts were charged of it are `others`, and no
    part of `charges`.
    """

    due: Due
    charges: Sequence[Charge]
    split: Shares | None = None
    others: Sequence[Charge] = ()

    def live(self) -> dict[str, Charge]:
        """Return the charges that stand, by the month that they are for."""
        return {charge.period: charge for charge in self.charges if charge.replaced_ms is None}

    def standing(self) -> list[Charge]:
        """Return all that stands of it, other accounts' parts too."""
        return [*self.live().values(), *(charge for charge in self.others if charge.replaced_ms is None)]

    def counts(self) -> dict[str, int]:
        """Return how often each month was charged."""
        periods = [charge.period for charge in self.charges]
        return {period: periods.count(period) for period in periods}

    def waived(self) -> set[str]:
        """Return the months whose charge was taken back and not made again."""
        return set(self.counts()) - set(self.live())


def past(session: Session, account: str, since: Standing, names: Collection[str]) -> list[Past]:
    """Return what an account's history since a closed month is made of: visits whose prices depend on others.

    `names` are the allowances that it has lots of: what may draw from them belongs to it.
    """
    mine = col(Charge.account) == account
    if since.month:
        _, end_ms = bounds(since.month, zone_of(session))
        mine &= or_(col(Charge.month) > since.month, col(Charge.ended_ms) >= end_ms)
    versions = session.exec(select(Charge.tariff_version).where(mine).distinct()).all()
    lists = price_lists(session, {version.rpartition("@")[0] for version in versions})
    depends = {id for id, prices in lists.items() if prices.depends or prices.names & set(names)}
    wanted = [version for version in versions if version.rpartition("@")[0] in depends]
    if not wanted:
        return []
    mine &= col(Charge.tariff_version).in_(wanted)
    found = session.exec(select(Charge.session, Charge.fee).where(mine).distinct()).all()
    sessions, fees = {id for id, _ in found if id}, {id for _, id in found if id}
    return [one for one in _read(session, sessions, fees) if one.due.visit.account == account]


def past_session(session: Session, id: str) -> Past | None:
    """Return a session that was billed, or None."""
    return next(iter(_read(session, {id}, set())), None)


def _read(session: Session, sessions: Collection[str], fees: Collection[str]) -> Iterator[Past]:
    charges = _charges(session, sessions, fees)
    lists = price_lists(
        session, {one.tariff_version.rpartition("@")[0] for some in charges.values() for one in some}
    )
    for ids in chunks(sessions):
        yield from _sessions(session, ids, charges, lists)
    for ids in chunks(fees):
        for fee in session.exec(select(Fee).where(col(Fee.id).in_(ids))):
            first = charges[fee.id][0]
            yield Past(fee_due(fee, lists[fee.tariff], first.since, first.priced_ms), charges[fee.id])


def _sessions(
    session: Session, ids: Sequence[str], charges: dict[str, list[Charge]], lists: dict[str, PriceList]
) -> Iterator[Past]:
    readings = readings_of(session, ids)
    rows = session.exec(select(MachineSession).where(col(MachineSession.id).in_(ids))).all()
    named = select(Machine.id, Machine.name).where(col(Machine.id).in_({row.machine for row in rows}))
    names = dict(session.exec(named).all())
    splits, others = splits_of(session, ids), _others(session, ids)
    for row in rows:
        every = charges.get(row.id, [])
        if not every:
            continue
        mine = [charge for charge in every if charge.id not in others]
        beside = [charge for charge in every if charge.id in others]
        split, first = splits.get(row.id), mine[0]
        prices = lists[first.tariff_version.rpartition("@")[0]]
        memo = names.get(row.machine, row.machine)
        shown = readings.get(row.id, ())
        due = session_due(row.model_dump(), shown, prices, first.since, memo, first.priced_ms)
        yield Past(due, mine, shares_of(split) if split else None, beside)


def splits_of(session: Session, sessions: Iterable[str]) -> dict[str, SessionSplit]:
    """Return how sessions are split that are, by session."""
    query = select(SessionSplit).where(
        col(SessionSplit.session).in_(list(sessions)), col(SessionSplit.undone_ms).is_(None)
    )
    return {split.session: split for split in session.exec(query.execution_options(populate_existing=True))}


def shares_of(split: SessionSplit) -> Shares:
    """Return the shares of a split."""
    return Shares(
        split.id, tuple(account for account, _ in split.shares), tuple(weight for _, weight in split.shares)
    )


def _others(session: Session, sessions: Sequence[str]) -> set[str]:
    """Return the charges of these sessions that are other accounts' parts, replaced ones too."""
    query = (
        select(ChargePart.charge)
        .join(SessionSplit, col(SessionSplit.id) == col(ChargePart.split))
        .where(col(SessionSplit.session).in_(sessions), ChargePart.n > 0)
    )
    return set(session.exec(query))


def _charges(session: Session, sessions: Iterable[str], fees: Iterable[str]) -> dict[str, list[Charge]]:
    found: dict[str, list[Charge]] = {}
    for column, ids in ((col(Charge.session), sessions), (col(Charge.fee), fees)):
        for some in chunks(ids):
            query = select(Charge).where(column.in_(some)).order_by(col(Charge.id))
            for charge in session.exec(query.execution_options(populate_existing=True)):
                found.setdefault(charge.session or charge.fee or "", []).append(charge)
    return found


def lines_of(session: Session, charges: Iterable[str]) -> dict[str, list[ChargeLine]]:
    """Return the lines of charges, by charge, in order."""
    found: dict[str, list[ChargeLine]] = {}
    for ids in chunks(charges):
        query = select(ChargeLine).where(col(ChargeLine.charge).in_(ids))
        for line in session.exec(query.order_by(ChargeLine.charge, col(ChargeLine.n))):
            found.setdefault(line.charge, []).append(line)
    return found


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Yield ids in order, as many at once as a query takes."""
    ordered = sorted(ids)
    return (ordered[at : at + CHUNK] for at in range(0, len(ordered), CHUNK))
