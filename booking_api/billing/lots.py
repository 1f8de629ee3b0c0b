"""Lots of allowances in the books: what an account holds, as the pricing of its visits draws from it.

A lot's balance is `allowances:ACCOUNT:LOT`; what expired of it stands at `allowances:expired:LOT`, so that a
visit from before the end that arrives after it still finds its units.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.billing.models import AllowanceLot
from booking_api.db import one_of
from booking_api.ledger.accounts import GRANTED, USED, expired_account, lot_account
from booking_api.ledger.models import AccountBalance, LedgerPosting
from floor.allowance import Draw, Lot, held
from floor.ledger import Posting
from floor.tariff import Visit


@dataclass(slots=True)
class Shelf:
    """The lots of one account while its visits are priced.

    `lots` is what pricing draws from, `books` where the accounts of the lots stand as entries are made.
    """

    account: str
    lots: dict[str, Lot] = field(default_factory=dict)
    books: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """What these lots are good for."""
        return {lot.name for lot in self.lots.values()}

    def good(self, visit: Visit, name: str) -> list[Lot]:
        """Return the lots from which a visit may draw."""
        mine = (lot for lot in self.lots.values() if lot.name == name)
        return [lot for lot in mine if lot.good(visit.started_ms, visit.ended_ms)]

    def take(self, draws: Iterable[Draw]) -> None:
        """Draw units."""
        for one in draws:
            lot = self.lots[one.lot]
            self.lots[one.lot] = replace(lot, left_micro=lot.left_micro - one.amount_micro)

    def give(self, draws: Iterable[Draw]) -> None:
        """Give drawn units back."""
        self.take(replace(one, amount_micro=-one.amount_micro) for one in draws)

    def put(self, lot: Lot) -> None:
        """Add a lot that was bought."""
        if lot.id not in self.lots:
            self.lots[lot.id] = lot
            self.books |= {lot_account(self.account, lot.id): lot.left_micro, expired_account(lot.id): 0}

    def drawn(self, draws: Iterable[Draw]) -> list[Posting]:
        """Return what drawing units posts; what had expired comes back first."""
        found: list[Posting] = []
        for one in draws:
            account, gone = lot_account(self.account, one.lot), expired_account(one.lot)
            late = min(one.amount_micro - self.books.get(account, 0), self.books.get(gone, 0))
            if late > 0:
                found.append(Posting(account, one.name, late))
                found.append(Posting(gone, one.name, -late))
            found.append(Posting(account, one.name, -one.amount_micro))
            found.append(Posting(USED, one.name, one.amount_micro))
            self.post(found[-4:] if late > 0 else found[-2:])
        return found

    def post(self, postings: Iterable[Posting]) -> None:
        """Take over what an entry did to the accounts of these lots."""
        for one in postings:
            if one.account in self.books:
                self.books[one.account] += one.amount_micro


def bought(account: str, lot: Lot) -> list[Posting]:
    """Return what putting units on an account posts."""
    return [
        Posting(lot_account(account, lot.id), lot.name, lot.left_micro),
        Posting(GRANTED, lot.name, -lot.left_micro),
    ]


def shelves(session: Session, accounts: Collection[str]) -> dict[str, Shelf]:
    """Return the lots of these accounts with what is left of each, expired or not."""
    rows = session.exec(select(AllowanceLot).where(one_of(AllowanceLot.account, accounts))).all()
    if not rows:
        return {}
    names = [lot_account(row.account, row.id) for row in rows] + [expired_account(row.id) for row in rows]
    left = balances_of(session, names)
    found: dict[str, Shelf] = {}
    for row in rows:
        shelf = found.setdefault(row.account, Shelf(row.account))
        mine = (lot_account(row.account, row.id), expired_account(row.id))
        shelf.books |= {name: left.get(name, 0) for name in mine}
        units = sum(left.get(name, 0) for name in mine)
        shelf.lots[row.id] = Lot(row.id, row.commodity, units, row.granted_ms, row.expires_ms)
    return found


def balances_of(session: Session, accounts: Iterable[str]) -> dict[str, int]:
    """Return the kept balances of accounts that have one commodity each."""
    columns = (AccountBalance.account, AccountBalance.amount_micro)
    return dict(session.exec(select(*columns).where(col(AccountBalance.account).in_(list(accounts)))).all())


def draws_of(session: Session, account: str, entries: Collection[str]) -> dict[str, list[Draw]]:
    """Return what entries drew from an account's lots, by entry."""
    if not entries:
        return {}
    prefix, wanted = lot_account(account, ""), set(entries)
    mine = select(AllowanceLot.id).where(AllowanceLot.account == account)
    accounts = [lot_account(account, lot) for lot in session.exec(mine)]
    query = select(LedgerPosting).where(
        col(LedgerPosting.account).in_(accounts), LedgerPosting.amount_micro < 0
    )
    found: dict[str, list[Draw]] = {}
    for row in session.exec(query) if accounts else ():
        if row.entry in wanted:
            one = Draw(row.account.removeprefix(prefix), row.commodity, -row.amount_micro)
            found.setdefault(row.entry, []).append(one)
    return found


def positions(shelf: Shelf, names: Iterable[str], now_ms: int) -> dict[str, Fraction]:
    """Return how much of each allowance an account holds that has not expired at an instant (UTC ms)."""
    standing = [lot for lot in shelf.lots.values() if lot.expires_ms is None or now_ms < lot.expires_ms]
    found = {name: held(lot for lot in standing if lot.name == name) for name in names}
    return {name: units for name, units in found.items() if units}
