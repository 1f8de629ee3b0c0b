"""A tariff as a form and as its file: what is typed changes what it names, and nothing else."""

import re
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from booking_api.tariffs.draft import Asked, Example, draft, tried
from booking_api.toml_text import changed
from floor.errors import Refused

ZONE = ZoneInfo("Europe/Berlin")
EXAMPLES = re.findall(
    r"```toml\n(id = .*?)```", (Path(__file__).parents[2] / "docs/tariffs.md").read_text(), re.DOTALL
)
TEXT = """# our laser
id = "laser" # stays
name = "Laser"
commodity = "EUR"
valid_from = 2026-01-01
tiers = { member = { multiplier = 0.5 } }

# by the minute
[[components]]
per = "machine_time"   # while tapped in
price = 0.40 # since June
unit = "min"
shared = "all"
brackets = [
  { above = "60 min", price = 0.30 },
]

[[adjustments]]
kind = "coupon"
"""


def test_every_documented_tariff_is_a_form_that_changes_nothing_by_itself() -> None:
    assert len(EXAMPLES) > 20
    for text in EXAMPLES:
        made = draft(text, text, {}, ZONE)
        shown = {field.name: field.value for row in made.rows for field in row.fields}
        assert made.tariff is not None
        assert draft(text, text, shown, ZONE).text == text
        priced = draft(text, text, shown | {"components.0.price": "7,50"}, ZONE).tariff
        assert priced is not None
        assert priced.components[0].price_micro == 7_500_000
        for what in ("components", "tiers", "caps"):
            assert draft(text, text, shown, ZONE, Asked(what, "newcomers")).tariff is not None, what


def test_a_price_changes_its_line_and_leaves_the_rest_as_it_was_written() -> None:
    made = draft(TEXT, TEXT, {"components.0.price": "0.45", "tiers.member.multiplier": "40"}, ZONE)
    lines = dict(zip(TEXT.splitlines(), made.text.splitlines(), strict=True))
    assert {old: new for old, new in lines.items() if old != new} == {
        "price = 0.40 # since June": "price = 0.45 # since June",
        "tiers = { member = { multiplier = 0.5 } }": "tiers = { member = { multiplier = 0.4 } }",
    }


def test_form_and_file_may_both_have_changed() -> None:
    made = draft(TEXT.replace("Laser", "Big laser"), TEXT, {"components.0.price": "0.45"}, ZONE)
    assert made.tariff is not None
    assert (made.tariff.name, made.tariff.components[0].price_micro) == ("Big laser", 450_000)


def test_what_the_form_cannot_show_is_named_with_its_line() -> None:
    rows = {row.name: row for row in draft(TEXT, TEXT, {}, ZONE).rows}
    assert rows["components.0"].left == (("shared", 13),)
    assert rows[""].left == (("adjustments", 18),)


def test_an_error_stands_beside_its_field() -> None:
    made = draft(TEXT, TEXT, {"components.0.price": "dear"}, ZONE)
    assert made.tariff is None
    assert made.problem is not None
    assert (made.field, made.problem.key, made.problem.line) == (
        "components.0.price", "components[1].price", 11,
    )  # fmt: skip
    broken = draft(TEXT + "x = [", TEXT, {"components.0.price": "1"}, ZONE)
    assert (broken.tariff, broken.base) == (None, TEXT)
    assert broken.problem is not None


def test_steps_and_rows_come_and_go() -> None:
    more = draft(TEXT, TEXT, {}, ZONE, Asked("components.0"))
    assert more.tariff is not None
    assert [step.above for step in more.tariff.components[0].brackets] == [60, 70]
    less = draft(more.text, more.text, {}, ZONE, Asked(remove="components.0.brackets.1"))
    assert less.tariff is not None
    assert len(less.tariff.components[0].brackets) == 1
    gone = draft(TEXT, TEXT, {}, ZONE, Asked(remove="tiers.member"))
    assert gone.tariff is not None
    assert gone.tariff.tiers == {}


def test_a_change_that_would_change_something_else_is_refused() -> None:
    text = 'note = """\nprice = 1\n"""\n'
    with pytest.raises(Refused, match="in its own way"):
        changed(text, [(("price",), Decimal(2)), (("note", "inner"), 1)])


def test_an_example_is_priced_for_each_tier_by_both() -> None:
    new = draft(TEXT, TEXT, {"components.0.price": "0.50"}, ZONE).tariff
    old = draft(TEXT, TEXT, {}, ZONE).tariff
    assert new is not None
    use = Example({"machine_time_ms": Decimal(30)}, {}, "", 0)
    assert [(one.tier, one.old_micro, one.new_micro) for one in tried(use, old, new, ZONE)] == [
        ("member", 6_000_000, 7_500_000),
        ("", 12_000_000, 15_000_000),
    ]
