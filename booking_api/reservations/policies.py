"""The policy file: kept as it was written, version by version; the newest that has begun is in force."""

from __future__ import annotations

import hashlib
from datetime import tzinfo
from functools import lru_cache

from sqlmodel import Session, col, select

from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.gateways.changes import Subject, changed
from booking_api.machines.models import Machine
from booking_api.reservations.models import ReservationPolicy
from floor.errors import ConfigError, Refused
from floor.reservation.load import read_policies
from floor.reservation.model import Policies

FILE = "reservations.toml"
TEXT_MAX = 200_000


def put(
    session: Session, text: str, author: str, now_ms: int, valid_from_ms: int = 0, file: str = FILE
) -> ReservationPolicy:
    """Keep a new version, in force from `valid_from_ms` (0: at once); the same text again changes nothing.

    Raises ConfigError for a text that is no policy, Refused for one that would have begun before now.
    """
    read_policies(text, file, zone_of(session), kinds_of(session))
    if valid_from_ms and valid_from_ms < now_ms:
        raise Refused("date_past", "This time is over. Choose a later one.")
    digest = hashlib.sha256(text.encode()).hexdigest()
    before = in_force(session, valid_from_ms or now_ms)
    if before is not None and before.sha256 == digest:
        return before
    kept = ReservationPolicy(
        id=make_id(now_ms),
        text=text,
        sha256=digest,
        author=author,
        valid_from_ms=valid_from_ms or now_ms,
        created_ms=now_ms,
    )
    session.add(kept)
    session.flush()
    _tell_gateways(session, now_ms)
    return kept


def listed(session: Session) -> list[ReservationPolicy]:
    """Return every version, the newest first."""
    order = (col(ReservationPolicy.valid_from_ms).desc(), col(ReservationPolicy.id).desc())
    return list(session.exec(select(ReservationPolicy).order_by(*order)))


def in_force(session: Session, now_ms: int) -> ReservationPolicy | None:
    """Return the version that holds at an instant, None before the first."""
    query = select(ReservationPolicy).where(col(ReservationPolicy.valid_from_ms) <= now_ms)
    order = (col(ReservationPolicy.valid_from_ms).desc(), col(ReservationPolicy.id).desc())
    return session.exec(query.order_by(*order).limit(1)).first()


def from_now(session: Session, now_ms: int) -> list[tuple[ReservationPolicy, Policies]]:
    """Return the version in force and those that will be, in the order in which they begin, as they read."""
    coming = [one for one in reversed(listed(session)) if one.valid_from_ms > now_ms]
    kept = in_force(session, now_ms)
    zone, kinds = zone_of(session), kinds_of(session)
    return [(one, _parsed(one.text, zone).over(kinds)) for one in ([kept] if kept else []) + coming]


def read(session: Session, now_ms: int) -> Policies:
    """Return the rules that hold at an instant, of the machines that there are."""
    kept = in_force(session, now_ms)
    if kept is None:
        return Policies()
    return _parsed(kept.text, zone_of(session)).over(kinds_of(session))


def kinds_of(session: Session) -> dict[str, str]:
    """Return the kinds of the machines on the floor, by id."""
    return dict(
        session.exec(select(Machine.id, Machine.kind).where(col(Machine.archived_ms).is_(None))).all()
    )


@lru_cache(maxsize=8)
def _parsed(text: str, zone: tzinfo) -> Policies:
    try:
        return read_policies(text, FILE, zone, {})
    except ConfigError as error:
        raise AssertionError("a policy that is kept was read before") from error


def _tell_gateways(session: Session, now_ms: int) -> None:
    """Have gateways learn of the new rules, how bookings stand under them, and which blocks there are."""
    changed(session, Subject.FLOOR, "reservations", now_ms)
