"""What a machine's bookings mean to whoever taps there, or uses it, at an instant. Pure: no clock, no roster.

Who holds a booking is let in, and so is a guest of its class; where it is nobody's (a class, maintenance),
who may stand by others or repair. A booking that was not begun by `released_ms` holds no more: that is
computed here, so that it is so at a gateway that is alone. All times are UTC
milliseconds, which the caller must know: with an unknown clock nobody is refused for a reservation, as nobody
can tell whether it is now.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from floor.access import MemberStanding
from floor.wire.roster import Booking, OnReserved


@dataclass(frozen=True, slots=True)
class Reserved:
    """What bookings say to one member. `mine` is theirs that holds now, `other` somebody else's that does.

    Of two that hold at once (a machine that was booked away from somebody) the member's own lets them in.
    `coming` is the first of somebody else's that begins later.
    """

    mine: Booking | None = None
    other: Booking | None = None
    coming: Booking | None = None

    @property
    def refuses(self) -> bool:
        """Whether somebody else's reservation lets this member do nothing now."""
        return self.other is not None and self.other.on_others is OnReserved.REFUSE


NOTHING = Reserved()


def holds(booking: Booking, now_ms: int, begun: Collection[str]) -> bool:
    """Whether a booking holds at an instant; `begun` are those that a session is known to have begun."""
    if not booking.begins_ms <= now_ms < booking.ends_ms:
        return False
    kept = booking.begun or booking.id in begun
    return kept or not booking.released_ms or now_ms < booking.released_ms


def lets_in(booking: Booking, member: MemberStanding) -> bool:
    """Whether a booking is for this member."""
    if booking.member:
        return member.id == booking.member or member.id in booking.guests
    return member.supervisor or member.technician or member.id in booking.guests


def look(
    bookings: Sequence[Booking], member: MemberStanding | None, now_ms: int, begun: Collection[str]
) -> Reserved:
    """Return what bookings, in order of time, say to a member; None is nobody, for whom all are another's."""
    mine: Booking | None = None
    other: Booking | None = None
    for booking in bookings:
        theirs = member is not None and now_ms < booking.ends_ms and lets_in(booking, member)
        if booking.begins_ms > now_ms:
            if not theirs:
                return Reserved(mine, None if mine else other, booking)
        elif holds(booking, now_ms, begun):
            mine, other = (mine or booking, other) if theirs else (mine, other or booking)
    return Reserved(mine, None if mine else other)


def begins(bookings: Sequence[Booking], member: MemberStanding, since_ms: int, now_ms: int) -> set[str]:
    """Return the ids of bookings that a member's session, from `since_ms` to `now_ms`, has begun."""
    found = set()
    for booking in bookings:
        if booking.begins_ms > now_ms:
            break
        if since_ms < (booking.released_ms or booking.ends_ms) and lets_in(booking, member):
            found.add(booking.id)
    return found
