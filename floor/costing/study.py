"""The rate study: what a year costs, the rate that breaks even, and who pays what of it.

Every amount is brought to the minor unit where it first appears, so that a reader who adds up a column gets
its sum. Rates are exact until they are published; what that rounding gives or takes is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from floor.costing.model import (
    USERS,
    CostKind,
    CostPool,
    Costs,
    SurplusRule,
    UserTier,
    to_minor,
    written,
)
from floor.errors import ConfigError
from floor.money import MICRO, Commodity, RoundingMode, plain, round_fraction

USES = (Fraction(4, 5), Fraction(1), Fraction(6, 5))
"""The parts of the expected use at which a study is made: 20 % less, as expected, 20 % more."""


@dataclass(frozen=True, slots=True)
class CostLine:
    """One cost of a year, and how it was worked out."""

    kind: CostKind
    name: str
    formula: str
    amount_micro: int


@dataclass(frozen=True, slots=True)
class Year:
    """A pool's costs in a year of so many units.

    `idle_micro` is the part of the capital that pays for capacity which nobody uses (`idle_units`).
    `funded_micro` is what funds pay before there is a rate: subsidies, and idle capacity where one pays it.
    """

    units: Fraction
    lines: tuple[CostLine, ...]
    carried_micro: int
    idle_units: Fraction
    idle_micro: int
    funded_micro: int

    @property
    def cost_micro(self) -> int:
        """What the year costs."""
        return sum(line.amount_micro for line in self.lines)

    @property
    def to_recover_micro(self) -> int:
        """The year's cost with the deficit, or less the surplus, of the year before."""
        return self.cost_micro + self.carried_micro

    @property
    def left_micro(self) -> int:
        """What rates have to bring in."""
        return self.to_recover_micro - self.funded_micro

    @property
    def full_cost_rate(self) -> Fraction:
        """Micro-units a unit if no fund paid anything."""
        return Fraction(self.to_recover_micro) / self.units

    @property
    def rate(self) -> Fraction:
        """Micro-units a unit that break even."""
        return max(Fraction(0), Fraction(self.left_micro) / self.units)


@dataclass(frozen=True, slots=True)
class TierStudy:
    """What a tier's users pay at their published rate, and what its fund adds up to the full one."""

    id: str
    units: Fraction
    rate_micro: int
    pays_micro: int
    fund: str
    fund_pays_micro: int


@dataclass(frozen=True, slots=True)
class Use:
    """The same published rates at another use: what breaks even then, and the balance (+ surplus).

    `above_ceiling_micro` is what of that surplus would have to go back.
    """

    part: Fraction
    units: Fraction
    cost_micro: int
    rate: Fraction
    balance_micro: int
    above_ceiling_micro: int


class Purpose(StrEnum):
    """What a fund pays for: capacity that stands idle, everybody's rate, or one tier's reduction."""

    IDLE = "idle capacity"
    SUBSIDY = "subsidy"
    REDUCTION = "reduction"


@dataclass(frozen=True, slots=True)
class FundShare:
    """What a pool asks of a fund; `tier` is whose reduction it pays."""

    fund: str
    purpose: Purpose
    amount_micro: int
    tier: str = ""


@dataclass(frozen=True, slots=True)
class PoolStudy:
    """A pool's rates. `published_micro` is the full rate; `refund_micro` goes back to last year's payers.

    `surplus_above_micro` is what of last year's surplus stood above the ceiling.
    """

    id: str
    name: str
    unit: str
    year: Year
    idle_payer: str
    refund_micro: int
    surplus_above_micro: int
    published_micro: int
    tiers: tuple[TierStudy, ...]
    asked: tuple[FundShare, ...]
    uses: tuple[Use, ...]

    @property
    def paid_micro(self) -> int:
        """What all pay: users and funds."""
        return sum(t.pays_micro for t in self.tiers) + sum(s.amount_micro for s in self.asked)

    @property
    def rounding_micro(self) -> int:
        """What rounding the published rates gives (+) or takes (−)."""
        return self.paid_micro - self.year.to_recover_micro


@dataclass(frozen=True, slots=True)
class FundStudy:
    """What all pools ask of a fund; a negative sum is what it receives from tiers that pay more."""

    id: str
    name: str
    budget_micro: int
    asked_micro: int

    @property
    def pays_micro(self) -> int:
        """What it pays: never more than its budget."""
        return min(self.asked_micro, self.budget_micro)

    @property
    def missing_micro(self) -> int:
        """What nobody pays yet."""
        return self.asked_micro - self.pays_micro


@dataclass(frozen=True, slots=True)
class Study:
    """The rate study of a cost file."""

    name: str
    period: str
    commodity: Commodity
    pools: tuple[PoolStudy, ...]
    funds: tuple[FundStudy, ...]

    @property
    def users(self) -> dict[str, int]:
        """What each tier's users pay over all pools, in micro-units."""
        sums: dict[str, int] = {}
        for tier in (tier for pool in self.pools for tier in pool.tiers):
            sums[tier.id] = sums.get(tier.id, 0) + tier.pays_micro
        return sums


def study(costs: Costs, file: str) -> Study:
    """Study the rates of a cost file; raises ConfigError when funds and surplus are more than the costs."""
    pools = tuple(_pool(pool, number, costs, file) for number, pool in enumerate(costs.pools, 1))
    funds = tuple(
        FundStudy(
            fund.id,
            fund.name,
            fund.budget_micro,
            sum(share.amount_micro for pool in pools for share in pool.asked if share.fund == fund.id),
        )
        for fund in costs.funds
    )
    return Study(costs.name, costs.period, costs.commodity, pools, funds)


def _pool(pool: CostPool, number: int, costs: Costs, file: str) -> PoolStudy:
    minor = costs.commodity.minor_micro
    cost = sum(line.amount_micro for line in _lines(pool, pool.units, minor))
    surplus = max(0, -pool.carried_micro)
    refund = costs.surplus.refund(surplus, cost, minor)
    years = {part: _year(pool, pool.units * part, pool.carried_micro + refund, minor) for part in USES}
    year = years[Fraction(1)]
    if year.left_micro < 0:
        over = plain(-year.left_micro, costs.commodity)
        problem = f"funds and surplus come to {over} more than the pool costs"
        raise ConfigError(file, f"pools[{number}]", problem, "Lower a subsidy, or refund the surplus.")
    full = _published(year.rate, costs.unit_micro, costs.mode)
    tiers = tuple(_tier(tier, year.rate, full, costs) for tier in pool.tiers)
    return PoolStudy(
        id=pool.id,
        name=pool.name,
        unit=pool.unit,
        year=year,
        idle_payer=pool.idle_payer,
        refund_micro=refund,
        surplus_above_micro=costs.surplus.above(surplus, cost, minor),
        published_micro=full,
        tiers=tiers,
        asked=tuple(_asked(pool, year, tiers)),
        uses=tuple(_use(pool, part, years[part], full, costs.surplus, minor) for part in USES),
    )


def _lines(pool: CostPool, units: Fraction, minor: int) -> tuple[CostLine, ...]:
    lines = [
        CostLine(item.kind, item.name, item.formula(units), to_minor(item.yearly + item.each * units, minor))
        for item in pool.items
    ]
    if pool.management:
        direct = sum(line.amount_micro for line in lines)
        how = f"{written(pool.management * 100)} % × {written(Fraction(direct, MICRO))}"
        amount = to_minor(pool.management * direct, minor)
        lines.append(CostLine(CostKind.MANAGEMENT, "", how, amount))
    return tuple(lines)


def _year(pool: CostPool, units: Fraction, carried_micro: int, minor: int) -> Year:
    lines = _lines(pool, units, minor)
    idle_units, idle = Fraction(0), 0
    if pool.rated is not None:
        capital = sum(line.amount_micro for line in lines if line.kind is CostKind.CAPITAL)
        idle_units = max(Fraction(0), pool.rated - units)
        idle = to_minor(capital * idle_units / Fraction(pool.rated), minor)
    funded = sum(subsidy.amount_micro for subsidy in pool.subsidies)
    if pool.idle_payer != USERS:
        funded += idle
    return Year(units, lines, carried_micro, idle_units, idle, funded)


def _published(rate: Fraction, unit_micro: int, mode: RoundingMode) -> int:
    return round_fraction(Fraction(rate) / unit_micro, mode) * unit_micro


def _tier(tier: UserTier, rate: Fraction, full_micro: int, costs: Costs) -> TierStudy:
    own = tier.rate_micro
    if own is None:
        own = _published(rate * tier.multiplier, costs.unit_micro, costs.mode)
    minor = costs.commodity.minor_micro
    pays = to_minor(own * tier.units, minor)
    missing = to_minor(full_micro * tier.units, minor) - pays
    return TierStudy(tier.id, tier.units, own, pays, tier.fund, missing)


def _asked(pool: CostPool, year: Year, tiers: tuple[TierStudy, ...]) -> Iterator[FundShare]:
    if pool.idle_payer != USERS:
        yield FundShare(pool.idle_payer, Purpose.IDLE, year.idle_micro)
    for subsidy in pool.subsidies:
        yield FundShare(subsidy.fund, Purpose.SUBSIDY, subsidy.amount_micro)
    for tier in tiers:
        if tier.fund:
            yield FundShare(tier.fund, Purpose.REDUCTION, tier.fund_pays_micro, tier.id)


def _use(pool: CostPool, part: Fraction, year: Year, full: int, surplus: SurplusRule, minor: int) -> Use:
    """Every unit brings in the full rate, from its user and its tier's fund together."""
    brought = sum(to_minor(full * tier.units * part, minor) for tier in pool.tiers)
    balance = brought - year.left_micro
    above = surplus.above(max(0, balance), year.cost_micro, minor)
    return Use(part, year.units, year.cost_micro, year.rate, balance, above)
