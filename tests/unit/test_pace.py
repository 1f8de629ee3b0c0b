"""How often one key may ask: a minute's worth at once, then evenly."""

import json
from collections.abc import Iterator

from booking_api.api.pace import REMEMBERED, Pace
from booking_api.crew import Alone, Hear


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


class Wire(Alone):
    """Carries news to the other processes, as PostgreSQL does: as JSON, the same twice once."""

    def __init__(self, others: "list[Wire]") -> None:
        self._others, self._hears, self._told = others, list[Hear](), set[str]()
        others.append(self)

    def listen(self, hear: Hear) -> None:
        self._hears.append(hear)

    def tell(self, kind: str, news: object) -> None:
        text = json.dumps([kind, news])
        assert text not in self._told, "told once, and heard once"
        self._told.add(text)
        for hear in (hear for other in self._others if other is not self for hear in other._hears):
            hear(*json.loads(text))


def answered(workers: list[Pace], requests: int) -> Iterator[bool]:
    """Ask one worker after the other."""
    for number in range(requests):
        yield not workers[number % len(workers)].wait_s("a")


def test_three_processes_answer_a_minutes_worth_together() -> None:
    clock, crews = Hand(), list[Wire]()
    workers = [Pace(100, clock, Wire(crews)) for _ in range(3)]
    told = 100 // 20
    assert 100 <= sum(answered(workers, 400)) < 100 + 3 * told
    clock.now_s += 30
    assert 50 - 3 * told < sum(answered(workers, 400)) < 50 + 3 * told
    assert [bool(worker.wait_s("b")) for worker in workers] == [False] * 3


def test_a_reader_of_a_few_pages_concerns_no_other_process() -> None:
    crews = list[Wire]()
    pace = Pace(600, Hand(), Wire(crews))
    assert not any(pace.wait_s("a") for _ in range(20))
    assert not crews[0]._told
