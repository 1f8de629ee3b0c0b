"""What stations would say to a member now, machine by machine: by the rules that a tap asks, of what the
server knows. What a station alone knows (its reader, its power, how old its roster is) is taken to be well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from sqlmodel import Session, col, select

from booking_api.auth.models import Credential
from booking_api.badges.models import Badge
from booking_api.db import zone_of
from booking_api.gateways import bookings, purse, roster, walk_in
from booking_api.machines.models import Machine
from booking_api.machines.service import policy_of
from booking_api.members.models import Member
from booking_api.reservations import policies
from floor import access
from floor.access import BadgeStanding, MemberStanding, Request
from floor.reservation import at_station
from floor.reservation.at_machine import NOTHING, Reserved, look
from floor.reservation.at_station import Case
from floor.reservation.model import Policies
from floor.reservation.terms import Turned
from floor.wire.roster import Booking, Waits
from floor.words import BadgeKind, DenialReason

AHEAD_MS = 24 * 3_600_000
"""So far ahead machines are looked at, in milliseconds."""
DOOR = "door"
"""The kind of what opens for a moment only: the hours of all machines lock no door."""
_OTHER_BADGE = frozenset({DenialReason.BADGE_TOO_WEAK, DenialReason.BADGE_NOT_PROVEN})


@dataclass(frozen=True, slots=True)
class Ahead:
    """Machines with what is reserved of them from now on, in order of time, and who waits."""

    machines: Sequence[Machine]
    booked: dict[str, list[Booking]]
    waits: dict[str, list[Waits]]
    rules: Policies
    zone: tzinfo
    now_ms: int

    def of(self, machine: str) -> Sequence[Booking]:
        """Return what is reserved of a machine."""
        return self.booked.get(machine, ())


@dataclass(frozen=True, slots=True)
class Asker:
    """A member at the stations, with the badges that they could tap, the best first."""

    standing: MemberStanding
    badges: Sequence[BadgeStanding]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a member may begin at a machine now; `reason` None: yes.

    `turned` is the rule behind DenialReason.WALK_IN. `until_ms` is when the rules would end a session that
    begins now (0: they would not). `beside`: somebody has to stand by. `reserved` is what is reserved of it.
    """

    reason: DenialReason | None = None
    turned: Turned | None = None
    reserved: Reserved = field(default=NOTHING)
    until_ms: int = 0
    beside: bool = False


def ahead(session: Session, machines: Sequence[Machine], now_ms: int) -> Ahead:
    """Return what is known of machines; few queries, however many there are."""
    ids = [machine.id for machine in machines]
    return Ahead(
        machines,
        bookings.for_roster(session, ids, now_ms, AHEAD_MS),
        walk_in.waits(session, ids, now_ms),
        policies.read(session, now_ms),
        zone_of(session),
        now_ms,
    )


def asker(
    session: Session, member: Member, machines: Sequence[Machine], now_ms: int, commodity: str
) -> Asker:
    """Return where a member stands, as rosters have it; `commodity` is that in which credit is counted."""
    spends = purse.look(session, member, now_ms, commodity)
    stands = roster.standings(session, [member], machines, spends, {member.id}, now_ms)[member.id]
    left = [stands.spendable_micro, *(spends.budgets.get(key) for key in stands.budgets)]
    limits = [micro for micro in left if micro is not None]
    stands = replace(stands, spendable_micro=min(limits) if limits else None)
    return Asker(stands, _badges(session, member.id))


def verdicts(known: Ahead, who: Asker) -> dict[str, Verdict]:
    """Say of each machine whether a member may begin there now."""
    return {machine.id: _verdict(known, who, machine) for machine in known.machines}


def _badges(session: Session, member: str) -> list[BadgeStanding]:
    rows = session.exec(select(Badge).where(Badge.member == member, col(Badge.lost_ms).is_(None)))
    kinds = {row.kind for row in rows if row.kind.weak or row.key_version}
    if session.exec(select(Credential.member).where(Credential.member == member).limit(1)).first():
        kinds.add(BadgeKind.PHONE)
    return [BadgeStanding(member, kind) for kind in sorted(kinds, key=lambda kind: (kind.weak, kind))]


def _verdict(known: Ahead, who: Asker, machine: Machine) -> Verdict:
    member, booked, policy = who.standing, known.of(machine.id), policy_of(machine)
    reserved = look(booked, member, known.now_ms, ())
    mine = reserved.mine
    turned, until_ms = None, 0
    if mine is None and not reserved.refuses and not _is_door(known.rules, machine):
        decision = at_station.decide(_case(known, who, machine.id))
        if isinstance(decision, Turned):
            turned = decision
        else:
            until_ms = decision.until_ms
    request = Request(
        machine=machine.id,
        policy=policy,
        badge_reference="",
        badge=None,
        proven=BadgeKind.PHONE,
        member=member,
        session_id="",
        now_ms=known.now_ms,
        clock_known=True,
        roster_age_s=0,
        reserved=reserved.refuses,
        not_walk_in=turned is not None,
        class_ends_ms=mine.ends_ms if mine and mine.opens and member.id in mine.guests else 0,
    )
    reason = _reason(request, who.badges)
    beside = policy.needs_supervisor or member.supervised
    return Verdict(reason, turned if reason is DenialReason.WALK_IN else None, reserved, until_ms, beside)


def _reason(request: Request, badges: Iterable[BadgeStanding]) -> DenialReason | None:
    """Return why the member is refused with the best of their badges; None: they are not."""
    reason: DenialReason | None = DenialReason.UNKNOWN_BADGE
    for badge in badges:
        decision = access.decide(replace(request, badge=badge, proven=badge.kind))
        reason = decision.reason if isinstance(decision, access.Denied) else None
        if reason not in _OTHER_BADGE:
            break
    return reason


def _is_door(rules: Policies, machine: Machine) -> bool:
    return machine.kind == DOOR and not at_station.means(rules, machine.id)


def _case(known: Ahead, who: Asker, machine: str) -> Case:
    return Case(
        policies=known.rules,
        machine=machine,
        member=who.standing,
        bookings=known.of(machine),
        begun=(),
        waits=known.waits.get(machine, ()),
        uses=(),
        here=(),
        now_ms=known.now_ms,
        zone=known.zone,
    )
