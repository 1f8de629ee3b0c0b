"""The life of one session at one machine: everything that affects it stands here.

    Free ── granted tap ──▶ Running ── leaves while a job runs ──▶ Holding ── job ends ──▶ (RunOn) ──▶ Free
      ▲                        │                                      │
      └──── tap-out, idle, maximum, credit, stop ── (RunOn) ◀─────────┘     any ── fault ──▶ LockedOut
    Free ── granted tap, extraction not proven yet ──▶ Proving ── proven ──▶ Running
`step` is pure. Times are monotonic milliseconds of the caller's clock: no wall clock lengthens a session.
Safe effects come first in what `step` returns; a start is recorded before the relay closes. The effects
themselves stand in floor.session_effects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from floor.access import Decision, Denied, Lease
from floor.policy import MachinePolicy, OnCreditSpent, OnLeave
from floor.session_effects import (
    CloseRelay,
    Effect,
    EndSession,
    Extraction,
    HoldSession,
    OpenRelay,
    RecordAccount,
    RecordClear,
    RecordHold,
    RecordLockout,
    Refuse,
    StartSession,
    Warn,
)
from floor.session_proof import ClosingDue, ProofEvent, Proven, Proving
from floor.words import DenialReason, StopType


@dataclass(frozen=True, slots=True)
class Free:
    """Nobody uses the machine; its relay is open."""


@dataclass(frozen=True, slots=True)
class Running:
    """A member uses the machine. `active_ms` is the last instant at which it was busy or touched."""

    lease: Lease
    since_ms: int
    active_ms: int
    busy: bool = False
    job: bool = False
    warned: bool = False
    spent: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """The member has left; the machine keeps its power until the job ends."""

    lease: Lease
    since_ms: int
    active_ms: int
    spent: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class RunOn:
    """The machine is off; its extraction runs on until `until_ms`."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class LockedOut:
    """Out of order until staff clear it."""

    reason: str


State = Free | Proving | Running | Holding | RunOn | LockedOut


@dataclass(frozen=True, slots=True)
class Tapped:
    """A badge was tapped; `member` is None for an unknown badge. `job`: one runs at the machine already.

    `proven`: what must run before the machine has power runs.
    """

    decision: Decision
    member: str | None
    at_ms: int
    job: bool = False
    proven: bool = True


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


Event = (
    Tapped
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
    | ProofEvent
    | LockOutOrdered
    | ClearOrdered
)


Step = tuple[State, tuple[Effect, ...]]
InSession = Running | Holding


def powered(state: State) -> bool:
    """Whether the machine's relay is to be closed in this state."""
    return isinstance(state, InSession)


def step(state: State, event: Event, policy: MachinePolicy) -> Step:
    """Advance one machine's session; every pair not listed changes nothing."""
    match event:
        case Faulted(stop_type, reason):
            return _lock_out(state, stop_type, reason)
        case LockOutOrdered(reason):
            return _lock_out(state, StopType.LOCKOUT, reason)
        case Tapped():
            return _tapped(state, event, policy)
        case Ticked(at_ms):
            return _ticked(state, at_ms, policy)
        case ClearOrdered() if isinstance(state, LockedOut):
            return Free(), (RecordClear(),)
        case Stopped(stop_type, at_ms) if isinstance(state, InSession):
            return _end(state, stop_type, at_ms, policy)
        case AccountPicked(lease) | HoldGrew(lease) if isinstance(state, InSession):
            return _other_terms(state, lease, isinstance(event, AccountPicked))
        case _ if isinstance(state, Proving):
            return _proving(state, event, policy)
        case _ if isinstance(state, Running):
            return _running(state, event, policy)
        case _ if isinstance(state, Holding):
            return _holding(state, event, policy)
    return state, ()


def _lock_out(state: State, stop_type: StopType, reason: str) -> Step:
    if isinstance(state, LockedOut):
        return state, (OpenRelay(),)
    ended = (EndSession(state.lease, stop_type),) if isinstance(state, InSession) else ()
    return LockedOut(reason), (OpenRelay(), Extraction(False), *ended, RecordLockout(reason))


def _end(state: InSession, stop_type: StopType, at_ms: int, policy: MachinePolicy) -> Step:
    ended = (OpenRelay(), EndSession(state.lease, stop_type))
    if policy.run_on_s:
        return RunOn(at_ms + policy.run_on_s * 1000), ended
    return Free(), (*ended, Extraction(False))


def _other_terms(state: InSession, lease: Lease, picked: bool) -> Step:
    """Take over who pays and how much may be spent; whatever else a lease says was granted and stays."""
    terms = replace(
        state.lease, account=lease.account, account_name=lease.account_name, limit_micro=lease.limit_micro
    )
    if lease != terms or terms == state.lease or (terms.account != state.lease.account) != picked:
        return state, ()
    return replace(state, lease=terms, spent=False), (RecordAccount(terms) if picked else RecordHold(terms),)


def _begin(state: State, lease: Lease, tap: Tapped, policy: MachinePolicy) -> Step:
    if tap.proven:
        return _start(lease, tap.at_ms, tap.job)
    run_on_ms = state.until_ms if isinstance(state, RunOn) else 0
    return Proving(lease, tap.at_ms + policy.proof_s * 1000, run_on_ms), (Extraction(True),)


def _start(lease: Lease, at_ms: int, job: bool) -> Step:
    begun = Running(lease, at_ms, at_ms, job=job)
    return begun, (StartSession(lease), Extraction(True), CloseRelay())


def _tapped(state: State, tap: Tapped, policy: MachinePolicy) -> Step:
    if isinstance(state, LockedOut):
        return state, (Refuse(DenialReason.MACHINE_LOCKED_OUT, tap.member),)
    if isinstance(state, InSession) and tap.member == state.lease.member:
        return _tapped_again(state, tap.at_ms, policy)
    if isinstance(state, Proving) and tap.member == state.lease.member:
        return _give_up(state, tap.at_ms)
    if isinstance(tap.decision, Denied):
        return state, (Refuse(tap.decision.reason, tap.member),)
    if isinstance(state, InSession):
        if not policy.takeover or _works(state):
            return state, (Refuse(DenialReason.IN_USE, tap.member),)
        freed, ended = _end(state, StopType.TAKEOVER, tap.at_ms, policy)
        begun, effects = _begin(freed, tap.decision.lease, tap, policy)
        return begun, (*ended, *effects)
    if isinstance(state, Proving):
        return state, (Refuse(DenialReason.IN_USE, tap.member),)
    return _begin(state, tap.decision.lease, tap, policy)


def _give_up(state: Proving, at_ms: int, *why: Refuse) -> Step:
    if state.run_on_ms > at_ms:
        return RunOn(state.run_on_ms), why
    return Free(), (Extraction(False), *why)


def _proving(state: Proving, event: Event, policy: MachinePolicy) -> Step:
    match event:
        case Proven(decision, at_ms, job) if at_ms < state.until_ms:
            if isinstance(decision, Denied):
                return _give_up(state, at_ms, Refuse(decision.reason, state.lease.member))
            if decision.lease.member == state.lease.member:
                return _start(decision.lease, at_ms, job)
        case EndPressed(at_ms) | Stopped(_, at_ms):
            return _give_up(state, at_ms)
        case CardRemoved(at_ms) if policy.card_must_stay:
            return _give_up(state, at_ms)
    return state, ()


def _works(state: InSession) -> bool:
    return isinstance(state, Holding) or state.busy or state.job


def _tapped_again(state: InSession, at_ms: int, policy: MachinePolicy) -> Step:
    if isinstance(state, Holding):
        back = Running(state.lease, state.since_ms, at_ms, state.busy, job=True, spent=state.spent)
        return back, ()
    return _leave(state, StopType.TAP_OUT, at_ms, policy)


def _leave(state: Running, stop_type: StopType, at_ms: int, policy: MachinePolicy) -> Step:
    if state.job and policy.on_leave is OnLeave.HOLD_FOR_JOB:
        held = Holding(state.lease, state.since_ms, at_ms, state.spent, state.busy)
        return held, (HoldSession(state.lease),)
    return _end(state, stop_type, at_ms, policy)


def _ticked(state: State, at_ms: int, policy: MachinePolicy) -> Step:
    match state:
        case RunOn(until_ms) if at_ms >= until_ms:
            return Free(), (Extraction(False),)
        case Proving(lease, until_ms) if at_ms >= until_ms:
            return _give_up(state, at_ms, Refuse(DenialReason.PROOF_MISSING, lease.member))
        case Running() | Holding() if at_ms - state.since_ms >= state.lease.max_duration_s * 1000:
            return _end(state, StopType.MAX_DURATION, at_ms, policy)
        case Running() if policy.idle_after_s and not _works(state):
            return _idle(state, at_ms, policy)
    return state, ()


def _idle(state: Running, at_ms: int, policy: MachinePolicy) -> Step:
    left_ms = state.active_ms + policy.idle_after_s * 1000 - at_ms
    if left_ms <= 0:
        return _end(state, StopType.IDLE, at_ms, policy)
    if left_ms <= policy.idle_warn_s * 1000 and not state.warned:
        return replace(state, warned=True), (Warn("idle"),)
    return state, ()


def _running(state: Running, event: Event, policy: MachinePolicy) -> Step:
    match event:
        case CardRemoved(at_ms) if policy.card_must_stay:
            return _leave(state, StopType.CARD_REMOVED, at_ms, policy)
        case EndPressed(at_ms):
            return _leave(state, StopType.TAP_OUT, at_ms, policy)
        case BusyChanged(busy, at_ms) if busy != state.busy:
            return _quiet(replace(state, busy=busy, active_ms=at_ms, warned=False), at_ms, policy)
        case JobChanged(running, at_ms) if running != state.job:
            return _quiet(replace(state, job=running, active_ms=at_ms, warned=False), at_ms, policy)
        case ClosingDue(at_ms) if not _works(state):
            return _end(state, StopType.CLOSING, at_ms, policy)
        case CreditSpent(at_ms) if not state.spent:
            return _spent(replace(state, spent=True), at_ms, policy)
    return state, ()


def _quiet(state: Running, at_ms: int, policy: MachinePolicy) -> Step:
    """End a session whose money is gone as soon as its work is done, where the policy says so."""
    if state.spent and not _works(state) and policy.on_credit_spent is OnCreditSpent.STOP_WHEN_IDLE:
        return _end(state, StopType.CREDIT_SPENT, at_ms, policy)
    return state, ()


def _spent(state: Running, at_ms: int, policy: MachinePolicy) -> Step:
    if policy.on_credit_spent is OnCreditSpent.STOP_AT_ONCE:
        return _end(state, StopType.CREDIT_SPENT, at_ms, policy)
    ended, effects = _quiet(state, at_ms, policy)
    return ended, effects or (Warn("credit"),)


def _holding(state: Holding, event: Event, policy: MachinePolicy) -> Step:
    match event:
        case JobChanged(False, at_ms):
            return _end(state, StopType.JOB_DONE, at_ms, policy)
        case BusyChanged(busy):
            return replace(state, busy=busy), ()
        case CreditSpent(at_ms) if not state.spent:
            if policy.on_credit_spent is OnCreditSpent.STOP_AT_ONCE:
                return _end(state, StopType.CREDIT_SPENT, at_ms, policy)
            return replace(state, spent=True), (Warn("credit"),)
    return state, ()
