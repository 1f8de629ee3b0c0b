"""Examples of docs/training.md are read as they stand, and every key is on the page."""

from __future__ import annotations

import re
from datetime import UTC
from pathlib import Path

from booking_api.certifications import skill_file
from booking_api.courses import class_file
from floor.money import Commodity

TRAINING = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text(encoding="utf-8")


def test_the_examples_are_skills_and_courses() -> None:
    skills, courses = re.findall(r"```toml\n(.*?)```", TRAINING, re.DOTALL)
    read = skill_file.read_file(skills, "training.toml")
    assert [one.id for one in read] == ["safety", "laser-basic", "welding"]
    assert len(skill_file.quiz_of(read[0].values["quiz"]).questions) == 2
    (course,) = class_file.read_file(courses, "classes.toml", Commodity("EUR"), UTC)
    assert (course.id, course.requires, course.opens_machines) == ("laser", "safety", True)


def test_every_key_is_on_the_page() -> None:
    keys = skill_file.SKILL_KEYS | skill_file.QUIZ_KEYS | skill_file.QUESTION_KEYS
    keys |= class_file.COURSE_KEYS | class_file.TIER_KEYS
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", TRAINING)] == []
