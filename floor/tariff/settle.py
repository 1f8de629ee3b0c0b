"""From gross lines to what is owed: caps, then adjustments in the order of the file, tax, funds, rounding."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from floor.money import round_fraction, round_to, share
from floor.tariff.calendar import period_key
from floor.tariff.charge import Charge, Line, Share, TaxPart
from floor.tariff.gross import ONE, Visit
from floor.tariff.history import Book
from floor.tariff.model import Adjustment, AdjustmentKind, Cap, CountsFor, RoundWhere, Tariff, Tax, When

Scale = tuple[Cap, ...]


@dataclass(slots=True)
class _Item:
    """What is still owed of a line, and the tax rate that it carries."""

    left: int
    rate: Fraction


@dataclass(slots=True)
class Sheet:
    """A charge while it is made up, for one month of one visit."""

    tariff: Tariff
    visit: Visit
    day: date
    lines: list[Line] = field(default_factory=list)
    items: list[_Item] = field(default_factory=list)
    rounding_micro: int = 0
    gross_micro: int = 0
    shares: dict[str, int] = field(default_factory=dict)

    def take(self, lines: list[Line]) -> int:
        """Take gross lines, each rounded where the tariff rounds lines; return their sum."""
        before = self.owed
        for line in lines:
            amount = line.amount_micro
            if self.tariff.rounding.where is RoundWhere.LINE:
                amount = self.rounded(amount)
            self.rounding_micro += amount - line.amount_micro
            self.items.append(_Item(amount, self._rate(line.component)))
        self.lines += lines
        self.gross_micro += self.owed - before
        return self.owed - before

    @property
    def owed(self) -> int:
        """What is owed so far, in micro-units."""
        return sum(item.left for item in self.items)

    def rounded(self, amount: int) -> int:
        """Bring an amount to the tariff's unit."""
        return round_to(amount, self.tariff.rounding.unit_micro, self.tariff.rounding.mode)

    def _rate(self, id: str) -> Fraction:
        if self.tariff.tax is None:
            return Fraction(0)
        own = next((c.tax for c in self.tariff.components if c.id == id), None)
        return self.tariff.tax.rate if own is None else own

    def change(self, name: str, kind: str, amount: int, fund: str = "") -> None:
        """Add a line for an amount, spread over what is owed; a fund pays what comes off."""
        if not amount:
            return
        weights = [max(0, item.left) for item in self.items]
        if sum(weights):
            sign = -1 if amount < 0 else 1
            for item, part in zip(self.items, share(abs(amount), weights), strict=True):
                item.left += sign * part
        else:
            self.items.append(_Item(amount, self._rate("")))
        self._note(name, kind, amount, fund)

    def change_each(self, name: str, kind: str, part: Fraction, fund: str = "") -> None:
        """Change each line by a part of it, each rounded by itself; half a unit goes up."""
        by_line = self.tariff.rounding.where is RoundWhere.LINE
        total, unit = 0, Fraction(self.tariff.rounding.unit_micro if by_line else 1)
        for item in self.items:
            more = round_fraction(Fraction(item.left * part) / unit) * unit.numerator
            item.left += more
            total += more
        if total:
            self._note(name, kind, total, fund)

    def _note(self, name: str, kind: str, amount: int, fund: str) -> None:
        line = Line(name, "", ONE, ONE, Fraction(amount), amount, kind, "", self.tariff.version)
        self.lines.append(line)
        if fund and kind != AdjustmentKind.SURCHARGE:
            self.shares[fund] = self.shares.get(fund, 0) - amount


def scales(tariff: Tariff) -> list[Scale]:
    """Group a tariff's caps into scales: of one period, one account or member, and one shared name."""
    found: dict[tuple[object, ...], list[Cap]] = {}
    for cap in tariff.caps:
        found.setdefault((cap.per, cap.counts_for, cap.shared), []).append(cap)
    return [tuple(sorted(caps, key=lambda cap: cap.above_micro)) for caps in found.values()]


def cap(sheet: Sheet, gross: int, day: date, book: Book) -> None:
    """Move every scale on by a gross amount, and take off what the scale that takes most off says."""
    offs: list[dict[str, int]] = []
    for scale in scales(sheet.tariff):
        one = scale[0]
        who = sheet.visit.member if one.counts_for is CountsFor.MEMBER else ""
        name = f"{one.shared or sheet.tariff.id}/{sheet.tariff.commodity.code}"
        key = name, who, period_key(one.per, day, sheet.visit.since)
        before = book.at("gross", *key)
        book.put("gross", *key, before + gross)
        earlier = _taken(scale, round_fraction(before))
        now = _taken(scale, round_fraction(before) + gross)
        offs.append({fund: now[fund] - earlier[fund] for fund in now})
    best = max(offs, key=lambda off: sum(off.values()), default={})
    for fund, amount in best.items():
        sheet.change("cap", "cap", -amount, fund)


def _taken(scale: Scale, total: int) -> dict[str, int]:
    """Return what a scale takes off a gross total, by the fund that pays it."""
    taken = {one.fund: Fraction(0) for one in scale}
    ends = [*(one.above_micro for one in scale[1:]), None]
    for one, end in zip(scale, ends, strict=True):
        high = total if end is None else min(total, end)
        taken[one.fund] += max(0, high - one.above_micro) * (1 - one.rate)
    return {fund: round_fraction(amount) for fund, amount in taken.items()}


def adjust(sheet: Sheet, book: Book) -> None:
    """Apply the tariff's adjustments in their order."""
    visit = sheet.visit
    for one in sheet.tariff.adjustments:
        if (one.tiers and visit.tier not in one.tiers) or (one.when is When.FAULT and not visit.faulted):
            continue
        if one.kind is AdjustmentKind.COUPON:
            sheet.change_each(one.id, one.kind, -visit.coupon, one.fund)
        elif one.part is not None:
            _by_part(sheet, one, one.part if one.kind is AdjustmentKind.SURCHARGE else -one.part)
        else:
            _by_amount(sheet, one, book)


def _by_part(sheet: Sheet, one: Adjustment, part: Fraction) -> None:
    if sheet.tariff.rounding.where is RoundWhere.LINE:
        sheet.change_each(one.id, one.kind, part, one.fund)
    else:
        sheet.change(one.id, one.kind, round_fraction(sheet.owed * part), one.fund)


def _by_amount(sheet: Sheet, one: Adjustment, book: Book) -> None:
    """Grant, or ask, an amount once in its period; a credit goes no further than what is owed."""
    grant = sheet.visit.credit_micro if one.amount_micro is None else one.amount_micro
    key = f"{sheet.tariff.id}/{one.id}", "", period_key(one.per, sheet.day, sheet.visit.since)
    left = grant - round_fraction(book.at("granted", *key))
    is_surcharge = one.kind is AdjustmentKind.SURCHARGE
    amount = left if is_surcharge else min(left, max(0, sheet.owed))
    if amount <= 0 or not sheet.lines:
        return
    book.put("granted", *key, Fraction(amount) + book.at("granted", *key))
    sheet.change(one.id, one.kind, amount if is_surcharge else -amount, one.fund)


def finish(sheet: Sheet, period: str) -> Charge:
    """Work out the tax, round what the account and each fund owe, and close the sheet."""
    tax = sheet.tariff.tax
    parts = _tax(sheet, tax) if tax is not None else []
    accrued = sum(line.amount_micro for line in sheet.lines)
    by_session = sheet.tariff.rounding.where is RoundWhere.SESSION
    total = accrued + sheet.rounding_micro
    if by_session:
        total = sheet.rounded(total)
    keeps = sheet.tariff.rounding.where is RoundWhere.STATEMENT
    return Charge(
        sheet.tariff.version,
        sheet.tariff.commodity.code,
        sheet.visit.tier,
        tuple(sheet.lines),
        total - accrued,
        period,
        sheet.gross_micro,
        _filled(parts, total),
        tuple(
            Share(fund, amount, 0 if keeps else sheet.rounded(amount) - amount)
            for fund, amount in sheet.shares.items()
        ),
    )


def _tax(sheet: Sheet, tax: Tax) -> list[TaxPart]:
    """Find the tax in each line, or add it, by rate; half up to the commodity's smallest amount."""
    unit = sheet.tariff.commodity.minor_micro
    nets: dict[Fraction, int] = {}
    taxes: dict[Fraction, int] = {}
    exact, found = Fraction(0), 0
    for item in sorted(sheet.items, key=lambda item: item.rate):
        part = item.left * (item.rate / Fraction(1 + item.rate) if tax.included else item.rate)
        if tax.where is RoundWhere.LINE:
            micro = round_fraction(Fraction(part) / unit) * unit
        else:  # what the whole comes to, less what the items before this one came to
            exact += part
            micro = round_fraction(Fraction(exact) / unit) * unit - found
        found += micro
        taxes[item.rate] = taxes.get(item.rate, 0) + micro
        nets[item.rate] = nets.get(item.rate, 0) + item.left - (micro if tax.included else 0)
    if not tax.included and found:
        version = sheet.tariff.version
        sheet.lines.append(Line("tax", "", ONE, ONE, Fraction(found), found, "tax", "", version))
    return [TaxPart(rate, net, taxes[rate]) for rate, net in nets.items()]


def _filled(parts: list[TaxPart], total: int) -> tuple[TaxPart, ...]:
    """Put what rounding the whole gave or took to the part with most in it."""
    off = total - sum(part.net_micro + part.tax_micro for part in parts)
    if off and parts:
        most = max(range(len(parts)), key=lambda n: abs(parts[n].net_micro))
        one = parts[most]
        parts[most] = TaxPart(one.rate, one.net_micro + off, one.tax_micro)
    return tuple(parts)
