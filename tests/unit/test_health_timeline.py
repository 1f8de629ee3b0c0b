"""Timelines: every instant has one state, the strongest; drawings and sums agree with it."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from booking_api.health.timeline import Span, Use, gaps, lay, paths, totals

spans = st.lists(
    st.builds(
        lambda use, begins, length: Span(use, begins, begins + length),
        st.sampled_from([use for use in Use if use is not Use.FREE]),
        st.integers(-50, 150),
        st.integers(1, 80),
    ),
    max_size=12,
)


@given(spans)
def test_every_instant_shows_the_strongest_of_what_was_said(said: list[Span]) -> None:
    told = lay(said, 0, 100)
    assert [one.from_ms for one in told] == [0, *[one.until_ms for one in told[:-1]]]
    assert told[-1].until_ms == 100
    order = list(Use)
    for one in told:
        for at_ms in range(one.from_ms, one.until_ms):
            there = [other.use for other in said if other.from_ms <= at_ms < other.until_ms]
            assert one.use is max([Use.FREE, *there], key=order.index)
    assert sum(totals(told).values()) == 100
    assert all(one.use is not other.use for one, other in pairwise(told))


def test_what_no_server_watched_is_unknown_and_a_short_state_is_still_drawn() -> None:
    assert gaps([(10, 20), (30, 90)], 0, 100) == [
        Span(Use.UNKNOWN, 0, 10),
        Span(Use.UNKNOWN, 20, 30),
        Span(Use.UNKNOWN, 90, 100),
    ]
    assert gaps([], 0, 5) == [Span(Use.UNKNOWN, 0, 5)]
    drawn = dict(paths([Span(Use.FREE, 0, 9_999), Span(Use.IN_USE, 9_999, 10_000)], 0, 10_000))
    assert drawn == {Use.IN_USE: "M999 0h1v10h-1z"}
    assert Counter(dict(paths([Span(Use.LOCKED_OUT, 0, 100)], 0, 100))[Use.LOCKED_OUT])["M"] == 2
