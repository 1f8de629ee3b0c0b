"""What training lets somebody do: requirements, when skills lapse, whose turn it is, quizzes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.quiz import Answer, Question, Quiz, ask, mark, next_try_ms
from floor.training import (
    AllOf,
    AnyOf,
    Held,
    Rules,
    allowed_until,
    circle,
    in_force,
    missing,
    names,
    read,
    stands_until,
    table,
)
from floor.waiting_places import Waiting, offered, stands

DAY = 86_400_000
HOUR = 3_600_000
LASER = {"all": ["safety", {"any": ["laser-1", "laser-2"]}]}


def test_a_requirement_is_read_and_written_alike() -> None:
    asked = read(LASER)
    assert asked == AllOf(("safety", AnyOf(("laser-1", "laser-2"))))
    assert table(asked) == LASER
    assert list(names(asked)) == ["safety", "laser-1", "laser-2"]


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "x" * 65, 7, None, [], {}, {"all": []}, {"both": ["a"]}, {"all": "a"}),
        {"all": ["a"], "any": ["b"]},
        {"all": [{"any": [{"all": [{"any": [{"all": ["too deep"]}]}]}]}]},
    ],
)
def test_what_is_no_requirement_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="Write a skill"):
        read(wrong)


@pytest.mark.parametrize(
    ("held", "until"),
    [
        ({}, None),
        ({"safety": 0}, None),
        ({"laser-1": 0}, None),
        ({"safety": 0, "laser-2": 0}, 0),
        ({"safety": 9, "laser-2": 0}, 9),
        ({"safety": 9, "laser-1": 5, "laser-2": 7}, 7),
        ({"safety": 9, "laser-1": 5, "laser-2": 0}, 9),
    ],
)
def test_all_ends_with_the_first_and_any_with_the_last(held: dict[str, int], until: int | None) -> None:
    assert allowed_until(read(LASER), held.get) == until


def test_nothing_asked_is_open_to_all() -> None:
    assert allowed_until(None, {}.get) == 0
    assert missing(None, lambda _: False) == ()


def test_what_is_missing_is_the_least_that_will_do() -> None:
    have = {"safety"}
    assert missing(read(LASER), have.__contains__) == ("laser-1",)
    assert missing(read({"any": [{"all": ["a", "b"]}, "c"]}), have.__contains__) == ("c",)
    assert missing(read(LASER), (have | {"laser-2"}).__contains__) == ()


def nobody(_: str) -> None:
    return None


@pytest.mark.parametrize(
    ("rules", "held", "until"),
    [
        (Rules(), Held(1), 0),
        (Rules(), Held(1, expires_ms=50), 50),
        (Rules(unused_ms=10), Held(1), 11),
        (Rules(unused_ms=10), Held(1, uses=((5, 2),)), 15),
        (Rules(unused_ms=10), Held(1, 12, ((5, 2),)), 12),
        (Rules(hours_ms=10), Held(1, uses=((5, 4), (8, 5))), 0),
        (Rules(hours_ms=10), Held(1, uses=((5, 4), (8, 5), (20, 1), (30, 9))), 20),
        (Rules(practice_ms=5, period_ms=100), Held(1), 101),
        (Rules(practice_ms=5, period_ms=100), Held(1, uses=((50, 4),)), 101),
        (Rules(practice_ms=5, period_ms=100), Held(1, uses=((50, 5),)), 150),
        (Rules(practice_ms=5, period_ms=100), Held(1, uses=((20, 3), (60, 3), (90, 1))), 120),
        (Rules(requires="safety"), Held(1), 0),
        (Rules(requires="safety", lasting=True), Held(1), None),
    ],
)
def test_a_skill_lapses_by_each_of_its_rules(rules: Rules, held: Held, until: int | None) -> None:
    assert stands_until(rules, held, nobody) == until


def test_a_lasting_skill_lapses_with_its_prerequisite() -> None:
    rules = Rules(requires="safety", lasting=True)
    assert stands_until(rules, Held(1), {"safety": 40}.get) == 40
    assert stands_until(rules, Held(1, 30), {"safety": 40}.get) == 30
    assert stands_until(rules, Held(1), {"safety": 0}.get) == 0


def test_in_force_is_until_just_before_the_end() -> None:
    assert [in_force(end, 10) for end in (None, 0, 10, 11)] == [False, True, False, True]


def test_skills_that_need_one_another_are_named() -> None:
    assert circle({"a": None, "b": read("a"), "c": read({"any": ["a", "b"]})}) == ()
    assert circle({"a": "b", "b": "c", "c": "a", "d": None, "e": "unknown"}) == ("a", "b", "c")


def test_an_offer_that_nobody_took_passed_on_when_it_lapsed() -> None:
    line = [Waiting("a"), Waiting("b"), Waiting("c")]
    first = offered(line, free=1, offer_ms=10, now_ms=100)
    assert [one.offered_ms for one in first] == [100, 0, 0]
    assert offered(first, 1, 10, 109) == first, "it stands"
    assert [one.offered_ms for one in offered(first, 1, 10, 110)] == [100, 110, 0]
    # Nobody looked for long: b's offer lapsed unseen, and c has had theirs since then.
    later = offered(first, 1, 10, 125)
    assert [one.offered_ms for one in later] == [100, 110, 120]
    assert [stands(one, 10, 125) for one in later] == [False, False, True]
    assert offered(line, free=0, offer_ms=10, now_ms=100) == tuple(line)


@given(
    st.lists(st.integers(0, 60), max_size=8),
    st.integers(0, 4),
    st.lists(st.integers(1, 300), min_size=1, max_size=6),
)
def test_looking_often_or_once_offers_alike(began: list[int], free: int, looks: list[int]) -> None:
    """Who looks in between changes nobody's turn, and never are more offered than are free."""
    line = tuple(Waiting(str(n)) for n, _ in enumerate(began))
    start = offered(line, free, 10, 1)
    often = start
    for now_ms in sorted(looks):
        often = offered(often, free, 10, now_ms)
        assert sum(stands(one, 10, now_ms) for one in often) <= free
    assert often == offered(start, free, 10, max(looks))


def question(name: str, *, several: bool = False) -> Question:
    answers = (Answer({"en": "yes"}, True), Answer({"en": "also"}, several), Answer({"en": "no"}, False))
    return Question({"en": name}, answers, several)


QUIZ = Quiz(
    tuple(question(str(n), several=n == 0) for n in range(5)), pass_percent=80, ask=4, tries=2, wait_ms=HOUR
)


def test_a_quiz_is_asked_in_an_order_of_its_seed() -> None:
    asked = ask(QUIZ, "one")
    assert asked == ask(QUIZ, "one")
    assert len({one.question for one in asked}) == 4
    assert all(sorted(one.answers) == [0, 1, 2] for one in asked)
    assert len({ask(QUIZ, str(seed)) for seed in range(20)}) > 5


def test_only_all_right_answers_and_no_other_count() -> None:
    asked = ask(Quiz(QUIZ.questions), "all")
    right = {n: QUIZ.questions[n].right for n in range(5)}
    assert mark(QUIZ, asked, right).passed
    assert mark(QUIZ, asked, right | {0: frozenset({0})}).wrong == (0,)
    assert mark(QUIZ, asked, right | {1: frozenset({0, 2})}).percent == 80
    assert mark(QUIZ, asked, right | {1: frozenset({0, 2})}).passed
    assert not mark(QUIZ, asked, {}).passed


def test_tries_are_counted_and_spaced() -> None:
    assert next_try_ms(QUIZ, []) == 0
    assert next_try_ms(QUIZ, [5]) == 5 + HOUR
    assert next_try_ms(QUIZ, [5, 9]) is None
    assert next_try_ms(Quiz(QUIZ.questions), [5, 9, 12]) == 12
