"""Every example of docs/tariffs.md costs what the page says; every key, unit and mode is on the page."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from booking_api.tariffs.quote import as_json, quote
from booking_api.tariffs.source import read
from booking_api.tariffs.usage_file import USE_KEYS, read_usage
from floor.errors import ConfigError
from floor.meter import Quantity, Usage
from floor.money import MICRO, RoundingMode
from floor.tariff import RoundWhere, Tariff, load, price
from floor.tariff.load import COMPONENT_KEYS, PER, TARIFF_KEYS, TIER_KEYS
from floor.tariff.load_components import BRACKET_KEYS
from floor.tariff.load_rules import ADJUSTMENT_KEYS, CAP_KEYS, PACK_KEYS, TAX_KEYS, WINDOW_KEYS
from floor.tariff.model import AdjustmentKind, BillAt, BracketMode, FreeMode, Occasion, Period, units_of

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "tariffs.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```toml\n([^`]+?)```\n\n\| used [^\n]+\n\|[^\n]+\n((?:\|[^\n]+\n)+)", re.DOTALL)

PAIR = re.compile(r"```toml\n(id = [^`]+?)```\n\n```toml\n((?:zone|\[\[use\]\])[^`]+?)```")


def examples() -> list[tuple[Tariff, str, str, str]]:
    found = []
    for source, rows in EXAMPLE.findall(TEXT):
        tariff = load(tomllib.loads(source, parse_float=Decimal), "docs/tariffs.md")
        for row in rows.splitlines():
            used, tier, costs = (cell.strip() for cell in row.strip("|").split("|"))
            found.append((tariff, used, tier, costs))
    return found


def metered(used: str) -> Usage:
    quantities: dict[Quantity, int] = {}
    for part in used.split(", "):
        number, unit, per = part.split()
        base = Fraction(number) * units_of(PER[per])[unit]
        quantities[PER[per]] = round(base)
    return Usage(0, 1, quantities)


@pytest.mark.parametrize(("tariff", "used", "tier", "costs"), examples())
def test_an_example_costs_what_the_page_says(tariff: Tariff, used: str, tier: str, costs: str) -> None:
    charge = price(metered(used), tariff, tier)
    assert Decimal(charge.total_micro) / MICRO == Decimal(costs)


@pytest.mark.parametrize(("source", "usage"), PAIR.findall(TEXT))
def test_a_usage_file_costs_what_it_expects(source: str, usage: str) -> None:
    tariff = read(source, "docs/tariffs.md")
    tariffs = {tariff.id: [tariff]}
    quoted = quote(tariffs, read_usage(usage, "docs/tariffs.md", tariffs))
    assert all(use.expect_micro is not None for use, _ in quoted.bills)
    assert as_json(quoted)["unexpected"] == []


def test_the_city_pays_what_the_page_says() -> None:
    source, usage = next(pair for pair in PAIR.findall(TEXT) if 'fund = "city"' in pair[0])
    tariff = read(source, "docs/tariffs.md")
    quoted = quote({"x": [tariff]}, read_usage(usage, "docs/tariffs.md", {"x": [tariff]}))
    assert [share.total_micro for share in quoted.bills[0][1].charges[0].shares] == [16 * MICRO]


def test_every_example_has_its_figures() -> None:
    pairs, tables = len(PAIR.findall(TEXT)), len(EXAMPLE.findall(TEXT))
    assert tables + 2 * pairs == TEXT.count("```toml")
    assert pairs >= 12


def test_every_key_unit_and_word_is_on_the_page() -> None:
    words = (
        TARIFF_KEYS - {"tiers", "components", "rounding"} | COMPONENT_KEYS | set(PER) | {"flat", "multiplier"}
    )
    words |= {unit for quantity in Quantity for unit in units_of(quantity)} | set(RoundingMode)
    words |= {f'where = "{where}"' for where in RoundWhere} | {"[tiers.NAME]", "[[components]]", "[rounding]"}
    assert [word for word in sorted(words) if f"`{word}`" not in TEXT] == []


def test_every_key_and_word_of_a_rule_is_named_or_shown() -> None:
    words = set(Period) | set(Occasion) | set(AdjustmentKind) | set(FreeMode) | set(BracketMode) | set(BillAt)
    words |= WINDOW_KEYS | CAP_KEYS | ADJUSTMENT_KEYS | PACK_KEYS | TAX_KEYS | TIER_KEYS | BRACKET_KEYS
    words |= USE_KEYS
    said = {word for word in words if re.search(rf'`{word}`|"{word}"|\b{word} = ', TEXT)}
    assert words - said == set()


def test_the_error_that_the_page_quotes_is_the_one_that_is_raised() -> None:
    source = EXAMPLE.findall(TEXT)[0][0] + 'block = "20"\n'
    with pytest.raises(ConfigError, match="block") as caught:
        read(source, "saw.toml")
    assert f"`{caught.value}`" in TEXT.replace("\n", " ")
