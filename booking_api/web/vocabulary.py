"""What people call quantities, units, periods and occasions; a catalogue has each text of these tables."""

from __future__ import annotations

from fractions import Fraction

from booking_api.web.formats import Formats
from floor.ledger import EntryKind
from floor.meter import Quantity
from floor.tariff import Component, Occasion
from floor.tariff.model import Period

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
KINDS = {
    EntryKind.CHARGE: "Charge",
    EntryKind.PAYMENT: "Payment",
    EntryKind.REFUND: "Refund",
    EntryKind.FEE: "Fee",
    EntryKind.SALE: "Sale",
    EntryKind.CREDIT: "Given back",
    EntryKind.GRANT: "Allowance",
    EntryKind.TRANSFER: "Transfer",
    EntryKind.EXPIRY: "Expired",
    EntryKind.CONVERSION: "Conversion",
    EntryKind.COST: "Costs",
    EntryKind.ROUNDING: "Rounding",
    EntryKind.CLOSE: "Period close",
    EntryKind.REBATE: "Rebate",
    EntryKind.OPENING: "Opening balance",
    EntryKind.VISIT: "Use at another site",
    EntryKind.REVERSAL: "Correction",
}
"""What each kind of entry is called on a statement."""
TIERS = ("guest", "member", "student", "patron", "volunteer", "individual", "team", "full")
"""Tiers that spaces name often; a tier of another name stands as the space wrote it."""
SYMBOLS = {"wh": "Wh", "kwh": "kWh", "cm3": "cm³", "in3": "in³"}
"""How people write the units that tariff files write otherwise."""
_SMALLER = {"day": (("h", 24), ("min", 1440)), "h": (("min", 60), ("s", 3600)), "min": (("s", 60),)}
WHOLE_MAX = 600
"""From here on a whole number says less than a part: 1.21 h, not 4356 s."""


COUNTED: dict[Period, str] = {
    Period.SESSION: "",
    Period.DAY: "counted by day",
    Period.WEEK: "counted by week",
    Period.MONTH: "counted by month",
    Period.YEAR: "counted by year",
    Period.ANNIVERSARY: "counted by year of membership",
    Period.BILLING_MONTH: "counted by month of membership",
}
"""For how long something is counted before it starts again."""
FREE: dict[Period, str] = {
    Period.SESSION: "the first %(free)s are free",
    Period.DAY: "%(free)s a day are free",
    Period.WEEK: "%(free)s a week are free",
    Period.MONTH: "%(free)s a month are free",
    Period.YEAR: "%(free)s a year are free",
    Period.ANNIVERSARY: "%(free)s in each year of membership are free",
    Period.BILLING_MONTH: "%(free)s in each month of membership are free",
}
EACH: dict[Period, str] = {
    Period.SESSION: "%(price)s for each session",
    Period.DAY: "%(price)s for each day on which it is used",
    Period.WEEK: "%(price)s for each week in which it is used",
    Period.MONTH: "%(price)s for each month in which it is used",
    Period.YEAR: "%(price)s for each year in which it is used",
    Period.ANNIVERSARY: "%(price)s for each year of membership in which it is used",
    Period.BILLING_MONTH: "%(price)s for each month of membership in which it is used",
}
EVERY: dict[Period, str] = {
    Period.SESSION: "%(price)s each time",
    Period.DAY: "%(price)s for each day",
    Period.WEEK: "%(price)s for each week",
    Period.MONTH: "%(price)s for each month",
    Period.YEAR: "%(price)s for each year",
    Period.ANNIVERSARY: "%(price)s for each year of membership",
    Period.BILLING_MONTH: "%(price)s for each month of membership",
}
"""The same of what is no use of a machine."""
EACH_NAME: dict[Period, str] = {
    Period.SESSION: "flat price",
    Period.DAY: "price of the day",
    Period.WEEK: "price of the week",
    Period.MONTH: "price of the month",
    Period.YEAR: "price of the year",
    Period.ANNIVERSARY: "price of the year of membership",
    Period.BILLING_MONTH: "price of the month of membership",
}
OCCASIONS: dict[Occasion, str] = {
    Occasion.SESSION: "Use of a machine",
    Occasion.RESERVATION: "Reservation",
    Occasion.NO_SHOW: "Reservation that was not used",
    Occasion.LATE_CANCEL: "Reservation cancelled late",
    Occasion.DAMAGE: "Damage",
    Occasion.MEMBERSHIP: "Membership",
    Occasion.CLASS: "Class",
    Occasion.PACK: "Prepaid pack",
}


def unit_text(unit: str, formats: Formats) -> str:
    """Return how people write a tariff's unit."""
    return formats.texts.gettext(SYMBOLS.get(unit, unit))


def with_period(words: str, per: Period, formats: Formats) -> str:
    """Add for how long something is counted."""
    counted = formats.texts.gettext(COUNTED[per])
    return remarked(words, counted, formats) if counted else words


def amount_words(component: Component, value: Fraction, formats: Formats) -> str:
    """Write an amount in a component's unit: "20 min", "3 sheets".

    A part of an hour or a minute is said in the largest unit that makes it whole: "10 min", not "0.167 h".
    """
    unit = component.unit
    if component.quantity is not None and value.denominator > 1:
        for smaller, times in _SMALLER.get(unit, ()):
            if (value * times).denominator == 1 and value * times < WHOLE_MAX:
                return f"{formats.number(value * times)} {unit_text(smaller, formats)}"
    return f"{formats.number(value, 3)} {component_unit(component, formats)}"


def component_unit(component: Component, formats: Formats) -> str:
    """Return how people write what a component counts in; "" for a flat price."""
    return unit_text(component.unit, formats) if component.quantity is not None else _count(component)


def component_name(component: Component, formats: Formats) -> str:
    """Say what a component is a price for: "machine time", "sheets", "flat price"."""
    gettext = formats.texts.gettext
    if component.quantity is not None:
        return gettext(QUANTITIES[component.quantity])
    if component.count:
        return _count(component)
    return gettext("flat price") if component.each is None else gettext(EACH_NAME[component.each])


def _count(component: Component) -> str:
    return component.count.replace("_", " ")


def remarked(words: str, more: str, formats: Formats) -> str:
    """Put a remark behind words, in brackets."""
    return formats.texts.gettext("%(words)s (%(more)s)") % {"words": words, "more": more}


def bounds_words(low: int | None, high: int | None, code: str, formats: Formats) -> list[str]:
    """Say the least and the most of a sum, in micro-units."""
    gettext = formats.texts.gettext
    said = []
    if low is not None:
        said.append(gettext("At least %(amount)s") % {"amount": formats.money(low, code)})
    if high is not None:
        said.append(gettext("At most %(amount)s") % {"amount": formats.money(high, code)})
    return said
