"""training.toml: skills as an operator writes them, with their quizzes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from booking_api.tariffs.source import at_line, parse
from floor import training
from floor.errors import ConfigError
from floor.quiz import Answer, Question, Quiz
from floor.reader import At, Table

FILE_KEYS = frozenset({"skills"})
SKILL_KEYS = frozenset(
    {"id", "name", "months", "unused_days", "hours", "practice_hours", "practice_days", "requires", "lasting"}
    | {"instructors", "at_machine", "warn_days", "quiz"}
)
QUIZ_KEYS = frozenset({"pass", "ask", "tries", "wait_hours", "shows_wrong", "enough", "questions"})
QUESTION_KEYS = frozenset({"text", "right", "wrong"})
FILE_MAX, HOUR_MS = 1_000_000, 3_600_000
QUESTIONS_MAX, ANSWERS_MAX, TEXT_MAX = 200, 12, 1_000


@dataclass(frozen=True, slots=True)
class SkillRead:
    """A skill of a file: the columns of its row, and its instructors as they are written."""

    id: str
    values: dict[str, Any]
    instructors: tuple[str, ...]


def read_file(text: str, file: str) -> list[SkillRead]:
    """Read training.toml; raises ConfigError with file, line, key and remedy."""
    table = parse(text, file, FILE_MAX)
    try:
        return _skills(table, file)
    except ConfigError as error:
        raise at_line(error, text) from error


def _skills(table: Table, file: str) -> list[SkillRead]:
    at = At(file, "")
    at.only(table, FILE_KEYS)
    found: list[SkillRead] = []
    for n, own in enumerate(at.tables(table, "skills"), 1):
        below = At(file, f"skills[{n}].")
        below.only(own, SKILL_KEYS)
        skill = _skill(own, below)
        if any(skill.id == other.id for other in found):
            raise below.error("id", f"is {skill.id!r}, as another's is", "Give each skill its own id.")
        found.append(skill)
    if not found:
        raise at.error("skills", "there is none", "Add a [[skills]] table with id and name.")
    return found


def _skill(table: Table, at: At) -> SkillRead:
    id = at.text(table, "id")
    if len(id) > 64 or id != id.lower() or not id.replace("-", "").isalnum() or not id.isascii():
        raise at.error("id", f"is {id[:70]!r}", "Write at most 64 small letters, digits and hyphens.")
    requires = read_requires(at, table)
    values = {
        "names": _short(at, "name", at.names(table), 100),
        "months": at.whole(table, "months", 12, 1, 120) if "months" in table else None,
        "unused_days": at.whole(table, "unused_days", 0, 0, 3_650),
        "hours": at.whole(table, "hours", 0, 0, 100_000),
        "practice_hours": at.whole(table, "practice_hours", 0, 0, 10_000),
        "practice_days": at.whole(table, "practice_days", 0, 0, 3_650),
        "requires": requires,
        "lasting": at.yes(table, "lasting", default=False),
        "at_machine": at.yes(table, "at_machine", default=True),
        "warn_days": at.whole(table, "warn_days", 30, 0, 365),
        "quiz": _quiz(at.table(table, "quiz"), at.below("quiz")) if "quiz" in table else None,
    }
    if bool(values["practice_hours"]) != bool(values["practice_days"]):
        raise at.error("practice_days", "goes with practice_hours", "Write both, or neither.")
    return SkillRead(id, values, tuple(sorted(at.texts(table, "instructors"))))


def read_requires(at: At, table: Table) -> object:
    """Read what must be had first, as `floor.training.table` writes it; None where nothing is asked for."""
    if "requires" not in table:
        return None
    try:
        return training.table(training.read(table["requires"]))
    except ValueError as error:
        raise at.error("requires", "is no requirement", str(error)) from None


def _quiz(table: Table, at: At) -> dict[str, Any]:
    at.only(table, QUIZ_KEYS)
    rows = at.tables(table, "questions")
    if not 0 < len(rows) <= QUESTIONS_MAX:
        remedy = f"Write 1 to {QUESTIONS_MAX} [[skills.quiz.questions]]."
        raise at.error("questions", f"there are {len(rows)}", remedy)
    return {
        "pass": at.whole(table, "pass", 80, 1, 100),
        "ask": at.whole(table, "ask", 0, 0, len(rows)),
        "tries": at.whole(table, "tries", 0, 0, 100),
        "wait_hours": at.whole(table, "wait_hours", 0, 0, 8_760),
        "shows_wrong": at.yes(table, "shows_wrong", default=False),
        "enough": at.yes(table, "enough", default=False),
        "questions": [_question(row, at.below(f"questions[{n}]")) for n, row in enumerate(rows, 1)],
    }


def _question(table: Table, at: At) -> dict[str, Any]:
    at.only(table, QUESTION_KEYS)
    right, wrong = _answers(table, at, "right"), _answers(table, at, "wrong")
    if not right or len(right) + len(wrong) not in range(2, ANSWERS_MAX + 1):
        raise at.error(
            "right",
            f"has {len(right)} and wrong has {len(wrong)}",
            f"Write at least one right answer, and 2 to {ANSWERS_MAX} in all.",
        )
    return {"text": _short(at, "text", at.names(table, "text"), TEXT_MAX), "right": right, "wrong": wrong}


def _answers(table: Table, at: At, key: str) -> list[dict[str, str]]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise at.error(key, "is no list", f'Write {key} = ["…", "…"].')
    return [_short(at, key, at.names({key: one}, key), TEXT_MAX) for one in value]


def _short(at: At, key: str, texts: dict[str, str], most: int) -> dict[str, str]:
    if any(len(text) > most for text in texts.values()):
        raise at.error(key, f"is longer than {most} characters", "Shorten it.")
    return texts


def quiz_of(kept: Mapping[str, Any]) -> Quiz:
    """Return a quiz from the JSON that is kept of it."""
    return Quiz(
        questions=tuple(_kept_question(one) for one in kept["questions"]),
        pass_percent=kept["pass"],
        ask=kept["ask"],
        tries=kept["tries"],
        wait_ms=kept["wait_hours"] * HOUR_MS,
        shows_wrong=kept["shows_wrong"],
        enough=kept["enough"],
    )


def _kept_question(kept: Mapping[str, Any]) -> Question:
    right = tuple(Answer(one, True) for one in kept["right"])
    wrong = tuple(Answer(one, False) for one in kept["wrong"])
    return Question(kept["text"], right + wrong, several=len(right) > 1)
