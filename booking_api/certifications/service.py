"""What is done with certifications: granted, revoked, and asked for by machines and reservations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlmodel import Session, col, select

from booking_api.auth.permissions import GRANTS, Permission
from booking_api.certifications import skills, standing
from booking_api.certifications.models import Certification, QuizTry, Skill
from booking_api.db import zone_of
from booking_api.gateways.changes import Subject, changed
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.members import service as members
from booking_api.memberships.days import begin_ms, day_of
from floor import training
from floor.errors import Refused
from floor.membership import add_months


@dataclass(frozen=True, slots=True)
class Holding:
    """A skill that a member holds, and until when it stands: 0 without end, past when it has lapsed."""

    row: Certification
    skill: Skill
    until_ms: int

    def lapsed(self, now_ms: int) -> bool:
        """Whether it holds no more."""
        return not training.in_force(self.until_ms, now_ms)


def until_ms(session: Session, member: str, machine: str, now_ms: int) -> int | None:
    """Return until when a member may use a machine by their training (UTC ms): 0 for no end, None: not now.

    Raises Refused when there is no such machine.
    """
    asked = machines.requirement_of(machines.get(session, machine))
    end = standing.read(session, [member], training.names(asked), now_ms).asked(member, asked)
    return end if training.in_force(end, now_ms) else None


def grant(
    session: Session,
    member: str,
    skill: str,
    by: str,
    now_ms: int,
    expires_ms: int | None = None,
    *,
    checked: bool = True,
) -> Certification:
    """Give a member a skill, named by its id or by the machine that asks for it; granting again renews.

    Without an end of its own it ends as the skill says. Raises Refused for an end in the past and, unless
    `checked` is false, where prerequisites or the skill's quiz are missing.
    """
    members.get(session, member)
    meant = skills.meant(session, skill, now_ms)
    if expires_ms is not None and expires_ms <= now_ms:
        raise Refused("expiry_past", "The certification would have ended already.")
    if checked:
        check_ready(session, member, meant, now_ms)
    kept = session.get(Certification, (member, meant.id))
    granted = kept or Certification(member=member, skill=meant.id, granted_by=by, granted_ms=now_ms)
    granted.granted_by, granted.granted_ms = by, now_ms
    granted.expires_ms = expires_ms if expires_ms is not None else end_of(session, meant.months, now_ms)
    granted.revoked_ms = granted.revoked_by = granted.told_ms = None
    granted.reason = ""
    session.add(granted)
    session.flush()
    changed(session, Subject.MEMBER, member, now_ms)
    happened(
        session, Happening.CERTIFICATION_GRANTED, meant.id, now_ms, member, by=by, until_ms=granted.expires_ms
    )
    return granted


def end_of(session: Session, months: int | None, from_ms: int) -> int | None:
    """Return the begin of the day of the space on which what begins now has lapsed; None: without end."""
    if months is None:
        return None
    zone = zone_of(session)
    return begin_ms(add_months(day_of(from_ms, zone), months), zone)


def revoke(
    session: Session, member: str, skill: str, by: str, now_ms: int, reason: str = ""
) -> Certification:
    """Take a skill away, at every gateway; raises Refused when there is none in force."""
    kept = session.get(Certification, (member, skill))
    if kept is None or kept.revoked_ms is not None:
        meant = skills.meant(session, skill, now_ms).id
        kept = session.get(Certification, (member, meant)) if meant != skill else None
    if kept is None or kept.revoked_ms is not None:
        raise Refused("certification_not_found", "The member does not hold this certification.")
    kept.revoked_ms, kept.revoked_by, kept.reason = now_ms, by, reason.strip()[:200]
    session.add(kept)
    changed(session, Subject.MEMBER, member, now_ms)
    happened(session, Happening.CERTIFICATION_REVOKED, kept.skill, now_ms, member, by=by, reason=kept.reason)
    return kept


def check_ready(session: Session, member: str, skill: Skill, now_ms: int) -> None:
    """Raise Refused when a member lacks what a skill asks for first: other skills, or its quiz."""
    check_has(session, member, skills.requires_of(skill), now_ms)
    if skill.quiz is not None and not passed(session, member, skill.id):
        raise Refused("quiz_first", f"First comes the quiz of {called(skill)}.")


def check_has(session: Session, member: str, asked: training.Requirement | None, now_ms: int) -> None:
    """Raise Refused that names the skills which a member still needs."""
    standings = standing.read(session, [member], training.names(asked), now_ms)
    lacking = training.missing(asked, lambda one: training.in_force(standings.skill(member, one), now_ms))
    if lacking:
        found = session.exec(select(Skill).where(col(Skill.id).in_(lacking)))
        names = {one.id: called(one) for one in found}
        words = ", ".join(names.get(one, one) for one in lacking)
        raise Refused("prerequisite_first", f"First comes: {words}.")


def passed(session: Session, member: str, skill: str) -> bool:
    """Whether a member has passed a skill's quiz."""
    tries = select(QuizTry.id).where(QuizTry.member == member, QuizTry.skill == skill, col(QuizTry.passed))
    return session.exec(tries).first() is not None


def check_instructor(session: Session, by: str, skill: Skill, member: str) -> None:
    """Raise Refused unless `by` may sign a skill off for a member.

    Instructors sign off the skills that name them or nobody, and never their own; who keeps members, any.
    """
    rights = GRANTS[members.get(session, by).role]
    if Permission.MEMBERS_WRITE in rights:
        return
    named = not skill.instructors or by in skill.instructors
    if Permission.CERTIFICATIONS_WRITE not in rights or not named or by == member:
        raise Refused("forbidden", f"You do not sign off {called(skill)} for this member.")


def called(skill: Skill, language: str = "en") -> str:
    """Return what a skill is called in a language, else in its first."""
    return str(skill.names.get(language) or next(iter(skill.names.values()), skill.id))


def of_member(session: Session, member: str) -> list[Certification]:
    """Return the skills that a member holds, lapsed ones included, revoked ones not."""
    held = select(Certification).where(
        Certification.member == member, col(Certification.revoked_ms).is_(None)
    )
    return list(session.exec(held.order_by(Certification.skill)))


def holdings(session: Session, member: str, now_ms: int) -> list[Holding]:
    """Return the skills that a member holds, with until when each stands; lapsed ones included."""
    return _holdings(session, of_member(session, member), now_ms)


def holders(session: Session, skill: str, now_ms: int) -> list[Holding]:
    """Return who holds a skill, lapsed ones included, revoked ones not."""
    held = select(Certification).where(Certification.skill == skill, col(Certification.revoked_ms).is_(None))
    return _holdings(session, list(session.exec(held.order_by(Certification.member))), now_ms)


def of_machine(session: Session, machine: str, now_ms: int) -> dict[str, int]:
    """Return who may use a machine by their training, and until when (0: no end), lapsed ones included."""
    found = standing.allowed(session, None, [machines.get(session, machine)], now_ms)
    return {member: untils[machine] for member, untils in sorted(found.items())}


def counts(session: Session, now_ms: int) -> dict[str, int]:
    """Return how many hold each skill now."""
    standings = standing.read(session, None, None, now_ms)
    found: Counter[str] = Counter()
    for member, mine in standings.held.items():
        found.update(skill for skill in mine if training.in_force(standings.skill(member, skill), now_ms))
    return found


def allowed(session: Session, member: str, there: list[Machine], now_ms: int) -> dict[str, int]:
    """Return until when a member may use each of some machines that ask for training (0: no end)."""
    return standing.allowed(session, [member], there, now_ms).get(member, {})


def _holdings(session: Session, rows: list[Certification], now_ms: int) -> list[Holding]:
    known = {skill.id: skill for skill in skills.listed(session)}
    standings = standing.read(session, {row.member for row in rows}, {row.skill for row in rows}, now_ms)
    # A lasting skill whose prerequisite was revoked stands no more, since the grant as far as one can say.
    ends = [standings.skill(row.member, row.skill) for row in rows]
    return [
        Holding(row, known[row.skill], row.granted_ms if end is None else end)
        for row, end in zip(rows, ends, strict=True)
    ]
