"""The roster: all that a gateway needs to decide by itself, signed by the server, kept on disk."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, TypeAdapter, WrapSerializer

from floor.access import AccountStanding, BadgeStanding, MemberStanding
from floor.policy import MachinePolicy
from floor.tallies import Tallies
from floor.wire.base import Count, Hash, Id, Message, Micro, Millis, Name, Text, Wire

T = TypeVar("T")
BOOKINGS_MAX = 100
"""So many bookings of a machine stand in a roster; those behind them follow as these end."""
RULES_MAX = 5
"""So many versions of the rules stand in a roster: the one in force, and those that follow."""
WAITS_MAX = 50
"""So many that wait for a machine stand in a roster."""
COUNTED_MAX = 200
"""So many things that limits count stand in a member's standing, the newest."""
JsonTable = dict[str, object]
PRINTS_MAX = 20
"""So many prints of a machine stand in a roster; those behind them follow as these are printed."""


class RosterVersion(NamedTuple):
    """A restored server signs a new epoch, so a version that was given out is never given out again."""

    epoch: Count
    n: Count


class JournalPlace(NamedTuple):
    """How far the server had applied a gateway's journal: all of `epoch` up to `seq` (0: none of it)."""

    epoch: Count
    seq: Count


class QueuedPrint(Wire):
    """A file that waits for its member's tap; its account is charged where they may still charge to it.

    The gateway fetches it from the server's `/api/print-files/ID` with `token` as `X-Print-Token`.
    """

    id: Id
    member: Id
    account: Id
    name: Annotated[str, Field(max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.gcode$")]
    sha256: Hash
    size: Annotated[int, Field(ge=1, lt=1 << 40)]
    token: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class OnReserved(StrEnum):
    """What a tap of somebody else does while a machine is reserved."""

    REFUSE = "refuse"
    WARN = "warn"


class Booking(Wire):
    """A reservation of a machine that is coming or runs. `member` and `guests` (those of a class) are let in.

    It holds from `begins_ms` to before `ends_ms`, UTC milliseconds, and counts no more from `released_ms` on
    (0: never) unless a session of `member` has begun in it; `begun` says that the server knows of one.
    `shown` is what others see of whose it is. Without a member it is a class or maintenance, and lets in who
    may stand by others or repair. `opens`: its guests need no training here, once somebody who may stand by
    others has tapped at this machine in it. `unreserved`: nobody has it, and the machine is used with a
    reservation only; no list shows it.
    """

    id: Id
    begins_ms: Millis
    ends_ms: Millis
    member: Annotated[str, Field(max_length=64)] = ""
    guests: Annotated[list[Id], Field(max_length=200)] = Field(default_factory=list)
    shown: Text = ""
    released_ms: Millis = 0
    begun: bool = False
    on_others: OnReserved = OnReserved.REFUSE
    warn_s: Annotated[int, Field(ge=0, le=86_400)] = 600
    opens: bool = False
    unreserved: bool = False


class Waits(Wire):
    """That a member waits for a machine in a time, UTC milliseconds: where a limit cedes to who waits."""

    member: Id
    from_ms: Millis
    to_ms: Millis


class RuleText(Wire):
    """A policy file as it was written (docs/reservations.md), in force from `from_ms` on."""

    from_ms: Millis
    text: Annotated[str, Field(max_length=262_144)]


class WalkInRules(Wire):
    """The rules by which a gateway decides on use without a reservation: what is in force, and what follows.

    Only those that say something of it at this gateway's machines. `kinds` are those of the space's machines.
    """

    texts: Annotated[list[RuleText], Field(max_length=RULES_MAX)] = Field(default_factory=list)
    kinds: dict[Id, Annotated[str, Field(max_length=64)]] = Field(default_factory=dict)


class RosterMachine(Wire):
    """One machine of this gateway: how it behaves, what it costs, whether staff took it out of order.

    `tariffs` are all versions that may matter, as tables of docs/tariffs.md. `prints` wait in this order.
    `bookings` are those of the coming days, in order of time; a running session of somebody else is told
    `warn_s` seconds before one begins that it must end, and is ended when it does where `on_others` refuses.
    """

    id: Id
    name: Text
    policy: MachinePolicy
    tariffs: list[JsonTable]
    lockout: Text | None = None
    prints: Annotated[list[QueuedPrint], Field(max_length=PRINTS_MAX)] = Field(default_factory=list)
    bookings: Annotated[list[Booking], Field(max_length=BOOKINGS_MAX)] = Field(default_factory=list)
    waits: Annotated[list[Waits], Field(max_length=WAITS_MAX)] = Field(default_factory=list)


_ID: TypeAdapter[str] = TypeAdapter(Id)
_LIMIT: TypeAdapter[int | None] = TypeAdapter(Micro | None)
_FRACTION = r"^-?[0-9]{1,99}(/[1-9][0-9]{0,98})?$"
_POSITIONS: TypeAdapter[dict[str, str]] = TypeAdapter(
    dict[Annotated[str, Field(max_length=400)], Annotated[str, Field(pattern=_FRACTION)]]
)
_LEFT_OUT = (
    "positions",
    "budgets",
    "others",
    "account_name",
    "since",
    "supervisor",
    "supervised",
    "signs_off",
    "waiver_missing",
    "waiver_missing_at",
    "counted",
)


@functools.lru_cache(maxsize=512)
def _machine(id: str) -> None:
    """Refuse what is no id; a roster names its few machines with each of thousands of members."""
    _ID.validate_python(id)


def _recordable(member: MemberStanding) -> MemberStanding:
    """Refuse a member whose session could not be written to the journal, or could not be priced."""
    if len(member.counted) > COUNTED_MAX:
        raise ValueError(f"more than {COUNTED_MAX} things are counted of a member")
    for value in (member.id, member.tier, member.account, *(other.id for other in member.others)):
        _ID.validate_python(value)
    for machine in (*member.allowed, *member.waiver_missing_at):
        _machine(machine)
    standings: tuple[MemberStanding | AccountStanding, ...] = (member, *member.others)
    for standing in standings:
        _LIMIT.validate_python(standing.spendable_micro)
        if standing.positions:
            _POSITIONS.validate_python(standing.positions)
    if not member.counted or isinstance(member.counted, Tallies):
        return member
    return replace(member, counted=Tallies(member.counted))


def _short(member: MemberStanding, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
    """Leave out what most members have nothing in: a gateway pays for each of thousands."""
    table: dict[str, Any] = write(
        replace(member, counted=tuple(member.counted)) if member.counted else member
    )
    return {key: value for key, value in table.items() if value or key not in _LEFT_OUT}


Member = Annotated[MemberStanding, AfterValidator(_recordable), WrapSerializer(_short)]
_KEY = re.compile(r"([0-9a-f]{32})?")


def _keyed(badge: BadgeStanding) -> BadgeStanding:
    """Refuse a badge whose key is none, or that is as weak as its UID and has one."""
    if not _KEY.fullmatch(badge.key) or (badge.key and badge.kind.weak):
        raise ValueError("a badge's key is 32 hex digits, and only one that can prove itself has one")
    return badge


def _keyless(badge: BadgeStanding, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
    """Leave out the key that a weak badge has not."""
    table: dict[str, Any] = write(badge)
    return {key: value for key, value in table.items() if value or key != "key"}


Badge = Annotated[BadgeStanding, AfterValidator(_keyed), WrapSerializer(_keyless)]
Budget = Annotated[str, Field(min_length=1, max_length=130, pattern=r"^[A-Za-z0-9_.:@/-]+$")]
Version = Annotated[RosterVersion, Field(description="(server epoch, number)")]
Place = Annotated[JournalPlace, Field(description="(journal epoch, sequence)")]


class Roster(Message):
    """A snapshot for one gateway; `badges` maps a badge's HMAC under the gateway's key to its standing.

    `budgets` is this gateway's slice of what those who share an account may still spend together, in
    micro-units of the space's currency; a budget that a standing names and that is not here is spent.
    `timezone` is the space's, by which months and days of tariffs begin. `commodity` is the currency of what
    may be spent; where it is "", a tariff without a `worth` is taken to be in it. `journal` is what the
    server had of the gateway's newest journal when it wrote this: what was spent later is in no figure here.
    """

    gateway: Name
    version: Version
    issued_ms: Millis
    members: dict[Id, Member]
    badges: dict[Id, Badge]
    machines: list[RosterMachine]
    budgets: dict[Budget, Micro] = Field(default_factory=dict)
    timezone: Text = "UTC"
    commodity: Text = ""
    walk_in: WalkInRules = WalkInRules()
    journal: Place | None = None


class RosterDelta(Message):
    """What changed from `base` to `version`; a gateway that does not hold `base` says hello again.

    With both versions alike it changes nothing: the server vouches again for what is held. A member, badge or
    budget of None is gone. A machine here is new or takes the place of the one that has its id; to take a
    machine away, and for other rules, the server sends a whole roster. A timezone or commodity of None is as
    before.
    """

    gateway: Name
    base: Version
    version: Version
    issued_ms: Millis
    members: dict[Id, Member | None] = Field(default_factory=dict)
    badges: dict[Id, Badge | None] = Field(default_factory=dict)
    machines: list[RosterMachine] = Field(default_factory=list)
    budgets: dict[Budget, Micro | None] = Field(default_factory=dict)
    timezone: Text | None = None
    commodity: Text | None = None
    journal: Place | None = None


def apply(roster: Roster, delta: RosterDelta) -> Roster:
    """Return the roster after a delta; raises ValueError when the delta is not for it."""
    if (roster.gateway, roster.version) != (delta.gateway, delta.base):
        raise ValueError(f"a delta from {delta.base} does not fit {roster.version} of {roster.gateway}")
    if delta.version < delta.base:
        raise ValueError(f"a delta goes on from {delta.base}, not back to {delta.version}")
    machines = {machine.id: machine for machine in (*roster.machines, *delta.machines)}
    return roster.model_copy(
        update={
            "version": delta.version,
            "issued_ms": delta.issued_ms,
            "members": _merged(roster.members, delta.members),
            "badges": _merged(roster.badges, delta.badges),
            "machines": list(machines.values()),
            "budgets": _merged(roster.budgets, delta.budgets),
            "timezone": roster.timezone if delta.timezone is None else delta.timezone,
            "commodity": roster.commodity if delta.commodity is None else delta.commodity,
            "journal": delta.journal,
        }
    )


def _merged(held: dict[str, T], changes: dict[str, T | None]) -> dict[str, T]:
    merged = dict(held)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged
