"""The life of one session at one machine: everything that affects it stands here.

    Free ── granted tap ──▶ Running ── leaves while a job runs ──▶ Holding ── job ends ──▶ (RunOn) ──▶ Free
      ▲                        │                                      │
      └──── tap-out, idle, maximum, credit, stop ── (RunOn) ◀─────────┘     any ── fault ──▶ LockedOut
    Free ── granted tap, extraction not proven yet ──▶ Proving ── proven ──▶ Running

`step` is pure. Times are monotonic milliseconds of the caller's clock: no wall clock lengthens a session.
Safe effects come first in what `step` returns; a start is recorded before the relay closes. The states
stand in floor.session_states, the events in floor.session_events, the effects in floor.session_effects.

Where a supervisor is needed, a granted tap leads to Waiting, and their tap within SUPERVISOR_MS to Running. A
technician's repair is Running with `out_of_order`: it ends in LockedOut again, until staff clear the machine.

A hand-over is asked for, confirmed by a tap of the running member, and done by the next member's: the power
stays, and one session ends at the instant at which the other begins.
"""

from __future__ import annotations

from dataclasses import replace

from floor.access import OF_THE_BADGE, Denied, Granted, Lease
from floor.policy import MachinePolicy, OnCreditSpent, OnLeave
from floor.session_effects import (
    AdoptSession,
    CloseRelay,
    Effect,
    EndSession,
    Extraction,
    HandOver,
    HoldSession,
    KeepRelay,
    OpenRelay,
    RecordAccount,
    RecordClear,
    RecordHold,
    RecordLockout,
    Refuse,
    StartSession,
    Warn,
)
from floor.session_events import (
    AccountPicked,
    Adopted,
    BusyChanged,
    CardRemoved,
    ClearOrdered,
    ClosingDue,
    CreditSpent,
    DecidedAnew,
    EndPressed,
    Event,
    Faulted,
    HandOverAsked,
    HoldGrew,
    JobChanged,
    LockOutOrdered,
    Proven,
    ReservationDue,
    Stopped,
    Tapped,
    Ticked,
    WalkInDue,
)
from floor.session_states import (
    Free,
    Handing,
    Holding,
    LockedOut,
    Proving,
    Running,
    RunOn,
    State,
    Waiting,
)
from floor.words import DenialReason, Purpose, StopType

SUPERVISOR_MS = 30_000
"""For so long a supervisor may tap after the member."""
HAND_OVER_MS = 30_000
"""For so long each of the two taps of a hand-over is waited for."""


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
        case ClearOrdered():
            return _clear(state)
        case Adopted() if isinstance(state, Free):
            return _adopt(event)
        case Stopped(stop_type, at_ms) if isinstance(state, InSession):
            return _end(state, stop_type, at_ms, policy)
        case AccountPicked(lease) | HoldGrew(lease) if isinstance(state, InSession):
            return _other_terms(state, lease, isinstance(event, AccountPicked))
    return _by_state(state, event, policy)


def _by_state(state: State, event: Event, policy: MachinePolicy) -> Step:
    match state:
        case Waiting():
            return _waiting(state, event)
        case Proving():
            return _proving(state, event, policy)
        case Running():
            return _running(state, event, policy)
        case Holding():
            return _holding(state, event, policy)
    return state, ()


def _waiting(state: Waiting, event: Event) -> Step:
    match event:
        case EndPressed():
            return state.then, ()
        case DecidedAnew(Denied(reason)):
            return state.then, (Refuse(reason, state.lease.member),)
        case DecidedAnew(Granted(lease)) if lease.member == state.lease.member:
            return replace(state, lease=lease), ()
    return state, ()


def _clear(state: State) -> Step:
    """Put the machine in order again; who repairs it goes on, and leaves it in order."""
    if isinstance(state, LockedOut):
        return Free(), (RecordClear(),)
    if isinstance(state, Running | Proving) and state.out_of_order:
        return replace(state, out_of_order=""), (RecordClear(),)
    return state, ()


def _adopt(event: Adopted) -> Step:
    lease, since_ms, at_ms = event.lease, event.since_ms, event.at_ms
    effects = (AdoptSession(lease), Extraction(True), KeepRelay())
    if event.held:
        return Holding(lease, since_ms, at_ms, busy=event.busy), effects
    return Running(lease, since_ms, at_ms, event.busy, event.job), effects


def _lock_out(state: State, stop_type: StopType, reason: str) -> Step:
    if isinstance(state, LockedOut):
        return state, (OpenRelay(),)
    ended = (EndSession(state.lease, stop_type),) if isinstance(state, InSession) else ()
    was = state.out_of_order if isinstance(state, Running | Proving) else ""
    if was and stop_type is StopType.FIRE_ALARM:  # why it is repaired outlives a fire drill
        return LockedOut(was), (OpenRelay(), *ended, Extraction(False))
    return LockedOut(reason), (OpenRelay(), Extraction(False), *ended, RecordLockout(reason))


def _end(state: InSession, stop_type: StopType, at_ms: int, policy: MachinePolicy) -> Step:
    ended = (OpenRelay(), EndSession(state.lease, stop_type))
    if isinstance(state, Running) and state.out_of_order:
        return LockedOut(state.out_of_order), (*ended, Extraction(False))
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
    out_of_order = state.reason if isinstance(state, LockedOut) else ""
    if tap.proven:
        return _start(lease, tap.at_ms, tap.job, out_of_order)
    run_on_ms = state.until_ms if isinstance(state, RunOn) else 0
    waits = Proving(lease, tap.at_ms + policy.proof_s * 1000, run_on_ms, out_of_order)
    return waits, (Extraction(True),)


def _start(lease: Lease, at_ms: int, job: bool, out_of_order: str) -> Step:
    begun = Running(lease, at_ms, at_ms, job=job, out_of_order=out_of_order)
    return begun, (StartSession(lease), Extraction(True), CloseRelay())


def _tapped(state: State, tap: Tapped, policy: MachinePolicy) -> Step:
    out_of_order = state.reason if isinstance(state, LockedOut) else ""
    purpose = tap.decision.lease.purpose if isinstance(tap.decision, Granted) else Purpose.USE
    if out_of_order and purpose is not Purpose.REPAIR:
        return state, (Refuse(DenialReason.MACHINE_LOCKED_OUT, tap.member),)
    if isinstance(state, InSession) and tap.member == state.lease.member and not _copied(state, tap, policy):
        return _tapped_again(state, tap.at_ms, policy)
    if isinstance(state, Proving) and tap.member == state.lease.member:
        return _give_up(state, tap.at_ms)
    if isinstance(tap.decision, Denied):
        return state, (Refuse(tap.decision.reason, tap.member),)
    if isinstance(state, InSession):
        if _handing(state, tap.at_ms, confirmed=True):
            return _hand_over(state, tap, tap.decision.lease, policy)
        if not _yields(state, tap, policy):
            return state, (Refuse(DenialReason.IN_USE, tap.member),)
        freed, ended = _end(state, StopType.TAKEOVER, tap.at_ms, policy)
        return _after(ended, _begin(freed, tap.decision.lease, tap, policy))
    if isinstance(state, Waiting):
        return _second_tap(state, tap, policy)
    if isinstance(state, Proving):
        return state, (Refuse(DenialReason.IN_USE, tap.member),)
    if not (_alone(tap, policy) or purpose is not Purpose.USE) and isinstance(state, Free | RunOn):
        return Waiting(tap.decision.lease, tap.at_ms + SUPERVISOR_MS, state), (Warn("supervisor"),)
    return _begin(state, tap.decision.lease, tap, policy)


def _alone(tap: Tapped, policy: MachinePolicy) -> bool:
    """Whether whoever taps may begin by themselves: nobody has to stand by, or they may stand by others."""
    return tap.supervises or not (policy.needs_supervisor or tap.supervised)


def _handing(state: InSession, at_ms: int, *, confirmed: bool) -> bool:
    """Whether a session is being handed over just now, as far as that."""
    handing = state.handing if isinstance(state, Running) else None
    return handing is not None and at_ms < handing.until_ms and handing.confirmed is confirmed


def _hand_over(state: InSession, tap: Tapped, lease: Lease, policy: MachinePolicy) -> Step:
    """Let another member go on, as they may begin here: nobody need stand by them, and what must run runs."""
    if not tap.proven:
        return state, (Refuse(DenialReason.PROOF_MISSING, tap.member),)
    if lease.purpose is not Purpose.USE or not _alone(tap, policy):
        return state, (Refuse(DenialReason.IN_USE, tap.member),)
    begun = Running(lease, tap.at_ms, tap.at_ms, state.busy, isinstance(state, Running) and state.job)
    return begun, (HandOver(state.lease, lease, tap.at_ms),)


def _second_tap(state: Waiting, tap: Tapped, policy: MachinePolicy) -> Step:
    """Begin the waiting member's session by a supervisor's tap; of anybody else the machine is in use."""
    if tap.member == state.lease.member:
        return state, (Warn("supervisor"),)
    if tap.supervises and tap.member:
        return _begin(state.then, replace(state.lease, supervisor=tap.member), tap, policy)
    return state, (Refuse(DenialReason.IN_USE, tap.member),)


def _yields(state: InSession, tap: Tapped, policy: MachinePolicy) -> bool:
    """Whether a session ends for another member's: never a repair, nor for one who needs a supervisor."""
    repairs = isinstance(state, Running) and bool(state.out_of_order)
    return policy.takeover and _alone(tap, policy) and not repairs and not _works(state)


def _after(first: tuple[Effect, ...], then: Step) -> Step:
    return then[0], (*first, *then[1])


def _give_up(state: Proving, at_ms: int, *why: Refuse) -> Step:
    if state.out_of_order:
        return LockedOut(state.out_of_order), (Extraction(False), *why)
    if state.run_on_ms > at_ms:
        return RunOn(state.run_on_ms), why
    return Free(), (Extraction(False), *why)


def _proving(state: Proving, event: Event, policy: MachinePolicy) -> Step:
    match event:
        case Proven(decision, at_ms, job) if at_ms < state.until_ms:
            if isinstance(decision, Denied):
                return _give_up(state, at_ms, Refuse(decision.reason, state.lease.member))
            if decision.lease.member == state.lease.member:
                lease = replace(decision.lease, supervisor=state.lease.supervisor)
                return _start(lease, at_ms, job, state.out_of_order)
        case EndPressed(at_ms) | Stopped(_, at_ms):
            return _give_up(state, at_ms)
        case CardRemoved(at_ms) if policy.card_must_stay:
            return _give_up(state, at_ms)
    return state, ()


def _works(state: InSession) -> bool:
    """Whether work is under way that no idleness, no takeover and no gentle end of credit may cut."""
    return isinstance(state, Holding) or state.busy or state.job


def _copied(state: InSession, tap: Tapped, policy: MachinePolicy) -> bool:
    """Whether a tap that would keep a session going may be of a copy of its badge."""
    confirms = _handing(state, tap.at_ms, confirmed=False)
    goes_on = isinstance(state, Holding) or policy.card_must_stay or confirms
    return goes_on and isinstance(tap.decision, Denied) and tap.decision.reason in OF_THE_BADGE


def _tapped_again(state: InSession, at_ms: int, policy: MachinePolicy) -> Step:
    if isinstance(state, Holding):
        back = Running(state.lease, state.since_ms, at_ms, state.busy, job=True, spent=state.spent)
        return back, ()
    if policy.card_must_stay:  # its reader was lost and found it again; only taking it out is leaving
        return replace(state, active_ms=at_ms, warned=False), ()
    if _handing(state, at_ms, confirmed=False):
        offered = Handing(at_ms + HAND_OVER_MS, confirmed=True)
        return replace(state, active_ms=at_ms, warned=False, handing=offered), (Warn("hand_over_now"),)
    if _handing(state, at_ms, confirmed=True):
        return replace(state, active_ms=at_ms, warned=False, handing=None), (Warn("kept"),)
    return _leave(state, StopType.TAP_OUT, at_ms, policy)


def _leave(state: Running, stop_type: StopType, at_ms: int, policy: MachinePolicy) -> Step:
    if state.job and policy.on_leave is OnLeave.HOLD_FOR_JOB and not state.out_of_order:
        held = Holding(state.lease, state.since_ms, at_ms, state.spent, state.busy)
        return held, (HoldSession(state.lease),)
    return _end(state, stop_type, at_ms, policy)


def _ticked(state: State, at_ms: int, policy: MachinePolicy) -> Step:
    if isinstance(state, Running) and state.handing and at_ms >= state.handing.until_ms:
        state = replace(state, handing=None)
    match state:
        case RunOn(until_ms) if at_ms >= until_ms:
            return Free(), (Extraction(False),)
        case Waiting(lease, until_ms, then) if at_ms >= until_ms:
            return _after((Refuse(DenialReason.NO_SUPERVISOR, lease.member),), _ticked(then, at_ms, policy))
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
        case ReservationDue(at_ms) if not (_works(state) or state.out_of_order):
            return _end(state, StopType.RESERVATION, at_ms, policy)
        case WalkInDue(at_ms) if not (_works(state) or state.out_of_order):
            return _end(state, StopType.WALK_IN, at_ms, policy)
        case HandOverAsked(at_ms) if not (policy.card_must_stay or state.out_of_order):
            return replace(state, handing=Handing(at_ms + HAND_OVER_MS)), (Warn("hand_over"),)
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
