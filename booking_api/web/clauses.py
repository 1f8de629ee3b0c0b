"""What stands beside the prices of a tariff, in plain words: tiers, windows, caps, adjustments, tax."""

from __future__ import annotations

from fractions import Fraction

from babel.dates import format_date, get_day_names

from booking_api.web.formats import Formats
from booking_api.web.vocabulary import amount_words, bounds_words, component_name, remarked, with_period
from floor.tariff import Tariff
from floor.tariff.model import Adjustment, AdjustmentKind, Cap, Pack, When, Window

DAY_MIN = 1440


def rules_words(tariff: Tariff, formats: Formats) -> list[str]:
    """Say each rule of a tariff in a sentence."""
    gettext = formats.texts.gettext
    code = tariff.commodity.code
    said = [tier_words(tier.id, tier.multiplier, formats) for tier in tariff.tiers.values()]
    said += [window_words(window, formats) for window in tariff.windows]
    said += bounds_words(tariff.minimum_micro, tariff.maximum_micro, code, formats)
    said += [cap_words(cap, code, formats) for cap in tariff.caps]
    said += [adjustment_words(one, code, formats) for one in tariff.adjustments]
    said += [pack_words(pack, tariff, formats) for pack in tariff.packs]
    if tariff.tax is not None:
        included, added = gettext("VAT of %(rate)s is included"), gettext("VAT of %(rate)s is added")
        said.append((included if tariff.tax.included else added) % {"rate": formats.rate(tariff.tax.rate)})
    if tariff.worth is not None:
        worth = formats.money(tariff.worth.amount_micro, tariff.worth.commodity, exact=True)
        said.append(gettext("1 %(unit)s is worth %(amount)s") % {"unit": code, "amount": worth})
    if tariff.rounding.unit_micro != tariff.commodity.minor_micro:
        unit = formats.money(tariff.rounding.unit_micro, code)
        said.append(gettext("Rounded to %(unit)s at the end") % {"unit": unit})
    return [sentence for sentence in said if sentence]


def tier_words(id: str, multiplier: Fraction, formats: Formats) -> str:
    """Say which part of the prices a tier pays; "" for the whole."""
    gettext = formats.texts.gettext
    if multiplier == 0:
        return gettext("%(tier)s: free of charge") % {"tier": gettext(id)}
    if multiplier == 1:
        return ""
    return gettext("%(tier)s: %(part)s of the price") % {
        "tier": gettext(id),
        "part": formats.rate(multiplier),
    }


def window_words(window: Window, formats: Formats) -> str:
    """Say when a window is, and what it does to every price: "night: 50 % of the price (22:00–06:00)"."""
    words = {"tier": window.id, "part": formats.rate(window.multiplier)}
    times = window_times(window, formats)
    if window.multiplier == 1:
        return f"{window.id}: {times}"
    return remarked(formats.texts.gettext("%(tier)s: %(part)s of the price") % words, times, formats)


def window_times(window: Window, formats: Formats) -> str:
    """Say when a window is: "Mon–Fri 16:00–20:00"."""
    names = get_day_names("abbreviated", locale=formats.locale)
    parts = [] if len(window.days) == 7 else [_days(sorted(window.days), names)]
    parts += [format_date(day, "medium", locale=formats.locale) for day in sorted(window.dates)]
    said = formats.texts.gettext(", ").join(part for part in parts if part)
    whole = window.from_min == 0 and window.to_min % DAY_MIN == 0
    times = "" if whole and said else f"{_clock(window.from_min)}–{_clock(window.to_min)}"
    return " ".join(part for part in (said, times) if part)


def cap_words(cap: Cap, code: str, formats: Formats) -> str:
    """Say what a cap takes off, and for how long it counts."""
    gettext = formats.texts.gettext
    words = {"amount": formats.money(cap.above_micro, code), "part": formats.rate(cap.rate)}
    part, hard = gettext("Above %(amount)s only %(part)s of the price is paid"), gettext("At most %(amount)s")
    return with_period((part if cap.rate else hard) % words, cap.per, formats)


def adjustment_words(one: Adjustment, code: str, formats: Formats) -> str:
    """Say what an adjustment changes."""
    gettext = formats.texts.gettext
    words = {"name": one.id, "amount": "", "tiers": gettext(", ").join(sorted(one.tiers))}
    more, less = gettext("%(name)s: %(amount)s more"), gettext("%(name)s: %(amount)s less")
    change = more if one.kind is AdjustmentKind.SURCHARGE else less
    if one.kind is AdjustmentKind.COUPON:
        said = gettext("%(name)s: a coupon takes its part off each line") % words
    elif one.part is not None:
        words["amount"] = formats.rate(one.part)
        said = change % words
    elif one.amount_micro is not None:
        words["amount"] = formats.money(one.amount_micro, code)
        said = change % words
        said = with_period(said, one.per, formats)
    else:
        said = gettext("%(name)s: what you were given comes off") % words
    if one.tiers:
        said += gettext(", for %(tiers)s") % words
    return said + gettext(", when a fault of the machine ended it") if one.when is When.FAULT else said


def pack_words(pack: Pack, tariff: Tariff, formats: Formats) -> str:
    """Say what a prepaid pack holds and costs."""
    component = next(component for component in tariff.components if component.id == pack.component)
    words = {
        "name": pack.id,
        "size": amount_words(component, pack.size, formats),
        "what": component_name(component, formats),
        "price": formats.money(pack.price_micro, tariff.commodity.code),
    }
    return formats.texts.gettext("%(name)s: %(size)s of %(what)s in advance for %(price)s") % words


def _days(days: list[int], names: object) -> str:
    """Name days of the week, runs of three or more as from the first to the last."""
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    said: list[str] = []
    for run in runs:
        first, last = names[run[0]], names[run[-1]]  # type: ignore[index] # Babel's mapping of day numbers
        said += [f"{first}–{last}"] if len(run) > 2 else [first, last][: len(run)]
    return ", ".join(said)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
