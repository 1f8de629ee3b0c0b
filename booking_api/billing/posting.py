"""Charges become entries and rows, many at once; those that are replaced are reversed before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, SQLModel

from booking_api.accounts import service as accounts
from booking_api.accounts.service import Charged
from booking_api.billing.dividing import SPLIT, Part, Shares, divide
from booking_api.billing.funds import Funds, Paid
from booking_api.billing.lots import Shelf, bought
from booking_api.billing.models import AllowanceLot, Charge, ChargePart
from booking_api.billing.pricing import Priced
from booking_api.clock import make_id
from booking_api.db import insert_rows, zone_of
from booking_api.gateways.changes import credit_changed
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import (
    ROUNDING,
    TAX,
    fee_income,
    fund_account,
    machine_income,
    member_account,
    unfunded,
)
from booking_api.ledger.models import ChargeLine
from booking_api.periods.calendar import bounds, month_at, open_from_ms
from floor import tariff as floor_tariff
from floor.ledger import Entry, EntryKind, Posting, Sealed, reversal
from floor.tariff import Occasion

Row = dict[str, Any]
_ONE = Fraction(1)
SYSTEM = "system"
AFTER_BUDGET = "unfunded"
"""What `bound` says of the line by which an account pays what a fund no longer can."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """One month of a visit that is to be posted, for the `n`-th time (from 1), in parts where it is split."""

    priced: Priced
    charge: floor_tariff.Charge
    n: int
    is_last: bool
    split: Shares | None = None


class Draft:
    """What a transaction charges and takes back, gathered and then written at once."""

    def __init__(
        self, session: Session, shelves: Mapping[str, Shelf], now_ms: int, author: str = SYSTEM
    ) -> None:
        self.session, self.shelves, self.now_ms, self.author = session, shelves, now_ms, author
        self.charges: list[Row] = []
        self.sealed: list[Sealed] = []
        self._open_ms = open_from_ms(session)
        self._zone = zone_of(session)
        self._funds = Funds(session)
        self._pending: list[_Pending] = []
        self._entries: list[Entry] = []
        self._lines: list[Row] = []
        self._lots: list[Row] = []
        self._parts: list[Row] = []
        self._replaced: list[tuple[Charge, str]] = []

    def charge(
        self,
        priced: Priced,
        again: Mapping[str, int] | None = None,
        skip: Iterable[str] = (),
        split: Shares | None = None,
    ) -> None:
        """Post what a visit costs; `again` counts its charges before by month, `skip` are months to leave."""
        last = len(priced.charges) - 1
        for n, charge in enumerate(priced.charges):
            if charge.period not in skip:
                count = (again or {}).get(charge.period, 0) + 1
                self._pending.append(_Pending(priced, charge, count, n == last, split))

    def replace(self, charge: Charge, reason: str) -> None:
        """Take a charge back."""
        self._replaced.append((charge, reason))

    def write(self) -> list[Row]:
        """Write it all; return the rows of the new charges."""
        self._take_back()
        for pending in self._pending:
            self._make(pending)
        self.sealed = ledger.post(self.session, self._entries)
        written: tuple[tuple[type[SQLModel], list[Row]], ...] = (
            (AllowanceLot, self._lots),
            (Charge, self.charges),
            (ChargeLine, self._lines),
            (ChargePart, self._parts),
        )
        for table, rows in written:
            insert_rows(self.session, table, rows)
        self._count()
        return self.charges

    def _count(self) -> None:
        """Keep the sums of the months up, and tell gateways of accounts for which nothing was posted."""
        rows = [charged_row(charge.model_dump(), -1) for charge, _ in self._replaced]
        rows += [charged_row(row) for row in self.charges]
        accounts.charged(self.session, rows)
        posted = {row["account"] for row in self.charges if row["entry"]}
        quiet = {row["account"] for row in self.charges if not row["entry"]} - posted
        credit_changed(self.session, quiet, self.now_ms)

    def _take_back(self) -> None:
        gone = [charge for charge, _ in self._replaced]
        entries = ledger.entries(self.session, [charge.entry for charge in gone if charge.entry])
        for charge, reason in self._replaced:
            for fund, amount in charge.funds.items():
                self._funds.give_back(fund, amount, charge.commodity)
            if charge.entry is not None:
                undone = reversal(
                    entries[charge.entry],
                    id=make_id(self.now_ms),
                    posted_ms=self.now_ms,
                    author=self.author,
                    reason=reason,
                    not_before_ms=self._open_ms,
                )
                self._entries.append(undone)
                if shelf := self.shelves.get(charge.account):
                    shelf.post(undone.postings)
        if gone:
            rows = [{"id": charge.id, "replaced_ms": self.now_ms} for charge in gone]
            self.session.execute(update(Charge), rows)
            for charge in gone:
                set_committed_value(charge, "replaced_ms", self.now_ms)

    def _make(self, pending: _Pending) -> None:
        due, charge, visit = pending.priced.due, pending.charge, pending.priced.due.visit
        month, occurred_ms = booked(charge.period, visit.ended_ms, self._open_ms, self._zone)
        paid = [
            self._funds.pay(
                share.fund, share.total_micro, charge.commodity, visit.ended_ms, visit.machine, visit.tier
            )
            for share in charge.shares
        ]
        more = sum(one.account_micro for one in paid)
        taxes, nets = _taxes(charge, more)
        total = charge.total_micro + more
        row: Row = {
            "session": None if due.fee else visit.id,
            "fee": visit.id if due.fee else None,
            "occasion": visit.on,
            "account": visit.account,
            "member": visit.member,
            "machine": visit.machine or None,
            "month": month,
            "period": charge.period,
            "ended_ms": visit.ended_ms,
            "tariff_version": charge.tariff,
            "tier": visit.tier,
            "commodity": charge.commodity,
            "gross_micro": charge.gross_micro,
            "taxes": taxes,
            "nets": nets,
            "rounding_micro": charge.rounding_micro,
            "total_micro": total,
            "funds": {one.fund: one.fund_micro for one in paid if one.fund_micro},
            "unfunded": {one.fund: one.space_micro for one in paid if one.space_micro},
            "priced_ms": due.priced_ms,
            "since": visit.since,
        }
        parts: list[Part] = []
        if pending.split:
            parts = divide(pending.split, visit.account, total, _minor(pending), taxes, nets)
            row |= _without(row, parts)
        lines = line_rows(make_id(self.now_ms), pending.priced, charge, paid, parts)
        moved = sum(part.total_micro for part in parts)
        postings = _money(pending, paid, sum(row["taxes"].values()), moved)
        self._post(pending, row, occurred_ms, [*postings, *self._units(pending)], lines)
        for n, part in enumerate(parts, 1):
            self._make_part(pending, row, occurred_ms, part, n)

    def _make_part(self, pending: _Pending, first: Row, occurred_ms: int, part: Part, n: int) -> None:
        """Charge another account its part of a session."""
        row = first | {
            "account": part.account,
            "gross_micro": part.total_micro,
            "taxes": part.taxes,
            "nets": part.nets,
            "rounding_micro": 0,
            "total_micro": part.total_micro,
            "funds": {},
            "unfunded": {},
        }
        line = _split_line(pending.priced.due.visit.account, part.total_micro)
        lines = _rows(make_id(self.now_ms), pending.priced, pending.charge, [line])
        self._post(pending, row, occurred_ms, _part_money(pending, part), lines, n)

    def _post(
        self,
        pending: _Pending,
        row: Row,
        occurred_ms: int,
        postings: Sequence[Posting],
        lines: list[Row],
        n: int = 0,
    ) -> None:
        """Keep a charge, its lines, and its entry where there is something to post."""
        due, id, entry = pending.priced.due, lines[0]["charge"] if lines else make_id(self.now_ms), None
        if postings:
            entry = make_id(self.now_ms)
            self._entries.append(
                Entry(
                    id=entry,
                    kind=EntryKind.FEE if due.fee else EntryKind.CHARGE,
                    source=source_of(due.cause, row["period"], pending.n, n),
                    occurred_ms=occurred_ms,
                    posted_ms=self.now_ms,
                    postings=tuple(postings),
                    author=self.author,
                    memo=due.memo if row["month"] == row["period"] else f"{due.memo} ({row['period']})",
                    detail=digest_lines(lines),
                )
            )
        self._lines += lines
        self.charges.append({"id": id, "entry": entry, **row})
        if pending.split:
            self._parts.append({"charge": id, "split": pending.split.id, "n": n})

    def _units(self, pending: _Pending) -> list[Posting]:
        """Return what a visit moves of allowances; it stands in the entry of the visit's last month."""
        priced = pending.priced
        account = priced.due.visit.account
        if not pending.is_last or not (priced.draws or priced.lot):
            return []
        shelf = self.shelves[account]
        if priced.lot is None:
            return shelf.drawn(priced.draws)
        if pending.n == 1:
            self._lots.append(
                {
                    "id": priced.lot.id,
                    "account": account,
                    "commodity": priced.lot.name,
                    "size_micro": priced.lot.left_micro,
                    "granted_ms": priced.lot.granted_ms,
                    "expires_ms": None,
                    "transferable": priced.lot.transferable,
                    "origin": priced.due.cause,
                }
            )
        return bought(account, priced.lot)


def charged_row(row: Mapping[str, Any], sign: int = 1) -> Charged:
    """Return what a charge, or (`sign` -1) its reversal, adds to the sums of its month."""
    total = sign * row["total_micro"]
    return Charged(row["account"], row["member"], row["month"], row["commodity"], total)


def booked(period: str, ended_ms: int, open_ms: int, zone: tzinfo) -> tuple[str, int]:
    """Return the month in which a visit's part of a month is booked, and when it occurs there (UTC ms)."""
    at_ms = ended_ms if month_at(ended_ms, zone) == period else bounds(period, zone)[1] - 1
    return (period, at_ms) if at_ms >= open_ms else (month_at(open_ms, zone), open_ms)


def source_of(cause: str, period: str, n: int, part: int = 0) -> str:
    """Return what names the `n`-th charge of a visit's month in the books, or a `part` of it from 1."""
    return f"{cause}:{period}" + (f"#{n}" if n > 1 else "") + (f"/{part}" if part else "")


def _money(pending: _Pending, paid: Sequence[Paid], tax: int, moved: int) -> list[Posting]:
    """Return what the first account and funds pay; `moved` of it others pay in its place."""
    charge, visit = pending.charge, pending.priced.due.visit
    unit = charge.commodity
    total = charge.total_micro + sum(one.account_micro for one in paid) - moved
    rounding = charge.rounding_micro + sum(share.rounding_micro for share in charge.shares)
    earned = total + sum(one.fund_micro + one.space_micro for one in paid) - tax - rounding
    postings = [
        Posting(member_account(visit.account), unit, total),
        *(Posting(fund_account(one.fund), unit, one.fund_micro) for one in paid),
        *(Posting(unfunded(one.fund), unit, one.space_micro) for one in paid),
        Posting(_income(pending), unit, -earned),
        Posting(TAX, unit, -tax),
        Posting(ROUNDING, unit, -rounding),
    ]
    return [posting for posting in postings if posting.amount_micro]


def _part_money(pending: _Pending, part: Part) -> list[Posting]:
    unit, tax = pending.charge.commodity, sum(part.taxes.values())
    postings = (
        Posting(member_account(part.account), unit, part.total_micro),
        Posting(_income(pending), unit, tax - part.total_micro),
        Posting(TAX, unit, -tax),
    )
    return [posting for posting in postings if posting.amount_micro]


def _income(pending: _Pending) -> str:
    visit = pending.priced.due.visit
    is_use = visit.on is Occasion.SESSION and visit.machine
    return machine_income(visit.machine) if is_use else fee_income(visit.on)


def _minor(pending: _Pending) -> int:
    """Return the smallest amount of the charge's commodity that people write, in micro-units."""
    known = {version.version: version.commodity for version in pending.priced.due.versions}
    return known[pending.charge.tariff].minor_micro


def _without(row: Row, parts: Sequence[Part]) -> Row:
    """Return what the first account's charge says when others pay their parts."""
    taxes = {rate: tax - sum(part.taxes.get(rate, 0) for part in parts) for rate, tax in row["taxes"].items()}
    nets = {rate: net - sum(part.nets.get(rate, 0) for part in parts) for rate, net in row["nets"].items()}
    total = row["total_micro"] - sum(part.total_micro for part in parts)
    return {"taxes": taxes, "nets": nets, "total_micro": total}


def _taxes(charge: floor_tariff.Charge, more: int) -> tuple[dict[str, int], dict[str, int]]:
    """Return tax and net amount by rate; what the account pays in a fund's place has the tax of the rest."""
    taxes = {str(part.rate): part.tax_micro for part in charge.taxes}
    nets = {str(part.rate): part.net_micro for part in charge.taxes}
    if more and charge.taxes:
        part = max(charge.taxes, key=lambda part: part.net_micro)
        exact = more * part.rate.numerator, part.rate.numerator + part.rate.denominator
        tax = exact[0] // exact[1]
        taxes[str(part.rate)] += tax
        nets[str(part.rate)] += more - tax
    return taxes, nets


def line_rows(
    id: str,
    priced: Priced,
    charge: floor_tariff.Charge,
    paid: Sequence[Paid] = (),
    parts: Sequence[Part] = (),
) -> list[Row]:
    """Return the lines of a charge as they are kept: of the tariff, then what an account pays in a fund's
    place, then what goes to others.
    """
    extra = [
        floor_tariff.Line(one.fund, "", _ONE, _ONE, _ONE * one.account_micro, one.account_micro, AFTER_BUDGET)
        for one in paid
        if one.account_micro
    ]
    moved = [_split_line(part.account, -part.total_micro) for part in parts]
    return _rows(id, priced, charge, [*charge.lines, *extra, *moved])


def _split_line(account: str, amount_micro: int) -> floor_tariff.Line:
    return floor_tariff.Line(account, "", _ONE, _ONE, _ONE * amount_micro, amount_micro, SPLIT)


def _rows(
    id: str, priced: Priced, charge: floor_tariff.Charge, lines: Iterable[floor_tariff.Line]
) -> list[Row]:
    visit = priced.due.visit
    session = None if priced.due.fee else visit.id
    return [
        {
            "charge": id,
            "n": n,
            "session": session,
            "tariff_version": line.tariff or charge.tariff,
            "tier": visit.tier,
            "component": line.component,
            "unit": line.unit,
            "window": line.window,
            "metered": str(line.metered),
            "billed": str(line.billed),
            "price_micro": str(line.price_micro),
            "amount_micro": line.amount_micro,
            "bound": line.bound,
        }
        for n, line in enumerate(lines, 1)
    ]


def digest_lines(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the SHA-256 of charge lines; it stands in the entry, so that the chain covers them too."""
    keys = ("tariff_version", "tier", "component", "unit", "metered", "billed", "price_micro", "amount_micro")
    windows = [[line["window"]] if line["window"] else [] for line in lines]
    body = [[line[key] for key in (*keys, "bound")] + more for line, more in zip(lines, windows, strict=True)]
    return "lines:" + hashlib.sha256(json.dumps(body, separators=(",", ":")).encode()).hexdigest()
