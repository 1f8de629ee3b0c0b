"""The replay agrees with what theory says of queues, and records become arrivals, one a visit."""

import itertools
import random
from datetime import UTC
from math import factorial, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking_api.reports.queueing import COME_BACK_MS, Used, Wanted, gather
from booking_api.reports.whatif import Answer, judged, rows
from floor.queueing import Arrival, replay, what_if

MEAN_MS = 600_000
DAY_MS = 86_400_000
ARRIVALS = st.lists(
    st.builds(Arrival, st.integers(0, 60), st.integers(1, 40), st.integers(0, 20), st.integers(0, 3)),
    max_size=30,
).map(sorted)


def poisson(load: float, count: int, seed: int, stay: str = "exponential") -> list[Arrival]:
    """So many arrivals at random that offer `load` erlangs."""
    chance = random.Random(seed)
    at, made = 0.0, []
    for _ in range(count):
        at += chance.expovariate(load / MEAN_MS)
        length = chance.expovariate(1 / MEAN_MS) if stay == "exponential" else MEAN_MS
        made.append(Arrival(round(at), round(length), 0, int(at) // DAY_MS))
    return made


def erlang_b(load: float, machines: int) -> float:
    terms = [load**k / factorial(k) for k in range(machines + 1)]
    return terms[-1] / sum(terms)


@pytest.mark.parametrize("stay", ["exponential", "always as long"])
@pytest.mark.parametrize(("load", "machines"), [(0.8, 1), (2.0, 3), (9.0, 10)])
def test_random_arrivals_are_lost_as_erlang_says(load: float, machines: int, stay: str) -> None:
    """Erlang's loss formula holds for stays of any distribution; refusals come in bunches, hence the 2."""
    arrivals = poisson(load, 12_000, seed=machines, stay=stay)
    expected = erlang_b(load, machines)
    error = 2 * sqrt(expected * (1 - expected) / len(arrivals))
    assert replay(arrivals, machines).refusals / len(arrivals) == pytest.approx(expected, abs=4 * error)


def test_use_is_what_the_served_need() -> None:
    """The law of utilisation: use of each machine = served by time × mean stay / machines."""
    arrivals = poisson(2.0, 12_000, seed=3)
    done = replay(arrivals, 3)
    (_, now, _) = what_if(arrivals, 3, random.Random(7))
    span_ms = arrivals[-1].at_ms
    assert done.busy_ms / span_ms / 3 == pytest.approx(2.0 * (1 - erlang_b(2.0, 3)) / 3, rel=0.04)
    assert now.use == pytest.approx(done.busy_ms / span_ms / 3, rel=0.01)


@settings(max_examples=60, deadline=None)
@given(ARRIVALS, st.integers(1, 4))
def test_who_leaves_at_once_is_never_lost_to_one_machine_more(arrivals: list[Arrival], machines: int) -> None:
    hasty = [Arrival(one.at_ms, one.length_ms, 0, one.day) for one in arrivals]
    assert replay(hasty, machines + 1).refusals <= replay(hasty, machines).refusals


def test_with_patience_one_machine_more_may_lose_more() -> None:
    """Two long stays are served that gave up before: nobody after them is."""
    arrivals = [Arrival(0, 4), Arrival(2, 4, 5), Arrival(3, 100, 1), Arrival(6, 100, 1)]
    arrivals += [Arrival(at, 1) for at in (8, 9, 10, 11)]
    assert (replay(arrivals, 1).refusals, replay(arrivals, 2).refusals) == (2, 4)


@settings(max_examples=60, deadline=None)
@given(ARRIVALS, st.integers(1, 3))
def test_the_replay_is_what_a_clock_sees(arrivals: list[Arrival], machines: int) -> None:
    """Tick by tick: machines end, the longest waiting begin, who has waited enough leaves."""
    waiting: list[Arrival] = []
    ends: list[int] = []
    refused = 0
    for now in range(2000):
        ends = [end for end in ends if end > now]
        waiting += [one for one in arrivals if one.at_ms == now]
        while waiting and len(ends) < machines:
            ends.append(now + waiting.pop(0).length_ms)
        refused += sum(one.at_ms + one.patience_ms <= now for one in waiting)
        waiting = [one for one in waiting if one.at_ms + one.patience_ms > now]
        if not waiting and not ends and now > 60:
            break
    done = replay(arrivals, machines)
    assert (done.refusals, sum(done.refused.values())) == (refused, refused)


def test_no_machine_serves_nobody() -> None:
    with pytest.raises(ValueError, match="serve nobody"):
        replay([], 0)


def test_the_interval_holds_the_truth_and_figures_come_again() -> None:
    arrivals = poisson(2.0, 12_000, seed=11)
    before, now, after = what_if(arrivals, 2, random.Random(7))
    assert what_if(arrivals, 2, random.Random(7)) == [before, now, after]
    truth = erlang_b(2.0, 3) / erlang_b(2.0, 2) - 1
    assert after.change
    assert now.change
    assert after.change.low < truth < after.change.high
    assert after.change.low < after.change.value < after.change.high < 0 == now.change.value
    assert now.refused.low < erlang_b(2.0, 2) < now.refused.high
    assert before.refused.value > now.refused.value > after.refused.value
    idle = [Arrival(n * DAY_MS, 1, 0, n) for n in range(20)]
    assert [one.change for one in what_if(idle, 1, random.Random(7))] == [None, None]


def test_each_visit_is_one_arrival() -> None:
    hour = 3_600_000
    used = [Used(0, "ada", hour), Used(hour, "ben", 2 * hour), Used(50 * hour, "cas", hour)]
    wanted = [
        Wanted(hour // 2, hour // 2 + COME_BACK_MS, "ben", None),
        Wanted(hour // 2 + 60_000, hour + COME_BACK_MS, "ben", None),  # tries again: no second visit
        Wanted(10 * hour, 10 * hour + COME_BACK_MS, "dov", None),
        Wanted(49 * hour, 53 * hour, "eve", hour),
    ]
    recorded = gather(used, wanted, UTC)
    by = {one.at_ms: one for one in recorded.arrivals}
    assert sorted(by) == [0, hour // 2, 10 * hour, 49 * hour, 50 * hour]
    assert (by[hour // 2].length_ms, by[hour // 2].patience_ms) == (2 * hour, hour // 2)
    assert by[10 * hour].patience_ms == 0
    assert by[10 * hour].length_ms in {hour, 2 * hour}
    assert (by[49 * hour].length_ms, by[49 * hour].patience_ms) == (hour, 3 * hour)
    assert recorded.turned_away == 2
    assert recorded.days == 2
    assert gather(used, wanted, UTC) == recorded


def test_too_little_is_told_and_enough_is_answered() -> None:
    def records(days: int) -> Answer:
        used = [
            Used(day * DAY_MS + n * 600_000, f"m{n}", 590_000)
            for day, n in itertools.product(range(days), range(8))
        ]
        wanted = [
            Wanted(day * DAY_MS + n * 600_000 + 1, day * DAY_MS + n * 600_000 + 2, f"w{n}", None)
            for day, n in itertools.product(range(days), (1, 3))
        ]
        return judged("saw", 1, gather(used, wanted, UTC))

    little, enough = records(13), records(15)
    assert (little.options, little.more, little.modelled) == ((), None, 0)
    assert (enough.days, enough.arrivals, enough.turned_away) == (15, 150, 30)
    assert enough.more.machines == 2
    assert enough.fits
    head, *table = rows(enough)
    assert [len(row) for row in table] == [len(head)] * 2
