"""Private calendar addresses: made and revoked by a member, found by their secret, kept as its hash."""

from __future__ import annotations

from sqlmodel import Session, col, select

from booking_api.clock import make_id
from booking_api.machines import service as machines
from booking_api.reservations.models import Feed
from booking_api.tokens import digest, fresh
from floor.errors import Refused


def make(session: Session, member: str, machine: str | None, now_ms: int) -> tuple[Feed, str]:
    """Make an address and return it with its secret, which is shown this once; the one before is revoked.

    It is for the member's own reservations, or for a machine's.
    """
    if machine is not None:
        machines.get(session, machine)
    for before in of_member(session, member):
        if before.machine == machine:
            _revoke(session, before, now_ms)
    secret = fresh()
    feed = Feed(id=make_id(now_ms), token_hash=digest(secret), member=member, machine=machine, made_ms=now_ms)
    session.add(feed)
    session.flush()
    return feed, secret


def of_member(session: Session, member: str) -> list[Feed]:
    """Return the addresses that a member made and that are in use."""
    mine = select(Feed).where(Feed.member == member, col(Feed.revoked_ms).is_(None))
    return list(session.exec(mine.order_by(col(Feed.id))))


def revoke(session: Session, id: str, member: str, now_ms: int) -> None:
    """End one of a member's addresses; raises Refused when it is not theirs."""
    feed = session.get(Feed, id)
    if feed is None or feed.member != member or feed.revoked_ms is not None:
        raise Refused("feed_not_found", "You have no such calendar address.")
    _revoke(session, feed, now_ms)


def found(session: Session, secret: str) -> Feed:
    """Return what an address is for; raises Refused for one that is unknown or revoked."""
    feed = session.exec(select(Feed).where(Feed.token_hash == digest(secret))).first()
    if feed is None or feed.revoked_ms is not None:
        raise Refused("calendar_not_found", "There is no calendar here.")
    return feed


def _revoke(session: Session, feed: Feed, now_ms: int) -> None:
    feed.revoked_ms = now_ms
    session.add(feed)
