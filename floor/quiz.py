"""A quiz: questions as data, asked in an order that a seed gives, marked without a doubt. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that may be chosen, by language, and whether it is right."""

    texts: Mapping[str, str]
    right: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question by language; where `several` are right, all of them and no other must be chosen."""

    texts: Mapping[str, str]
    answers: tuple[Answer, ...]
    several: bool = False

    @property
    def right(self) -> frozenset[int]:
        """The places of the right answers."""
        return frozenset(place for place, answer in enumerate(self.answers) if answer.right)


@dataclass(frozen=True, slots=True)
class Quiz:
    """A quiz. `ask` of its questions are asked (0: all); who has `pass_percent` of them right passes.

    `tries` may be had (0: as many as one likes), each `wait_ms` after the last. `shows_wrong` tells which
    were wrong. `enough` says that whoever passes has the skill; else somebody signs them off afterwards.
    """

    questions: tuple[Question, ...]
    pass_percent: int = 80
    ask: int = 0
    tries: int = 0
    wait_ms: int = 0
    shows_wrong: bool = False
    enough: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of one try: its place in the quiz, and its answers' places as they are shown."""

    question: int
    answers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """What came of a try: the share of right questions, rounded down, and which were wrong."""

    percent: int
    passed: bool
    wrong: tuple[int, ...]


def ask(quiz: Quiz, seed: str) -> tuple[Asked, ...]:
    """Return the questions of a try in their order; the same seed asks the same."""
    places = _mixed(len(quiz.questions), seed)[: quiz.ask or None]
    return tuple(
        Asked(place, _mixed(len(quiz.questions[place].answers), f"{seed}.{place}")) for place in places
    )


def _mixed(count: int, seed: str) -> tuple[int, ...]:
    return tuple(sorted(range(count), key=lambda place: sha256(f"{seed}:{place}".encode()).digest()))


def mark(quiz: Quiz, asked: Sequence[Asked], chosen: Mapping[int, frozenset[int]]) -> Marked:
    """Mark a try; `chosen` holds the places of the answers by the place of the question."""
    wrong = tuple(
        one.question
        for one in asked
        if chosen.get(one.question, frozenset()) != quiz.questions[one.question].right
    )
    right = len(asked) - len(wrong)
    return Marked(right * 100 // len(asked), right * 100 >= quiz.pass_percent * len(asked), wrong)


def next_try_ms(quiz: Quiz, ended_ms: Sequence[int]) -> int | None:
    """Return when one may try again after tries that ended at these instants; None: never again."""
    if quiz.tries and len(ended_ms) >= quiz.tries:
        return None
    return max(ended_ms) + quiz.wait_ms if ended_ms else 0
