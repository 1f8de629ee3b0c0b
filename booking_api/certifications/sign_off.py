"""An instructor signs somebody off: on a page, or at the machine by two badges."""

from __future__ import annotations

from sqlmodel import Session

from booking_api.certifications import service, skills
from booking_api.certifications.models import Certification, Skill
from booking_api.machines import service as machines
from booking_api.members import service as members
from floor import training
from floor.errors import Refused
from floor.training import AllOf, AnyOf, Requirement


def on_page(
    session: Session, member: str, skill: str, by: str, now_ms: int, expires_ms: int | None = None
) -> Certification:
    """Sign somebody off on the page; raises Refused where the instructor may not, or something is missing."""
    meant = skills.meant(session, skill, now_ms)
    service.check_instructor(session, by, meant, member)
    return service.grant(session, member, meant.id, by, now_ms, expires_ms)


def revoke(
    session: Session, member: str, skill: str, by: str, now_ms: int, reason: str = ""
) -> Certification:
    """Take a skill away; raises Refused where the instructor may not, or the member does not hold it."""
    service.check_instructor(session, by, skills.meant(session, skill, now_ms), member)
    return service.revoke(session, member, skill, by, now_ms, reason)


def at_machine(session: Session, member: str, machine: str, by: str, at_ms: int) -> list[Certification]:
    """Sign somebody off for what a machine asks for, by an instructor's badge and theirs at `at_ms` (UTC ms).

    Told again it changes nothing, and what was revoked since stays so. Raises Refused, and grants nothing,
    where the instructor may not, a prerequisite or quiz is missing, or a skill is not signed off at machines.
    """
    instructor = members.get(session, by)
    over = instructor.valid_until_ms is not None and instructor.valid_until_ms <= at_ms
    if over or members.is_suspended(instructor, at_ms):
        raise Refused("sign_off_refused", "This instructor is suspended, or no member any more.")
    if by == member:
        raise Refused("sign_off_refused", "Nobody signs themselves off.")
    asked = machines.requirement_of(machines.get(session, machine))
    if asked is None:
        raise Refused("sign_off_refused", "This machine asks for no training.")
    for name in training.names(asked):
        kept = session.get(Certification, (member, name))
        if kept is not None and (kept.revoked_ms or 0) >= at_ms:
            raise Refused("sign_off_refused", "What the machine asks for was revoked since.")
    with session.begin_nested():
        return _grant(session, asked, (member, by, at_ms))


def _grant(session: Session, asked: Requirement, of: tuple[str, str, int]) -> list[Certification]:
    """Grant what is asked for; where one of several will do, the first that can be granted."""
    match asked:
        case AllOf(of=parts):
            return [one for part in _first_things_first(session, parts) for one in _grant(session, part, of)]
        case AnyOf(of=parts):
            refused: Refused | None = None
            for part in parts:
                try:
                    with session.begin_nested():
                        return _grant(session, part, of)
                except Refused as error:
                    refused = refused or error
            assert refused is not None, "a requirement has parts"
            raise refused
    return [_sign_off(session, asked, of)]


def _first_things_first(session: Session, parts: tuple[Requirement, ...]) -> list[Requirement]:
    """Return parts in an order in which a skill comes after those that it requires."""
    left, ordered = list(parts), list[Requirement]()
    while left:
        waiting = {name for part in left for name in training.names(part)}
        ready = [part for part in left if not _needs(session, part) & (waiting - set(training.names(part)))]
        ordered += ready or left
        left = [part for part in left if part not in ordered]
    return ordered


def _needs(session: Session, part: Requirement) -> set[str]:
    found = [session.get(Skill, name) for name in training.names(part)]
    return {name for skill in found if skill for name in training.names(skills.requires_of(skill))}


def _sign_off(session: Session, name: str, of: tuple[str, str, int]) -> Certification:
    member, by, at_ms = of
    skill = skills.meant(session, name, at_ms)
    kept = session.get(Certification, (member, skill.id))
    if kept is not None and kept.revoked_ms is None and kept.granted_ms >= at_ms:
        return kept
    try:
        if not skill.at_machine:
            raise Refused("sign_off_refused", f"{service.called(skill)} is not signed off at machines.")
        service.check_instructor(session, by, skill, member)
        return service.grant(session, member, skill.id, by, at_ms)
    except Refused:
        if kept is not None and _stands(session, kept, at_ms):
            return kept
        raise


def _stands(session: Session, kept: Certification, at_ms: int) -> bool:
    mine = service.holdings(session, kept.member, at_ms)
    return any(one.row.skill == kept.skill and not one.lapsed(at_ms) for one in mine)
