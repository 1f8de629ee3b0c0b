"""At home: a member asks for a pass to another site, takes or gives one back, and staff answer."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from sqlmodel import Session, col, select

from booking_api.db import zone_of
from booking_api.members import care
from booking_api.members.models import Member
from booking_api.memberships.days import day_of
from booking_api.sites import known, passes
from booking_api.sites.models import SiteKnown, SitePass, Visitor, Way
from floor.errors import Refused


class Standing(StrEnum):
    """How a pass stands: asked for; in force; in force, while the member may use no machine; over."""

    ASKED = "asked"
    GIVEN = "given"
    PAUSED = "paused"
    ENDED = "ended"


def standing(given: SitePass, able: Collection[str]) -> Standing:
    """Return how a pass stands; `able` are those who may travel now (passes.able)."""
    if given.asked_ms is not None:
        return Standing.ASKED
    if given.ended_ms is not None:
        return Standing.ENDED
    return Standing.GIVEN if given.member in able else Standing.PAUSED


def grant(
    session: Session, member: Member, site: str, limit_micro: int | None, by: str, now_ms: int
) -> SitePass:
    """Give a pass, for as much at a time as the sites agreed on (None) or less.

    Raises Refused for nothing, for a site that members may not use, and for a member who may not travel.
    """
    if limit_micro is not None and limit_micro <= 0:
        raise Refused("amount_malformed", "Write an amount of more than 0, like 12.50.")
    host = known.get(session, site)
    if host.way is None:
        raise Refused("site_closed", "The network has no agreement by which members use this site.")
    check_traveller(session, member, now_ms)
    most_micro = host.limit_micro if limit_micro is None else min(host.limit_micro, limit_micro)
    return passes.give(session, member, site, host.commodity, most_micro, by, now_ms)


def ask(session: Session, member: Member, site: str, now_ms: int) -> SitePass:
    """Ask for a pass, or take it where the sites agreed on that and staff took none away.

    Raises Refused where staff give it, and for who has one or may not travel.
    """
    host, kept = known.get(session, site), session.get(SitePass, (member.id, site))
    if host.way not in (Way.ASK, Way.TAKE):
        raise Refused("pass_by_staff", "Staff give passes to this site. Ask at the desk.")
    if kept is not None and kept.ended_ms is None:
        raise Refused("pass_held", "The member has a pass to this site.")
    if may_take(host, kept):
        return grant(session, member, site, None, member.id, now_ms)
    check_traveller(session, member, now_ms)
    asked = kept or SitePass(
        member=member.id,
        site=site,
        account=member.account,
        commodity=host.commodity,
        limit_micro=0,
        given_by="",
        given_ms=0,
        ended_ms=now_ms,
    )
    asked.asked_ms = now_ms
    session.add(asked)
    session.flush()
    return asked


def may_take(host: SiteKnown, kept: SitePass | None) -> bool:
    """Whether a member need ask nobody: what staff took away they do not take back."""
    return host.way is Way.TAKE and (kept is None or kept.ended_by == kept.member)


def end(session: Session, member: str, site: str, by: str, now_ms: int) -> None:
    """End a pass, or say no to who asked for one; raises Refused where there is neither."""
    asked = session.get(SitePass, (member, site))
    if asked is None or asked.asked_ms is None:
        passes.end(session, member, site, by, now_ms)
        return
    if asked.given_ms:
        asked.asked_ms = None
        session.add(asked)
    else:
        session.delete(asked)
    session.flush()


def check_traveller(session: Session, member: Member, now_ms: int) -> None:
    """Raise Refused for a minor, and for a visitor: who they may visit, their own home decides."""
    if session.get(Visitor, member.id) is not None:
        raise Refused("pass_of_visitor", "A visitor gets passes from their own site.")
    if care.is_minor(session, member.id, day_of(now_ms, zone_of(session))):
        raise Refused("pass_of_minor", "Only adults may use other sites.")


def of_member(session: Session, member: str) -> dict[str, SitePass]:
    """Return a member's passes, ended and asked ones too, by site."""
    return {one.site: one for one in session.exec(select(SitePass).where(SitePass.member == member))}


def current(session: Session, limit: int, at: int) -> list[tuple[SitePass, Member]]:
    """Return some of the passes that are in force or asked for: the asked first, then by site and name."""
    asked = col(SitePass.asked_ms).is_not(None)
    query = select(SitePass, Member).join(Member, col(Member.id) == SitePass.member)
    stands = query.where(asked | col(SitePass.ended_ms).is_(None), col(Member.erased_ms).is_(None))
    rows = stands.order_by(asked.desc(), col(SitePass.site), col(Member.sort), col(Member.id))
    return list(session.exec(rows.limit(limit).offset(at)))
