"""What charts draw stays in their box and says their numbers, whatever they are."""

from __future__ import annotations

import csv
import io
import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from booking_api.exports import sheet
from booking_api.exports.table import BOM
from booking_api.web import charts
from booking_api.web.charts import Chart, Number, Series

WHOLE = st.integers(-(10**24), 10**24)
NUMBERS: st.SearchStrategy[Number | None] = st.none() | WHOLE | st.fractions(-1000, 1000)
ROWS = st.integers(0, 20).flatmap(
    lambda n: st.lists(st.lists(NUMBERS, min_size=n, max_size=n), min_size=1, max_size=4)
)
NEAR = 0.01


def series(rows: list[list[Number | None]]) -> tuple[list[str], list[Series]]:
    return [f"m{n}" for n in range(len(rows[0]))], [Series(f"s{n}", row) for n, row in enumerate(rows)]


def in_box(chart: Chart) -> None:
    for box in chart.boxes:
        assert box.width >= 0
        assert box.height >= 0
        assert box.x >= -NEAR
        assert box.x + box.width <= 100 + NEAR
        assert box.y >= -NEAR
        assert box.y + box.height <= 100 + NEAR
    assert all(0 <= mark.x <= 100 and 0 <= mark.y <= 100 for mark in chart.marks)
    assert all(-NEAR <= tick.at <= 100 + NEAR for tick in (*chart.x_ticks, *chart.y_ticks))


@given(ROWS, st.booleans())
def test_bars_stay_in_the_box_and_stand_for_their_numbers(
    rows: list[list[Number | None]], stacked: bool
) -> None:
    labels, found = series(rows)
    chart = charts.bars("a", "A", labels, found, str, stacked=stacked)
    in_box(chart)
    assert len(chart.boxes) == sum(1 for row in rows for one in row if one)
    assert chart.empty == (not chart.boxes)
    assert len(chart.rows) == len(labels)
    low, high = (Fraction(t.text) for t in (chart.y_ticks[0], chart.y_ticks[-1]))
    drawn = iter(chart.boxes)
    for at in range(len(labels)):
        for row in rows:
            if value := row[at]:
                assert abs(next(drawn).height - float(100 * abs(Fraction(value)) / (high - low))) < NEAR


@given(ROWS)
def test_lines_have_a_mark_for_each_number_and_a_gap_for_none(rows: list[list[Number | None]]) -> None:
    chart = charts.lines("a", "A", *series(rows), str)
    in_box(chart)
    assert len(chart.marks) == sum(1 for row in rows for one in row if one is not None)
    assert sum(len(path.d.split("M")[1:]) + path.d.count("L") for path in chart.paths) == len(chart.marks)


@given(WHOLE, WHOLE)
def test_ticks_are_even_hold_nought_and_reach_round_both_ends(one: int, other: int) -> None:
    ticks = charts.nice_ticks(min(one, other), max(one, other))
    assert ticks[0] <= min(one, other, 0)
    assert ticks[-1] >= max(one, other, 0)
    assert 0 in ticks
    assert 2 <= len(ticks) <= 8
    assert all(isinstance(tick, int) for tick in ticks)
    assert len({after - before for before, after in itertools.pairwise(ticks)}) == 1


@given(st.lists(st.integers(-5, 10**18), min_size=1, max_size=8))
def test_a_share_is_whole_or_empty(sizes: list[int]) -> None:
    chart = charts.share("a", "A", [Series(f"p{n}", [size]) for n, size in enumerate(sizes)], str)
    in_box(chart)
    assert chart.empty or abs(sum(box.width for box in chart.boxes) - 100) < NEAR


@given(st.lists(st.tuples(st.integers(-50, 150), st.integers(-50, 150)), max_size=9))
def test_strips_are_cut_at_the_ends_and_keep_their_sums(stretches: list[tuple[int, int]]) -> None:
    row = [(one, other, "busy") for one, other in stretches]
    ticks = [(0, "0"), (100, "100")]
    chart = charts.strips("a", "A", [("m", row)], (0, 100), ticks, {"busy": "busy"}, str)
    in_box(chart)
    inside = sum(max(0, min(other, 100) - max(one, 0)) for one, other in stretches)
    assert abs(sum(box.width for box in chart.boxes) - inside) < NEAR
    assert chart.rows == (("m", str(inside)),)


def test_a_heat_map_is_the_darker_the_more_and_writes_its_table() -> None:
    chart = charts.heat("a", "A", ["Mon", "Tue"], ["8", "9"], [[0, 5], [None, 10]], str, first="Day")
    in_box(chart)
    assert [box.level for box in chart.boxes] == [0, 5, 10]
    assert charts.heat("b", "B", [], [], [], str).empty
    assert list(csv.reader(io.StringIO(sheet.written((chart.head, *chart.raw)).removeprefix(BOM)))) == [
        ["Day", "8", "9"],
        ["Mon", "0", "5"],
        ["Tue", "", "10"],
    ]


def test_a_spreadsheet_runs_no_name_of_a_machine() -> None:
    chart = charts.bars("a", "A", ["=1+1", "-5"], [Series("", [1, -2])], str)
    assert sheet.written((chart.head, *chart.raw)).splitlines()[1:] == ["'=1+1,1", "-5,-2"]
