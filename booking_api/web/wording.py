"""Tariffs and policies in plain words, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from booking_api.web.formats import Formats
from floor.meter import Quantity
from floor.policy import MachinePolicy, OnCreditSpent, OnLeave
from floor.tariff import Component, Tariff

QUANTITIES: dict[Quantity, str] = {
    Quantity.MACHINE_TIME_MS: "machine time",
    Quantity.BUSY_TIME_MS: "working time",
    Quantity.JOB_TIME_MS: "job time",
    Quantity.LASER_TIME_MS: "laser time",
    Quantity.RUN_ON_TIME_MS: "run-on time",
    Quantity.RESERVED_TIME_MS: "reserved time",
    Quantity.FILAMENT_UM: "filament length",
    Quantity.FILAMENT_MG: "filament",
    Quantity.RESIN_UL: "resin",
    Quantity.VOLUME_MM3: "volume",
    Quantity.ENERGY_MWH: "energy",
    Quantity.TRAVEL_UM: "travel",
    Quantity.JOBS: "jobs",
}
"""What people call each quantity; a catalogue has each of them."""
SYMBOLS = {"wh": "Wh", "kwh": "kWh", "cm3": "cm³", "in3": "in³"}
"""How people write the units that tariff files write otherwise."""


def unit_text(unit: str, formats: Formats) -> str:
    """Return how people write a tariff's unit."""
    return formats.texts.gettext(SYMBOLS.get(unit, unit))


def tariff_words(tariff: Tariff, formats: Formats) -> list[str]:
    """Say what a tariff asks, one sentence a component, then tiers and bounds."""
    gettext = formats.texts.gettext
    code = tariff.commodity.code
    said = [component_words(component, code, formats) for component in tariff.components]
    for tier in tariff.tiers.values():
        if tier.multiplier == 0:
            said.append(gettext("%(tier)s: free of charge") % {"tier": tier.id})
        elif tier.multiplier != 1:
            part = formats.percent(tier.multiplier)
            said.append(gettext("%(tier)s: %(part)s of the price") % {"tier": tier.id, "part": part})
    said += _bounds(tariff.minimum_micro, tariff.maximum_micro, code, formats)
    if tariff.rounding.unit_micro != tariff.commodity.minor_micro:
        unit = formats.money(tariff.rounding.unit_micro, code)
        said.append(gettext("Rounded to %(unit)s at the end") % {"unit": unit})
    return said


def component_words(component: Component, code: str, formats: Formats) -> str:
    """Say what one component asks: "€1.50 for each started 15 min of machine time; the first 20 min free"."""
    gettext = formats.texts.gettext
    price = formats.money(component.price_micro, code, exact=True)
    if component.quantity is None:
        return gettext("%(price)s for each session") % {"price": price}
    what = gettext(QUANTITIES[component.quantity])
    words = {"price": price, "unit": unit_text(component.unit, formats), "what": what}
    if component.quantity is Quantity.JOBS:
        said = gettext("%(price)s for each job") % words
    elif component.block is not None:
        words["block"] = _amount(component.block, component.unit, formats)
        said = gettext("%(price)s for each started %(block)s of %(what)s") % words
    else:
        said = gettext("%(price)s per %(unit)s of %(what)s") % words
    parts = [said]
    if component.free:
        free = _amount(component.free, component.unit, formats)
        parts.append(gettext("the first %(free)s are free") % {"free": free})
    for tier, own in component.prices.items():
        parts.append(f"{tier}: {formats.money(own, code, exact=True)}")
    parts += _bounds(component.minimum_micro, component.maximum_micro, code, formats)
    return gettext("; ").join(parts)


def short_price(tariff: Tariff, formats: Formats) -> str:
    """Say the main price in a few words, for a card: "€0.06 / min"; "" for a tariff that never asks any."""
    asking = [component for component in tariff.components if component.price_micro]
    if not asking:
        return ""
    component = next((c for c in asking if c.quantity is not None), asking[0])
    price = formats.money(component.price_micro, tariff.commodity.code, exact=True)
    if component.quantity is None:
        return price
    if component.block is not None:
        return f"{price} / {_amount(component.block, component.unit, formats)}"
    return f"{price} / {unit_text(component.unit, formats)}"


def policy_words(policy: MachinePolicy, formats: Formats) -> list[str]:
    """Say how a machine behaves, as far as a member needs to know."""
    gettext = formats.texts.gettext

    def span(seconds: int) -> dict[str, str]:
        return {"time": formats.span(seconds * 1000)}

    rules: list[tuple[bool, Callable[[], str]]] = [
        (policy.hazardous, lambda: gettext("Hazardous: never leave it alone while it works.")),
        (policy.card_must_stay, lambda: gettext("Your badge stays in the holder while you work.")),
        (
            policy.on_leave is OnLeave.HOLD_FOR_JOB,
            lambda: gettext("Tap out any time: the machine finishes its job, and you pay until then."),
        ),
        (policy.on_leave is OnLeave.OPEN, lambda: gettext("Tapping out takes the power away at once.")),
        (
            policy.idle_after_s > 0,
            lambda: gettext("Ends by itself after %(time)s without work.") % span(policy.idle_after_s),
        ),
        (True, lambda: gettext("A session lasts %(time)s at most.") % span(policy.max_duration_s)),
        (
            policy.run_on_s > 0,
            lambda: gettext("The extraction runs on for %(time)s.") % span(policy.run_on_s),
        ),
        (policy.takeover, lambda: gettext("Another member may take over while it stands idle.")),
        (not policy.accepts_weak_badges, lambda: gettext("Needs a badge that cannot be copied.")),
        (True, lambda: gettext(_CREDIT[policy.on_credit_spent])),
    ]
    return [say() for applies, say in rules if applies]


_CREDIT = {
    OnCreditSpent.FINISH_AND_OWE: "When your credit is spent you may finish, and owe the rest.",
    OnCreditSpent.STOP_WHEN_IDLE: "When your credit is spent it stops as soon as the work is done.",
    OnCreditSpent.STOP_AT_ONCE: "When your credit is spent it stops at once.",
}


def _bounds(low: int | None, high: int | None, code: str, formats: Formats) -> list[str]:
    gettext = formats.texts.gettext
    said = []
    if low is not None:
        said.append(gettext("At least %(amount)s") % {"amount": formats.money(low, code)})
    if high is not None:
        said.append(gettext("At most %(amount)s") % {"amount": formats.money(high, code)})
    return said


def _amount(value: Fraction, unit: str, formats: Formats) -> str:
    return f"{formats.number(value, 3)} {unit_text(unit, formats)}"
