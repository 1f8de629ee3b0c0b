"""What is done with skills: read from a file, looked up, and asked what they ask for."""

from __future__ import annotations

from sqlmodel import Session, col, select

from booking_api.certifications.models import Skill
from booking_api.certifications.skill_file import quiz_of, read_file
from booking_api.gateways.changes import Subject, changed
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.members import service as members
from floor import training
from floor.errors import ConfigError, Refused
from floor.quiz import Quiz
from floor.training import Requirement, Rules

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def put_file(session: Session, text: str, file: str, now_ms: int) -> list[tuple[Skill, str]]:
    """Keep the skills of a training.toml; each with "added", "changed" or "as it was".

    Raises ConfigError for a text that is none, and for skills that need one another; Refused for an unknown
    skill or instructor.
    """
    found: list[tuple[Skill, str]] = []
    for read in read_file(text, file):
        instructors = [members.find(session, one).id for one in read.instructors]
        said = read.values | {"instructors": instructors}
        skill = session.get(Skill, read.id)
        if skill is not None and all(getattr(skill, key) == value for key, value in said.items()):
            found.append((skill, "as it was"))
            continue
        what = "changed" if skill else "added"
        skill = skill or Skill(id=read.id, updated_ms=now_ms)
        skill.sqlmodel_update(said | {"updated_ms": now_ms})
        session.add(skill)
        found.append((skill, what))
    session.flush()
    for skill, _ in found:
        if skill.requires is not None:
            machines.read_requirement(session, skill.requires)
    requires = {skill.id: requires_of(skill) for skill in session.exec(select(Skill))}
    if around := training.circle(requires):
        remedy = "Take one of these requires away."
        raise ConfigError(file, "requires", f"goes round in a circle: {', '.join(around)}", remedy)
    if any(what == "changed" for _, what in found):
        changed(session, Subject.FLOOR, "training", now_ms)
    return found


def get(session: Session, id: str) -> Skill:
    """Return a skill; raises Refused when there is none."""
    skill = session.get(Skill, id)
    if skill is None:
        raise Refused("skill_not_found", f"There is no skill {id}.")
    return skill


def listed(session: Session) -> list[Skill]:
    """Return every skill, by its id."""
    return list(session.exec(select(Skill).order_by(col(Skill.id))))


def meant(session: Session, id: str, now_ms: int) -> Skill:
    """Return the skill that an id means: a skill's own, or a machine's, whose own skill is made when needed.

    Raises Refused for neither, and for a machine that asks for several skills: one of them must be named.
    """
    skill = session.get(Skill, id)
    if skill is not None:
        return skill
    machine = session.get(Machine, id)
    if machine is None:
        raise Refused("skill_not_found", f"There is no skill and no machine {id}.")
    if machine.requires is not None:
        asked = training.read(machine.requires)
        if not isinstance(asked, str):
            choice = ", ".join(dict.fromkeys(training.names(asked)))
            raise Refused("skill_missing", f"{machine.name} asks for several skills. Name one of: {choice}.")
        if asked != id:
            return meant(session, asked, now_ms)
    skill = Skill(id=id, names={"en": machine.name}, updated_ms=now_ms)
    session.add(skill)
    session.flush()
    return skill


def requires_of(skill: Skill) -> Requirement | None:
    """Return what must be had before a skill."""
    return None if skill.requires is None else training.read(skill.requires)


def rules_of(skill: Skill) -> Rules:
    """Return when a skill lapses."""
    return Rules(
        unused_ms=skill.unused_days * DAY_MS,
        hours_ms=skill.hours * HOUR_MS,
        practice_ms=skill.practice_hours * HOUR_MS,
        period_ms=skill.practice_days * DAY_MS,
        requires=requires_of(skill),
        lasting=skill.lasting,
    )


def quiz(skill: Skill) -> Quiz | None:
    """Return a skill's quiz, if it has one."""
    return None if skill.quiz is None else quiz_of(skill.quiz)


def machines_of(session: Session, id: str) -> list[Machine]:
    """Return the machines that ask for a skill, alone or among others."""
    return [
        one for one in machines.listed(session) if id in set(training.names(machines.requirement_of(one)))
    ]
