"""What one component asks for one stretch of use, by positions that only move on.

Everything that depends on what came before (free quantities, packs, started blocks, brackets) is the
difference of a function at two positions. So the parts of a use that an edge cuts add up to the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from floor.tariff.calendar import period_key
from floor.tariff.history import ZERO, Book
from floor.tariff.model import BracketMode, Component, CountsFor, FreeMode, Period, Tariff


@dataclass(frozen=True, slots=True)
class Where:
    """Where a stretch lies and whose it is: `window` of the tariff or "", the local `day` it counts for."""

    tier: str
    member: str
    since: date | None
    day: date
    window: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a stretch that has one price; `bound` is "repriced" for what a bracket changes afterwards."""

    metered: Fraction
    billed: Fraction
    price_micro: Fraction
    exact_micro: Fraction
    bound: str = ""


def pieces(component: Component, tariff: Tariff, metered: Fraction, where: Where, book: Book) -> list[Piece]:
    """Price `metered` (> 0, in the component's unit) and move the book's positions on."""
    count = _Count(component, tariff, where, book)
    left = count.after_pack(count.after_free(metered))
    low, high = Fraction(0), left
    if (size := component.block) is not None:
        before = book.at("billed", component.id, "", "session")
        book.put("billed", component.id, "", "session", before + left)
        low, high = Fraction(-(-before // size)), Fraction(-(-(before + left) // size))
    found = list(_bracketed(count, low, high))
    if not found:
        found = [Piece(ZERO, ZERO, price_of(component, tariff, where, ZERO), ZERO)]
    head = found[0]
    return [Piece(metered, head.billed, head.price_micro, head.exact_micro, head.bound), *found[1:]]


class _Count:
    """The positions of one component, by the names under which a book keeps them."""

    def __init__(self, component: Component, tariff: Tariff, where: Where, book: Book) -> None:
        self.component, self.tariff, self.where, self.book = component, tariff, where, book
        self.name = shared_name(component, tariff)
        self.who = where.member if component.counts_for is CountsFor.MEMBER else ""

    def move(self, what: str, per: Period, step: Fraction) -> tuple[Fraction, Fraction]:
        """Move a position on; return where it stood and where it stands."""
        period = period_key(per, self.where.day, self.where.since)
        name = self.component.id if per is Period.SESSION and not self.component.shared else self.name
        before = self.book.at(what, name, self.who, period)
        self.book.put(what, name, self.who, period, before + step)
        return before, before + step

    def after_free(self, metered: Fraction) -> Fraction:
        component = self.component
        free = component.frees.get(self.where.tier, component.free)
        if not free and not component.frees:
            return metered
        before, after = self.move("free", component.free_per, metered)
        if component.free_mode is FreeMode.THRESHOLD:
            return (after if after >= free else ZERO) - (before if before >= free else ZERO)
        return max(ZERO, after - free) - max(ZERO, before - free)

    def after_pack(self, left: Fraction) -> Fraction:
        holds = self.book.at("pack", self.name, "", "ever")
        if not holds:
            return left
        drawn = min(holds, left)
        self.book.put("pack", self.name, "", "ever", holds - drawn)
        return left - drawn


def shared_name(component: Component, tariff: Tariff) -> str:
    """Name what a component counts in; components that share a name share their allowance and brackets."""
    return component.shared or f"{tariff.id}/{component.id}"


def _bracketed(count: _Count, low: Fraction, high: Fraction) -> Iterator[Piece]:
    """Yield the pieces from one session position to another, in units or blocks."""
    component, step = count.component, high - low
    if not component.brackets:
        if step:
            each = price_of(component, count.tariff, count.where, ZERO)
            yield Piece(ZERO, step, each, step * each)
        return
    before, after = count.move("bracket", component.brackets_per, step)

    def each_at(position: Fraction) -> Fraction:
        return price_of(component, count.tariff, count.where, position)

    if component.brackets_mode is BracketMode.WHOLE:
        now, then = each_at(after), each_at(before)
        if step:
            yield Piece(ZERO, step, now, step * now)
        if step and before and now != then:
            yield Piece(ZERO, before, now - then, before * (now - then), "repriced")
        return
    edges = [edge for edge in _edges(component) if before < edge < after]
    for start, end in zip([before, *edges], [*edges, after], strict=True):
        if end > start:
            used, each = end - start, each_at(end)
            yield Piece(ZERO, used, each, used * each)


def _edges(component: Component) -> list[Fraction]:
    if component.block is None:
        return [bracket.above for bracket in component.brackets]
    return [Fraction(bracket.above) / component.block for bracket in component.brackets]


def price_of(component: Component, tariff: Tariff, where: Where, position: Fraction) -> Fraction:
    """Return the price of a unit or block that ends at a bracket position, for this tier and window.

    A tier's own price stands over a window's own price, and neither is multiplied by its own multiplier.
    """
    full, own = component.price_micro, component.prices
    for bracket, edge in zip(component.brackets, _edges(component), strict=True):
        if position > edge:
            full, own = bracket.price_micro, bracket.prices
    window = tariff.window(where.window) if where.window else None
    part = window.multiplier if window else Fraction(1)
    if where.tier in own:
        return own[where.tier] * part
    if where.window in component.window_prices:
        return component.window_prices[where.window] * tariff.multiplier(where.tier)
    return full * part * tariff.multiplier(where.tier)
