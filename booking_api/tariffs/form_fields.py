"""Which fields the form of a tariff has; `TEXTS` are its words, in a catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from floor.money import RoundingMode
from floor.tariff import Occasion, RoundWhere
from floor.tariff.model import BillAt, BracketMode, FreeMode, Period


class Kind(StrEnum):
    """How a value is typed."""

    TEXT = "text"
    AMOUNT = "amount"
    PERCENT = "percent"
    MEASURE = "measure"
    CHOICE = "choice"
    LIST = "list"
    MOMENT = "moment"
    PRICES = "prices"


class Group(StrEnum):
    """Which table of the file a row is of."""

    GENERAL = "general"
    COMPONENTS = "components"
    TIERS = "tiers"
    WINDOWS = "windows"
    CAPS = "caps"
    TAX = "tax"
    ROUNDING = "rounding"


@dataclass(frozen=True, slots=True)
class Spec:
    """A key of the file: how it is typed, what it is called, and what holds where the file says nothing.

    `more` puts it away behind a fold; `hint` says how it is written.
    """

    key: str
    kind: Kind
    label: str
    default: str = ""
    choices: tuple[str, ...] = ()
    more: bool = False
    hint: str = ""


_PERIODS = tuple(Period)
GENERAL = (
    Spec("name", Kind.TEXT, "Name of the tariff"),
    Spec("valid_from", Kind.MOMENT, "In force from"),
    Spec("minimum", Kind.AMOUNT, "At least, for a session"),
    Spec("maximum", Kind.AMOUNT, "At most, for a session"),
    Spec("bill_at", Kind.CHOICE, "A session over the end of a month", BillAt.SPLIT, tuple(BillAt), True),
    Spec("counts", Kind.LIST, "What people count themselves", more=True, hint="Words with commas between"),
)
COMPONENT = (
    Spec("per", Kind.CHOICE, "What is priced"),
    Spec("price", Kind.AMOUNT, "Price"),
    Spec("unit", Kind.CHOICE, "per"),
    Spec("block", Kind.MEASURE, "For each started", hint="Such as 10 min"),
    Spec("free", Kind.MEASURE, "Free", hint="Such as 10 min"),
    Spec("tiers", Kind.PRICES, "Price"),
    Spec("windows", Kind.PRICES, "Price"),
    Spec("minimum", Kind.AMOUNT, "At least"),
    Spec("maximum", Kind.AMOUNT, "At most"),
    Spec("id", Kind.TEXT, "Called", more=True),
    Spec("on", Kind.CHOICE, "When", Occasion.SESSION, tuple(on for on in Occasion if on != "pack"), True),
    Spec(
        "machines", Kind.LIST, "Only on these machines", more=True, hint="Their short names, commas between"
    ),
    Spec("free_per", Kind.CHOICE, "Free counts by", Period.SESSION, _PERIODS, True),
    Spec("free_mode", Kind.CHOICE, "Above what is free", FreeMode.MARGINAL, tuple(FreeMode), True),
    Spec("brackets_per", Kind.CHOICE, "Steps count by", Period.SESSION, _PERIODS, True),
    Spec("brackets_mode", Kind.CHOICE, "A step's price is", BracketMode.MARGINAL, tuple(BracketMode), True),
)
TIER = (
    Spec("multiplier", Kind.PERCENT, "Pays, in per cent", "100"),
    Spec("fund", Kind.TEXT, "Who pays the rest"),
)
WINDOW = (
    Spec("id", Kind.TEXT, "Called"),
    Spec("days", Kind.LIST, "Days", hint="Such as mon-fri, or sat, sun"),
    Spec("from", Kind.TEXT, "From", hint="Such as 17:00"),
    Spec("to", Kind.TEXT, "To", hint="Such as 22:00"),
    Spec("multiplier", Kind.PERCENT, "Pays, in per cent", "100"),
)
CAP = (
    Spec("per", Kind.CHOICE, "Counts by", Period.MONTH, _PERIODS),
    Spec("above", Kind.AMOUNT, "Above"),
    Spec("rate", Kind.PERCENT, "Paid above it, in per cent", "0"),
)
TAX = (
    Spec("rate", Kind.PERCENT, "VAT in per cent"),
    Spec("included", Kind.CHOICE, "Is it in the prices?", "true", ("true", "false")),
)
ROUNDING = (
    Spec("unit", Kind.AMOUNT, "Rounded to"),
    Spec("where", Kind.CHOICE, "What is rounded", RoundWhere.SESSION, tuple(RoundWhere)),
    Spec("mode", Kind.CHOICE, "How it is rounded", RoundingMode.HALF_UP, tuple(RoundingMode)),
)
FORMLESS = frozenset({"id", "commodity", "tiers", "windows", "components", "caps", "tax", "rounding"})
"""What the top of a file has that the form shows elsewhere, or that no later version may change."""
TITLES: dict[Group, str] = {
    Group.GENERAL: "General",
    Group.COMPONENTS: "Prices",
    Group.TIERS: "Who pays which part",
    Group.WINDOWS: "Times of the week",
    Group.CAPS: "Caps",
    Group.TAX: "Tax",
    Group.ROUNDING: "Rounding",
}
CHOICES: dict[str, dict[str, str]] = {
    "bill_at": {"split": "each month its part", "end": "all in the month of its end"},
    "free_mode": {"marginal": "only what is above costs", "threshold": "all of it costs"},
    "brackets_mode": {"marginal": "for what is above", "whole": "for all of it"},
    "included": {"true": "Yes", "false": "No, it is added"},
    "where": {"session": "the session's sum", "line": "each line", "statement": "the month's statement"},
    "mode": {
        "half_up": "to the nearest, halves up",
        "half_even": "to the nearest, halves to even",
        "up": "always up",
        "down": "always down",
    },
    "period": {
        Period.SESSION: "session",
        Period.DAY: "day",
        Period.WEEK: "week",
        Period.MONTH: "month",
        Period.YEAR: "year",
        Period.ANNIVERSARY: "year of membership",
        Period.BILLING_MONTH: "month of membership",
    },
    "flat": {"flat": "flat price", "": "–"},
}
_SPECS = (*GENERAL, *COMPONENT, *TIER, *WINDOW, *CAP, *TAX, *ROUNDING)
TEXTS: dict[str, str] = {
    text: text
    for text in (
        *TITLES.values(),
        *(spec.label for spec in _SPECS),
        *(spec.hint for spec in _SPECS if spec.hint),
        *(text for words in CHOICES.values() for text in words.values()),
        "Price from there on",
    )
}
