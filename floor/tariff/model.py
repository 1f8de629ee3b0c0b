"""What a tariff says: components over what was used, who pays which part, what bounds and rounds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from floor.access import REPAIR_TIER
from floor.meter import Quantity
from floor.money import MICRO, Commodity, RoundingMode

UNITS: dict[str, dict[str, Fraction]] = {
    base: {unit: Fraction(size) for unit, size in sizes.items()}
    for base, sizes in {
        "ms": {"s": "1000", "min": "60000", "h": "3600000", "day": "86400000"},
        "um": {"mm": "1000", "m": "1000000"},
        "mg": {"g": "1000", "kg": "1000000"},
        "ul": {"ml": "1000", "l": "1000000"},
        "mm3": {"cm3": "1000", "in3": "16387.064"},
        "mwh": {"wh": "1000", "kwh": "1000000"},
        "jobs": {"job": "1"},
    }.items()
}
"""Units that people write, for each base unit: how many base units one of them is, exactly."""


def units_of(quantity: Quantity) -> dict[str, Fraction]:
    """Return the units in which a quantity may be priced, with how many base units each is."""
    return UNITS[quantity.rpartition("_")[2]]


class RoundWhere(StrEnum):
    """The group whose sum is rounded."""

    LINE = "line"
    SESSION = "session"
    STATEMENT = "statement"


class Period(StrEnum):
    """How long something is counted before it starts again from nothing, on the space's own clock."""

    SESSION = "session"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    ANNIVERSARY = "anniversary"
    BILLING_MONTH = "billing_month"


class FreeMode(StrEnum):
    """Whether the free part stays free when more is used, or all is charged from there on."""

    MARGINAL = "marginal"
    THRESHOLD = "threshold"


class BracketMode(StrEnum):
    """Whether a bracket's price is for what lies in it, or for everything once it is reached."""

    MARGINAL = "marginal"
    WHOLE = "whole"


class CountsFor(StrEnum):
    """Whose use is counted together."""

    ACCOUNT = "account"
    MEMBER = "member"


class Occasion(StrEnum):
    """What is charged for: the use of a machine, or something that happened around it."""

    SESSION = "session"
    RESERVATION = "reservation"
    NO_SHOW = "no_show"
    LATE_CANCEL = "late_cancel"
    DAMAGE = "damage"
    MEMBERSHIP = "membership"
    CLASS = "class"
    PACK = "pack"


class BillAt(StrEnum):
    """Which month a session belongs to that runs over the edge: each part to its own, or all to the last."""

    SPLIT = "split"
    END = "end"


class AdjustmentKind(StrEnum):
    """What changes a sum: a part or an amount off it, a coupon off each line, a credit, a surcharge."""

    DISCOUNT = "discount"
    COUPON = "coupon"
    CREDIT = "credit"
    SURCHARGE = "surcharge"


class When(StrEnum):
    """Of which visits an adjustment is: of all, or of those that a fault of the machine ended."""

    ALWAYS = "always"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Rounding:
    """Round sums of a group to a multiple of `unit_micro`."""

    unit_micro: int = MICRO // 100
    mode: RoundingMode = RoundingMode.HALF_UP
    where: RoundWhere = RoundWhere.SESSION


@dataclass(frozen=True, slots=True)
class Bracket:
    """What one unit (or one block) costs of what lies above `above` units; `prices` are tiers' own."""

    above: Fraction
    price_micro: int
    prices: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Component:
    """One price: `price_micro` for each `unit` of a quantity, or for each started block of `block` units.

    Without `quantity` it is a flat price for a session, or for each one of `count` (a count of the space's
    own), or once for each calendar period `each` that is touched. `free` units come off before anything is
    priced (`frees` for the tiers that have their own), then what a pack holds, then come blocks, and
    brackets count what is left. `prices` gives a tier its own price, `window_prices` a time window.
    `minimum_micro` and `maximum_micro` bound this component's amount in one session.
    """

    id: str
    quantity: Quantity | None
    price_micro: int
    unit: str = ""
    block: Fraction | None = None
    free: Fraction = Fraction(0)
    prices: dict[str, int] = field(default_factory=dict)
    minimum_micro: int | None = None
    maximum_micro: int | None = None
    on: Occasion = Occasion.SESSION
    machines: frozenset[str] = frozenset()
    count: str = ""
    each: Period | None = None
    frees: dict[str, Fraction] = field(default_factory=dict)
    free_per: Period = Period.SESSION
    free_mode: FreeMode = FreeMode.MARGINAL
    brackets: tuple[Bracket, ...] = ()
    brackets_per: Period = Period.SESSION
    brackets_mode: BracketMode = BracketMode.MARGINAL
    window_prices: dict[str, int] = field(default_factory=dict)
    counts_for: CountsFor = CountsFor.ACCOUNT
    shared: str = ""
    tax: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """Who pays which part of the prices: `multiplier` 0 to 10, exactly; 1/2 is half price.

    `fund` names who pays the difference to the full price; nobody does where it is empty.
    """

    id: str
    multiplier: Fraction = Fraction(1)
    fund: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """Times of the week on the space's clock: on `days` (0 is Monday) or `dates`, in minutes of the day.

    It runs into the next day where `to_min` is not after `from_min`.
    """

    id: str
    days: frozenset[int]
    dates: frozenset[date]
    from_min: int
    to_min: int
    multiplier: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Cap:
    """Of what is charged above `above_micro` in a period, only the part `rate` is paid; 0 is a hard cap.

    Thresholds count gross charges. Caps of one `per` and `shared` make one scale; where several scales
    apply, the one that takes most off does.
    """

    per: Period
    above_micro: int
    rate: Fraction
    shared: str = ""
    counts_for: CountsFor = CountsFor.ACCOUNT
    fund: str = ""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of the sum; they apply in the order of the file. An amount is granted once each `per`."""

    id: str
    kind: AdjustmentKind
    part: Fraction | None = None
    amount_micro: int | None = None
    per: Period = Period.SESSION
    tiers: frozenset[str] = frozenset()
    fund: str = ""
    when: When = When.ALWAYS


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax that prices include, or that is added; rounded half up for each line, or for the whole."""

    rate: Fraction
    included: bool = True
    where: RoundWhere = RoundWhere.LINE


@dataclass(frozen=True, slots=True)
class Pack:
    """Prepaid use: for `price_micro`, `size` units of a component; it does not expire.

    What is left of a `transferable` one may be given to another account.
    """

    id: str
    component: str
    size: Fraction
    price_micro: int
    transferable: bool = False


@dataclass(frozen=True, slots=True)
class Worth:
    """What one of a space's own unit is worth in another commodity."""

    amount_micro: int
    commodity: str


@dataclass(frozen=True, slots=True)
class Tariff:
    """A version of a price list, in force from `valid_from_ms` (UTC milliseconds) until a later one is."""

    id: str
    name: str
    commodity: Commodity
    components: tuple[Component, ...]
    tiers: dict[str, Tier] = field(default_factory=dict)
    valid_from_ms: int = 0
    minimum_micro: int | None = None
    maximum_micro: int | None = None
    rounding: Rounding = field(default_factory=Rounding)
    bill_at: BillAt = BillAt.SPLIT
    counts: frozenset[str] = frozenset()
    windows: tuple[Window, ...] = ()
    caps: tuple[Cap, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    packs: tuple[Pack, ...] = ()
    tax: Tax | None = None
    worth: Worth | None = None

    @property
    def version(self) -> str:
        """What names this version in charges and statements."""
        return f"{self.id}@{self.valid_from_ms}"

    def multiplier(self, tier: str) -> Fraction:
        """Return the part of every price that a tier pays: all if it is not named, a repair nothing."""
        if tier in self.tiers:
            return self.tiers[tier].multiplier
        return Fraction(tier != REPAIR_TIER)

    def window(self, id: str) -> Window | None:
        """Return the window of that name, or None."""
        return next((window for window in self.windows if window.id == id), None)
