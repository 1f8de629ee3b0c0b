"""What reservations are made of. Times are UTC milliseconds; an end is the first instant after."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from floor.access import Tally


class Kind(StrEnum):
    """What a slot is taken for."""

    USE = "use"
    CLASS = "class"
    MAINTENANCE = "maintenance"


class Standing(StrEnum):
    """How a reservation stands. Only what is booked or begun keeps the slot."""

    BOOKED = "booked"
    BEGUN = "begun"
    ENDED = "ended"
    CANCELLED = "cancelled"
    RELEASED = "released"
    HANDED_OVER = "handed_over"


@dataclass(frozen=True, slots=True)
class Slot:
    """A time at a machine, from `begins_ms` to before `ends_ms`."""

    machine: str
    begins_ms: int
    ends_ms: int

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return self.ends_ms - self.begins_ms

    def overlaps(self, begins_ms: int, ends_ms: int) -> bool:
        """Whether it has an instant in common with another time."""
        return self.begins_ms < ends_ms and begins_ms < self.ends_ms


@dataclass(frozen=True, slots=True)
class Reservation:
    """A slot that is somebody's. `member` is "" for classes and maintenance.

    `made_ms` is when it was booked, `begun_ms` when its holder first used the machine in it (0: not yet).
    `standing` is as it was last written: `slots.standing_at` says what a no-show has become since.
    `closed_ms` is when it was cancelled, released or handed over (0: it was not).
    """

    id: str
    slot: Slot
    member: str
    made_ms: int
    kind: Kind = Kind.USE
    tier: str = ""
    standing: Standing = Standing.BOOKED
    begun_ms: int = 0
    closed_ms: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """A slot that came free and is kept for one who waited, until before `until_ms`."""

    slot: Slot
    member: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request to book a slot. `changes` is the id of the reservation that it takes the place of, or ""."""

    slot: Slot
    member: str
    tier: str
    now_ms: int
    kind: Kind = Kind.USE
    changes: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """A session of the member's own at a machine, for limits that count it. `walk_in`: not reserved.

    `ends_ms` of one that runs is the present.
    """

    machine: str
    begins_ms: int
    ends_ms: int
    walk_in: bool


@dataclass(frozen=True, slots=True)
class Known:
    """All that a decision rests on beside the policy.

    `reservations`: whatever touches the wanted slot at its machine, and all of the member's own, at any
    machine, in the windows of the policy's limits (`limits.window_of`). `uses` are the member's own there.
    `certified_until_ms` is None for a member who may not use the machine, 0 for one who may without end.
    `waiting` is how many others wait for the machine at that time. `offers` are those that stand there.
    `unsigned` names what has to be signed before the machine is used, by id; it is "" where nothing has.
    `tallied` are more of the member's own that limits count, for who knows their reservations no closer.
    """

    reservations: tuple[Reservation, ...] = ()
    uses: tuple[Use, ...] = ()
    certified_until_ms: int | None = 0
    member_until_ms: int | None = None
    suspended: bool = False
    waiting: int = 0
    offers: tuple[Offer, ...] = ()
    unsigned: str = ""
    tallied: tuple[Tally, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowed:
    """Yes. `displaces` are the ids of reservations of lower priority that give way.

    `until_ms` is when a walk-in or an extended use must end, by the rule `until_rule` (0: nothing ends it).
    `warning` is a sentence for whom a policy only warns.
    """

    displaces: tuple[str, ...] = ()
    until_ms: int = 0
    until_rule: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Turned:
    """No: the rule that decided, as its key in the policy file ("overlap" and the like where it is none), a
    sentence in English with its values named in `values`, and the first instant at which asking again may
    help (0: unknown). `values["key"]` is where the rule stands, such as `policy.laser.limits[2]`.
    """

    rule: str
    sentence: str
    values: dict[str, str] = field(default_factory=dict)
    again_ms: int = 0


Decision = Allowed | Turned
