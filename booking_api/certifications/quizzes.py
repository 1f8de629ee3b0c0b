"""Quizzes as members take them: begun, answered once, marked; what is asked follows from the try's id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session, col, select

from booking_api.certifications import service, skills
from booking_api.certifications.models import QuizTry, Skill
from booking_api.clock import make_id
from floor import quiz as rules
from floor.errors import Refused
from floor.quiz import Asked, Quiz

BY_QUIZ = "quiz"
"""By whose word a skill is granted whose quiz is enough."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a member stands at a quiz: an open try with what is asked, past tries, when the next may begin.

    `next_ms` is 0 for now, None for never.
    """

    skill: Skill
    quiz: Quiz
    open: QuizTry | None
    asked: tuple[Asked, ...]
    past: tuple[QuizTry, ...]
    next_ms: int | None

    @property
    def passed(self) -> bool:
        """Whether one of the tries was enough."""
        return any(one.passed for one in self.past)


def desk(session: Session, skill: str, member: str) -> Desk:
    """Return where a member stands at a skill's quiz; raises Refused when it has none."""
    row = skills.get(session, skill)
    quiz = skills.quiz(row)
    if quiz is None:
        raise Refused("quiz_not_found", "This skill has no quiz.")
    mine = select(QuizTry).where(QuizTry.skill == skill, QuizTry.member == member)
    tries = session.exec(mine.order_by(col(QuizTry.begun_ms), col(QuizTry.id))).all()
    past = tuple(one for one in tries if one.ended_ms is not None)
    open_ = next((one for one in tries if one.ended_ms is None and one.version == row.updated_ms), None)
    next_ms = rules.next_try_ms(quiz, [one.ended_ms for one in past if one.ended_ms is not None])
    return Desk(row, quiz, open_, rules.ask(quiz, open_.id) if open_ else (), past, next_ms)


def begin(session: Session, skill: str, member: str, now_ms: int) -> QuizTry:
    """Begin a try, or go on with the one that is open; raises Refused when it is too early or too often."""
    at = desk(session, skill, member)
    if at.open is not None:
        return at.open
    if at.passed:
        raise Refused("quiz_passed", "You have passed this quiz.")
    if at.next_ms is None:
        raise Refused("quiz_tries", "You have had all tries. Ask an instructor.")
    if now_ms < at.next_ms:
        raise Refused("quiz_wait", "Wait some time before you try again.")
    made = QuizTry(
        id=make_id(now_ms), skill=skill, member=member, version=at.skill.updated_ms, begun_ms=now_ms
    )
    session.add(made)
    session.flush()
    return made


def answer(
    session: Session, skill: str, member: str, chosen: Mapping[int, frozenset[int]], now_ms: int
) -> QuizTry:
    """Mark the open try; who passes has the skill where the quiz is enough. Raises Refused without one.

    `chosen` are places of answers as the try shows them, by the place of their question in the quiz.
    """
    at = desk(session, skill, member)
    if at.open is None:
        raise Refused("quiz_not_begun", "Begin the quiz first; its questions may have changed meanwhile.")
    stored = {one.question: _stored(one, chosen[one.question]) for one in at.asked if one.question in chosen}
    marked = rules.mark(at.quiz, at.asked, stored)
    done = at.open
    done.ended_ms, done.percent, done.passed = now_ms, marked.percent, marked.passed
    done.wrong = list(marked.wrong)
    session.add(done)
    session.flush()
    if marked.passed and at.quiz.enough:
        service.grant(session, member, skill, BY_QUIZ, now_ms)
    return done


def _stored(asked: Asked, chosen: frozenset[int]) -> frozenset[int]:
    """Return the places in the quiz of answers as they were shown: nobody who reads a page sees those."""
    if any(place >= len(asked.answers) for place in chosen):
        raise Refused("answer_invalid", "There is no such answer: count from 0, as they are shown.")
    return frozenset(asked.answers[place] for place in chosen)


def allow_again(session: Session, skill: str, member: str) -> None:
    """Forget a member's tries, so that they may try again; raises Refused where nothing was tried."""
    tries = select(QuizTry).where(QuizTry.skill == skill, QuizTry.member == member)
    rows = session.exec(tries).all()
    if not rows:
        raise Refused("quiz_not_found", "This member has not tried this quiz.")
    for one in rows:
        session.delete(one)
