"""At home: who may use other sites, and what a host is told of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import Session, col, select

from booking_api.badges import service as badges
from booking_api.certifications import standing
from booking_api.db import zone_of
from booking_api.gateways.changes import Subject, changed
from booking_api.gateways.models import RosterChange
from booking_api.members import care
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.memberships.days import day_of
from booking_api.payments import overdue
from booking_api.sites.models import SitePass
from booking_api.vault import Vault
from floor.errors import Refused
from floor.words import BadgeKind


@dataclass(frozen=True, slots=True)
class Carried:
    """A badge of a member, as another site's gateways need it."""

    uid: bytes
    kind: BadgeKind
    lost: bool


@dataclass(frozen=True, slots=True)
class Person:
    """What a host is told of a member: no more than it needs to let them in, and the name that others read.

    `until_ms` is the end of what home knows of (None: without end; UTC milliseconds). `skills` are home's,
    until when they hold (0: without end). Of who may not travel (`active` false) nothing else counts.
    """

    ref: str
    name: str
    language: str
    active: bool
    until_ms: int | None
    badges: tuple[Carried, ...]
    skills: dict[str, int]
    allowed_micro: int


def give(
    session: Session, member: Member, site: str, commodity: str, limit_micro: int, by: str, now_ms: int
) -> SitePass:
    """Let a member use another site, spending at most `limit_micro` of its `commodity` before home knows."""
    kept = session.get(SitePass, (member.id, site))
    given = kept or SitePass(
        member=member.id,
        site=site,
        account=member.account,
        commodity=commodity,
        limit_micro=limit_micro,
        given_by=by,
        given_ms=now_ms,
    )
    if given.ended_ms is not None:
        given.given_ms = now_ms
    given.limit_micro, given.given_by, given.ended_ms, given.asked_ms = limit_micro, by, None, None
    session.add(given)
    session.flush()
    changed(session, Subject.MEMBER, member.id, now_ms)  # by which the courier looks
    return given


def end(session: Session, member: str, site: str, by: str, now_ms: int) -> SitePass:
    """Let a member use another site no more; raises Refused where they have no pass."""
    given = session.get(SitePass, (member, site))
    if given is None or given.ended_ms is not None:
        raise Refused("pass_not_found", "The member has no pass to this site.")
    given.ended_ms, given.ended_by = now_ms, by
    session.add(given)
    session.flush()
    changed(session, Subject.MEMBER, member, now_ms)
    return given


def of_site(session: Session, site: str, only: Collection[str] | None) -> list[SitePass]:
    """Return the passes to a site, of these members or (None) all; ended ones too: that is to be told."""
    query = select(SitePass).where(SitePass.site == site, SitePass.given_ms > 0)
    if only is not None:
        query = query.where(col(SitePass.member).in_(only))
    return list(session.exec(query.order_by(SitePass.member)))


def touched(session: Session, after: int) -> set[str] | None:
    """Return whom gateways were to be told of since a change (RosterChange.id); None: it may be anybody."""
    query = select(RosterChange.subject, RosterChange.ref).where(col(RosterChange.id) > after)
    rows = session.exec(query.distinct()).all()
    if any(subject == Subject.FLOOR for subject, _ in rows):
        return None
    return {ref for subject, ref in rows if subject == Subject.MEMBER}


def able(session: Session, people: Collection[Member], now_ms: int) -> set[str]:
    """Return who of these may travel now: who may use machines at home, and no minor."""
    late = overdue.blocked(session, {member.account for member in people}, now_ms)
    minors = care.minors(session, {member.id for member in people}, day_of(now_ms, zone_of(session)))
    return {
        member.id
        for member in people
        if member.erased_ms is None
        and (member.valid_until_ms is None or member.valid_until_ms > now_ms)
        and not members.is_suspended(member, now_ms)
        and member.account not in late
        and member.id not in minors
    }


def is_active(session: Session, given: SitePass, now_ms: int) -> bool:
    """Whether a member may use another site now."""
    return given.ended_ms is None and bool(able(session, [members.get(session, given.member)], now_ms))


def tell(session: Session, vault: Vault, given: SitePass, skills: Collection[str], now_ms: int) -> Person:
    """Return what the host is told of a member. Badges that prove themselves stay home, with their keys."""
    member = members.get(session, given.member)
    active = is_active(session, given, now_ms)
    held = standing.read(session, {member.id}, skills, now_ms)
    ends = {skill: held.skill(member.id, skill) for skill in skills}
    return Person(
        ref=member.id,
        name=member.shown_name if given.ended_ms is None else "",
        language=member.language,
        active=active,
        until_ms=member.valid_until_ms,
        badges=tuple(
            Carried(vault.open(badge.uid_sealed), badge.kind, badge.lost_ms is not None)
            for badge in badges.of_member(session, member.id)
            if badge.kind.weak and given.ended_ms is None
        ),
        skills={
            skill: end_ms
            for skill, end_ms in ends.items()
            if end_ms is not None and (end_ms == 0 or end_ms > now_ms)
        },
        allowed_micro=given.allowed_micro,
    )
