"""What a gateway records and sends: facts, numbered, chained by hash, applied by the server exactly once.

A gateway may be newer than its server. What such a one records is kept as it came, so that its hash holds and
its journal goes on: keys that later versions add stand behind those that there were, and no number in a fact
has a fraction.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field

from floor.access import Lease
from floor.meter import Quantity
from floor.wire.base import Hash, Id, Message, Micro, Millis, Name, Text, Wire
from floor.words import DenialReason, JobOutcome, Purpose, StopType

GENESIS = "0" * 64
BATCH_LIMIT = 200

Counters = dict[Quantity, Annotated[int, Field(ge=0, lt=1 << 62)]]


def _nothing(value: object) -> bool:
    """Whether a value is left out of an entry, so that entries without it are hashed as they always were."""
    return not value


def _usual(value: object) -> bool:
    return value == Purpose.USE


class GatewayBooted(Wire, extra="allow"):
    """The gateway's process started; `boot_id` is new at each start of the machine.

    `keeps` are sessions that the process before it left running: each goes on, or its end follows.
    """

    type: Literal["gateway_booted"] = "gateway_booted"
    boot_id: Id
    software: Text
    keeps: Annotated[list[Id], Field(max_length=64, exclude_if=_nothing)] = Field(default_factory=list)


class SessionStarted(Wire, extra="allow"):
    """A lease was granted and its relay told to close.

    `late_journal` marks a start that the disk confirmed only after the relay closed. `supervisor` is the
    member who stood by, where the machine asks for one.
    """

    type: Literal["session_started"] = "session_started"
    session_id: Id
    machine: Id
    member: Id
    account: Id
    badge: Id
    tier: Id
    max_duration_s: Annotated[int, Field(ge=1, le=31 * 86_400)]
    limit_micro: Micro | None = None
    late_journal: bool = False
    purpose: Annotated[Purpose, Field(exclude_if=_usual)] = Purpose.USE
    supervisor: Annotated[str, Field(max_length=64, exclude_if=_nothing)] = ""

    @classmethod
    def of(cls, lease: Lease, *, late_journal: bool) -> SessionStarted:
        """Return the fact that a lease began."""
        return cls(
            session_id=lease.session_id,
            machine=lease.machine,
            member=lease.member,
            account=lease.account,
            badge=lease.badge,
            tier=lease.tier,
            max_duration_s=lease.max_duration_s,
            limit_micro=lease.limit_micro,
            late_journal=late_journal,
            purpose=lease.purpose,
            supervisor=lease.supervisor,
        )


class SessionMetered(Wire, extra="allow"):
    """A checkpoint: what the session's own counters show since its start.

    `job` is the name of the job that runs, told where the machine keeps its power when its gateway stops.
    """

    type: Literal["session_metered"] = "session_metered"
    session_id: Id
    elapsed_ms: Millis
    counters: Counters
    job: Annotated[str, Field(max_length=400, exclude_if=_nothing)] = ""


class SessionHeld(Wire, extra="allow"):
    """The member left; the machine finishes its job."""

    type: Literal["session_held"] = "session_held"
    session_id: Id
    elapsed_ms: Millis


class SessionEnded(Wire, extra="allow"):
    """The session is over. `elapsed_ms` is by the monotonic clock; `counters` are its totals."""

    type: Literal["session_ended"] = "session_ended"
    session_id: Id
    stop_type: StopType
    elapsed_ms: Millis
    counters: Counters
    words: Text = ""


class AccountChosen(Wire, extra="allow"):
    """The member has the running session charged to this account, up to this limit (None: no limit).

    Micro-units of the space's currency; the limit takes the place of the one that the session had.
    """

    type: Literal["account_chosen"] = "account_chosen"
    session_id: Id
    account: Id
    limit_micro: Micro | None = None


class HoldRaised(Wire, extra="allow"):
    """The running session may spend more of its account: up to this limit, in place of the one it had.

    Micro-units of the space's currency; None is no limit any more.
    """

    type: Literal["hold_raised"] = "hold_raised"
    session_id: Id
    limit_micro: Micro | None


class JobFinished(Wire, extra="allow"):
    """A job within a session (or without one: `session_id` is None) ended."""

    type: Literal["job_finished"] = "job_finished"
    session_id: Id | None
    machine: Id
    name: Text
    outcome: JobOutcome
    job_time_ms: Millis
    counters: Counters
    user: Text = ""


class PrintSent(Wire, extra="allow"):
    """A print of the queue was handed to its machine, which began it in this session or goes on in it.

    What comes of it is told by the JobFinished that follows in the session, whose name ends in the print's.
    """

    type: Literal["print_sent"] = "print_sent"
    print_id: Id
    session_id: Id


class PrintFailed(Wire, extra="allow"):
    """A print of the queue could not be handed to its machine: it waits for another tap."""

    type: Literal["print_failed"] = "print_failed"
    print_id: Id
    session_id: Id
    words: Text


class TapRefused(Wire, extra="allow"):
    """Somebody was told no. `member` is None for an unknown badge."""

    type: Literal["tap_refused"] = "tap_refused"
    machine: Id
    reason: DenialReason
    badge: Id
    member: Id | None = None


class BadgeProven(Wire, extra="allow"):
    """A badge proved itself by a message that counts its readings; no count is taken twice."""

    type: Literal["badge_proven"] = "badge_proven"
    machine: Id
    badge: Id
    member: Id
    counter: Annotated[int, Field(ge=0, lt=1 << 24)]


class SignedOff(Wire, extra="allow"):
    """An instructor let a member use a machine, at the machine: both showed their badges, theirs first.

    `by` is the instructor, whose badge is `by_badge`. It is valid once the server has found so too.
    """

    type: Literal["signed_off"] = "signed_off"
    machine: Id
    member: Id
    badge: Id
    by: Id
    by_badge: Id


class MachineLockedOut(Wire, extra="allow"):
    """A machine is out of order until staff clear it; `by` is a member's id, `machine` or `gateway`."""

    type: Literal["machine_locked_out"] = "machine_locked_out"
    machine: Id
    reason: Text
    by: Id


class MachineCleared(Wire, extra="allow"):
    """Staff put a machine in order again."""

    type: Literal["machine_cleared"] = "machine_cleared"
    machine: Id
    reason: Text
    by: Id


class AlarmRaised(Wire, extra="allow"):
    """Something that staff must know; `code` is stable, `words` are the machine's own."""

    type: Literal["alarm_raised"] = "alarm_raised"
    machine: Id | None
    code: Id
    words: Text = ""


class UnreadFact(Wire, extra="allow"):
    """A fact that this version cannot read: of a later one, or with words that only a later one knows."""

    type: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")]


Known = Annotated[
    GatewayBooted
    | SessionStarted
    | SessionMetered
    | SessionHeld
    | AccountChosen
    | HoldRaised
    | SessionEnded
    | JobFinished
    | PrintSent
    | PrintFailed
    | TapRefused
    | BadgeProven
    | SignedOff
    | MachineLockedOut
    | MachineCleared
    | AlarmRaised,
    Field(discriminator="type"),
]
Fact = Annotated[Known | UnreadFact, Field(union_mode="left_to_right")]


class JournalEntry(Wire, extra="allow"):
    """One fact in its place. `seq` counts from 1 in an epoch; `hash` covers this entry and `previous`.

    `recorded_ms` is wall time as the gateway knew it, wrong by at most `clock_error_ms` (None: unknown).
    """

    seq: Annotated[int, Field(ge=1, lt=1 << 62)]
    recorded_ms: Millis
    clock_error_ms: Millis | None
    monotonic_ms: Millis
    boot_id: Id
    previous: Hash
    hash: Hash
    fact: Fact


class JournalBatch(Message):
    """Entries of one gateway and epoch, in order, without a gap."""

    gateway: Name
    epoch: Annotated[int, Field(ge=1, lt=1 << 62)]
    entries: Annotated[list[JournalEntry], Field(min_length=1, max_length=BATCH_LIMIT)]


class JournalAck(Message):
    """The server has applied every entry of `epoch` up to `seq` (0: none), durably; `hash` is that entry's.

    `quarantined` says that the journal forked (a cloned card): the gateway must begin a new epoch.
    """

    gateway: Name
    epoch: Annotated[int, Field(ge=1, lt=1 << 62)]
    seq: Annotated[int, Field(ge=0, lt=1 << 62)]
    hash: Hash | None = None
    quarantined: bool = False


def entry_hash(previous: str, epoch: int, entry: JournalEntry) -> str:
    """Return the SHA-256 over the hash before, the epoch and all of the entry but its two hashes."""
    body = entry.model_dump_json(exclude={"previous", "hash"})
    return hashlib.sha256(f"{previous}\n{epoch}\n{body}".encode()).hexdigest()


def chained(epoch: int, previous: str, entry: JournalEntry) -> JournalEntry:
    """Return the entry with its place in the chain filled in."""
    return entry.model_copy(update={"previous": previous, "hash": entry_hash(previous, epoch, entry)})
