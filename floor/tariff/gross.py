"""What a visit costs before caps, adjustments and tax: its stretches, component by component, then bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, tzinfo
from fractions import Fraction

from floor.meter import Reading, Usage, usage
from floor.money import round_fraction
from floor.tariff.calendar import cuts, in_window, local, period_key
from floor.tariff.charge import Line
from floor.tariff.component import Where, pieces, shared_name
from floor.tariff.history import Book
from floor.tariff.model import BillAt, Component, CountsFor, Occasion, Period, Tariff, units_of

Slice = tuple[str, ...]
ONE, NONE = Fraction(1), Fraction(0)


@dataclass(frozen=True, slots=True)
class Visit:
    """What is priced at once: a session of a machine, or something that happened around one.

    `readings` are at least two, in order of time, the first with what the counters showed at the start.
    `counts` are the space's own counts by name. `since` is the first day of the membership. `coupon` is the
    part that a coupon takes off each line, `credit_micro` an amount that comes off where the tariff says so.
    With `on` "pack", `pack` names what is bought. `faulted` says that a fault of the machine ended it.
    """

    id: str
    readings: Sequence[Reading]
    tier: str = ""
    account: str = ""
    member: str = ""
    machine: str = ""
    on: Occasion = Occasion.SESSION
    counts: Mapping[str, int] = field(default_factory=dict)
    since: date | None = None
    coupon: Fraction = NONE
    credit_micro: int = 0
    pack: str = ""
    faulted: bool = False

    @property
    def started_ms(self) -> int:
        """When it began, UTC milliseconds."""
        return self.readings[0].at_ms

    @property
    def ended_ms(self) -> int:
        """When it ended, UTC milliseconds."""
        return self.readings[-1].at_ms


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a visit in which no edge lies; `slice` is its month and the periods of the tariff's caps."""

    used: Usage
    tariff: Tariff
    day: date
    counts_on: date
    window: str
    slice: Slice
    is_first: bool


def stretches(
    visit: Visit, version_at: Callable[[int], Tariff], starts: Iterable[int], zone: tzinfo, bill_at: BillAt
) -> list[Stretch]:
    """Cut a visit at new versions, windows, and the days, months and years that something is counted by."""
    begun, ended = visit.started_ms, visit.ended_ms
    first = version_at(begun)
    last_day = local(max(begun, ended - 1), zone).date()

    def counted(at_ms: int) -> date:
        return last_day if bill_at is BillAt.END else local(at_ms, zone).date()

    def slice_of(day: date) -> Slice:
        periods = (Period.MONTH, *(cap.per for cap in first.caps))
        return tuple(period_key(per, day, visit.since) for per in periods)

    def label(at_ms: int) -> object:
        shown, tariff, day = local(at_ms, zone), version_at(at_ms), counted(at_ms)
        keys = [period_key(per, day, visit.since) for per in _counted_by(tariff)]
        keys += [period_key(c.each, shown.date(), visit.since) for c in tariff.components if c.each]
        return tariff.version, in_window(tariff.windows, shown), slice_of(day), keys

    changes = [at_ms for at_ms in starts if begun < at_ms < ended]
    versions = [first, *(version_at(at_ms) for at_ms in changes)]
    edges = {0} | {edge for t in versions for w in t.windows for edge in (w.from_min, w.to_min)}
    plain = len(edges) == 1 and local(begun, zone).date() == last_day
    inside = [] if plain else cuts(begun, ended, zone, edges, label)
    parts = usage(visit.readings, [*inside, *changes])
    return [
        Stretch(
            part,
            tariff := version_at(part.started_ms),
            (shown := local(part.started_ms, zone)).date(),
            (day := counted(part.started_ms)),
            in_window(tariff.windows, shown) if tariff.windows else "",
            slice_of(day),
            n == 0,
        )
        for n, part in enumerate(parts)
    ]


def _counted_by(tariff: Tariff) -> set[Period]:
    return {per for c in tariff.components for per in (c.free_per, c.brackets_per)} - {Period.SESSION}


@dataclass(slots=True)
class _Sum:
    """A line while it grows over stretches."""

    metered: Fraction = NONE
    billed: Fraction = NONE
    exact: Fraction = NONE


Key = tuple[Slice, str, str, str, Fraction, str]


def gross(visit: Visit, parts: Sequence[Stretch], tier: str, book: Book) -> dict[Slice, list[Line]]:
    """Return the lines of each slice, with the least and the most of each component and of the whole."""
    sums: dict[Key, _Sum] = {}
    for part in parts:
        for component in part.tariff.components:
            if component.on is visit.on and (not component.machines or visit.machine in component.machines):
                _add(sums, component, part, visit, tier, book)
    found: dict[Slice, list[Line]] = {part.slice: [] for part in parts}
    reached: dict[str, tuple[Fraction, int]] = {}
    for (slice, version, id, window, each, bound), it in sums.items():
        exact, micro = reached.get(id, (NONE, 0))
        exact += it.exact
        now = round_fraction(exact)
        reached[id] = exact, now
        unit = next((c.unit for part in parts for c in part.tariff.components if c.id == id), "")
        line = Line(id, unit, it.metered, it.billed, each, now - micro, bound, window, version)
        found[slice].append(line)
    for component in parts[0].tariff.components:
        if component.minimum_micro is not None or component.maximum_micro is not None:
            _bound_component(found, component, parts[0].tariff, tier)
    if visit.on is Occasion.SESSION:
        _bound_whole(found, parts[0].tariff, tier)
    return found


def _add(
    sums: dict[Key, _Sum], component: Component, part: Stretch, visit: Visit, tier: str, book: Book
) -> None:
    metered = _metered(component, part, visit, book)
    if not metered:
        return
    where = Where(tier, visit.member, visit.since, part.counts_on, part.window)
    for piece in pieces(component, part.tariff, metered, where, book):
        window = part.window if part.window in component.window_prices or _scales(part) else ""
        key = (part.slice, part.tariff.version, component.id, window, piece.price_micro, piece.bound)
        it = sums.setdefault(key, _Sum())
        it.metered += piece.metered
        it.billed += piece.billed
        it.exact += piece.exact_micro


def _scales(part: Stretch) -> bool:
    window = part.tariff.window(part.window)
    return window is not None and window.multiplier != 1


def _metered(component: Component, part: Stretch, visit: Visit, book: Book) -> Fraction:
    """Return how much of a component a stretch used, in its unit."""
    if component.quantity is not None:
        amount = part.used.of(component.quantity)
        return Fraction(amount) / units_of(component.quantity)[component.unit] if amount else NONE
    if component.each is not None:
        who = visit.member if component.counts_for is CountsFor.MEMBER else ""
        key = shared_name(component, part.tariff), who, period_key(component.each, part.day, visit.since)
        if book.at("each", *key):
            return NONE
        book.put("each", *key, ONE)
        return ONE
    if not part.is_first:
        return NONE
    return Fraction(visit.counts.get(component.count, 0)) if component.count else ONE


def _bound_component(found: dict[Slice, list[Line]], component: Component, tariff: Tariff, tier: str) -> None:
    """Bring a component's amount in the whole visit to its least or most."""
    mine = [
        (slice, n)
        for slice, lines in found.items()
        for n, a in enumerate(lines)
        if a.component == component.id
    ]
    if not mine:
        return
    full = component.price_micro != 0
    price = component.prices.get(tier, component.price_micro * tariff.multiplier(tier))
    low = None if full and price == 0 else component.minimum_micro
    amounts = [found[slice][n].amount_micro for slice, n in mine]
    for (slice, n), more, bound in zip(mine, *_bounded(amounts, low, component.maximum_micro), strict=True):
        line = found[slice][n]
        if bound:
            found[slice][n] = replace(line, amount_micro=line.amount_micro + more, bound=line.bound or bound)


def _bound_whole(found: dict[Slice, list[Line]], tariff: Tariff, tier: str) -> None:
    """Add the lines that bring the whole to its minimum or maximum; nothing used costs no minimum."""
    slices = [slice for slice, lines in found.items() if lines]
    amounts = [sum(line.amount_micro for line in found[slice]) for slice in slices]
    if not slices or (tariff.multiplier(tier) == 0 and sum(amounts) == 0):
        return
    bounds = _bounded(amounts, tariff.minimum_micro, tariff.maximum_micro)
    for slice, more, bound in zip(slices, *bounds, strict=True):
        if bound:
            line = Line(bound, "", ONE, ONE, Fraction(more), more, bound, "", tariff.version)
            found[slice].append(line)


def _bounded(amounts: Sequence[int], low: int | None, high: int | None) -> tuple[list[int], list[str]]:
    """Return what to add to each of the amounts, in order, so that their sum keeps to its bounds.

    The maximum holds for each sum from the first on, so that parts in time add up; the minimum is made up
    for by the last.
    """
    more, names, total, paid = [], [], 0, 0
    for amount in amounts:
        total += amount
        pays = total if high is None else min(total, high)
        more.append(pays - paid - amount)
        names.append("maximum" if more[-1] else "")
        paid = pays
    if low is not None and paid < low:
        more[-1] += low - paid
        names[-1] = "minimum"
    return more, names
