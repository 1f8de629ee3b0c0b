"""What gateways are told of reservations: those of the coming days, machine by machine."""

from __future__ import annotations

from collections.abc import Collection
from datetime import tzinfo

from sqlmodel import Session, col, select

from booking_api.courses.models import ClassSession, Course, SignUp, SignUpState
from booking_api.db import zone_of
from booking_api.gateways.changes import Subject, changed
from booking_api.members.models import Member
from booking_api.reservations import facts, policies
from booking_api.reservations.models import Offer, OfferState, Reserved
from floor.reservation import calendar, slots
from floor.reservation.model import Policies
from floor.reservation.terms import Reservation
from floor.wire.roster import BOOKINGS_MAX, Booking

DAY_MS = 86_400_000
HORIZON_MS = 7 * DAY_MS
"""So far ahead gateways know what is reserved: longer than they may be out of touch."""
TURN_MS = 12 * 3_600_000
"""So often what has come into sight is told."""
SHOWN_MAX = 100
_COMES = (SignUpState.SIGNED_UP, SignUpState.ATTENDED)


def for_roster(
    session: Session, machines: Collection[str], now_ms: int, ahead_ms: int = HORIZON_MS
) -> dict[str, list[Booking]]:
    """Return what is reserved of machines from now to so far ahead, in order of time."""
    if not machines:
        return {}
    rules = policies.read(session, now_ms)
    rows = facts.rows(session, machines, now_ms, now_ms + ahead_ms)
    told = [
        (row, one)
        for row, one in facts.by_now(session, rows, rules, now_ms)
        if one.standing in facts.HOLDS and row.ends_ms > now_ms
    ]
    shown = _shown(session, {row.member for row, _ in told if row.member})
    classes = {row.class_session for row, _ in told if row.class_session}
    guests, opening = _guests(session, classes), _opening(session, classes)
    found: dict[str, list[Booking]] = {}
    for row, one in told:
        found.setdefault(row.machine, []).append(
            _booking(row, one, rules, shown, guests.get(row.class_session or "", []), opening)
        )
    zone = zone_of(session)
    for machine, offered in _offers(session, machines, rules, now_ms):
        found.setdefault(machine, []).append(offered)
    for machine in machines:
        listed = [*found.get(machine, []), *_blocks(rules, machine, now_ms, ahead_ms, zone)]
        listed += _unreserved(rules, machine, listed, now_ms, ahead_ms, zone)
        if listed:
            found[machine] = sorted(listed, key=lambda one: one.begins_ms)
    return {machine: listed[:BOOKINGS_MAX] for machine, listed in found.items()}


def machines_of(session: Session, members: Collection[str], now_ms: int) -> set[str]:
    """Return the machines that members have reserved for the coming days: how they are shown may change."""
    query = select(Reserved.machine).where(
        col(Reserved.member).in_(members),
        col(Reserved.standing).in_(facts.HOLDS),
        col(Reserved.ends_ms) > now_ms,
        col(Reserved.begins_ms) < now_ms + HORIZON_MS,
    )
    return set(session.exec(query))


def mark(session: Session, now_ms: int) -> tuple[int, str]:
    """Return what changes when gateways are to be told anew: time goes on, or other rules come into force."""
    kept = policies.in_force(session, now_ms)
    return now_ms // TURN_MS, kept.id if kept else ""


def turn(session: Session, now_ms: int) -> None:
    """Have gateways told of what has come into sight since the turn before, and of rules that have changed.

    Of every machine: a block that other rules have no more stands in no table, and must go from rosters.
    """
    for machine in sorted(policies.kinds_of(session)):
        changed(session, Subject.MACHINE, machine, now_ms)


def _booking(
    row: Reserved,
    one: Reservation,
    rules: Policies,
    shown: dict[str, str],
    guests: list[str],
    opening: set[str],
) -> Booking:
    policy = rules.of(row.machine)
    return Booking(
        id=row.id,
        begins_ms=row.begins_ms,
        ends_ms=row.ends_ms,
        member=row.member or "",
        guests=guests[:200],
        opens=row.class_session in opening,
        shown=(shown.get(row.member, "") if row.member else row.words)[:SHOWN_MAX],
        released_ms=slots.released_ms(one, policy),
        begun=one.begun_ms > 0,
        on_others=policy.on_others,
        warn_s=policy.warn_s,
    )


def _offers(
    session: Session, machines: Collection[str], rules: Policies, now_ms: int
) -> list[tuple[str, Booking]]:
    """Return what is kept for who waited: it holds until it lapses, and on where their session takes it."""
    query = select(Offer).where(
        col(Offer.machine).in_(machines), Offer.state == OfferState.OPEN, col(Offer.until_ms) > now_ms
    )
    rows = [one for one in session.exec(query.order_by(col(Offer.id))) if one.begins_ms < one.until_ms]
    shown = _shown(session, {one.member for one in rows})
    return [
        (
            one.machine,
            Booking(
                id=one.id,
                begins_ms=one.begins_ms,
                ends_ms=one.ends_ms,
                released_ms=min(one.until_ms, one.ends_ms),
                member=one.member,
                shown=shown.get(one.member, "")[:SHOWN_MAX],
                on_others=rules.of(one.machine).on_others,
                warn_s=rules.of(one.machine).warn_s,
            ),
        )
        for one in rows
    ]


def _unreserved(
    rules: Policies, machine: str, taken: list[Booking], now_ms: int, ahead_ms: int, zone: tzinfo
) -> list[Booking]:
    """Return as bookings of nobody the times in which the rules let nobody use it without a reservation."""
    from_ms = now_ms // TURN_MS * TURN_MS
    times = slots.unreserved(rules, machine, from_ms, from_ms + TURN_MS + ahead_ms, zone)
    left = calendar.without(times, [(one.begins_ms, one.ends_ms) for one in taken])
    warn_s = rules.of(machine).warn_s
    return [
        Booking(
            id=f"walk-in:{begins_ms}", begins_ms=begins_ms, ends_ms=ends_ms, warn_s=warn_s, unreserved=True
        )
        for begins_ms, ends_ms in left
        if ends_ms > now_ms
    ]


def _blocks(rules: Policies, machine: str, now_ms: int, ahead_ms: int, zone: tzinfo) -> list[Booking]:
    """Return the blocks that the policy file itself names; ids say which one it is, and its begin."""
    policy = rules.of(machine)
    times = slots.block_times(rules, machine, now_ms - DAY_MS, now_ms + ahead_ms, zone)
    return [
        Booking(
            id=f"block:{rules.blocks.index(block)}:{begins_ms}",
            begins_ms=begins_ms,
            ends_ms=ends_ms,
            shown=block.name[:SHOWN_MAX],
            on_others=policy.on_others,
            warn_s=policy.warn_s,
        )
        for block, (begins_ms, ends_ms) in times
        if ends_ms > now_ms
    ]


def _shown(session: Session, members: set[str]) -> dict[str, str]:
    """Return the names that members chose: whoever stands at a station reads them, without signing in."""
    query = select(Member.id, Member.shown_name).where(col(Member.id).in_(members), col(Member.shown_chosen))
    return dict(session.exec(query).all())


def _opening(session: Session, classes: set[str]) -> set[str]:
    """Return the classes whose course opens its machines to students without training."""
    query = select(ClassSession.id, Course.opens_machines).join(Course, col(Course.id) == ClassSession.course)
    return {id for id, opens in session.exec(query.where(col(ClassSession.id).in_(classes))) if opens}


def _guests(session: Session, classes: set[str]) -> dict[str, list[str]]:
    """Return who is let in while a class has the machine: its instructor and who has a place."""
    teach = select(ClassSession.id, ClassSession.instructor).where(col(ClassSession.id).in_(classes))
    found = {id: [instructor] for id, instructor in session.exec(teach)}
    places = select(SignUp.session, SignUp.member).where(
        col(SignUp.session).in_(classes), col(SignUp.state).in_(_COMES)
    )
    for id, member in session.exec(places.order_by(col(SignUp.signed_ms), col(SignUp.id))):
        if member not in found.setdefault(id, []):
            found[id].append(member)
    return found
