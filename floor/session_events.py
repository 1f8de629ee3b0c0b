"""What happens to a session: the events of floor.session. Times are the caller's monotonic milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

from floor.access import Decision, Lease
from floor.words import StopType


@dataclass(frozen=True, slots=True)
class Tapped:
    """A badge was tapped; `member` is None for an unknown badge. `job`: one runs at the machine already.

    `supervises`: whoever tapped may stand by another at this machine. `proven`: what must run before the
    machine has power runs. `supervised`: who taps needs somebody who stands by, whatever the machine asks.
    """

    decision: Decision
    member: str | None
    at_ms: int
    job: bool = False
    supervises: bool = False
    proven: bool = True
    supervised: bool = False


@dataclass(frozen=True, slots=True)
class Adopted:
    """A session that began at `since_ms` is proven to have gone on while no process looked; `held`: alone."""

    lease: Lease
    since_ms: int
    at_ms: int
    held: bool = False
    job: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class CardRemoved:
    """The card left the holder of a machine whose card must stay."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class EndPressed:
    """Somebody pressed "end" at the station."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class BusyChanged:
    """The machine began or ceased to work."""

    busy: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job began (`running`) or ended."""

    running: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class CreditSpent:
    """The running price reached what the lease may spend."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class AccountPicked:
    """The member picked who pays: `lease` is the one that runs, with another account and its limit."""

    lease: Lease
    at_ms: int


@dataclass(frozen=True, slots=True)
class HoldGrew:
    """More of the account's credit is held: `lease` is the one that runs, with a higher limit."""

    lease: Lease
    at_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Staff, a reservation or a restart ends the session."""

    stop_type: StopType
    at_ms: int


@dataclass(frozen=True, slots=True)
class Faulted:
    """The machine, its relay's feedback or an emergency stop says that it must not run."""

    stop_type: StopType
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class LockOutOrdered:
    """Staff take the machine out of order."""

    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ClearOrdered:
    """Staff put the machine in order again."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Proven:
    """They run. `decision` is made anew: much may have changed since the tap; the lease counts from now."""

    decision: Decision
    at_ms: int
    job: bool = False


@dataclass(frozen=True, slots=True)
class DecidedAnew:
    """A supervisor taps: what is decided now of the member who waits for them. The lease counts from now."""

    decision: Decision
    at_ms: int


@dataclass(frozen=True, slots=True)
class ClosingDue:
    """The building has been closing for as long as sessions may go on."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class ReservationDue:
    """Somebody else's reservation, which lets nobody else in, has begun."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class WalkInDue:
    """By the rules, the time is over for which the machine is used without a reservation."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class HandOverAsked:
    """Somebody wants to hand the session over; its member has to confirm that."""

    at_ms: int


Event = (
    Tapped
    | Adopted
    | CardRemoved
    | EndPressed
    | BusyChanged
    | JobChanged
    | Ticked
    | CreditSpent
    | AccountPicked
    | HoldGrew
    | Stopped
    | Faulted
    | Proven
    | DecidedAnew
    | ClosingDue
    | ReservationDue
    | WalkInDue
    | HandOverAsked
    | LockOutOrdered
    | ClearOrdered
)
