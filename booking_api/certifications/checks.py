"""What a doctor looks at: does everything that names a skill or a machine name one that is there?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlmodel import Session, select

from booking_api.certifications import skills
from booking_api.certifications.models import Certification, Skill
from booking_api.courses.models import Course
from booking_api.machines.models import Machine
from booking_api.machines.service import requirement_of
from booking_api.waivers import service as waivers
from floor import training

Finding = tuple[str, str]


def check_skills(session: Session) -> Iterator[Finding]:
    """Yield (where, words) for names of skills that there are none of, and for prerequisites in a circle."""
    rows = skills.listed(session)
    there = list(session.exec(select(Machine)))
    known = {skill.id for skill in rows} | {machine.id for machine in there}
    for held in session.exec(select(Certification.skill).distinct()):
        if held not in {skill.id for skill in rows}:
            yield (
                f"certifications of {held}",
                "there is no such skill: add it to training.toml, or revoke them",
            )
    for skill in rows:
        yield from _unknown(f"skill {skill.id}", training.names(skills.requires_of(skill)), known)
    for machine in there:
        if machine.archived_ms is None:
            yield from _unknown(f"machine {machine.id}", training.names(requirement_of(machine)), known)
    if around := training.circle({skill.id: skills.requires_of(skill) for skill in rows}):
        words = f"what they require goes round in a circle: {', '.join(around)}; nobody can begin"
        yield f"skill {around[0]}", f"{words}. Take one of these requires away"


def check_used(session: Session) -> Iterator[Finding]:
    """Yield (where, words) for courses and waivers that name machines which are gone, or skills that are."""
    known = {skill for skill in session.exec(select(Skill.id))}
    used = {one.id: one for one in session.exec(select(Machine)) if one.archived_ms is None}
    for course in session.exec(select(Course).order_by(Course.id)):
        where = f"course {course.id}"
        yield from _gone(where, [str(one) for one in course.machines], used)
        yield from _unknown(where, [str(one) for one in course.certifies], known)
    for row in waivers.newest(session):
        yield from _gone(f"waiver {row.id}", row.machines, used)
        for kind in row.machine_kinds:
            if kind not in {machine.kind for machine in used.values()}:
                yield f"waiver {row.id}", f"no machine is of the kind {kind}: publish a version without it"


def _unknown(where: str, named: Iterable[str], known: set[str]) -> Iterator[Finding]:
    for name in sorted(set(named) - known):
        yield where, f"it names the skill {name}, and there is none: add it to training.toml, or take it out"


def _gone(where: str, named: Iterable[str], used: dict[str, Machine]) -> Iterator[Finding]:
    for name in sorted(set(named) - set(used)):
        yield where, f"it names the machine {name}, which is not on the floor any more: take it out"
