"""Why a line of a charge is what it is, in plain words: every line that a tariff can make has its text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from booking_api.documents.reading import SplitSeen
from booking_api.web.clauses import adjustment_words, cap_words, window_words
from booking_api.web.formats import Formats
from booking_api.web.vocabulary import (
    OCCASIONS,
    amount_words,
    component_name,
    component_unit,
    with_period,
)
from booking_api.web.wording import free_words
from floor.money import round_fraction
from floor.tariff import Component, Line, Occasion, Tariff
from floor.tariff.component import Where, price_of
from floor.tariff.model import BracketMode, FreeMode

BOUNDS = {
    "minimum": "brought up to the minimum",
    "maximum": "brought down to the maximum",
    "cap": "taken off by the cap",
    "repriced": "earlier use, at the price that now holds for all of it",
    "discount": "discount",
    "coupon": "coupon",
    "credit": "credit",
    "surcharge": "surcharge",
    "tax": "VAT",
    "unfunded": "what the fund could no longer pay",
    "split": "split between accounts",
}
"""What each `bound` of a line means; a test holds that none is missing."""
ADJUSTMENTS = frozenset({"discount", "coupon", "credit", "surcharge"})
ZERO = Fraction(0)
TIMES = {"min": 60, "h": 3600, "day": 86_400}
"""Units of time in seconds: what is metered in milliseconds is exact in them."""
SMALL = 12
"""Parts of a use are written as such up to this denominator, others in per cent."""
DIGITS = 4
"""With how many decimals what was metered is written: a second is 0.0003 h."""
_DAY = datetime(2000, 1, 1, tzinfo=UTC).date()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a receipt, in words; `sum` is how the amount came about, as one would reckon it by hand."""

    what: str
    metered: str
    billed: str
    price: str
    amount_micro: int
    note: str
    sum: str = ""


def split_words(split: SplitSeen, f: Formats) -> str:
    """Say what part of a session a charge is, who split it, and why."""
    gettext = f.texts.gettext
    small = split.part.denominator <= SMALL
    words = {"part": str(split.part) if small else f.rate(split.part), "name": split.by, "why": split.reason}
    if not split.reason:
        return gettext("%(part)s of this use, which is split between accounts") % words
    if not split.by:
        return gettext("%(part)s of this use, split because: %(why)s") % words
    return gettext("%(part)s of this use, split by %(name)s because: %(why)s") % words


def explain(
    lines: Sequence[Line], versions: Mapping[str, Tariff], tier: str, code: str, f: Formats
) -> list[Row]:
    """Say what the lines of a charge are. `versions` are their tariffs by their ids."""
    drawn: dict[str, Fraction] = {}
    for line in lines:
        if line.bound != "repriced":
            drawn[line.component] = drawn.get(line.component, ZERO) + line.metered - line.billed
    rows = []
    for line in lines:
        mine = drawn.pop(line.component, ZERO) if line.metered else ZERO
        rows.append(_explain(line, mine, versions.get(line.tariff), tier, code, f))
    return rows


def _explain(line: Line, drawn: Fraction, tariff: Tariff | None, tier: str, code: str, f: Formats) -> Row:
    """Say what a line is. Without its tariff, or the component in it, it is shown as it stands.

    `drawn` is what of the component was metered and not billed, said beside its first line.
    """
    gettext = f.texts.gettext
    component = next((c for c in tariff.components if c.id == line.component), None) if tariff else None
    if tariff is None or (component is None and not line.bound and line.unit != "pack"):
        note = gettext(BOUNDS[line.bound]) if line.bound in BOUNDS else ""
        return Row(line.component, "", "", "", line.amount_micro, note)
    if line.unit == "pack":
        return _bought(line, tariff, code, f)
    if component is None:
        return _rule(line, tariff, code, f)
    return _priced(line, drawn, component, tariff, tier, code, f)


def _bought(line: Line, tariff: Tariff, code: str, f: Formats) -> Row:
    pack = next((pack for pack in tariff.packs if pack.id == line.component), None)
    component = next((c for c in tariff.components if pack and c.id == pack.component), None)
    note = ""
    if pack is not None and component is not None:
        note = f"{amount_words(component, pack.size, f)} {component_name(component, f)}"
    what = f"{f.texts.gettext(OCCASIONS[Occasion.PACK])} · {line.component}"
    return Row(what, "", "", f.money(line.price_micro, code), line.amount_micro, note)


def _rule(line: Line, tariff: Tariff, code: str, f: Formats) -> Row:
    """Explain what a rule of the tariff changed in the sum."""
    gettext = f.texts.gettext
    what, note, price = gettext(BOUNDS.get(line.bound, line.component)), "", ""
    adjustment = next((one for one in tariff.adjustments if one.id == line.component), None)
    if line.bound in ADJUSTMENTS and adjustment is not None:
        note = adjustment_words(adjustment, code, f)
    elif line.bound in ADJUSTMENTS or line.bound == "unfunded":
        note = line.component
    elif line.bound == "cap":
        note = f.texts.gettext("; ").join(cap_words(cap, code, f) for cap in tariff.caps)
    elif line.bound == "tax" and tariff.tax is not None:
        price = f.rate(tariff.tax.rate)
    return Row(what, "", "", price, line.amount_micro, note)


def _priced(
    line: Line, drawn: Fraction, component: Component, tariff: Tariff, tier: str, code: str, f: Formats
) -> Row:
    """Explain a price: how much was used, what of it is billed at which price, and why at that one."""
    unit = component_unit(component, f)
    price = f.money(line.price_micro, code, exact=True)
    notes = _notes(line, drawn, component, tariff, tier, f)
    what = _named(component, tariff, f)
    reckoned = sum_words(line, drawn, component, tier, code, f)
    if not unit:
        return Row(what, "", "", price, line.amount_micro, f.texts.gettext("; ").join(notes), reckoned)
    metered = f"{f.number(line.metered, DIGITS)} {unit}" if line.metered else ""
    each, billed = unit, ""
    if component.block is not None:
        each = amount_words(component, component.block, f)
        billed = f.texts.gettext("%(count)s × %(block)s") % {"count": f.number(line.billed), "block": each}
    elif line.billed != line.metered:
        billed = f"{f.number(line.billed, DIGITS)} {unit}"
    note = f.texts.gettext("; ").join(notes)
    return Row(what, metered, billed, f"{price} / {each}", line.amount_micro, note, reckoned)


def sum_words(line: Line, drawn: Fraction, component: Component, tier: str, code: str, f: Formats) -> str:
    """Write a line as a sum: "84 min − 10 min = 74 min; 4,440 s ÷ 3,600 × €0.60 = €0.74".

    It is "" where the amount is no product: a bound made it, or it is one of a flat price.
    """
    if round_fraction(line.billed * line.price_micro) != line.amount_micro or not line.billed:
        return ""
    price = f.money(line.price_micro, code, exact=True)
    amount = f.money(line.amount_micro, code, exact=True)
    if not component_unit(component, f):
        return "" if line.billed == 1 else f"{_exact(line.billed, f)} × {price} = {amount}"
    written = _Written(component, (line.metered, line.billed, drawn), f)
    steps = _steps(line, drawn, component, tier, written, f)
    if component.block is not None or not written.per_unit:
        return f"{steps}{_exact(line.billed, f)} × {price} = {amount}"
    return f"{steps}{written(line.billed)} ÷ {f.number(written.per_unit)} × {price} = {amount}"


class _Written:
    """Writes the amounts of a line so that they are exact: time in whole minutes or in seconds.

    `per_unit` is how many of what is written are one unit of the price, 0 where that is written itself.
    """

    def __init__(self, component: Component, values: Iterable[Fraction], f: Formats) -> None:
        self._unit, self._f, self.per_unit = component_unit(component, f), f, 0
        seconds = TIMES.get(component.unit, 0) if component.quantity is not None else 0
        if seconds and component.block is None:
            short = all((value * seconds / 60).denominator == 1 for value in values)
            self.per_unit = seconds // 60 if short else seconds
            self._unit = f.texts.gettext("min" if short else "s")
        self._each = self.per_unit or 1

    def __call__(self, value: Fraction) -> str:
        return f"{_exact(value * self._each, self._f)} {self._unit}"


def _steps(
    line: Line, drawn: Fraction, component: Component, tier: str, written: _Written, f: Formats
) -> str:
    """Say what became of what was metered before it was priced: less what is free, in begun blocks."""
    each = component.block
    if not line.metered or (each is None and drawn <= 0):
        return ""
    if each is None:
        rest = written(line.metered - drawn)
        return f"{written(line.metered)} − {written(drawn)} = {rest}{f.texts.gettext('; ')}"
    for free in (component.frees.get(tier, component.free), ZERO):
        left = max(ZERO, line.metered - free)
        if math.ceil(left / each) == line.billed:
            less = f" − {written(free)}" if free else ""
            words = {"count": f.number(line.billed), "size": written(each)}
            begun = f.texts.gettext("%(count)s begun steps of %(size)s") % words
            return f"{written(line.metered)}{less} → {begun}{f.texts.gettext('; ')}"
    return ""


def _exact(value: Fraction, f: Formats) -> str:
    """Write a number with as many decimals as meters have; what has more is written as a fraction."""
    return f.number(value, 6) if (value * 10**6).denominator == 1 else f"{value}"


def _named(component: Component, tariff: Tariff, f: Formats) -> str:
    """Name a component; with its own name beside, where two of the tariff are prices for the same thing."""
    name = component_name(component, f)
    if component.on is not Occasion.SESSION:
        occasion = f.texts.gettext(OCCASIONS[component.on])
        name = occasion if not component_unit(component, f) else f"{occasion} · {name}"
    same = [
        other
        for other in tariff.components
        if other.on is component.on and component_name(other, f) == component_name(component, f)
    ]
    return f"{name} · {component.id}" if len(same) > 1 else name


def _notes(
    line: Line, drawn: Fraction, component: Component, tariff: Tariff, tier: str, f: Formats
) -> list[str]:
    gettext = f.texts.gettext
    notes = []
    window = tariff.window(line.window) if line.window else None
    if window is not None:
        notes.append(window_words(window, f))
    if line.bound == "repriced":
        notes.append(gettext(BOUNDS[line.bound]))
    elif component.brackets and line.billed:
        notes += _bracket(line, component, tariff, tier, f)
    free = component.frees.get(tier, component.free)
    if line.metered and line.bound != "repriced":
        if free and (component.block is not None or drawn > 0 or _threshold(component)):
            notes.append(free_words(component, free, f))
        elif component.block is None and drawn > 0:
            words = {"amount": amount_words(component, drawn, f)}
            notes.append(gettext("%(amount)s from what you hold in advance") % words)
    if line.bound in ("minimum", "maximum"):
        notes.append(gettext(BOUNDS[line.bound]))
    return notes


def _threshold(component: Component) -> bool:
    return component.free_mode is FreeMode.THRESHOLD


def _bracket(line: Line, component: Component, tariff: Tariff, tier: str, f: Formats) -> list[str]:
    """Say in which bracket a price lies, where one and only one of them has it."""
    where = Where(tier, "", None, _DAY, line.window)
    size = component.block or Fraction(1)
    edges = [Fraction(0), *(bracket.above / size for bracket in component.brackets)]
    prices = [price_of(component, tariff, where, edge + Fraction(1, 10**9)) for edge in edges]
    found = [n for n, price in enumerate(prices) if price == line.price_micro]
    if len(found) != 1:
        return []
    gettext = f.texts.gettext
    if found[0] == 0:
        edge = amount_words(component, component.brackets[0].above, f)
        return [with_period(gettext("up to %(edge)s") % {"edge": edge}, component.brackets_per, f)]
    edge = amount_words(component, component.brackets[found[0] - 1].above, f)
    whole = component.brackets_mode is BracketMode.WHOLE
    said = gettext("above %(edge)s, for all of it") if whole else gettext("above %(edge)s")
    return [with_period(said % {"edge": edge}, component.brackets_per, f)]
