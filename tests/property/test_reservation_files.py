"""A policy file or a requests file is read, or refused with key, problem and remedy: never otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from booking_api.tariffs.source import at_line
from floor.errors import ConfigError
from floor.reservation import walk_in
from floor.reservation.decide import decide
from floor.reservation.load import MACHINE_KEYS, load, read_policies
from floor.reservation.load_limits import LIMIT_KEYS
from floor.reservation.load_rules import READERS
from floor.reservation.load_space import BLOCK_KEYS, HOLIDAY_KEYS, TERM_KEYS, WINDOW_KEYS
from floor.reservation.model import Counted, Per, Then
from floor.reservation.terms import Known, Slot, Wanted
from floor.reservation.trial.file import STEP_KEYS, read_requests

BERLIN = ZoneInfo("Europe/Berlin")
WORDS = [*Per, *Counted, *Then, "1 h", "2 weeks", "1 month", "30 min", "0 h", "16:00", "mon-fri", "closed"]
WORDS += [
    "09:00-17:00",
    "peak",
    "all",
    "laser-*",
    "12-25",
    "02-30",
    "5.00",
    "",
    " ",
    "true",
    "no",
    "99999999 h",
]
values = st.one_of(
    st.sampled_from(WORDS),
    st.booleans(),
    st.integers(-5, 10**13),
    st.text(max_size=8),
    st.sampled_from([Decimal("1.5"), Decimal("NaN"), Decimal("1e30"), date(2026, 3, 29), time(9, 30)]),
    st.sampled_from(
        [datetime(2026, 3, 29, 2, 30, tzinfo=UTC), datetime.max.replace(tzinfo=UTC), date.max, date.min]
    ),
)
some = st.one_of(
    values, st.lists(values, max_size=3), st.dictionaries(st.sampled_from(WORDS[:14]), values, max_size=2)
)


def table(keys: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(sorted(keys)), some, max_size=4)


limit = table(LIMIT_KEYS) | st.fixed_dictionaries(
    {"per": st.sampled_from(Per), "most": st.integers(0, 3)}, optional={"window": st.just("2 days")}
)
rules = st.dictionaries(st.sampled_from(sorted({*READERS, *MACHINE_KEYS})), some, max_size=2)
policy = st.tuples(
    rules,
    st.lists(limit, max_size=1),
    st.dictionaries(st.sampled_from(["a", "b"]), rules, max_size=1),
    st.dictionaries(st.sampled_from(["peak", "x"]), rules, max_size=1),
).map(lambda one: {**one[0], **({"limits": one[1]} if one[1] else {}), "tiers": one[2], "windows": one[3]})
files = st.fixed_dictionaries(
    {"policy": st.dictionaries(st.sampled_from(["x", "y"]), policy, max_size=2)},
    optional={
        "windows": st.just({"peak": {"days": "mon"}}) | st.dictionaries(st.just("peak"), table(WINDOW_KEYS)),
        "groups": st.just({"g": ["laser-1"]}) | some,
        "holidays": st.lists(table(HOLIDAY_KEYS), max_size=2) | some,
        "openings": st.lists(table(HOLIDAY_KEYS), max_size=2),
        "terms": st.lists(table(TERM_KEYS), max_size=2) | some,
        "blocks": st.lists(table(BLOCK_KEYS), max_size=2) | some,
        "limits": st.lists(limit, max_size=2) | some,
        "hours": some | st.just({"mon-fri": "09:00-17:00"}),
        "week_begins": some,
        "defaults": rules,
    },
)


def is_said(error: ConfigError) -> None:
    assert error.problem
    assert error.remedy


@settings(max_examples=150, deadline=None)
@given(files)
def test_a_table_is_read_or_refused_and_what_is_read_decides(found: dict[str, Any]) -> None:
    try:
        policies = load(found, "reservations.toml", BERLIN, {"laser-1": "laser"})
    except ConfigError as error:
        is_said(error)
        return
    now_ms = round(datetime(2026, 3, 28, 23, tzinfo=BERLIN).timestamp() * 1000)
    slot = Slot("laser-1", now_ms + 3_600_000, now_ms + 7_200_000)
    assert decide(policies, Wanted(slot, "ada", "a", now_ms), Known(), BERLIN)
    assert walk_in.decide(policies, "laser-1", "ada", "a", Known(waiting=1), now_ms, BERLIN)


@given(st.text(max_size=200))
@example("[policy.x]\nahead = 1e999999999")
@example("[policy]\nx = 1")
@example("a = 2026-99-99")
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (
        lambda: read_policies(text, "reservations.toml", BERLIN),
        lambda: read_requests(text, "requests.toml", ZoneInfo),
    ):
        try:
            read()
        except ConfigError as error:
            is_said(at_line(error, text))


def toml(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "").replace('"', "") + '"'
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


@settings(max_examples=120, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted(STEP_KEYS)),
        st.one_of(
            st.sampled_from(["ada", "saw", *WORDS]),
            st.integers(-5, 9),
            st.booleans(),
            st.sampled_from(["2026-03-29T02:30:00", "9999-12-31T00:00:00", "0001-01-01"]),
        ),
        max_size=8,
    )
)
def test_any_step_is_read_or_refused(step: dict[str, Any]) -> None:
    lines = [f"{key} = {value if str(value)[4:5] == '-' else toml(value)}" for key, value in step.items()]
    text = 'timezone = "Europe/Berlin"\nmachines = ["saw"]\nmembers = ["ada"]\n[[step]]\n' + "\n".join(lines)
    try:
        read_requests(
            "".join(one for one in text if one.isprintable() or one == "\n"), "requests.toml", ZoneInfo
        )
    except ConfigError as error:
        is_said(error)
