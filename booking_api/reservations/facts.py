"""What a decision rests on: reservations as they stand by now, sessions, certifications, who waits."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import tzinfo

from sqlmodel import Session, col, or_, select

from booking_api.certifications import service as certifications
from booking_api.machines.models import Machine
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.memberships.days import day_of
from booking_api.payments import overdue
from booking_api.reservations.models import Offer, OfferState, Reserved, Waiting
from booking_api.sessions.models import MachineSession
from booking_api.waivers import service as waivers
from floor.reservation import limits, slots
from floor.reservation.model import Policies
from floor.reservation.terms import Known, Reservation, Slot, Standing, Use, Wanted
from floor.reservation.terms import Offer as Kept

HOLDS = (Standing.BOOKED, Standing.BEGUN)
SERVER = "reservations"
"""Who acts where only time has passed."""
MAX = 5_000
"""So many reservations are read at once, at most."""


def reservation(row: Reserved) -> Reservation:
    """Return a row as the rules know it. What is excused was not cancelled late."""
    return Reservation(
        id=row.id,
        slot=Slot(row.machine, row.begins_ms, row.ends_ms),
        member=row.member or "",
        made_ms=row.made_ms,
        kind=row.kind,
        tier=row.tier,
        standing=row.standing,
        begun_ms=row.begun_ms,
        closed_ms=0 if row.excused else row.closed_ms or 0,
    )


def rows(
    session: Session,
    machines: Collection[str] | None,
    from_ms: int,
    to_ms: int,
    *,
    member: str | None = None,
    standings: Collection[Standing] = HOLDS,
) -> list[Reserved]:
    """Return reservations that block some of a time, in its order; of these machines, or (None) of all."""
    query = select(Reserved).where(
        col(Reserved.blocks_from_ms) < to_ms,
        col(Reserved.blocks_to_ms) > from_ms,
        col(Reserved.standing).in_(standings),
    )
    if machines is not None:
        query = query.where(col(Reserved.machine).in_(machines))
    if member is not None:
        query = query.where(Reserved.member == member)
    return list(session.exec(query.order_by(col(Reserved.begins_ms), col(Reserved.id)).limit(MAX)))


def used(session: Session, found: Iterable[Reserved], now_ms: int) -> dict[str, int]:
    """Return when holders began to use what they reserved, by reservation, where nobody has written it yet.

    A session that began before the slot and runs on into it counts from the slot's begin.
    """
    late = [
        row for row in found if row.standing is Standing.BOOKED and row.member and row.begins_ms <= now_ms
    ]
    if not late:
        return {}
    query = select(MachineSession).where(
        col(MachineSession.machine).in_({row.machine for row in late}),
        col(MachineSession.member).in_({row.member for row in late}),
        col(MachineSession.started_ms) < max(row.ends_ms for row in late),
        or_(
            col(MachineSession.ended_ms).is_(None),
            col(MachineSession.ended_ms) > min(row.begins_ms for row in late),
        ),
    )
    seen = session.exec(query).all()
    began: dict[str, int] = {}
    for row in late:
        instants = [
            max(one.started_ms, row.begins_ms)
            for one in seen
            if (one.machine, one.member) == (row.machine, row.member)
            and one.started_ms < row.ends_ms
            and (one.ended_ms is None or one.ended_ms > row.begins_ms)
        ]
        if instants:
            began[row.id] = min(instants)
    return began


def by_now(
    session: Session, found: Iterable[Reserved], policies: Policies, now_ms: int
) -> list[tuple[Reserved, Reservation]]:
    """Return rows with what they are at this instant: begun, ended, or released because nobody came."""
    kept = list(found)
    began = used(session, kept, now_ms)
    told: list[tuple[Reserved, Reservation]] = []
    for row in kept:
        one = reservation(row)
        policy = policies.of(row.machine)
        if row.id in began and not _came_too_late(one, policies, began[row.id]):
            one = _replaced(one, Standing.BEGUN, began[row.id])
        told.append((row, _replaced(one, slots.standing_at(one, policy, now_ms), one.begun_ms)))
    return told


def _came_too_late(one: Reservation, policies: Policies, at_ms: int) -> bool:
    """Whether it was released before its holder came."""
    return slots.standing_at(one, policies.of(one.slot.machine), at_ms) is Standing.RELEASED


def _replaced(one: Reservation, standing: Standing, begun_ms: int) -> Reservation:
    return replace(one, standing=standing, begun_ms=begun_ms)


def known(session: Session, policies: Policies, wanted: Wanted, zone: tzinfo) -> Known:
    """Return all that a decision about a request rests on."""
    machine, now_ms = wanted.slot.machine, wanted.now_ms
    from_ms, to_ms = slots.reach(policies, wanted)
    since_ms, until_ms = limits.window_of(policies, wanted, zone)
    there = rows(session, [machine], from_ms, to_ms)
    theirs = rows(session, None, since_ms, until_ms, member=wanted.member, standings=tuple(Standing))
    found = {row.id: row for row in (*there, *theirs)}
    told = [one for _, one in by_now(session, found.values(), policies, now_ms)]
    member = session.get(Member, wanted.member)
    return Known(
        reservations=tuple(told),
        uses=_uses(session, wanted, theirs, since_ms, until_ms) if member else (),
        certified_until_ms=certifications.until_ms(session, wanted.member, machine, now_ms) if member else 0,
        member_until_ms=member.valid_until_ms if member else None,
        suspended=member is not None and _suspended(session, member, now_ms),
        waiting=waiting_count(session, wanted, now_ms),
        offers=offers(session, machine, now_ms),
        unsigned=_unsigned(session, member, machine, now_ms, zone) if member else "",
    )


def waiting_count(session: Session, wanted: Wanted, now_ms: int) -> int:
    """Return how many others wait for the machine before the wanted time ends."""
    query = select(Waiting.member).where(
        Waiting.machine == wanted.slot.machine,
        Waiting.member != wanted.member,
        col(Waiting.left_ms).is_(None),
        col(Waiting.from_ms) < wanted.slot.ends_ms,
        col(Waiting.to_ms) > now_ms,
    )
    return len(set(session.exec(query)))


def offers(session: Session, machine: str, now_ms: int) -> tuple[Kept, ...]:
    """Return the offers of a machine's slots that stand."""
    query = select(Offer).where(
        Offer.machine == machine, Offer.state == OfferState.OPEN, col(Offer.until_ms) > now_ms
    )
    return tuple(
        Kept(Slot(one.machine, one.begins_ms, one.ends_ms), one.member, one.until_ms)
        for one in session.exec(query)
    )


def _unsigned(session: Session, member: Member, machine: str, now_ms: int, zone: tzinfo) -> str:
    """Return the newest version of a text that a member has to sign before they use a machine, or ""."""
    used = session.get_one(Machine, machine)
    rows = waivers.unsigned(session, {member.id}, day_of(now_ms, zone)).get(member.id, ())
    return next((waivers.newest_of(session, row).id for row in rows if row.holds_at(used)), "")


def _suspended(session: Session, member: Member, now_ms: int) -> bool:
    return members.is_suspended(member, now_ms) or bool(overdue.blocked(session, [member.account], now_ms))


def _uses(
    session: Session, wanted: Wanted, theirs: Iterable[Reserved], from_ms: int, to_ms: int
) -> tuple[Use, ...]:
    """Return a member's sessions; one that touches a reservation of theirs at the machine is no walk-in."""
    query = select(MachineSession).where(
        MachineSession.member == wanted.member,
        col(MachineSession.started_ms) < to_ms,
        or_(col(MachineSession.ended_ms).is_(None), col(MachineSession.ended_ms) > from_ms),
    )
    reserved = [row for row in theirs if row.standing in (*HOLDS, Standing.ENDED)]
    found = []
    for one in session.exec(query.order_by(col(MachineSession.started_ms)).limit(MAX)):
        ends_ms = one.ended_ms if one.ended_ms is not None else max(one.started_ms, wanted.now_ms)
        walk_in = not any(
            row.machine == one.machine and row.begins_ms < ends_ms and one.started_ms < row.ends_ms
            for row in reserved
        )
        found.append(Use(one.machine, one.started_ms, ends_ms, walk_in))
    return tuple(found)


def upcoming(session: Session, from_ms: int, to_ms: int) -> Iterable[Reservation]:
    """Return the reservations that begin in a time, from `from_ms` to before `to_ms`, and stand."""
    found = rows(session, None, from_ms, to_ms, standings=(Standing.BOOKED,))
    return [reservation(row) for row in found if row.member and from_ms <= row.begins_ms < to_ms]
