"""What is due, when it will be, and how reliable a machine is."""

from __future__ import annotations

from fractions import Fraction

import pytest

from floor.maintenance import (
    DAY_MS,
    HOUR_MS,
    SESSION_TIME,
    Count,
    Down,
    Due,
    DueState,
    Measure,
    Plan,
    Totals,
    Window,
    due,
    reliability,
)
from floor.meter import Quantity

NOW_MS = 100 * DAY_MS
BUSY, LASER = Quantity.BUSY_TIME_MS, Quantity.LASER_TIME_MS
HUNDRED = {Measure.BUSY_HOURS: 100 * HOUR_MS}


def standing(
    every: dict[Measure, int], totals: Totals, lately: Totals | None = None, known: int = 28, **plan: int
) -> Due:
    count = Count(NOW_MS - 20 * DAY_MS, {BUSY: 500 * HOUR_MS})
    return due(Plan(every, **plan), count, totals, Window(lately or {}, known * DAY_MS), NOW_MS)


@pytest.mark.parametrize(
    ("busy_h", "state"),
    [(0, "good"), (89, "good"), (90, "soon"), (100, "due"), (110, "due"), (111, "overdue")],
)
def test_a_plan_counts_from_where_the_work_was_done(busy_h: int, state: str) -> None:
    found = standing(HUNDRED, {BUSY: (500 + busy_h) * HOUR_MS})
    assert found.state == state
    assert found.parts[0].used == busy_h * HOUR_MS


def test_the_forecast_goes_on_at_todays_rate() -> None:
    found = standing(HUNDRED, {BUSY: 560 * HOUR_MS}, {BUSY: 28 * HOUR_MS})
    assert (found.due_ms, found.is_latest) == (NOW_MS + 40 * DAY_MS, False)
    young = standing(HUNDRED, {BUSY: 560 * HOUR_MS}, {BUSY: 8 * HOUR_MS}, known=2)
    assert young.due_ms == NOW_MS + 10 * DAY_MS
    unused = standing(HUNDRED, {BUSY: 560 * HOUR_MS})
    assert (unused.due_ms, unused.is_latest) == (None, False)
    unknown = standing(HUNDRED, {BUSY: 560 * HOUR_MS}, {BUSY: 8 * HOUR_MS}, known=0)
    assert (unknown.due_ms, unknown.is_latest) == (None, True)


def test_whichever_is_reached_first_makes_it_due() -> None:
    either = HUNDRED | {Measure.DAYS: 30 * DAY_MS}
    found = standing(either, {BUSY: 560 * HOUR_MS}, {BUSY: 28 * HOUR_MS})
    assert (found.state, found.due_ms) == (DueState.GOOD, NOW_MS + 10 * DAY_MS)
    found = standing(either | {Measure.DAYS: 15 * DAY_MS}, {BUSY: 501 * HOUR_MS})
    assert (found.state, found.due_ms) == (DueState.OVERDUE, NOW_MS - 5 * DAY_MS)
    found = standing(either, {BUSY: 605 * HOUR_MS})
    assert (found.state, found.due_ms) == (DueState.DUE, NOW_MS)


def test_what_was_never_metered_is_unknown() -> None:
    laser = {Measure.LASER_HOURS: HOUR_MS}
    found = standing(laser, {SESSION_TIME: HOUR_MS})
    assert (found.state, found.due_ms, found.is_latest) == (DueState.UNKNOWN, None, True)
    found = standing(laser | {Measure.DAYS: 30 * DAY_MS}, {SESSION_TIME: HOUR_MS})
    assert (found.state, found.is_latest) == (DueState.GOOD, True)
    assert standing(laser, {}).state is DueState.GOOD
    assert standing(laser, {LASER: HOUR_MS}).state is DueState.DUE


@pytest.mark.parametrize("plan", [{"every": {}}, {"every": {Measure.JOBS: 0}}, {"soon_percent": 0}])
def test_a_plan_counts_something(plan: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"plan counts|soon is"):
        Plan(**({"every": HUNDRED} | plan))  # type: ignore[arg-type] # wrong on purpose


def test_reliability_of_calendar_time() -> None:
    h = HOUR_MS
    downs = [
        Down(10 * h, 14 * h),
        Down(12 * h, 16 * h),
        Down(30 * h, 32 * h, planned=True),
        Down(90 * h, None),
    ]
    found = reliability(downs, 0, 100 * h)
    assert (found.failures, found.mended, found.down_ms) == (2, 1, 18 * h)
    assert found.availability == Fraction(82, 100)
    assert (found.mtbf_ms, found.mttr_ms) == (41 * h, 6 * h)


def test_reliability_before_the_first_failure_and_at_the_edges() -> None:
    found = reliability([], 0, DAY_MS)
    assert (found.availability, found.mtbf_ms, found.mttr_ms) == (1, None, None)
    assert reliability([], 5, 5).availability is None
    # It broke before the window: its repair counts whole, the failure belongs to the time before.
    found = reliability([Down(-5 * HOUR_MS, 5 * HOUR_MS), Down(200 * HOUR_MS, None)], 0, 10 * HOUR_MS)
    assert (found.failures, found.mended, found.mttr_ms) == (0, 1, 10 * HOUR_MS)
    assert found.availability == Fraction(1, 2)
