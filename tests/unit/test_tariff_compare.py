"""Two tariffs over the same use: sums, who pays more, what funds pay, and what history does to it."""

from __future__ import annotations

from datetime import UTC
from fractions import Fraction

import pytest

from booking_api.billing.lots import Shelf
from booking_api.tariffs.compare import QUANTILES, Comparison, Cost, Past, compare, compare_usage, quantiles
from booking_api.tariffs.compare_words import as_json, histogram, lines_of
from booking_api.tariffs.quote import quote
from booking_api.tariffs.source import read
from booking_api.tariffs.usage_file import read_usage
from floor.allowance import Lot
from floor.errors import Refused
from floor.meter import Quantity, Reading
from floor.money import Commodity
from floor.tariff import Occasion, Tariff, Visit

DAY_MS, MINUTE_MS = 86_400_000, 60_000
START_MS = 1_767_225_600_000  # 2026-01-01 UTC
EUR = Commodity("EUR")
FLAT = """
id = "laser"
name = "Laser"
commodity = "EUR"
valid_from = 2026-01-01
[[components]]
per = "flat"
price = 1
"""


def tariff(
    price: str, more: str = "", top: str = "", id: str = "laser", valid_from: str = "2026-01-01"
) -> Tariff:
    text = f"""
id = "{id}"
name = "Laser"
commodity = "EUR"
valid_from = {valid_from}
{top}
[tiers.member]
[tiers.student]
multiplier = 0.5
fund = "city"
[[components]]
per = "machine_time"
unit = "min"
price = {price}
{more}
"""
    return read(text, "tariff")


def visit(
    n: int, account: str, minutes: int, day: int = 0, tier: str = "member", machine: str = "laser-1"
) -> Visit:
    begun = START_MS + day * DAY_MS + n * MINUTE_MS
    used = {Quantity.MACHINE_TIME_MS: minutes * MINUTE_MS}
    readings = (Reading(begun, {}), Reading(begun + minutes * MINUTE_MS, used))
    return Visit(f"{n:04}", readings, tier=tier, account=account, member=account, machine=machine)


def run(old: Tariff | None, new: Tariff, *visits: Visit, since_ms: int = 0) -> Comparison:
    ordered = sorted(visits, key=lambda one: (one.ended_ms, one.id))
    return compare(map(Past, ordered), old, new, UTC, since_ms)


def test_sums_are_those_of_both_prices_by_account_tier_machine_and_fund() -> None:
    uses = (
        visit(1, "ann", 10),
        visit(2, "ann", 20, machine="laser-2"),
        visit(3, "bea", 30, tier="student"),
        visit(4, "cem", 0),
    )
    made = run(tariff("0.20"), tariff("0.30", valid_from="2027-06-01"), *uses)
    assert (made.total.visits, made.total.old_micro, made.total.new_micro) == (4, 9_000_000, 13_500_000)
    by_account = {account: (sums.old_micro, sums.new_micro) for account, sums in made.accounts.items()}
    assert by_account == {"ann": (6_000_000, 9_000_000), "bea": (3_000_000, 4_500_000), "cem": (0, 0)}
    assert (made.tiers["student"].change_micro, made.machines["laser-2"].new_micro) == (1_500_000, 6_000_000)
    assert (made.funds["city"].old_micro, made.funds["city"].new_micro) == (3_000_000, 4_500_000)
    assert (made.more, made.less, made.same) == (2, 0, 1)
    assert [account for account, _ in made.most_affected()] == ["ann", "bea"]
    assert made.parts() == [Fraction(1, 2), Fraction(1, 2)]


def test_use_from_before_makes_history_and_is_not_counted() -> None:
    free = 'free = "30 min"\nfree_per = "month"'
    uses = visit(1, "ann", 25, day=1), visit(2, "ann", 25, day=10)
    made = run(tariff("0.20"), tariff("0.20", free), *uses, since_ms=START_MS + 5 * DAY_MS)
    assert (made.total.visits, made.total.old_micro, made.total.new_micro) == (1, 5_000_000, 4_000_000)


def test_each_side_draws_from_allowances_of_its_own() -> None:
    name = "laser/machine_time"

    def shelf_of(account: str) -> Shelf:
        return Shelf(account, {"lot": Lot("lot", name, 15_000_000, START_MS)})

    pasts = [Past(visit(1, "ann", 10)), Past(visit(2, "ann", 10, day=1))]
    made = compare(pasts, tariff("0.20"), tariff("0.40"), UTC, 0, shelf_of)
    assert (made.total.old_micro, made.total.new_micro) == (1_000_000, 2_000_000)


def test_without_an_old_tariff_it_is_what_was_charged() -> None:
    charged = Cost((("2026-01", 7_000_000),), {"city": 1_000_000}, "EUR")
    pasts = [
        Past(visit(1, "ann", 10), charged),
        Past(visit(2, "bea", 10)),
        Past(visit(3, "cem", 10), Cost((), {}, "coins")),
    ]
    made = compare(pasts, None, tariff("0.20"), UTC, rounded={"ann": 10_000})
    assert (made.old, made.total.old_micro, made.total.new_micro) == ("as charged", 7_010_000, 2_000_000)
    assert made.funds["city"].old_micro == 1_000_000
    assert made.unpriced == {"it was charged in another unit, or not at all": 2}


def test_statements_are_rounded_by_month_where_the_tariff_rounds_them() -> None:
    where = '[rounding]\nwhere = "statement"\nunit = 1.00'
    uses = visit(1, "ann", 1), visit(2, "ann", 1, day=1), visit(3, "ann", 4, day=40)
    made = run(tariff("0.20"), tariff("0.20", top="", more=where), *uses)
    assert (made.rounding.old_micro, made.rounding.new_micro) == (0, -400_000 + 200_000)
    assert made.total.new_micro == 1_000_000
    assert made.accounts["ann"].change_micro == made.total.change_micro == -200_000


def test_what_cannot_be_priced_is_left_out_on_both_sides_and_said() -> None:
    pack = Visit(
        "p", (Reading(START_MS, {}), Reading(START_MS, {})), account="ann", on=Occasion.PACK, pack="ten"
    )
    made = run(tariff("0.20"), tariff("0.30"), pack, visit(1, "ann", 10))
    assert made.total.visits == 1
    assert list(made.unpriced.values()) == [1]


def test_other_units_are_not_compared() -> None:
    coins = read(FLAT.replace("EUR", "coins"), "new")
    with pytest.raises(Refused, match="cannot be compared"):
        run(tariff("0.20"), coins, visit(1, "ann", 10))


def test_a_tier_that_the_new_tariff_lost_is_said() -> None:
    bare = read(FLAT, "new")
    made = run(tariff("0.20"), bare, visit(1, "ann", 10, tier="student"), visit(2, "bea", 10, tier="guest"))
    assert made.unnamed_tiers == {"student"}
    assert any("does not name the tier student" in line for line in lines_of(made, {}, ""))


def test_quantiles_are_values_that_occur() -> None:
    assert quantiles(list(range(1, 101))) == [1, 10, 25, 50, 75, 90, 100]
    assert quantiles([7]) == [7] * len(QUANTILES)
    assert quantiles([]) == []


def test_a_histogram_has_a_place_for_every_change_and_one_for_none() -> None:
    changes = [-1_000_000, 0, 0, 10_000, 1_000_000, 9_500_000]
    buckets = histogram(changes, EUR)
    assert sum(count for _, _, count in buckets) == len(changes)
    assert len(buckets) <= 12
    assert (0, 0, 2) in buckets
    assert all(low < high for low, high, _ in buckets if (low, high) != (0, 0))
    assert [low for low, _, _ in buckets[1:]] == [high for _, high, _ in buckets[:-1]]
    assert (-2_000_000, 0, 1) in buckets
    assert (0, 2_000_000, 2) in buckets
    assert histogram([], EUR) == [(0, 0, 0)]


USAGE = """
[[use]]
id = "b"
account = "ann"
tier = "member"
start = 2026-01-02T10:00:00
used = { machine_time = "40 min" }
[[use]]
id = "a"
account = "ann"
tier = "student"
start = 2026-01-01T10:00:00
used = { machine_time = "20 min" }
"""


def test_a_usage_file_costs_what_a_quote_of_its_uses_in_order_of_time_says() -> None:
    old, new = tariff("0.20"), tariff("0.20", 'free = "30 min"\nfree_per = "month"')
    made = compare_usage(USAGE, "usage.toml", old, new)
    first, second = USAGE.split("[[use]]")[1:]
    in_order = f"[[use]]{second}[[use]]{first}"
    for one, total in ((old, made.total.old_micro), (new, made.total.new_micro)):
        tariffs = {"laser": [one]}
        quoted = quote(tariffs, read_usage(in_order, "usage.toml", tariffs))
        assert total == sum(bill.total_micro for _, bill in quoted.bills)
    assert (made.total.old_micro, made.total.new_micro) == (10_000_000, 6_000_000)


def test_json_says_amounts_as_texts_of_decimals() -> None:
    made = run(tariff("0.20"), tariff("0.30"), visit(1, "ann", 10), visit(2, "bea", 30, tier="student"))
    told = as_json(made, {"ann": "Ann (1)"})
    assert told["total"] == {"uses": 2, "old": "5", "new": "7.5", "change": "2.5", "percent": "50"}
    assert told["most_affected"][0]["account"] == "bea"
    assert told["most_affected"][1]["name"] == "Ann (1)"
    assert told["accounts"] == {"more": 2, "less": 0, "same": 0}
    assert [one["accounts"] for one in told["histogram"] if one["accounts"]] == [1, 1]
