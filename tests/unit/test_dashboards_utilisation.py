"""Time is cut at whole local hours of the floor, in every zone and at every speed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.reports.endpoints import busiest_hours
from booking_api.reports.utilisation import (
    HOUR_MS,
    SHORTEST_TILE_MS,
    Period,
    Time,
    Use,
    Utilisation,
    lay_tiles,
    real_time,
)
from floor.timescale import TimeScale

NOW_MS = 1_795_242_165_694
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns")
SPEEDS = (1, 2, 60, 100, 119, 120, 121, 600, 3600)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("period", list(Period))
def test_tiles_are_the_whole_local_hours_before_the_one_that_runs(zone: str, period: Period) -> None:
    tiles = lay_tiles(period, NOW_MS, TimeScale(), ZoneInfo(zone))
    end = datetime.fromtimestamp(tiles.end_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    assert (end.minute, end.second, end.microsecond) == (0, 0, 0)
    assert 0 <= NOW_MS - tiles.end_ms < HOUR_MS
    assert (tiles.length_ms, tiles.count) == (HOUR_MS, period.hours)


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("period", list(Period))
def test_fast_time_has_tiles_that_hold_scrapes_and_fill_the_period(speed: int, period: Period) -> None:
    scale = TimeScale(NOW_MS - 2_000 * HOUR_MS, NOW_MS - 2_000 * HOUR_MS, speed)
    tiles = lay_tiles(period, scale.at(NOW_MS), scale, UTC)
    hours = tiles.length_ms // (HOUR_MS // speed)
    assert hours * tiles.count == period.hours
    assert tiles.length_ms >= SHORTEST_TILE_MS or hours == 24
    assert tiles.hourly == (speed <= 120)


def test_what_lies_before_a_fast_scale_began_is_left_out() -> None:
    scale = TimeScale(NOW_MS, NOW_MS, 60)
    assert lay_tiles(Period.WEEK, NOW_MS, scale, UTC).count == 0
    later = lay_tiles(Period.WEEK, scale.at(NOW_MS + 5 * 60_000), scale, UTC)
    assert 4 <= later.count <= 5
    assert NOW_MS == later.begin_ms <= later.start_ms < NOW_MS + later.length_ms
    # Real time has no such bound: a scale that is merely shifted keeps what was before.
    assert lay_tiles(Period.WEEK, NOW_MS, TimeScale(NOW_MS, 0, 1), UTC).count == 168


@given(st.integers(0, 1 << 42), st.integers(0, 1 << 42), st.integers(1, 3600), st.integers(0, 1 << 42))
def test_real_time_is_the_inverse_of_floor_time(begin_ms: int, floor_ms: int, speed: int, at_ms: int) -> None:
    scale = TimeScale(begin_ms, floor_ms, speed)
    assert real_time(scale, scale.at(at_ms)) == at_ms


@given(st.lists(st.floats(0, 1e7), min_size=len(Use), max_size=len(Use)), st.floats(0, 1e7))
def test_shares_never_pass_the_whole(spent_s: list[float], observed_s: float) -> None:
    time = Time(observed_s, dict(zip(Use, spent_s, strict=True)))
    shares = [share for use in Use if (share := time.share(use)) is not None]
    assert all(0 <= share <= 1 for share in shares)
    assert sum(shares) <= 1 + 1e-9
    assert bool(shares) == (sum(spent_s) + observed_s > 0)


def test_a_state_of_a_later_version_is_observed_only() -> None:
    time = Time()
    time.add(None, 10)
    time.add("busy", 4)
    time.add("dreaming", 6)
    assert time.share(Use.BUSY) == 0.4
    assert sum(time.spent_s.values()) == 4


def test_the_busiest_and_the_idlest_hour_are_of_those_observed() -> None:
    week = [[Time() for _ in range(24)] for _ in range(7)]
    report = Utilisation(Period.DAY, 0, 1, {}, Time(), week)
    assert busiest_hours(report) is None
    for (day, hour), busy_s in {(2, 9): 10.0, (4, 15): 30.0, (6, 3): 1.0}.items():
        week[day][hour] = Time(60.0, dict.fromkeys(Use, 0.0) | {Use.BUSY: busy_s})
    assert busiest_hours(report) == ((4, 15), (6, 3))
