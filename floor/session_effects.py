"""What floor.session asks to be done at a machine: data, carried out by whoever owns the relay."""

from __future__ import annotations

from dataclasses import dataclass

from floor.access import Lease
from floor.words import DenialReason, StopType


@dataclass(frozen=True, slots=True)
class OpenRelay:
    """Take the machine's power away."""


@dataclass(frozen=True, slots=True)
class CloseRelay:
    """Give the machine power; follows StartSession, never stands alone."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """Switch what must run beside and after the machine."""

    on: bool


@dataclass(frozen=True, slots=True)
class StartSession:
    """Record the start durably, before the relay closes."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class AdoptSession:
    """Go on with a session that a process before this one began; nothing of it is begun anew."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class KeepRelay:
    """Hold the power that the machine is proven to have; never gives it any. Follows AdoptSession."""


@dataclass(frozen=True, slots=True)
class HoldSession:
    """Record that the member left and the job goes on."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class RecordAccount:
    """Record which account pays from now on for all of the session, and what of it is held."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class RecordHold:
    """Record that more of the account's credit is held."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class EndSession:
    """Record the end with its last reading."""

    lease: Lease
    stop_type: StopType


@dataclass(frozen=True, slots=True)
class HandOver:
    """Record a session's end, as taken over, and the next one's start at the same instant; power stays."""

    ended: Lease
    begun: Lease
    at_ms: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Say no at the panel, and record it."""

    reason: DenialReason
    member: str | None


@dataclass(frozen=True, slots=True)
class Warn:
    """Say at the panel that the session ends soon, or owes from here: `code` is `idle` or `credit`;
    `supervisor` asks for a second tap. `hand_over` asks the member to confirm that, `hand_over_now` the next
    one to tap, `kept` says that the session is handed to nobody.
    """

    code: str


@dataclass(frozen=True, slots=True)
class RecordLockout:
    """Record that the machine is out of order."""

    reason: str


@dataclass(frozen=True, slots=True)
class RecordClear:
    """Record that the machine is in order again."""


Effect = (
    OpenRelay
    | CloseRelay
    | Extraction
    | StartSession
    | AdoptSession
    | KeepRelay
    | HoldSession
    | RecordAccount
    | RecordHold
    | EndSession
    | HandOver
    | Refuse
    | Warn
    | RecordLockout
    | RecordClear
)
