"""A cost file's TOML, already read into a table, becomes Costs; every error names file, key and remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from fractions import Fraction

from floor.costing.fields import Fields
from floor.costing.model import (
    USERS,
    Actual,
    CostItem,
    CostKind,
    CostPool,
    Costs,
    Fund,
    Goes,
    Settled,
    Subsidy,
    SurplusRule,
    UserTier,
    written,
)
from floor.money import MICRO, Commodity, RoundingMode
from floor.tariff.load import PER
from floor.tariff.model import units_of

ITEM_KEYS: dict[CostKind, frozenset[str]] = {
    kind: frozenset({"name", "actual", *keys})
    for kind, keys in {
        CostKind.CAPITAL: ("price", "grant", "salvage", "years"),
        CostKind.UPKEEP: ("amount", "percent"),
        CostKind.CONSUMABLES: ("price", "lasts", "per_unit"),
        CostKind.ENERGY: ("kwh", "over", "price"),
        CostKind.ROOM: ("amount", "m2", "price"),
        CostKind.STAFF: ("amount", "hours", "price"),
        CostKind.OTHER: ("amount",),
    }.items()
}
ACTUAL: dict[CostKind, Actual] = {
    CostKind.CAPITAL: Actual.PLAN,
    CostKind.UPKEEP: Actual.BOOKED,
    CostKind.CONSUMABLES: Actual.METERED,
    CostKind.ENERGY: Actual.METERED,
    CostKind.ROOM: Actual.PLAN,
    CostKind.STAFF: Actual.PLAN,
    CostKind.OTHER: Actual.BOOKED,
}
"""Where a cost's real amount comes from, unless the file says; energy of a year is planned."""
COSTS_KEYS = frozenset(
    {"name", "period", "valid_from", "commodity", "decimals", "rounding", "surplus", "funds", "pools"}
)
ROUNDING_KEYS = frozenset({"unit", "mode"})
SURPLUS_KEYS = frozenset({"ceiling", "goes", "settled"})
FUND_KEYS = frozenset({"name", "budget"})
TIER_KEYS = frozenset({"expected", "multiplier", "rate", "fund"})
SUBSIDY_KEYS = frozenset({"fund", "amount"})
POOL_KEYS = frozenset(
    {"id", "name", "per", "unit", "rated", "idle_payer", "management_percent", "deficit", "surplus"}
    | {"tiers", "subsidies", "machines"}
    | set(ITEM_KEYS)
)
ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
VALID_FROM = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
CEILING = re.compile(r"([0-9]{1,6})/([1-9][0-9]{0,5})")


def load(table: Mapping[str, object], file: str) -> Costs:
    """Build the costs of a file; raises ConfigError with file, key, what is wrong, what would be right."""
    at = Fields(table, file, COSTS_KEYS)
    commodity = Commodity(at.text("commodity"), at.whole("decimals", 2, 0, 6))
    funds = tuple(
        Fund(id, fund.text("name", id), fund.amount("budget"))
        for id, fund in at.named("funds", FUND_KEYS).items()
    )
    ids = {fund.id for fund in funds}
    if USERS in ids:
        raise at.error(f"funds.{USERS}", "stands for those who use the machine", "Give the fund another id.")
    pools = _pools(at, ids)
    rounding = at.inner("rounding", ROUNDING_KEYS)
    if "unit" in rounding:
        rounding.positive("unit")
    return Costs(
        name=at.text("name"),
        period=at.text("period"),
        commodity=commodity,
        funds=funds,
        pools=tuple(pools),
        unit_micro=rounding.amount("unit") if "unit" in rounding else commodity.minor_micro,
        mode=rounding.choice("mode", RoundingMode, RoundingMode.HALF_UP),
        surplus=_surplus(at.inner("surplus", SURPLUS_KEYS)),
        valid_from=_valid_from(at),
    )


def _valid_from(at: Fields) -> str:
    if "valid_from" not in at:
        return ""
    month = at.text("valid_from")
    if not VALID_FROM.fullmatch(month):
        raise at.error("valid_from", f"is {month!r}, which is no month", 'Write valid_from = "2027-01".')
    return month


def _pools(at: Fields, funds: Container[str]) -> list[CostPool]:
    pools: list[CostPool] = []
    owners: dict[str, str] = {}
    for fields in at.listed("pools", POOL_KEYS):
        pool = _pool(fields, funds)
        if pool.id in {other.id for other in pools}:
            raise fields.error("id", f"is {pool.id!r}, as another pool's is", "Give each pool its own id.")
        for machine in pool.machines:
            if machine in owners:
                problem = f"name {machine!r}, which is a machine of {owners[machine]!r}"
                raise fields.error("machines", problem, "A machine belongs to one pool: take it away here.")
            owners[machine] = pool.id
        pools.append(pool)
    if not pools:
        raise at.error("pools", "there is none", "Add a [[pools]] table with its costs and tiers.")
    return pools


def _surplus(at: Fields) -> SurplusRule:
    goes = at.choice("goes", Goes, Goes.RATE)
    settled = at.choice("settled", Settled, Settled.MONTH)
    if "ceiling" not in at:
        if goes is Goes.EXCESS_REFUNDED:
            raise at.error("ceiling", "is missing", 'Write ceiling = "1/6", a part of a year\'s cost.')
        return SurplusRule(goes, settled=settled)
    found = CEILING.fullmatch(at.text("ceiling"))
    if not found:
        raise at.error("ceiling", f"is {at.text('ceiling')!r}", 'Write a part such as ceiling = "1/6".')
    return SurplusRule(goes, Fraction(int(found[1]), int(found[2])), settled)


def _pool(at: Fields, funds: Container[str]) -> CostPool:
    per = at.text("per")
    if per not in PER:
        raise at.error("per", f"is {per!r}", f"Write one of: {', '.join(sorted(PER))}.")
    unit = at.text("unit")
    if unit not in units_of(PER[per]):
        raise at.error("unit", f"is {unit!r}", f"For {per} write one of: {', '.join(units_of(PER[per]))}.")
    if "deficit" in at and "surplus" in at:
        raise at.error("surplus", "stands beside a deficit", "A year leaves one of them: take one away.")
    items = tuple(_items(at))
    if not items:
        raise at.error("", "has no costs", f"Add one of: {', '.join(f'[[pools.{k}]]' for k in ITEM_KEYS)}.")
    if not ID.fullmatch(at.text("id")):
        raise at.error("id", f"is {at.text('id')!r}", "Write small letters, digits, - and _, at most 40.")
    pool = CostPool(
        id=at.text("id"),
        name=at.text("name", at.text("id")),
        quantity=PER[per],
        unit=unit,
        items=items,
        tiers=tuple(_tier(id, tier, funds) for id, tier in at.named("tiers", TIER_KEYS).items()),
        rated=at.positive("rated") if "rated" in at else None,
        idle_payer=_payer(at, "idle_payer", funds) if at.text("idle_payer", USERS) != USERS else USERS,
        management=Fraction(at.number("management_percent", 0, most=1000)) / 100,
        carried_micro=at.amount("deficit", 0) - at.amount("surplus", 0),
        subsidies=tuple(
            Subsidy(_payer(subsidy, "fund", funds), subsidy.amount("amount"))
            for subsidy in at.listed("subsidies", SUBSIDY_KEYS)
        ),
        machines=at.names("machines"),
    )
    if not pool.units:
        raise at.error("tiers", "expect no use", "Add [pools.tiers.member] with expected = 100.")
    if pool.rated is not None and pool.rated < pool.units:
        problem = f"is {written(pool.rated)} {unit}, less than the {written(pool.units)} that are expected"
        raise at.error("rated", problem, "Raise it, or expect less.")
    if pool.idle_payer != USERS and pool.rated is None:
        raise at.error("rated", "is missing", f"Write how many {unit} a year the machine could give.")
    return pool


def _payer(at: Fields, key: str, funds: Container[str]) -> str:
    fund = at.text(key)
    if fund not in funds:
        raise at.error(key, f"is {fund!r}, which is no fund", f"Add [funds.{fund}] with its budget.")
    return fund


def _tier(id: str, at: Fields, funds: Container[str]) -> UserTier:
    if "rate" in at and "multiplier" in at:
        raise at.error("rate", "stands beside a multiplier", "A tier has one of them: take one away.")
    multiplier = at.number("multiplier", 1, most=10)
    reduced = "rate" in at or multiplier != 1
    if reduced and "fund" not in at:
        raise at.error("fund", "is missing", "Name the fund that pays what is missing to the full rate.")
    return UserTier(
        id=id,
        units=at.number("expected"),
        multiplier=multiplier,
        rate_micro=at.amount("rate") if "rate" in at else None,
        fund=_payer(at, "fund", funds) if "fund" in at else "",
    )


def _items(at: Fields) -> list[CostItem]:
    """Return the costs of a pool; a per cent of upkeep is of the prices of everything in it."""
    prices = 0
    items = []
    for kind, keys in ITEM_KEYS.items():
        for fields in at.listed(kind, keys):
            if kind is CostKind.CAPITAL:
                prices += fields.amount("price")
            name = fields.text("name")
            yearly, each, how = _READERS[kind](fields, prices)
            kwh_micro = fields.amount("price") if kind is CostKind.ENERGY else 0
            items.append(CostItem(kind, name, yearly, each, how, _actual(fields, kind, each), kwh_micro))
    return items


def _actual(at: Fields, kind: CostKind, each: Fraction) -> Actual:
    """Return where a cost's real amount comes from; only what grows with use can be metered, and energy."""
    usual = ACTUAL[kind]
    if kind is CostKind.ENERGY and not each:
        usual = Actual.PLAN
    actual = at.choice("actual", Actual, usual)
    if actual is Actual.METERED and kind not in {CostKind.CONSUMABLES, CostKind.ENERGY}:
        raise at.error("actual", f"is {actual}, but nothing meters {kind}", 'Write "plan" or "booked".')
    return actual


Read = tuple[Fraction, Fraction, str]
"""Micro-units a year, micro-units a unit, and the calculation as it is written."""
NOTHING = Fraction(0)


def _capital(at: Fields, prices: int) -> Read:
    price, grant, salvage = at.amount("price"), at.amount("grant", 0), at.amount("salvage", 0)
    years = at.positive("years")
    if grant + salvage > price:
        raise at.error("grant", "is, with the salvage, more than the price", "Lower one of them.")
    taken = "".join(f" − {_money(part)}" for part in (grant, salvage) if part)
    net = f"({_money(price)}{taken})" if taken else _money(price)
    return Fraction(price - grant - salvage) / years, NOTHING, f"{net} / {written(years)}"


def _upkeep(at: Fields, prices: int) -> Read:
    if "percent" not in at:
        return _amount(at, prices)
    if "amount" in at:
        raise at.error("percent", "stands beside an amount", "Upkeep has one of them: take one away.")
    percent = at.number("percent", most=100)
    return Fraction(percent * prices) / 100, NOTHING, f"{written(percent)} % × {_money(prices)}"


def _consumable(at: Fields, prices: int) -> Read:
    price, lasts, per_unit = at.amount("price"), at.positive("lasts", 1), at.number("per_unit", 1)
    life = f" / {written(lasts)}" if lasts != 1 else ""
    part = f" × {written(per_unit)}" if per_unit != 1 else ""
    return NOTHING, Fraction(price * per_unit) / lasts, f"{_money(price)}{life}{part}"


def _energy(at: Fields, prices: int) -> Read:
    kwh, price = at.number("kwh"), at.amount("price")
    if "over" not in at:
        return kwh * price, NOTHING, f"{written(kwh)} × {_money(price)}"
    over = at.positive("over")
    return NOTHING, Fraction(kwh * price) / over, f"{written(kwh)} / {written(over)} × {_money(price)}"


def _amount(at: Fields, prices: int) -> Read:
    amount = at.amount("amount")
    return Fraction(amount), NOTHING, _money(amount)


def _times(key: str) -> Callable[[Fields, int], Read]:
    """Return the reader of a cost that is an amount, or so many of something at a price."""

    def read(at: Fields, prices: int) -> Read:
        if key not in at and "price" not in at:
            return _amount(at, prices)
        if "amount" in at:
            raise at.error("amount", f"stands beside {key} and a price", "Take one or the others away.")
        many, price = at.number(key), at.amount("price")
        return many * price, NOTHING, f"{written(many)} × {_money(price)}"

    return read


_READERS: dict[CostKind, Callable[[Fields, int], Read]] = {
    CostKind.CAPITAL: _capital,
    CostKind.UPKEEP: _upkeep,
    CostKind.CONSUMABLES: _consumable,
    CostKind.ENERGY: _energy,
    CostKind.ROOM: _times("m2"),
    CostKind.STAFF: _times("hours"),
    CostKind.OTHER: _amount,
}


def _money(micro: int) -> str:
    return written(Fraction(micro, MICRO))
