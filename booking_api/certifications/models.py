"""Tables of skills, of who holds them, and of quizzes that were taken."""

from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import JSON_OR_NULL


class Skill(SQLModel, table=True):
    """What can be trained: `names` by language, what must be had before (`requires`), when it lapses.

    `months` after it was granted (None: without end), `unused_days` after the last use of a machine that asks
    for it, once used for `hours`, or with less than `practice_hours` of use in `practice_days` (0: no such
    rule). `lasting`: it holds only while what it requires does. `instructors` are members' ids, none: any
    instructor signs it off; `at_machine`: by badge as well. `quiz` is floor.quiz.Quiz as JSON, None: none.
    Its holders are told `warn_days` before it lapses.
    """

    __tablename__ = "skill"

    id: str = Field(primary_key=True, max_length=64)
    names: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    months: int | None = None
    unused_days: int = 0
    hours: int = 0
    practice_hours: int = 0
    practice_days: int = 0
    requires: Any = Field(default=None, sa_type=JSON_OR_NULL, nullable=True)
    lasting: bool = False
    instructors: list[Any] = Field(default_factory=list, sa_type=JSON)
    at_machine: bool = True
    warn_days: int = 30
    quiz: Any = Field(default=None, sa_type=JSON_OR_NULL, nullable=True)
    updated_ms: int = Field(sa_type=BigInteger)


class Certification(SQLModel, table=True):
    """That a member has a skill, since when, by whose word, and until when (None: no end of its own).

    `told_ms` is the end that its member was told of beforehand, None for none.
    """

    __tablename__ = "certification"

    member: str = Field(primary_key=True, foreign_key="member.id", max_length=64)
    skill: str = Field(primary_key=True, foreign_key="skill.id", index=True, max_length=64)
    granted_by: str = Field(max_length=64)
    granted_ms: int = Field(sa_type=BigInteger)
    expires_ms: int | None = Field(default=None, sa_type=BigInteger)
    revoked_ms: int | None = Field(default=None, sa_type=BigInteger)
    revoked_by: str | None = Field(default=None, max_length=64)
    reason: str = Field(default="", max_length=200)
    told_ms: int | None = Field(default=None, sa_type=BigInteger)


class QuizTry(SQLModel, table=True):
    """One try of a member at a skill's quiz, of the `version` that the skill was changed at.

    What is asked follows from `id`. `percent` is the share of right questions; `wrong` are the places of the
    others. It is open until `ended_ms`.
    """

    __tablename__ = "quiz_try"

    id: str = Field(primary_key=True, max_length=64)
    skill: str = Field(foreign_key="skill.id", index=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    version: int = Field(sa_type=BigInteger)
    begun_ms: int = Field(sa_type=BigInteger)
    ended_ms: int | None = Field(default=None, sa_type=BigInteger)
    percent: int = 0
    passed: bool = False
    wrong: list[Any] = Field(default_factory=list, sa_type=JSON)
