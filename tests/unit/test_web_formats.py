"""Money, durations and tariffs as people read them."""

from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from booking_api.tariffs.service import read
from booking_api.web.formats import NO_BREAK, Formats
from booking_api.web.statement import month_of
from booking_api.web.wording import policy_words, short_price, tariff_words
from floor.meter import Quantity
from floor.policy import MachinePolicy, OnLeave, OnProofLost
from tests.kit.web import NOW_MS, PRINTER_TARIFF, TARIFF

EN, ZH = (Formats(language, ZoneInfo("Europe/Dublin")) for language in ("en", "zh"))


def spaced(text: str) -> str:
    return text.replace(NO_BREAK, " ")


@pytest.mark.parametrize(
    ("amount_micro", "code", "exact", "en", "zh"),
    [
        (1_500_000, "EUR", False, "€1.50", "€1.50"),
        (-12_345_678_900, "EUR", False, "-€12,345.68", "-€12,345.68"),
        (66_666, "EUR", True, "€0.066666", "€0.066666"),
        (2_000_000, "EUR", True, "€2.00", "€2.00"),
        (Fraction(1_000_000, 3), "EUR", False, "€0.33", "€0.33"),
        (5_000_000, "CNY", False, "CN¥5.00", "¥5.00"),
        (3_000_000, "coins", False, "3 coins", "3 coins"),
    ],
)
def test_money(amount_micro: int, code: str, exact: bool, en: str, zh: str) -> None:
    assert EN.money(amount_micro, code, exact) == en
    assert ZH.money(amount_micro, code, exact) == zh


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [
        (-5, "0 s", "0 秒"),
        (59, "59 s", "59 秒"),
        (60, "1 min", "1 分钟"),
        (3600, "1 h", "1 小时"),
        (3900, "1 h 05 min", "1 小时 05 分钟"),
        (86_400, "1 d", "1 天"),
        (100_000, "1 d 3 h", "1 天 3 小时"),
    ],
)
def test_spans(seconds: int, en: str, zh: str) -> None:
    assert spaced(EN.span(seconds * 1000)) == en
    assert spaced(ZH.span(seconds * 1000)) == zh


def test_times_are_those_of_the_space() -> None:
    assert EN.when(NOW_MS) == "21 May 2026 11:00"
    assert ZH.when(NOW_MS) == "2026年5月21日 11:00"
    assert EN.stamp(NOW_MS) == "2026-05-21T10:00:00+00:00"


def test_quantities_are_written_in_units_that_people_use() -> None:
    assert EN.quantity(Quantity.FILAMENT_MG, 23_456) == "23.46 g"
    assert EN.quantity(Quantity.ENERGY_MWH, 1_250_000) == "1.25 kWh"
    assert spaced(EN.quantity(Quantity.JOB_TIME_MS, 74 * 60_000)) == "1 h 14 min"
    assert EN.quantity(Quantity.JOBS, 2) == "2"


def test_a_tariff_in_plain_words() -> None:
    laser = read(TARIFF, "laser.toml")
    assert [spaced(text) for text in tariff_words(laser, EN)] == [
        "€4.00 for each started 10 min of machine time",
        "member: 50 % of the price",
    ]
    assert tariff_words(laser, ZH)[0] == "使用时间每满或不足 10 分钟 收 €4.00"
    assert short_price(laser, EN) == "€4.00 / 10 min"
    assert tariff_words(read(PRINTER_TARIFF, "printer.toml"), EN) == [
        "€0.60 per h of job time; the first 10 min are free",
        "€0.035 per g of filament",
        "At least €0.50",
    ]
    assert tariff_words(read(PRINTER_TARIFF, "printer.toml"), ZH)[0].endswith("前 10 分钟 免费")
    for free, said in (("90 min", "90 min"), ("4356 s", "1.21 h"), ("1 h", "1 h"), ("45 s", "45 s")):
        text = PRINTER_TARIFF.replace('free = "10 min"', f'free = "{free}"')
        assert tariff_words(read(text, "printer.toml"), EN)[0].endswith(f"the first {said} are free")


def test_a_policy_in_plain_words() -> None:
    words = policy_words(MachinePolicy(on_leave=OnLeave.HOLD_FOR_JOB, idle_after_s=600), EN)
    assert "Tap out any time: the machine finishes its job, and you pay until then." in words
    assert "Ends by itself after 10 min without work." in [spaced(line) for line in words]
    usual = policy_words(MachinePolicy(), EN)
    for changed, said in (
        ({"needs_supervisor": True}, "You begin once a supervisor taps too, within 30 s."),
        ({"proof_s": 40}, "Extraction and cooling have 40 s to start; else you are refused."),
        ({"on_proof_lost": OnProofLost.REPORT}, "When extraction or cooling stops, staff are told"),
        ({"break_glass": False}, "No emergency access: offline for too long"),
    ):
        own = [spaced(line) for line in policy_words(MachinePolicy(**changed), EN) if line not in usual]
        assert [line.startswith(said) for line in own] == [True], own


@pytest.mark.parametrize(
    ("text", "name", "before", "after"),
    [
        ("", "May 2026", "2026-04", ""),
        ("2026-01", "January 2026", "2025-12", "2026-02"),
        ("2026-13", "May 2026", "2026-04", ""),
        ("0001-01", "May 2026", "2026-04", ""),
        ("2000-01", "January 2000", "1999-12", "2000-02"),
    ],
)
def test_months(text: str, name: str, before: str, after: str) -> None:
    month = month_of(text, NOW_MS, EN)
    assert (month.name, month.before, month.after) == (name, before, after)


def test_a_month_begins_at_the_spaces_midnight() -> None:
    month = month_of("2026-05", NOW_MS, EN)
    assert EN.stamp(month.from_ms) == "2026-04-30T23:00:00+00:00"
    assert EN.stamp(month.to_ms) == "2026-05-31T23:00:00+00:00"
