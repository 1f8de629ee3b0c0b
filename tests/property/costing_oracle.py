"""What a cost file comes to, worked out a second time from docs/cost-sharing.md in decimals.

It reads the file's own table and shares no code with floor.costing: amounts are of the `decimal` module, with
80 digits, and every product is formed before it is divided.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

CONTEXT = decimal.Context(prec=80)
MODES = {
    "half_up": decimal.ROUND_HALF_UP,
    "half_even": decimal.ROUND_HALF_EVEN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
}
LISTS = ("capital", "upkeep", "consumables", "energy", "room", "staff", "other")


@dataclass
class Pool:
    """What the oracle found for one pool, in whole units of the commodity."""

    lines: list[Decimal]
    to_recover: Decimal
    refund: Decimal
    idle: Decimal
    left: Decimal
    rate: Decimal
    published: Decimal
    users: dict[str, Decimal]
    funds: dict[str, Decimal]


def pool(table: dict[str, Any], it: dict[str, Any], use: str = "1") -> Pool:
    """Study one pool at a part of its expected use."""
    with decimal.localcontext(CONTEXT):
        minor = Decimal(1).scaleb(-table.get("decimals", 2))
        tiers = it["tiers"]
        expected = sum((number(tier["expected"]) for tier in tiers.values()), Decimal(0))
        units = expected * number(use)
        lines, usual = costs(it, units, minor), costs(it, expected, minor)
        carried, refund = carry(table.get("surplus", {}), it, sum(usual), minor)
        capital = sum(lines[: len(it.get("capital", []))], Decimal(0))
        rated = number(it.get("rated", 0))
        idle = to(capital * max(Decimal(0), rated - units) / rated, minor) if rated else Decimal(0)
        funds: dict[str, Decimal] = {}
        payer = it.get("idle_payer", "users")
        if payer != "users":
            funds[payer] = idle
        for subsidy in it.get("subsidies", []):
            funds[subsidy["fund"]] = funds.get(subsidy["fund"], Decimal(0)) + number(subsidy["amount"])
        to_recover = sum(lines) + carried
        left = to_recover - sum(funds.values())
        rounding = table.get("rounding", {})
        step, mode = number(rounding.get("unit", minor)), MODES[rounding.get("mode", "half_up")]
        rate = left / units
        published = (left / (units * step)).quantize(Decimal(1), mode) * step
        users: dict[str, Decimal] = {}
        for name, tier in tiers.items():
            part = number(tier.get("multiplier", 1))
            own = (left * part / (units * step)).quantize(Decimal(1), mode) * step
            own = number(tier["rate"]) if "rate" in tier else own
            used = number(tier["expected"]) * number(use)
            users[name] = to(own * used, minor)
            if fund := tier.get("fund"):
                funds[fund] = funds.get(fund, Decimal(0)) + to(published * used, minor) - users[name]
        return Pool(lines, to_recover, refund, idle, left, rate, published, users, funds)


def number(value: Any) -> Decimal:
    """Read a number as it was written."""
    return Decimal(value)


def to(amount: Decimal, unit: Decimal) -> Decimal:
    """Round half up to a unit."""
    return (amount / unit).quantize(Decimal(1), decimal.ROUND_HALF_UP) * unit


def costs(it: dict[str, Any], units: Decimal, minor: Decimal) -> list[Decimal]:
    """Return the lines of cost, in order."""
    prices = sum((number(item["price"]) for item in it.get("capital", [])), Decimal(0))
    lines = [to(line(kind, item, units, prices), minor) for kind in LISTS for item in it.get(kind, [])]
    if percent := number(it.get("management_percent", 0)):
        lines.append(to(sum(lines) * percent / 100, minor))
    return lines


def line(kind: str, item: dict[str, Any], units: Decimal, prices: Decimal) -> Decimal:
    """Return one line of cost before it is rounded."""
    get = {key: number(value) for key, value in item.items() if key != "name"}
    if "amount" in get:
        return get["amount"]
    if kind == "capital":
        zero = Decimal(0)
        return (get["price"] - get.get("grant", zero) - get.get("salvage", zero)) / get["years"]
    if kind == "upkeep":
        return prices * get["percent"] / 100
    if kind == "consumables":
        one = Decimal(1)
        return get["price"] * get.get("per_unit", one) * units / get.get("lasts", one)
    if kind == "energy":
        return get["kwh"] * get["price"] * units / get["over"] if "over" in get else get["kwh"] * get["price"]
    return get["price"] * get["m2" if kind == "room" else "hours"]


def carry(rule: dict[str, Any], it: dict[str, Any], cost: Any, minor: Decimal) -> tuple[Decimal, Decimal]:
    """Return what is carried into the year (+ deficit − surplus), and what of a surplus goes back."""
    surplus = number(it.get("surplus", 0))
    goes, back = rule.get("goes", "rate"), Decimal(0)
    if goes == "refunded":
        back = surplus
    elif goes == "excess_refunded":
        above, below = (number(part) for part in rule["ceiling"].split("/"))
        back = max(Decimal(0), surplus - to(cost * above / below, minor))
    back = (back / minor).to_integral_value(decimal.ROUND_DOWN) * minor
    return number(it.get("deficit", 0)) - surplus + back, back
