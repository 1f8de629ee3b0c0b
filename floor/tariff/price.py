"""Usage × tariff version → charges: the price at the machine (gateway) and the bill (server).

Amounts are computed exactly and each line is brought to a whole micro-unit; the group that the tariff names
is rounded once, and the difference is `rounding_micro`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from fractions import Fraction

from floor.meter import Reading, Usage
from floor.tariff.charge import Charge, Line
from floor.tariff.component import shared_name
from floor.tariff.gross import ONE, Slice, Stretch, Visit, gross, stretches
from floor.tariff.history import Book, History
from floor.tariff.model import BillAt, Occasion, Tariff
from floor.tariff.settle import Sheet, adjust, cap, finish

EMPTY = History()


@dataclass(frozen=True, slots=True)
class Bill:
    """What a visit costs: one charge for each month that it is billed in."""

    visit: str
    account: str
    charges: tuple[Charge, ...]

    @property
    def total_micro(self) -> int:
        """What the account owes."""
        return sum(charge.total_micro for charge in self.charges)


def in_force(versions: Iterable[Tariff], at_ms: int) -> Tariff:
    """Return the version in force at an instant (UTC milliseconds); raises LookupError when none is yet."""
    past = [version for version in versions if version.valid_from_ms <= at_ms]
    if not past:
        raise LookupError("no version of this tariff is in force at that time")
    return max(past, key=lambda version: version.valid_from_ms)


def price(used: Usage, tariff: Tariff, tier: str, machine: str = "", zone: tzinfo = UTC) -> Charge:
    """Price one session's usage by itself. A tier that the tariff does not name pays the full price.

    What depends on earlier use starts from nothing here: `price_visit` takes a history.
    """
    readings = (Reading(used.started_ms, {}), Reading(used.ended_ms, used.quantities))
    visit = Visit("", readings, tier, machine=machine)
    charges = _charges(visit, lambda at_ms: tariff, (), Book(EMPTY), zone, BillAt.END)
    return replace(charges[0], period="")


def price_visit(
    visit: Visit,
    versions: Sequence[Tariff],
    history: History = EMPTY,
    zone: tzinfo = UTC,
    bill_at: BillAt | None = None,
) -> tuple[Bill, History]:
    """Price a visit after what its account used before; return what later visits depend on beside the bill.

    `bill_at` stands over the tariff's own where it is given.
    Raises LookupError when no version was in force when it began, ValueError when the commodity changes
    while it runs or a pack is not of the tariff.
    """
    first = in_force(versions, visit.started_ms)
    changes = sorted(v.valid_from_ms for v in versions if visit.started_ms < v.valid_from_ms < visit.ended_ms)
    if any(in_force(versions, at_ms).commodity != first.commodity for at_ms in changes):
        raise ValueError("its tariff changed to another commodity while it ran")
    book = Book(history)
    charges = _charges(
        visit, lambda at_ms: in_force(versions, at_ms), changes, book, zone, bill_at or first.bill_at
    )
    return Bill(visit.id, visit.account, tuple(charges)), book.history()


def bill(
    visits: Iterable[tuple[Visit, Sequence[Tariff]]],
    histories: Mapping[str, History] | None = None,
    zone: tzinfo = UTC,
) -> tuple[list[Bill], dict[str, History]]:
    """Price visits in the order of (ended_ms, id), however they come; return each account's history too.

    Raises as `price_visit` does.
    """
    known = dict(histories or {})
    bills = []
    for visit, versions in sorted(visits, key=lambda pair: (pair[0].ended_ms, pair[0].id)):
        made, known[visit.account] = price_visit(visit, versions, known.get(visit.account, EMPTY), zone)
        bills.append(made)
    return bills, known


def _charges(
    visit: Visit,
    version_at: Callable[[int], Tariff],
    changes: Sequence[int],
    book: Book,
    zone: tzinfo,
    bill_at: BillAt,
) -> list[Charge]:
    parts = stretches(visit, version_at, changes, zone, bill_at)
    tariff = parts[0].tariff
    if visit.on is Occasion.PACK:
        lines = {parts[0].slice: [_bought(visit, tariff, book)]}
    else:
        lines = gross(visit, parts, visit.tier, book)
    missing = _full(visit, parts, tariff, book, lines)
    days = {part.slice: part.counts_on for part in parts}
    sheets: dict[str, Sheet] = {}
    for slice, found in lines.items():
        sheet = sheets.setdefault(slice[0], Sheet(tariff, visit, days[slice]))
        owed = sheet.take(found)
        if missing.get(slice, 0) > 0:
            fund = tariff.tiers[visit.tier].fund
            sheet.shares[fund] = sheet.shares.get(fund, 0) + missing[slice]
        cap(sheet, owed, days[slice], book)
    for sheet in sheets.values():
        adjust(sheet, book)
    return [finish(sheet, month) for month, sheet in sheets.items()]


def _full(
    visit: Visit, parts: Sequence[Stretch], tariff: Tariff, book: Book, lines: Mapping[Slice, Sequence[Line]]
) -> dict[Slice, int]:
    """Return what the tier pays less than the full price, by slice, where a fund makes it up."""
    if visit.tier not in tariff.tiers or not tariff.tiers[visit.tier].fund or visit.on is Occasion.PACK:
        return {}
    full = gross(visit, parts, "", book.reference())
    return {
        slice: sum(line.amount_micro for line in full[slice]) - sum(line.amount_micro for line in found)
        for slice, found in lines.items()
    }


def _bought(visit: Visit, tariff: Tariff, book: Book) -> Line:
    """Put what a pack holds on the account; raises ValueError for a pack that the tariff does not sell."""
    pack = next((pack for pack in tariff.packs if pack.id == visit.pack), None)
    if pack is None:
        raise ValueError(f"{tariff.id} sells no pack {visit.pack!r}")
    component = next(component for component in tariff.components if component.id == pack.component)
    name = shared_name(component, tariff)
    book.put("pack", name, "", "ever", book.at("pack", name, "", "ever") + pack.size)
    each = Fraction(pack.price_micro)
    return Line(pack.id, "pack", ONE, ONE, each, pack.price_micro, "", "", tariff.version)
