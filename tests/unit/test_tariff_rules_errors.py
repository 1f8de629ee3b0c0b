"""Windows, brackets, caps, adjustments, packs, tax: each mistake names file, key, line and remedy."""

from __future__ import annotations

import re

import pytest

from booking_api.tariffs.source import line_of, read
from booking_api.tariffs.usage_file import read_usage
from floor.errors import ConfigError

HEAD = """id = "laser"
name = "Laser"
commodity = "EUR"
valid_from = 2026-01-01
counts = ["sheet"]
"""
BODY = """
[tiers.member]
multiplier = 0.5

[[windows]]
id = "night"

[[components]]
per = "machine_time"
price = 1
unit = "min"
"""
ROWS = [
    ("counts = 3", "", "counts", 6, "Write a list of texts"),
    ('bill_at = "start"', "", "bill_at", 6, "split, end"),
    ("", "[[windows]]", "windows[2].id", 17, 'Write id = "…".'),
    ("", '[[windows]]\nid = "night"', "windows.id", None, "Give each its own id."),
    ("", '[[windows]]\nid = "x"\ndays = ["mo"]', "windows[2].days", 19, 'such as "mon-fri"'),
    ("", '[[windows]]\nid = "x"\nfrom = "25:00"', "windows[2].from", 19, 'such as from = "16:00"'),
    ("", '[[windows]]\nid = "x"\nto = "8"', "windows[2].to", 19, 'such as to = "16:00"'),
    ("", '[[windows]]\nid = "x"\ndates = ["25.12."]', "windows[2].dates", 19, "such as 2026-12-25"),
    ("", '[[windows]]\nid = "x"\nmultiplier = 11', "windows[2].multiplier", 19, "0.5 is half price"),
    ("", "windows = { day = 1 }", "components[1].windows.day", 17, "Add [[windows]]."),
    ("", 'on = "fire"', "components[1].on", 17, "Write one of: session, reservation, no_show"),
    ("", 'on = "pack"', "components[1].on", 17, "under [[packs]]"),
    ("", 'free_per = "hour"', "components[1].free_per", 17, "session, day, week, month"),
    ("", 'free_mode = "half"', "components[1].free_mode", 17, "marginal, threshold"),
    ("", 'free = { x = "1 min" }', "components[1].free.x", 17, "Add [tiers.x]."),
    ("", 'free = { member = "1 kg" }', "components[1].free.member", 17, 'such as member = "20 min"'),
    ("", "brackets = [{ price = 1 }]", "components[1].brackets[1].above", 17, 'above = "120 min"'),
    ("", 'brackets = [{ above = "1 h" }]', "components[1].brackets[1].price", 17, "0 is allowed"),
    (
        "",
        'brackets = [\n  { above = "1 h", price = 1 },\n  { above = "60 min", price = 1 },\n]',
        "components[1].brackets[2].above",
        19,
        "Give each its own.",
    ),
    (
        "",
        'block = "20 min"\nbrackets = [{ above = "30 min", price = 1 }]',
        "components[1].brackets[1].above",
        18,
        "a multiple of the block",
    ),
    (
        "",
        'windows = { night = 1 }\nbrackets = [{ above = "30 min", price = 1 }]',
        "components[1].windows",
        17,
        "Give the window a multiplier",
    ),
    ("", "tax = 19", "components[1].tax", 17, "0.07 is 7 %"),
    ("", 'machines = "laser"', "components[1].machines", 17, "Write a list of texts"),
    ("", '[[caps]]\nabove = 1\nrate = 2\nper = "month"', "caps[1].rate", 19, "0.75 is 25 % off"),
    ("", "[[caps]]\nabove = 1", "caps[1].per", 17, "Write one of: session, day"),
    ("", '[[caps]]\nper = "month"', "caps[1].above", 17, "is missing. Write above = 1.50"),
    ("", '[[adjustments]]\nkind = "gift"', "adjustments[1].kind", 18, "discount, coupon, credit, surcharge"),
    ("", '[[adjustments]]\nkind = "discount"', "adjustments[1].part", 17, "Write part = 0.2 or amount = 2."),
    ("", '[[adjustments]]\nkind = "credit"\npart = 1', "adjustments[1].part", 19, "Take it away."),
    ("", '[[adjustments]]\nkind = "coupon"\namount = 1', "adjustments[1].amount", 19, "Take it away"),
    (
        "",
        '[[adjustments]]\nkind = "discount"\npart = 1\ntiers = ["x"]',
        "adjustments[1].tiers",
        20,
        "Declare the tier x.",
    ),
    ("", '[[packs]]\nid = "p"\ncomponent = "x"', "packs[1].component", 19, "Name a component"),
    ("", '[[packs]]\nid = "p"\ncomponent = "machine_time"', "packs[1].size", 17, 'size = "600 min"'),
    ("", "[tax]\nincluded = true", "tax.rate", 17, "Write rate = 0.19."),
    ("", "[tax]\nrate = 0.1\nincluded = 1", "tax.included", 19, "Write true or false."),
    ("", '[worth]\ncommodity = "EUR"', "worth.amount", 17, "0 is allowed"),
]


@pytest.mark.parametrize(("top", "end", "key", "line", "remedy"), ROWS)
def test_a_mistake_is_named_with_its_line(
    top: str, end: str, key: str, line: int | None, remedy: str
) -> None:
    head = HEAD.replace('counts = ["sheet"]\n', "") + "\n" if top.startswith("counts") else HEAD
    text = head + (f"{top}{BODY}" if top else BODY) + end + "\n"
    with pytest.raises(ConfigError, match=re.escape(remedy)) as caught:
        read(text, "laser.toml")
    assert (caught.value.file, caught.value.key) == ("laser.toml", key)
    if line is not None:
        assert caught.value.line == line, text.splitlines()[(caught.value.line or 1) - 1]


def test_a_file_that_is_no_toml_names_its_line() -> None:
    with pytest.raises(ConfigError, match=r"laser\.toml:2: is not TOML") as caught:
        read('id = "laser"\nname = Laser\n', "laser.toml")
    assert caught.value.line == 2


def test_a_name_of_the_files_own_is_not_one_that_is_taken() -> None:
    with pytest.raises(ConfigError, match="Give it another word"):
        read(HEAD.replace("sheet", "flat") + BODY, "laser.toml")


@pytest.mark.parametrize(
    ("key", "line"),
    [("id", 1), ("tiers.member.multiplier", 8), ("components[1].price", 15), ("nothing", None), ("", None)],
)
def test_a_line_is_found(key: str, line: int | None) -> None:
    assert line_of(HEAD + BODY, key) == line


USES = [
    ("zone = 3\n", "", "zone", "is missing or not a text"),
    ('zone = "Mars/Base"\n', "", "zone", 'zone = "Europe/Berlin"'),
    ("", "prize = 1", "use[1].prize", "Use one of: account"),
    ("", "start = 3", "use[1].start", "Write start = 2026-01-31T14:00:00."),
    ("", "start = 2025-01-01T00:00:00", "use[1].start", "add an earlier version"),
    ("", "start = 2026-02-02\nend = 2026-02-01", "use[1].end", "Swap start and end."),
    ("", 'used = { time = "1 h" }', "use[1].used.time", "is not metered"),
    ("", 'used = { machine_time = "1" }', "use[1].used.machine_time", 'machine_time = "20 s"'),
    ("", "counts = { book = 1 }", "use[1].counts.book", "Use one of: sheet."),
    ("", "counts = { sheet = -1 }", "use[1].counts.sheet", "a whole number from 0"),
    ("", 'on = "pack"\npack = "x"', "use[1].pack", "none is sold"),
    ("", 'tariff = "x"', "use[1].tariff", "Write one of: laser."),
    ("", "coupon = 2", "use[1].coupon", "0.2 is 20 % off"),
    ("", "readings = [{ at = 2025-01-01T00:00:00 }]", "use[1].readings[1].at", "not in the use"),
]


@pytest.mark.parametrize(("top", "row", "key", "remedy"), USES)
def test_a_wrong_usage_file_says_where(top: str, row: str, key: str, remedy: str) -> None:
    tariffs = {"laser": [read(HEAD + BODY, "laser.toml")]}
    with pytest.raises(ConfigError, match=re.escape(remedy)) as caught:
        read_usage(f"{top}[[use]]\n{row}\n", "usage.toml", tariffs)
    assert caught.value.key == key
    assert caught.value.line is not None


def test_a_usage_file_without_a_use_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Add a \[\[use\]\] table"):
        read_usage("", "usage.toml", {})
