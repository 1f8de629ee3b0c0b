"""What a station asks of the rules on use without a reservation, with what it knows of others. Pure.

Who may stand by others, or repair, is bound by none of them, nor is whoever's reservation or class it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from floor.access import MemberStanding, Tally
from floor.reservation import ahead, walk_in
from floor.reservation.ahead import Bound, User
from floor.reservation.at_machine import holds, lets_in
from floor.reservation.extension import USED
from floor.reservation.model import Counted, Policies
from floor.reservation.terms import Allowed, Decision, Kind, Known, Reservation, Slot, Standing, Turned, Use
from floor.wire.roster import Booking, OnReserved, Waits

SESSIONS = frozenset({Counted.USE, Counted.WALK_IN})
EVERY = 1
"""How closely "*" means a machine (floor.reservation.model.Machines.hold)."""
OWN_MS = 2_000
"""Two that say that they began at a machine within so long are one and the same session."""


@dataclass(frozen=True, slots=True)
class Case:
    """A member at a machine, and what is known there. `bookings` are its own, in order of time, `begun` those
    that a session has begun, `uses` the member's sessions that the gateway knows by itself (`here`: at its
    machines), that which runs up to now. Times are UTC milliseconds.
    """

    policies: Policies
    machine: str
    member: MemberStanding
    bookings: Sequence[Booking]
    begun: Collection[str]
    waits: Sequence[Waits]
    uses: Sequence[Use]
    here: Collection[str]
    now_ms: int
    zone: tzinfo

    @property
    def user(self) -> User:
        """Return who this is to the rules."""
        member = self.member
        return User(self.policies, self.machine, member.id, member.tier, self.known, self.now_ms, self.zone)

    @property
    def known(self) -> Known:
        """Return what the rules rest on. Who may use the machine at all has been asked before."""
        others = {
            one.member
            for one in self.waits
            if one.member != self.member.id and one.from_ms <= self.now_ms < one.to_ms
        }
        tallies = self.member.counted
        return Known(
            reservations=tuple(self._reservations()),
            uses=(*self.uses, *self._told(tallies)),
            waiting=len(others),
            tallied=tuple(one for one in tallies if one.what not in SESSIONS),
        )

    def _reservations(self) -> Iterable[Reservation]:
        """Yield what ends or refuses a use. What is warned of alone does not, nor do times of nobody."""
        for one in self.bookings:
            theirs = lets_in(one, self.member)
            if one.unreserved or theirs or one.on_others is not OnReserved.REFUSE:
                continue
            if one.begins_ms > self.now_ms or holds(one, self.now_ms, self.begun):
                slot = Slot(self.machine, one.begins_ms, one.ends_ms)
                kind = Kind.USE if one.member else Kind.CLASS
                now = Standing.BEGUN if one.begins_ms <= self.now_ms else Standing.BOOKED
                yield Reservation(one.id, slot, one.member, 0, kind, standing=now)

    def _told(self, tallies: Iterable[Tally]) -> Iterable[Use]:
        """Yield the sessions that the server told of, but those that are known here."""
        for one in tallies:
            if one.what not in SESSIONS or (not one.ends_ms and one.machine in self.here):
                continue
            if not any(
                use.machine == one.machine and abs(use.begins_ms - one.begins_ms) < OWN_MS
                for use in self.uses
            ):
                ends_ms = one.ends_ms or max(self.now_ms, one.begins_ms)
                yield Use(one.machine, one.begins_ms, ends_ms, one.what == Counted.WALK_IN)


def free(member: MemberStanding) -> bool:
    """Whether no rule on use without a reservation binds a member."""
    return member.supervisor or member.technician


def means(policies: Policies, machine: str) -> bool:
    """Whether a policy means a machine by more than "*": the hours of all machines lock no door."""
    kind = policies.kinds.get(machine, "")
    return policies.of(machine).machines.hold(machine, kind) > EVERY


def decide(case: Case) -> Decision:
    """Say whether the member may begin without a reservation now, and when such a use would have to end."""
    member = case.member
    if free(member) or not case.policies.of(case.machine).name:
        return Allowed()
    return walk_in.decide(
        case.policies, case.machine, member.id, member.tier, case.known, case.now_ms, case.zone
    )


def turned(case: Case) -> Turned | None:
    """Return why the member may not begin without a reservation now, or None."""
    decision = decide(case)
    return decision if isinstance(decision, Turned) else None


def bound(case: Case, began_ms: int, *, reserved: bool) -> Bound:
    """Return when a session that runs must end by the rules; `reserved`: it is in the member's own time."""
    if free(case.member) or not case.policies.of(case.machine).name:
        return Bound()
    if reserved:
        return ahead.earliest(ahead.limit_bounds(case.user, USED, is_new=False))
    return walk_in.until(case.user, began_ms)
