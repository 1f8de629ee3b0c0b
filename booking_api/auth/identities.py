"""Whose identity at a provider of single sign-on it is: linked, matched by a verified address, or new."""

from __future__ import annotations

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from booking_api.auth import service
from booking_api.auth.models import LinkedIdentity
from booking_api.auth.oidc import Identity
from booking_api.auth.settings import OidcProvider
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.members.service import MemberDetails
from floor.errors import Refused

WAITS = "waits for approval"
UNKNOWN = "Nobody here is known by this sign-in. Sign in another way, and link it on your security page."


def member_of(
    session: Session, provider: OidcProvider, identity: Identity, now_ms: int, floor_ms: int
) -> str:
    """Return whose identity it is; raises Refused for nobody's, unless the provider may bring new members."""
    linked = session.get(LinkedIdentity, (identity.provider, identity.subject))
    if linked is not None:
        return linked.member
    if identity.email:
        known = session.exec(select(Member).where(_at(identity.email))).first()
        if known is not None and provider.match_email:
            link(session, known.id, identity, now_ms)
            return known.id
        if known is None and provider.create:
            return _admit(session, identity, now_ms, floor_ms)
    raise Refused("identity_unknown", UNKNOWN)


def link(session: Session, member: str, identity: Identity, now_ms: int) -> None:
    """Link an identity to a member; Refused when it is another's, or they have one of this provider."""
    linked = session.get(LinkedIdentity, (identity.provider, identity.subject))
    if linked is not None:
        if linked.member != member:
            raise Refused("identity_taken", "Another member signs in with this.")
        return
    if any(one.provider == identity.provider for one in of_member(session, member)):
        raise Refused("identity_taken", "You are linked there already. Remove that link first.")
    session.add(
        LinkedIdentity(
            provider=identity.provider,
            subject=identity.subject,
            member=member,
            email=identity.email,
            created_ms=now_ms,
        )
    )
    service.tell(session, member, "link_added", now_ms)


def unlink(session: Session, member: str, provider: str, now_ms: int) -> None:
    """Take a member's link to a provider away."""
    mine = [one for one in of_member(session, member) if one.provider == provider]
    if not mine:
        raise Refused("link_not_found", "You are not linked there.")
    for one in mine:
        session.delete(one)
    service.tell(session, member, "link_removed", now_ms)


def of_member(session: Session, member: str) -> list[LinkedIdentity]:
    """Return a member's links."""
    return list(session.exec(select(LinkedIdentity).where(LinkedIdentity.member == member)))


def _at(email: str) -> ColumnElement[bool]:
    """Return the condition of having an address; letters beyond ASCII stand for themselves only.

    A capital may fold to another's small letter (the Kelvin sign to k): what looks alike is not the same.
    """
    return func.lower(col(Member.email)) == email.lower() if email.isascii() else col(Member.email) == email


def _admit(session: Session, identity: Identity, now_ms: int, floor_ms: int) -> str:
    """Admit somebody who is unknown, suspended until staff end that: it is how they approve."""
    first = identity.first_name or identity.email.partition("@")[0][:100]
    details = MemberDetails(first_name=first, last_name=identity.last_name or "-", email=identity.email)
    member = members.add(session, details, floor_ms)
    members.suspend(session, member.id, WAITS, floor_ms)
    link(session, member.id, identity, now_ms)
    happened(session, Happening.MEMBER_ASKED, member.id, floor_ms, member=member.id)
    return member.id
