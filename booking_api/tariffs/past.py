"""Past use as the books have it: the visits that a tariff charged, as they were, in order. Reads only."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account
from booking_api.billing.lots import Shelf, shelves
from booking_api.billing.models import AllowanceLot, Charge, Fee
from booking_api.billing.visits import PriceList, fee_due, price_lists, readings_of, session_due
from booking_api.db import zone_of
from booking_api.ledger.models import LedgerPosting
from booking_api.members.models import Member
from booking_api.sessions.models import MachineSession
from booking_api.tariffs.compare import Comparison, Cost, Past, compare
from booking_api.tariffs.models import TariffVersion
from floor.allowance import Draw
from floor.errors import Refused
from floor.tariff import Tariff, depends_on_history
from floor.tariff.model import Period

ONE_AT_A_TIME = threading.Lock()
"""A comparison takes a processor for as long as a minute: who begins one holds this."""
CHUNK = 500
VISITS_MAX = 250_000
DAY_MS = 86_400_000
LONG = frozenset({Period.YEAR, Period.ANNIVERSARY})
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """Which use is compared: of a tariff's id, ended from `since_ms` to before `until_ms` (UTC ms)."""

    tariff: str
    since_ms: int
    until_ms: int


def compare_past(session: Session, window: Window, old: Tariff | None, new: Tariff) -> Comparison:
    """Compare two tariffs over past use, or a tariff with what was charged.

    Use from before the window (a month, or a year where the tariffs count by the year) makes the history
    with which the window begins. Raises Refused for nothing to compare, too much of it, or other units.
    """
    sides = [side for side in (old, new) if side]
    start_ms = max(0, window.since_ms - warm_up_ms(sides))
    prices = price_lists(session, [window.tariff]).get(window.tariff)
    if prices is None:
        raise Refused("tariff_not_found", f"There is no tariff {window.tariff} here. Name another.")
    counted = _count(session, window, start_ms)
    if counted > VISITS_MAX:
        words = f"These are {counted} charges; at most {VISITS_MAX} are compared at once. Choose a later day."
        raise Refused("compare_length", words)
    shelf_of = _Shelves(session, window, start_ms)
    rounded = _rounded(session, window)
    pasts = visits(session, window, start_ms, prices)
    return compare(pasts, old, new, zone_of(session), window.since_ms, shelf_of, rounded)


def covered(session: Session, window: Window, most: int) -> tuple[Window, int]:
    """Return the newest part of a window that has at most so many charges, and how many there are."""
    ended = _charges(select(Charge.ended_ms), window.tariff).where(
        col(Charge.ended_ms) >= window.since_ms, col(Charge.ended_ms) < window.until_ms
    )
    first_out = session.exec(ended.order_by(col(Charge.ended_ms).desc()).offset(most).limit(1)).first()
    if first_out is not None:
        window = replace(window, since_ms=first_out + 1)
    return window, _count(session, window, window.since_ms)


def warm_up_ms(tariffs: Iterable[Tariff]) -> int:
    """Return how long before a window its history begins: not at all where nothing depends on it."""
    depending = [tariff for tariff in tariffs if depends_on_history(tariff)]
    for tariff in depending:
        periods = {cap.per for cap in tariff.caps} | {one.per for one in tariff.adjustments}
        periods |= {per for c in tariff.components for per in (c.free_per, c.brackets_per, c.each) if per}
        if periods & LONG:
            return 366 * DAY_MS
    return 32 * DAY_MS if depending else 0


def visits(session: Session, window: Window, start_ms: int, prices: PriceList) -> Iterator[Past]:
    """Yield what the tariff charged, in the order of (ended_ms, id), as it is charged now.

    What was waived wholly is left out. Accounts, tiers and machines are those of the charges.
    """
    visit = func.coalesce(Charge.session, Charge.fee)
    query = _charges(select(Charge), window.tariff).where(
        col(Charge.ended_ms) >= start_ms, col(Charge.ended_ms) < window.until_ms, visit.is_not(None)
    )
    rows = session.exec(
        query.order_by(col(Charge.ended_ms), visit, Charge.period).execution_options(yield_per=CHUNK)
    )
    groups = (list(group) for _, group in groupby(rows, key=lambda row: row.session or row.fee or ""))
    while chunk := list(islice(groups, CHUNK)):
        yield from _pasts(session, chunk, prices)


def labels(session: Session, accounts: Iterable[str]) -> dict[str, str]:
    """Return what people call accounts: the name, and a member's number."""
    wanted, found = sorted(set(accounts)), dict[str, str]()
    named = select(Account.id, Account.name).where(col(Account.id).in_(wanted))
    found |= dict(session.exec(named).all())
    numbers = select(Member.account, Member.number).where(col(Member.account).in_(wanted))
    for account, number in session.exec(numbers):
        found[account] = f"{found.get(account, account)} ({number})"
    return found


def _charges(query: Any, tariff: str) -> Any:
    """Narrow a query to the charges that stand and were made by a tariff."""
    joined = query.join(TariffVersion, col(Charge.tariff_version) == col(TariffVersion.id))
    return joined.where(TariffVersion.tariff == tariff, col(Charge.replaced_ms).is_(None))


def _count(session: Session, window: Window, start_ms: int) -> int:
    query = _charges(select(func.count()).select_from(Charge), window.tariff)
    return int(
        session.exec(query.where(Charge.ended_ms >= start_ms, Charge.ended_ms < window.until_ms)).one()
    )


def _pasts(session: Session, chunk: Sequence[Sequence[Charge]], prices: PriceList) -> Iterator[Past]:
    used_ids = [group[0].session for group in chunk if group[0].session]
    fee_ids = [group[0].fee for group in chunk if group[0].fee]
    ran = session.exec(select(MachineSession).where(col(MachineSession.id).in_(used_ids)))
    used = {row.id: row.model_dump() for row in ran}
    fees = {row.id: row for row in session.exec(select(Fee).where(col(Fee.id).in_(fee_ids)))}
    readings = readings_of(session, used_ids)
    for group in chunk:
        first = group[0]
        if first.session in used:
            row = used[first.session]
            row |= {
                "account": _paid_by(group, row["account"]),
                "tier": first.tier,
                "machine": first.machine or "",
            }
            due = session_due(row, readings.get(first.session, ()), prices, first.since, "", first.priced_ms)
        elif first.fee in fees:
            due = fee_due(fees[first.fee], prices, first.since, first.priced_ms)
        else:
            continue
        yield Past(due.visit, _cost(group))


def _paid_by(group: Sequence[Charge], account: str) -> str:
    """Return the account that a session was priced for: of one that is split the session's own."""
    return account if any(one.account == account for one in group) else group[0].account


def _cost(group: Sequence[Charge]) -> Cost:
    funds: dict[str, int] = {}
    for charge in group:
        for paid in (charge.funds, charge.unfunded):
            for fund, amount in paid.items():
                funds[fund] = funds.get(fund, 0) + amount
    return Cost(tuple((one.period, one.total_micro) for one in group), funds, group[0].commodity)


def _rounded(session: Session, window: Window) -> dict[str, int]:
    query = _charges(select(Charge.account, func.sum(Charge.total_micro)), window.tariff).where(
        Charge.ended_ms >= window.since_ms,
        Charge.ended_ms < window.until_ms,
        col(Charge.session).is_(None),
        col(Charge.fee).is_(None),
    )
    return {account: int(amount) for account, amount in session.exec(query.group_by(Charge.account))}


class _Shelves:
    """The allowances that accounts had when the window's use began: what is left, and what that use drew.

    A pack that is bought within comes with its purchase.
    """

    def __init__(self, session: Session, window: Window, start_ms: int) -> None:
        within = _charges(select(Charge.entry), window.tariff).where(
            Charge.ended_ms >= start_ms, Charge.ended_ms < window.until_ms
        )
        bought = select(Fee.id).where(Fee.to_ms >= start_ms, Fee.pack != "")
        self._packs = {f"fee:{id}" for id in session.exec(bought)}
        self._shelves: dict[str, Shelf] = {}
        lots = session.exec(select(AllowanceLot.id, AllowanceLot.account, AllowanceLot.origin)).all()
        accounts = sorted({account for _, account, _ in lots})
        for at in range(0, len(accounts), CHUNK):
            self._shelves |= shelves(session, accounts[at : at + CHUNK])
        for id, account, origin in lots:
            if origin in self._packs:
                self._shelves[account].lots.pop(id)
        if lots:
            self._give_back(session, within)

    def _give_back(self, session: Session, within: Any) -> None:
        query = select(LedgerPosting).where(
            col(LedgerPosting.entry).in_(within),
            col(LedgerPosting.account).startswith("allowances:"),
            LedgerPosting.amount_micro < 0,
        )
        for row in session.exec(query):
            _, account, lot, *_ = [*row.account.split(":"), ""]
            shelf = self._shelves.get(account)
            if shelf is not None and lot in shelf.lots:
                shelf.give([Draw(lot, row.commodity, -row.amount_micro)])

    def __call__(self, account: str) -> Shelf:
        return self._shelves.get(account) or Shelf(account)
