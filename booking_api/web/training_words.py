"""Skills in plain words, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel import Session, col, select

from booking_api.certifications import service, skills
from booking_api.certifications.models import Skill
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.web.formats import Formats
from floor import training
from floor.training import AllOf, AnyOf, Requirement


def skill_choices(session: Session, formats: Formats) -> list[tuple[str, str]]:
    """Return what somebody can be signed off for, (id, name): skills, and machines that ask for their own."""
    known = {one.id: service.called(one, formats.language) for one in skills.listed(session)}
    own = {one.id: one.name for one in machines.listed(session) if machines.requirement_of(one) == one.id}
    return sorted((own | known).items(), key=lambda one: one[1].casefold())


def skill_names(session: Session, formats: Formats) -> dict[str, str]:
    """Return what the reader calls each skill, by the name that refusals have; none where both are one."""
    names = {service.called(one): service.called(one, formats.language) for one in skills.listed(session)}
    return {name: own for name, own in names.items() if name != own}


def asked_words(session: Session, machine: Machine, formats: Formats) -> str:
    """Say which skills a machine asks for; "" where it is its own alone."""
    asked = machines.requirement_of(machine)
    return "" if asked is None or asked == machine.id else requirement_words(session, asked, formats)


def requirement_words(session: Session, asked: Requirement, formats: Formats) -> str:
    """Say what is asked for, as one phrase."""
    rows = session.exec(select(Skill).where(col(Skill.id).in_(set(training.names(asked)))))
    return _phrase(asked, {row.id: service.called(row, formats.language) for row in rows}, formats)


def _phrase(asked: Requirement, names: dict[str, str], formats: Formats, *, inside: bool = False) -> str:
    match asked:
        case AllOf(of=of) | AnyOf(of=of):
            word = formats.texts.gettext("and") if isinstance(asked, AllOf) else formats.texts.gettext("or")
            words = f" {word} ".join(_phrase(one, names, formats, inside=True) for one in of)
            return f"({words})" if inside and len(of) > 1 else words
    return names.get(asked, asked)


def rules_words(session: Session, skill: Skill, formats: Formats) -> list[str]:
    """Say when a skill lapses and what comes first, a sentence each."""
    return list(_rules(session, skill, formats))


def _rules(session: Session, skill: Skill, formats: Formats) -> Iterator[str]:
    say = formats.texts.gettext
    asked = skills.requires_of(skill)
    if asked is not None:
        names = requirement_words(session, asked, formats)
        yield say("First comes: %(names)s.") % {"names": names}
        if skill.lasting:
            yield say("It holds only while these do.")
    if skill.months:
        yield say("It holds for %(months)s months.") % {"months": skill.months}
    if skill.unused_days:
        yield say("It lapses %(days)s days after the last use.") % {"days": skill.unused_days}
    if skill.hours:
        yield say("It holds for %(hours)s hours of use.") % {"hours": skill.hours}
    if skill.practice_hours:
        words = say("It asks for %(hours)s hours of use in every %(days)s days.")
        yield words % {"hours": skill.practice_hours, "days": skill.practice_days}
