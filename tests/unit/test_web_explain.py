"""Every line that a tariff can make has words, in both languages; so has every rule on a machine's page."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from booking_api.billing.posting import AFTER_BUDGET
from booking_api.tariffs.quote import quote_files
from booking_api.tariffs.service import read
from booking_api.web.explain import BOUNDS, Row, explain
from booking_api.web.formats import NO_BREAK, Formats
from booking_api.web.vocabulary import COUNTED, EACH, EACH_NAME, EVERY, FREE, KINDS, OCCASIONS, QUANTITIES
from booking_api.web.wording import tariff_words
from floor.ledger import EntryKind
from floor.meter import Quantity, Reading
from floor.tariff import Line, Occasion, Visit, price_visit
from floor.tariff.history import History
from floor.tariff.model import AdjustmentKind, Period

CASES = Path(__file__).parent.parent / "cases"
ROOT = Path(__file__).parent.parent.parent
EN, ZH = (Formats(language, ZoneInfo("Europe/Berlin")) for language in ("en", "zh"))
HOUR_MS = 3_600_000
MONDAY_MS = 1_767_564_000_000  # 2026-01-04 23:00 in Berlin: an hour before a Monday begins
EVERYTHING = """
id = "all"
name = "Everything"
commodity = "EUR"
valid_from = 2026-01-01
minimum = 2
counts = ["sheet"]
[tiers.student]
multiplier = 0.5
[[components]]
per = "machine_time"
unit = "h"
price = 6
free = "1 h"
free_per = "month"
brackets = [{ above = "2 h", price = 12 }]
[[components]]
per = "laser_time"
unit = "min"
price = 0.10
brackets = [{ above = "30 min", price = 0.05 }]
brackets_mode = "whole"
brackets_per = "month"
[[components]]
per = "sheet"
price = 4
maximum = 10
[[components]]
per = "day"
price = 1
[[components]]
id = "broken"
per = "flat"
on = "damage"
price = 25
[[windows]]
id = "night"
days = ["mon-fri"]
from = "00:00"
to = "06:00"
multiplier = 0.5
[[caps]]
per = "month"
above = 50
rate = 0.5
[[adjustments]]
id = "friend"
kind = "discount"
part = 0.1
tiers = ["student"]
[[adjustments]]
id = "clean-up"
kind = "surcharge"
amount = 3
[tax]
rate = 0.19
included = false
[[packs]]
id = "ten"
component = "laser_time"
size = "600 min"
price = 40
[worth]
amount = 1.05
commodity = "USD"
"""


def spaced(text: str) -> str:
    return text.replace(NO_BREAK, " ")


def rows(f: Formats, *visits: Visit) -> list[list[Row]]:
    """Explain the last charges of visits that follow one another."""
    tariff, history, found = read(EVERYTHING, "all.toml"), History(), []
    for visit in visits:
        bill, history = price_visit(visit, [tariff], history, f.zone)
        versions = {tariff.version: tariff}
        found += [explain(one.lines, versions, visit.tier, one.commodity, f) for one in bill.charges]
    return found


def visit(
    hours: int, *, begin_ms: int = MONDAY_MS, tier: str = "", laser_min: int = 0, **more: object
) -> Visit:
    used = {Quantity.MACHINE_TIME_MS: hours * HOUR_MS, Quantity.LASER_TIME_MS: laser_min * 60_000}
    readings = (Reading(begin_ms, {}), Reading(begin_ms + hours * HOUR_MS, used))
    return Visit(f"v{begin_ms}", readings, tier, "a", "m", **more)  # type: ignore[arg-type] # few keywords of Visit


def written(row: Row) -> str:
    return spaced(
        " | ".join(part for part in (row.what, row.metered, row.billed, row.price, row.note) if part)
    )


def test_every_bound_that_the_engine_makes_has_a_text() -> None:
    made = {str(kind) for kind in AdjustmentKind} | {AFTER_BUDGET, "tax", "split"}
    for file in (ROOT / "floor" / "tariff").glob("*.py"):
        made |= set(re.findall(r'"(minimum|maximum|cap|repriced)"', file.read_text()))
    assert made == set(BOUNDS)


@pytest.mark.parametrize(
    ("words", "table"),
    [(Period, COUNTED), (Period, FREE), (Period, EACH), (Period, EVERY), (Period, EACH_NAME),
     (Occasion, OCCASIONS), (EntryKind, KINDS), (Quantity, QUANTITIES)],
)  # fmt: skip
def test_every_word_of_a_vocabulary_has_a_text(words: type, table: dict[object, str]) -> None:
    assert set(words) == set(table)


@pytest.mark.parametrize("case", [folder.name for folder in sorted(CASES.glob("P[0-9][0-9]"))])
def test_the_published_lists_are_explained(case: str) -> None:
    quoted = quote_files(CASES / case / "tariff", CASES / case / "usage.toml")
    for used, bill in quoted.bills:
        versions = {version.version: version for version in used.versions}
        ids = {one.id for version in used.versions for one in version.components}
        for charge in bill.charges:
            for f in (EN, ZH):
                explained = explain(charge.lines, versions, used.visit.tier, charge.commodity, f)
                assert [row.amount_micro for row in explained] == [line.amount_micro for line in charge.lines]
                for row, line in zip(explained, charge.lines, strict=True):
                    assert row.what
                    assert line.bound == "" or BOUNDS[line.bound] not in (row.what, row.note) or f is EN
                    assert row.what not in ids - {"machine cents"} or "_" not in row.what


def test_windows_brackets_and_frees_are_said() -> None:
    charged, again = rows(EN, visit(5), visit(2, begin_ms=MONDAY_MS + 20 * HOUR_MS))
    assert [written(row) for row in charged if row.what == "machine time"] == [
        "machine time | 1 h | 0 h | €6.00 / h | 1 h a month are free",
        "machine time | 4 h | 2 h | €3.00 / h | night: 50 % of the price (Mon–Fri 00:00–06:00); up to 2 h",
        "machine time | 2 h | €6.00 / h | night: 50 % of the price (Mon–Fri 00:00–06:00); above 2 h",
    ]
    assert written(again[0]) == "machine time | 2 h | €6.00 / h | up to 2 h"
    assert [written(row) for row in again if row.what == "VAT"] == ["VAT | 19 %"]


def test_what_a_bracket_reprices_is_said() -> None:
    _, charged = rows(EN, *(visit(1, begin_ms=MONDAY_MS + n * HOUR_MS, laser_min=20) for n in (12, 13)))
    said = [written(row) for row in charged if row.what == "laser time"]
    assert said == [
        "laser time | 20 min | €0.05 / min | above 30 min, for all of it (counted by month)",
        "laser time | 20 min | -€0.05 / min | earlier use, at the price that now holds for all of it",
    ]


def test_rules_are_said() -> None:
    (charged,) = rows(EN, visit(20, tier="student", begin_ms=MONDAY_MS + 12 * HOUR_MS, counts={"sheet": 4}))
    said = [written(row) for row in charged]
    assert "sheet | 4 sheet | €2.00 / sheet" in said
    assert "discount | friend: 10 % less, for student" in said
    assert "surcharge | clean-up: €3.00 more" in said
    assert "taken off by the cap | Above €50.00 only 50 % of the price is paid (counted by month)" in said
    (damage,) = rows(EN, visit(1, on=Occasion.DAMAGE))
    assert written(damage[0]) == "Damage | €25.00"
    (bought,) = rows(EN, visit(1, on=Occasion.PACK, pack="ten"))
    assert written(bought[0]) == "Prepaid pack · ten | €40.00 | 600 min laser time"
    _, drawn = rows(
        EN, visit(1, on=Occasion.PACK, pack="ten"), visit(1, begin_ms=MONDAY_MS + 12 * HOUR_MS, laser_min=9)
    )
    assert "laser time | 9 min | 0 min | €0.10 / min | 9 min from what you hold in advance" in [
        written(row) for row in drawn
    ]


def test_chinese_has_words_of_its_own() -> None:
    charged, _ = rows(ZH, visit(5), visit(2, begin_ms=MONDAY_MS + 20 * HOUR_MS))
    assert "每月 1 小时 免费" in spaced(charged[0].note)
    for row in charged:
        assert re.search(r"[\u4e00-\u9fff]", row.what)


def test_a_line_whose_tariff_is_gone_is_shown_as_it_stands() -> None:
    line = Line("odd", "", Fraction(1), Fraction(1), Fraction(1), 5, "minimum")
    assert explain([line], {}, "", "EUR", EN) == [Row("odd", "", "", "", 5, "brought up to the minimum")]


def test_a_machines_page_says_the_whole_price_list() -> None:
    tariff = read(EVERYTHING, "all.toml")
    assert [spaced(text) for text in tariff_words(tariff, EN)] == [
        "€6.00 per h of machine time; above 2 h: €12.00; 1 h a month are free",
        "€0.10 per min of laser time; above 30 min: €0.05 for all of it (counted by month)",
        "€4.00 per sheet; At most €10.00",
        "€1.00 for each day on which it is used",
        "Damage: €25.00 each time",
        "student: 50 % of the price",
        "night: 50 % of the price (Mon–Fri 00:00–06:00)",
        "At least €2.00",
        "Above €50.00 only 50 % of the price is paid (counted by month)",
        "friend: 10 % less, for student",
        "clean-up: €3.00 more",
        "ten: 600 min of laser time in advance for €40.00",
        "VAT of 19 % is added",
        "1 EUR is worth US$1.05",
    ]
    assert all(re.search(r"[\u4e00-\u9fff]", text) for text in tariff_words(tariff, ZH))
