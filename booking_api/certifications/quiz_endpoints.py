"""Quizzes over HTTP: taken as on the page, and never told with their answers. Staff write them as skills."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.certifications import quizzes, skills
from booking_api.certifications.quizzes import Desk

router = Router(prefix="/api/v1/quizzes", tags=["certifications"])
Signs = Annotated[Who, Depends(holds(Permission.CERTIFICATIONS_WRITE))]
Place = Annotated[int, Field(ge=0, lt=1_000)]


class QuizSeen(BaseModel):
    """A quiz: how many of its questions are asked, and what passes. `tries` 0: as many as one likes.

    `enough`: who passes has the skill; else somebody signs them off afterwards.
    """

    skill: str
    names: dict[str, str]
    asked: int
    pass_percent: int
    tries: int
    wait_ms: int
    enough: bool


class QuestionSeen(BaseModel):
    """A question of a try by language, its answers in the order of this try; `several`: all right ones."""

    question: int
    texts: dict[str, str]
    answers: list[dict[str, str]]
    several: bool


class TrySeen(BaseModel):
    """A try that is over. `wrong` are its wrong questions, where the quiz tells them. UTC milliseconds."""

    begun_ms: int
    ended_ms: int
    percent: int
    passed: bool
    wrong: list[int]


class StandingSeen(BaseModel):
    """Where one stands at a quiz: the questions of an open try (none: none is open), past tries, and when
    the next may begin (UTC milliseconds; 0: now, None: never).
    """

    quiz: QuizSeen
    passed: bool
    next_ms: int | None
    open: list[QuestionSeen]
    past: list[TrySeen]


class Chosen(BaseModel):
    """The places of the chosen answers, counted from 0 as they were shown."""

    model_config = ConfigDict(extra="forbid")

    question: Place
    answers: Annotated[list[Place], Field(max_length=100)]


class Answers(BaseModel):
    """All answers of a try; a question that is left out is wrong."""

    model_config = ConfigDict(extra="forbid")

    answers: Annotated[list[Chosen], Field(max_length=1_000)]


@router.get("")
def list_quizzes(session: Reading, who: SignedIn) -> list[QuizSeen]:
    """List the skills that have a quiz."""
    require(who, Permission.ME_READ)
    found = (quizzes.desk(session, row.id, who.id) for row in skills.listed(session) if row.quiz is not None)
    return [_quiz(at) for at in found]


@router.get("/{skill}")
def get_quiz(session: Reading, who: SignedIn, skill: str) -> StandingSeen:
    """Return where one stands at a quiz, with the questions of an open try and without what is right."""
    require(who, Permission.ME_READ)
    return _standing(session, who, skill)


@router.post("/{skill}/begin")
def begin(session: Writing, who: SignedIn, context: Ctx, skill: str) -> StandingSeen:
    """Begin a try, or go on with the one that is open."""
    require(who, Permission.ME_WRITE)
    quizzes.begin(session, skill, who.id, context.clock.now_ms())
    return _standing(session, who, skill)


@router.post("/{skill}/answer")
def answer(session: Writing, who: SignedIn, context: Ctx, skill: str, given: Answers) -> StandingSeen:
    """Answer the open try, once; who passes has the skill where the quiz is enough."""
    require(who, Permission.ME_WRITE)
    chosen = {one.question: frozenset(one.answers) for one in given.answers}
    quizzes.answer(session, skill, who.id, chosen, context.clock.now_ms())
    return _standing(session, who, skill)


@router.delete("/{skill}/tries/{member}", status_code=204)
def allow_again(session: Writing, who: Signs, skill: str, member: str) -> None:
    """Forget a member's tries at a quiz, so that they may try again."""
    quizzes.allow_again(session, skill, member)


def _standing(session: Session, who: Who, skill: str) -> StandingSeen:
    at = quizzes.desk(session, skill, who.id)
    return StandingSeen(
        quiz=_quiz(at),
        passed=at.passed,
        next_ms=at.next_ms,
        open=[
            QuestionSeen(
                question=one.question,
                texts=dict(at.quiz.questions[one.question].texts),
                answers=[dict(at.quiz.questions[one.question].answers[place].texts) for place in one.answers],
                several=at.quiz.questions[one.question].several,
            )
            for one in at.asked
        ],
        past=[
            TrySeen(
                begun_ms=row.begun_ms,
                ended_ms=row.ended_ms or 0,
                percent=row.percent or 0,
                passed=row.passed,
                wrong=list(row.wrong) if at.quiz.shows_wrong and row.version == at.skill.updated_ms else [],
            )
            for row in at.past
        ],
    )


def _quiz(at: Desk) -> QuizSeen:
    quiz = at.quiz
    return QuizSeen(
        skill=at.skill.id,
        names=at.skill.names,
        asked=quiz.ask or len(quiz.questions),
        pass_percent=quiz.pass_percent,
        tries=quiz.tries,
        wait_ms=quiz.wait_ms,
        enough=quiz.enough,
    )
