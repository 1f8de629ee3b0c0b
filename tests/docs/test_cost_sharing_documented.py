"""docs/cost-sharing.md: its figures by hand, its study and its close are the program's; its keys are all."""

from __future__ import annotations

import ast
import re
import tomllib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from booking_api.costing.study import as_text, read_text
from floor.costing import Goes, Settled, SurplusRule, close, load, study
from floor.costing.load import (
    COSTS_KEYS,
    FUND_KEYS,
    ITEM_KEYS,
    POOL_KEYS,
    ROUNDING_KEYS,
    SUBSIDY_KEYS,
    SURPLUS_KEYS,
    TIER_KEYS,
)
from floor.costing.model import USERS
from floor.errors import ConfigError
from floor.money import MICRO, RoundingMode, parse

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "cost-sharing.md").read_text(encoding="utf-8")
SOURCE = re.findall(r"```toml\n(.+?)```", TEXT, re.DOTALL)[0]
STUDY = read_text(SOURCE, "laser.toml")
POOL = STUDY.pools[0]


def rows(title: str) -> list[list[str]]:
    """Return the rows of the table whose first heading is `title`, without emphasis."""
    found = re.search(rf"\| {title} \|[^\n]+\n\|[^\n]+\n((?:\|[^\n]+\n)+)", TEXT)
    assert found, title
    return [[cell.strip(" *") for cell in row.strip("|").split("|")] for row in found[1].splitlines()]


def micro(figure: str) -> int:
    return parse(figure.replace(",", ""))


def worked_out(formula: str) -> Fraction:
    """Work out a calculation as a person writes it: + − × / and brackets."""
    text = formula.replace(" % ×", " / 100 ×").replace("−", "-").replace("×", "*")
    text = re.sub(r"[0-9.]+", lambda number: f"Fraction('{number[0]}')", text)
    assert not set(re.sub(r"Fraction\('[0-9.]+'\)", "", text)) - set("+-*/() "), formula
    return Fraction(eval(compile(ast.parse(text, mode="eval"), "docs", "eval"), {"Fraction": Fraction}))


def test_every_line_of_cost_is_worked_out_by_hand() -> None:
    table = rows("cost")
    lines = POOL.year.lines
    for row, line in zip(table, lines, strict=False):
        assert row == [line.name or line.kind, line.formula, row[2]]
        assert micro(row[2]) == line.amount_micro
    totals = {name: micro(figure) for name, _, figure in table[len(lines) :]}
    assert totals == {
        "costs of the year": POOL.year.cost_micro,
        "last year's deficit": POOL.year.carried_micro,
        "to be recovered": POOL.year.to_recover_micro,
    }


@pytest.mark.parametrize("title", ["cost", "rate", "close"])
def test_every_calculation_gives_the_figure_beside_it(title: str) -> None:
    for name, formula, figure in rows(title):
        if any(sign in formula for sign in "+−×/"):
            places = len(figure.partition(".")[2])
            assert round(worked_out(formula), places) == Fraction(figure.replace(",", "")), name


def test_the_rates_by_hand_are_the_study_s() -> None:
    figures = [Fraction(row[2].replace(",", "")) for row in rows("rate")]
    tiers = {tier.id: tier.rate_micro for tier in POOL.tiers}
    exact = [POOL.year.left_micro, round(POOL.year.rate, -2), POOL.published_micro]
    exact += [tiers["member"], tiers["student"], tiers["volunteer"]]
    assert figures == [Fraction(amount) / MICRO for amount in exact]
    assert POOL.year.full_cost_rate == Fraction("8.45") * MICRO
    assert POOL.year.idle_micro == micro("875.00")


def test_what_users_and_funds_pay_by_hand_is_the_study_s() -> None:
    by_hand = {}
    for who, hours, users, fund in rows("who"):
        pays, adds = (re.findall(r"(?:^|= )([\d,.]+)(?: \(|$)", cell) for cell in (users, fund))
        by_hand[who] = (Fraction(hours), micro(pays[0]), micro(adds[0]) if adds else 0)
    assert by_hand == {tier.id: (tier.units, tier.pays_micro, tier.fund_pays_micro) for tier in POOL.tiers}
    sentence = re.search(r"Users pay ([\d,.]+), .+ = ([\d,.]+), the university ([\d,.]+): ([\d,.]+)", TEXT)
    assert sentence
    users, city, university, together = (micro(figure) for figure in sentence.groups())
    funds = {fund.id: fund.pays_micro for fund in STUDY.funds}
    assert (sum(STUDY.users.values()), funds["city"], funds["university"]) == (users, city, university)
    assert users + sum(funds.values()) == together == POOL.paid_micro
    assert f"That is {Decimal(POOL.rounding_micro) / MICRO:.2f} more" in TEXT


def test_the_study_on_the_page_is_the_program_s() -> None:
    assert re.findall(r"```text\n(.+?)```", TEXT, re.DOTALL)[0] == as_text(STUDY) + "\n"


def test_the_close_on_the_page_is_the_program_s() -> None:
    recovered, cost, deficit, over = (micro(row[2]) for row in rows("close"))
    paid = {row[0]: micro(row[1]) for row in rows("who paid")}
    costs = load(tomllib.loads(SOURCE, parse_float=Decimal), "laser.toml")
    assert costs.surplus == SurplusRule(Goes.REFUNDED, Fraction(1, 6), Settled.YEAR)
    closed = close(
        "laser",
        cost_micro=cost,
        carried_in_micro=deficit,
        recovered_micro=recovered,
        paid=paid,
        rule=costs.surplus,
        minor_micro=10_000,
    )
    assert (closed.balance_micro, closed.carried_out_micro) == (over, 0)
    assert closed.rebates == {row[0]: micro(row[3]) for row in rows("who paid")}
    for _, amount, exact, _ in rows("who paid"):
        part = Fraction(over * micro(amount), sum(paid.values())) / MICRO
        assert part - Fraction(exact.rstrip("…")) < Fraction(1, 10_000)


def test_next_year_begins_with_what_was_carried() -> None:
    table = tomllib.loads(SOURCE.replace("deficit = 311.40", "surplus = 259.85"), parse_float=Decimal)
    table["surplus"]["goes"] = "rate"
    assert study(load(table, "x"), "x").pools[0].year.rate == micro("5.20625")


def test_the_error_that_the_page_quotes_is_the_one_that_is_raised() -> None:
    with pytest.raises(ConfigError) as caught:
        read_text(SOURCE.replace("years = 8", "years = 0"), "laser.toml")
    assert f"`{caught.value}`" in TEXT.replace("\n", " ")


def test_every_key_and_word_is_on_the_page() -> None:
    words = set().union(
        COSTS_KEYS, FUND_KEYS, ROUNDING_KEYS, SUBSIDY_KEYS, SURPLUS_KEYS, TIER_KEYS, POOL_KEYS
    )
    words |= {key for keys in ITEM_KEYS.values() for key in keys} | set(RoundingMode) | set(Goes)
    words |= set(Settled) | {USERS}
    tables = {"rounding", "funds", "pools", "tiers", "subsidies", "surplus", *ITEM_KEYS}
    missing = [word for word in sorted(words - tables) if f"`{word}`" not in TEXT]
    headers = ["[rounding]", "[surplus]", "[funds.NAME]", "[[pools]]", "[pools.tiers.NAME]"]
    headers += [f"[[pools.{name}]]" for name in ["subsidies", *ITEM_KEYS]]
    assert missing + [header for header in headers if f"`{header}`" not in TEXT] == []
    assert "`surplus`" in TEXT
