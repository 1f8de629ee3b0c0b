"""plans.toml: plans as an operator writes them, and the price list that each is charged by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from booking_api.tariffs.source import at_line, parse
from floor.costing.model import written
from floor.errors import ConfigError
from floor.membership import Allowance, Cycle, Plan, Proration, Reduced
from floor.money import MICRO, Commodity
from floor.reader import At, Table

FILE_KEYS = frozenset({"valid_from", "commodity", "decimals", "plans"})
PLAN_KEYS = frozenset(
    {"id", "name", "valid_from", "per", "price", "tariff", "count", "tier", "tax", "proration", "choose"}
    | {"reduced"}
    | {"allowances", "joining_fee", "deposit", "notice", "least", "most", "people", "open", "open_in_pause"}
)
CHOOSE_KEYS = frozenset({"minimum", "suggested"})
REDUCED_KEYS = frozenset({"price", "tier", "fund"})
ALLOWANCE_KEYS = frozenset({"commodity", "amount", "unit", "expires", "transferable"})
WITH_TARIFF = ("price", "choose", "reduced", "tax", "joining_fee")
COIN = "cent"
FUND_COIN = "cent_of_fund"
PERIOD = "period"
JOINING = "joining_fee"
"""What the price list of a plan counts: whole periods, the smallest coins of a part, and joining."""
FULL = "full"
"""The tier of those who pay a plan's full price."""


def read_file(text: str, file: str, currency: Commodity) -> list[tuple[Plan, str]]:
    """Read plans.toml: each plan with the text to keep of it; raises ConfigError with line and remedy."""
    table = parse(text, file)
    try:
        return _plans(table, file, currency)
    except ConfigError as error:
        raise at_line(error, text) from error


def read_kept(text: str) -> Plan:
    """Read a plan from the text that was kept of it."""
    table = json.loads(text, parse_float=Decimal)
    return load(table, At("plan", ""), Commodity(table["commodity"], table["decimals"]))


def _plans(table: Table, file: str, currency: Commodity) -> list[tuple[Plan, str]]:
    at = At(file, "")
    at.only(table, FILE_KEYS)
    code = at.text(table, "commodity") if "commodity" in table else currency.code
    commodity = Commodity(code, at.whole(table, "decimals", currency.exponent, 0, 6))
    found: list[tuple[Plan, str]] = []
    for n, own in enumerate(at.tables(table, "plans"), 1):
        below = At(file, f"plans[{n}].")
        below.only(own, PLAN_KEYS)
        whole = {"valid_from": table.get("valid_from"), **own}
        plan = load(whole, below, commodity)
        if any(plan.id == other.id for other, _ in found):
            raise below.error("id", f"is {plan.id!r}, as another plan's is", "Give each plan its own id.")
        kept = whole | {"commodity": commodity.code, "decimals": commodity.exponent}
        found.append((plan, json.dumps(_plain(kept), ensure_ascii=False, sort_keys=True)))
    if not found:
        raise at.error("plans", "there is none", "Add a [[plans]] table with id, name and price.")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value


def load(table: Table, at: At, commodity: Commodity) -> Plan:
    """Build a plan; raises ConfigError."""
    cycle = at.choice(table, "per", Cycle, Cycle.MONTH)
    tariff = at.text(table, "tariff") if "tariff" in table else ""
    for key in WITH_TARIFF if tariff else ():
        if key in table:
            raise at.error(key, "stands beside a tariff", "Take one of them away: the tariff says the price.")
    choose = at.table(table, "choose")
    at.below("choose").only(choose, CHOOSE_KEYS)
    minimum = at.below("choose").price(choose, "minimum") if choose else None
    price = at.below("choose").amount(choose, "suggested") if choose else at.amount(table, "price")
    plan = Plan(
        id=_id(at, table),
        names=at.names(table),
        commodity=commodity,
        cycle=cycle,
        price_micro=_price(at, tariff, price, minimum),
        tariff=tariff,
        count=at.text(table, "count") if tariff and "count" in table else "",
        tier=at.text(table, "tier") if "tier" in table else "member",
        tax=at.part(table, "tax", 1, "0.19 is 19 %"),
        proration=_proration(at, table, tariff),
        minimum_micro=minimum,
        reduced={name: _reduced(at, name, one) for name, one in at.table(table, "reduced").items()},
        allowances=tuple(_allowance(at, n, one) for n, one in enumerate(at.tables(table, "allowances"), 1)),
        joining_micro=at.amount(table, "joining_fee") or 0,
        deposit_micro=at.amount(table, "deposit") or 0,
        notice_days=at.whole(table, "notice", 0, 0, 366),
        least_months=at.whole(table, "least", 0, 0, 120),
        most_months=at.whole(table, "most", 0, 1, 120) if "most" in table else None,
        people=at.whole(table, "people", 1, 1, 10_000),
        is_open=at.yes(table, "open", default=False),
        opens_in_pause=at.yes(table, "open_in_pause", default=False),
        valid_from=at.day(table.get("valid_from"), "valid_from"),
    )
    _check(at, plan)
    return plan


def _id(at: At, table: Table) -> str:
    id = at.text(table, "id")
    if len(id) > 40 or not id.replace("-", "").replace("_", "").isalnum() or not id.isascii():
        raise at.error("id", f"is {id[:60]!r}", "Write at most 40 letters, digits and hyphens.")
    return id


def _price(at: At, tariff: str, price: int | None, minimum: int | None) -> int:
    if price is None:
        if not tariff and minimum is None:
            raise at.error("price", "is missing", "Write price = 30 (0 is allowed), or name a tariff.")
        return minimum or 0
    if minimum is not None and price < minimum:
        raise at.error("choose.suggested", "is less than the minimum", "Raise it, or lower the minimum.")
    return price


def _proration(at: At, table: Table, tariff: str) -> Proration:
    default = Proration.NONE if tariff else Proration.DAY
    chosen = at.choice(table, "proration", Proration, default)
    if tariff and chosen is Proration.DAY:
        raise at.error("proration", "is 'day' beside a tariff", 'Write proration = "none", or a price here.')
    return chosen


def _reduced(at: At, name: str, value: object) -> Reduced:
    below = at.below(f"reduced.{name}")
    if not isinstance(value, Mapping):
        raise at.error(f"reduced.{name}", "is not a table", f"Write [plans.reduced.{name}] and its price.")
    below.only(value, REDUCED_KEYS)
    tier = below.text(value, "tier") if "tier" in value else ""
    return Reduced(below.price(value, "price"), tier, below.text(value, "fund") if "fund" in value else "")


def _allowance(at: At, n: int, table: Table) -> Allowance:
    below = at.below(f"allowances[{n}]")
    below.only(table, ALLOWANCE_KEYS)
    amount = below.number(table, "amount")
    if not amount:
        raise below.error("amount", "is missing or 0", "Write how many units are granted: amount = 60.")
    expires = table.get("expires", "month")
    months = None if expires == "never" else 1 if expires == "month" else expires
    if months is not None and (
        not isinstance(months, int) or isinstance(months, bool) or not 0 < months < 121
    ):
        remedy = 'Write "month" (its end), "never", or a number of months, such as 3.'
        raise below.error("expires", f"is {expires!r}", remedy)
    unit, is_transferable = below.text(table, "unit"), below.yes(table, "transferable", default=False)
    return Allowance(below.text(table, "commodity"), amount, unit, months, is_transferable)


def _check(at: At, plan: Plan) -> None:
    minor = plan.commodity.minor_micro
    amounts = {"price": plan.price_micro, "joining_fee": plan.joining_micro, "deposit": plan.deposit_micro}
    amounts |= {f"reduced.{name}.price": one.price_micro for name, one in plan.reduced.items()}
    for key, amount in amounts.items():
        if amount % minor:
            coin = written(Fraction(minor, MICRO))
            raise at.error(key, f"is no multiple of {coin}", f"Write an amount in steps of {coin}.")
    for name, one in plan.reduced.items():
        if name == FULL:
            raise at.error(f"reduced.{name}", "is what everybody else pays", "Give the group another name.")
        if one.price_micro > plan.price_micro:
            raise at.error(f"reduced.{name}.price", "is more than the price", "Lower it.")
    if plan.most_months is not None and plan.most_months < plan.least_months:
        raise at.error("most", "is less than the least", "Raise it, or lower least.")


def price_list(plan: Plan, begin_ms: int) -> str:
    """Write the tariff that a plan with a price of its own is charged by, in force from `begin_ms`.

    A whole period is one of `period`. A part of one, and a price that a member chose, are counted in the
    commodity's smallest coin; what a fund adds to a part is counted beside it.
    """
    coin = json.dumps(_amount(plan.commodity.minor_micro))
    begin = datetime.fromtimestamp(begin_ms // 1000, UTC)
    groups = sorted(plan.reduced.items())
    funded = {name: 0 for name, one in groups if one.fund}
    counts = [PERIOD, COIN, *([FUND_COIN] if funded else []), *([JOINING] if plan.joining_micro else [])]
    parts = [
        f"id = {_text(plan.price_list)}\nname = {_text(plan.name('en'))}\n"
        f"commodity = {_text(plan.commodity.code)}\ndecimals = {plan.commodity.exponent}\n"
        f"valid_from = {begin.isoformat()}\ncounts = {json.dumps(counts)}\n"
    ]
    for name, one in groups:
        parts.append(f"\n[tiers.{_text(name)}]\n" + (f"fund = {_text(one.fund)}\n" if one.fund else ""))
    own = {name: one.price_micro for name, one in groups}
    parts.append(_component(PERIOD, json.dumps(_amount(plan.price_micro)), own))
    parts.append(_component(COIN, coin, {}))
    if funded:
        parts.append(_component(FUND_COIN, coin, funded))
    if plan.joining_micro:
        parts.append(_component(JOINING, json.dumps(_amount(plan.joining_micro)), {}))
    if plan.tax is not None:
        parts.append(f"\n[tax]\nrate = {json.dumps(written(plan.tax))}\n")
    return "".join(parts)


def _component(count: str, price: str, tiers: Mapping[str, int]) -> str:
    prices = ", ".join(f'{_text(name)} = "{_amount(micro)}"' for name, micro in tiers.items())
    own = f"tiers = {{ {prices} }}\n" if prices else ""
    return f'\n[[components]]\nid = "{count}"\non = "membership"\nper = "{count}"\nprice = {price}\n{own}'


def _amount(micro: int) -> str:
    return written(Fraction(micro, MICRO))


def _text(words: str) -> str:
    """Write a text as TOML, which takes them as JSON writes them."""
    return json.dumps(words, ensure_ascii=False)
