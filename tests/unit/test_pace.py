"""How often one key may ask: a minute's worth at once, then evenly."""

from booking_api.api.pace import REMEMBERED, Pace


class Hand:
    """A clock that is set by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_minutes_worth_comes_at_once_and_then_one_a_step() -> None:
    clock = Hand()
    pace = Pace(60, clock)
    assert [pace.wait_s("a") for _ in range(60)] == [0.0] * 60
    assert pace.wait_s("a") == 1.0
    assert pace.wait_s("b") == 0.0
    for _ in range(3):
        clock.now_s += 1
        assert (pace.wait_s("a"), pace.wait_s("a")) == (0.0, 1.0)
    clock.now_s += 3600
    assert [pace.wait_s("a") for _ in range(61)] == [0.0] * 60 + [1.0]


def test_what_is_remembered_is_bounded() -> None:
    pace = Pace(60, Hand())
    for number in range(REMEMBERED + 100):
        pace.wait_s(str(number))
    assert len(pace._full_s) == REMEMBERED
