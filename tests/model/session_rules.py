"""What must hold on every edge of the walk, said from what a member or a machinist may rely on."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

from session_handing import check_handing, handed, live, refused, speaks
from session_overrides import check_adoption, check_waiting, may_start, repairs
from session_proofs import begun, check_proving, proves
from session_upkeep import check_run_on, check_tick, check_warnings
from session_walk import HELD, MAX_TICKS, MORE, TEAMS, TICK_MS, WAITS, Edge, Seen, kinds, walk

from floor.access import Denied, Granted, Lease
from floor.policy import MachinePolicy, OnCreditSpent, OnLeave
from floor.session import (
    AccountPicked,
    Adopted,
    AdoptSession,
    BusyChanged,
    CardRemoved,
    ClearOrdered,
    CloseRelay,
    ClosingDue,
    CreditSpent,
    DecidedAnew,
    EndPressed,
    EndSession,
    Event,
    Extraction,
    Faulted,
    Free,
    HandOver,
    HoldGrew,
    Holding,
    HoldSession,
    JobChanged,
    KeepRelay,
    LockedOut,
    LockOutOrdered,
    OpenRelay,
    Proven,
    Proving,
    RecordAccount,
    RecordClear,
    RecordHold,
    RecordLockout,
    Refuse,
    ReservationDue,
    Running,
    RunOn,
    StartSession,
    State,
    Step,
    Stopped,
    Tapped,
    Ticked,
    Waiting,
    WalkInDue,
    powered,
)
from floor.words import DenialReason, StopType


def check_outputs(edge: Edge) -> None:
    """Relay, extraction and open session follow the state; each change is one effect, in a safe order."""
    after, effects = edge.result
    closes = [i for i, e in enumerate(effects) if isinstance(e, CloseRelay)]
    opens = [i for i, e in enumerate(effects) if isinstance(e, OpenRelay)]
    starts = [i for i, e in enumerate(effects) if isinstance(e, StartSession)]
    ends = [i for i, e in enumerate(effects) if isinstance(e, EndSession)]
    assert max(map(len, (closes, opens, starts, ends))) <= 1, "an effect is doubled"
    assert len(closes) == len(starts), "a relay closes with a session's start, and only with it"
    assert not closes or starts[0] < closes[0] == len(effects) - 1, "the relay closes last"
    assert not opens or opens[0] == 0, "the safe effect comes first"
    assert not ends or (opens and opens[0] < ends[0]), "power goes before the end is recorded"
    assert not (starts and ends) or ends[0] < starts[0], "one session ends before the next starts"
    if powered(edge.state) and not powered(after):
        assert opens, "power was not taken away"
        assert ends, "the session was not ended"
    watched = _outputs(edge.seen, edge.result)
    runs = isinstance(after, Running | Holding)
    assert powered(after) == runs
    airs = isinstance(
        after.then if isinstance(after, Waiting) else after, Running | Holding | RunOn | Proving
    )
    assert watched == (runs, airs, runs), f"outputs are {watched}"


def _outputs(seen: Seen, result: Step) -> tuple[bool, bool, bool]:
    relay, extraction, session = seen.relay, seen.extraction, seen.session
    for effect in result[1]:
        match effect:
            case OpenRelay() | CloseRelay() | KeepRelay():
                relay = not isinstance(effect, OpenRelay)
            case Extraction(on):
                extraction = on
            case StartSession() | AdoptSession():
                assert not session, "a second session starts"
                session = True
            case EndSession(lease):
                assert session, "a session ends that is not open"
                assert lease == HELD, "another session ends than the one that runs"
                session = False
            case HandOver(lease):
                assert session, "what is not open is handed over"
                assert lease == HELD, "another session is handed over than the one that runs"
            case HoldSession(lease):
                assert session
                assert lease == HELD, "another session is held"
    return relay, extraction, session


def check_starts(edge: Edge) -> None:
    """Only a granted tap starts, and only what it granted; it starts whenever nothing stands against it."""
    after, effects = edge.result
    started = [e.lease for e in effects if isinstance(e, StartSession)]
    event, state = edge.event, edge.state
    at_once = isinstance(event, Tapped) and event.proven and may_start(edge, event)
    may = at_once or (isinstance(state, Proving) and proves(state, event))
    assert bool(started) == may, f"started: {started}"
    if started:
        assert isinstance(event, Tapped | Proven)
        assert isinstance(event.decision, Granted)
        lease, reason = begun(edge, event)
        assert started == [lease]
        assert after == Running(lease, edge.at_ms, edge.at_ms, job=event.job, out_of_order=reason)
    elif isinstance(event, Adopted) and isinstance(state, Free):
        check_adoption(edge, event)
    elif isinstance(after, Running | Holding) and not handed(edge):
        assert after.lease == _terms(edge), "a lease changed without a start"
        assert edge.at_ms - after.since_ms == edge.seen.age * TICK_MS or edge.seen.age > MAX_TICKS, "aged"
    check_refusal(edge)


def _terms(edge: Edge) -> Lease:
    """Return the lease after an event that starts nothing: only who pays, and how much, may be another."""
    match edge.event:
        case AccountPicked(lease) if lease == TEAMS:
            return TEAMS
        case HoldGrew(lease) if lease == MORE:
            return MORE
    return HELD


def check_terms(edge: Edge) -> None:
    """Who pays changes when it is picked, the limit alone when the hold grows; each is recorded, once."""
    told = [e for e in edge.result[1] if isinstance(e, RecordAccount | RecordHold)]
    if not isinstance(edge.state, Running | Holding):
        assert told == []
        return
    match _terms(edge):
        case lease if lease == TEAMS:
            assert edge.result[1] == (RecordAccount(TEAMS),)
        case lease if lease == MORE:
            assert edge.result[1] == (RecordHold(MORE),)
        case _:
            assert told == []
    if isinstance(edge.event, AccountPicked | HoldGrew):
        same = replace(edge.state, lease=_terms(edge), spent=edge.state.spent and _terms(edge) == HELD)
        assert edge.result[0] == same, "a choice of account changed the session"


def check_refusal(edge: Edge) -> None:
    """A tap that may not is told why, and nothing else happens; nothing but a tap is refused."""
    after, effects = edge.result
    told = [e for e in effects if isinstance(e, Refuse)]
    if isinstance(edge.state, Proving):
        return  # see check_proving
    if not isinstance(edge.event, Tapped):
        late = isinstance(edge.state, Waiting) and isinstance(edge.event, Ticked)
        late = late and not isinstance(after, Waiting)
        reason = DenialReason.NO_SUPERVISOR if late else None
        if isinstance(edge.state, Waiting) and isinstance(edge.event, DecidedAnew):
            decision = edge.event.decision
            reason = decision.reason if isinstance(decision, Denied) else None
        assert told == ([Refuse(reason, WAITS.member)] if reason else [])
        return
    tap, state, reason = edge.event, edge.state, None
    own = isinstance(state, Running | Holding) and tap.member == HELD.member
    goes_on = isinstance(state, Holding) or edge.policy.card_must_stay or live(state, edge.at_ms, False)
    if goes_on and tap.decision == Denied(DenialReason.BADGE_NOT_PROVEN, HELD.member):
        own = False  # where a tap does not end it, a copy of their badge may not keep it going
    if isinstance(state, LockedOut):
        reason = None if repairs(tap) else DenialReason.MACHINE_LOCKED_OUT
    elif isinstance(tap.decision, Denied) and not own:
        reason = tap.decision.reason
    elif isinstance(state, Running | Holding) and not own:
        taken = isinstance(after, Running | Proving) and after != state
        reason = None if taken else refused(edge, tap)
    elif isinstance(state, Waiting) and tap.member != WAITS.member and not tap.supervises:
        reason = DenialReason.IN_USE
    assert told == ([Refuse(reason, tap.member)] if reason else [])
    if reason:
        assert (after, effects) == (state, tuple(told)), "a refusal changes nothing else"


def check_ends(edge: Edge) -> None:
    """A session ends exactly when it must, and says why."""
    ended = [e.stop_type for e in edge.result[1] if isinstance(e, EndSession)]
    due = _due(edge)
    assert ended == ([due] if due else []), f"ended {ended}, but should {due}"
    assert not edge.seen.job or StopType.IDLE not in ended, "a running job is idle to nobody"


DUE = {ReservationDue: StopType.RESERVATION, WalkInDue: StopType.WALK_IN}


def _due(edge: Edge) -> StopType | None:
    state, event, policy, seen = edge.state, edge.event, edge.policy, edge.seen
    if not isinstance(state, Running | Holding):
        return None
    working = isinstance(state, Holding) or seen.job or seen.busy
    match event:
        case Faulted(stop_type) | Stopped(stop_type):
            return stop_type
        case LockOutOrdered():
            return StopType.LOCKOUT
        case Ticked():
            if seen.age * 10 >= state.lease.max_duration_s:
                return StopType.MAX_DURATION
            idle = policy.idle_after_s and seen.quiet * 10 >= policy.idle_after_s
            return StopType.IDLE if idle and not working else None
        case ClosingDue():
            return None if working else StopType.CLOSING
        case ReservationDue() | WalkInDue():
            repaired = isinstance(state, Running) and state.out_of_order
            return None if working or repaired else DUE[type(event)]
        case Tapped(Granted(), member) if member != HELD.member:
            assert isinstance(event, Tapped)
            return StopType.TAKEOVER if may_start(edge, event) else None
        case CreditSpent() if not state.spent:
            if policy.on_credit_spent is OnCreditSpent.STOP_AT_ONCE:
                return StopType.CREDIT_SPENT
            gently = policy.on_credit_spent is OnCreditSpent.STOP_WHEN_IDLE
            return StopType.CREDIT_SPENT if gently and not working else None
        case JobChanged(False) if isinstance(state, Holding):
            return StopType.JOB_DONE
    return _due_running(edge, state) if isinstance(state, Running) else None


def _due_running(edge: Edge, state: Running) -> StopType | None:
    seen, policy = edge.seen, edge.policy
    if speaks(edge) or (live(state, edge.at_ms, False) and _copy(edge.event)):
        return None
    stays = seen.job and policy.on_leave is OnLeave.HOLD_FOR_JOB and not state.out_of_order
    match edge.event:
        case CardRemoved() if policy.card_must_stay:
            return None if stays else StopType.CARD_REMOVED
        case EndPressed():
            return None if stays else StopType.TAP_OUT
        case Tapped(member=HELD.member):
            return None if stays or policy.card_must_stay else StopType.TAP_OUT
        case BusyChanged(False) if seen.busy and not seen.job:
            return _quiet(state, policy)
        case JobChanged(False) if seen.job and not seen.busy:
            return _quiet(state, policy)
    return None


def _copy(event: Event) -> bool:
    return isinstance(event, Tapped) and event.decision == Denied(DenialReason.BADGE_NOT_PROVEN, HELD.member)


def _quiet(state: Running, policy: MachinePolicy) -> StopType | None:
    waits = state.spent and policy.on_credit_spent is OnCreditSpent.STOP_WHEN_IDLE
    return StopType.CREDIT_SPENT if waits else None


def check_life(edge: Edge) -> None:
    """Where a session goes when it neither starts nor ends, and what the state remembers of the machine."""
    after, effects = edge.result
    state, event = edge.state, edge.event
    if isinstance(after, Holding) and isinstance(state, Running):
        assert effects == (HoldSession(HELD),)
        assert edge.seen.job, "held without a job"
        assert edge.policy.on_leave is OnLeave.HOLD_FOR_JOB
    else:
        assert HoldSession(HELD) not in effects
    if isinstance(state, Holding) and isinstance(after, Running):
        assert isinstance(event, Tapped)
        assert event.member == HELD.member, "somebody else took a held machine"
        assert event.decision != Denied(DenialReason.BADGE_NOT_PROVEN, HELD.member), "a copy took it up"
    if isinstance(after, Running | Holding) and after.lease.session_id == HELD.session_id:
        busy = event.busy if isinstance(event, BusyChanged) else edge.seen.busy
        job = event.running if isinstance(event, JobChanged) else edge.seen.job
        assert (after.busy, isinstance(after, Holding) or after.job) == (busy, job), (
            "the machine is forgotten"
        )
        was = isinstance(state, Running | Holding) and state.spent
        owes = (was or isinstance(event, CreditSpent)) and after.lease == HELD
        assert after.spent == owes, "what is owed is forgotten"


def check_lockout(edge: Edge) -> None:
    """A fault locks out at once and from anywhere; staff alone clear it, and that gives no power."""
    after, effects = edge.result
    if isinstance(edge.event, Faulted | LockOutOrdered):
        assert isinstance(after, LockedOut)
        assert effects[:1] == (OpenRelay(),), "power is taken again even where it should be off"
        drill = isinstance(edge.event, Faulted) and edge.event.stop_type is StopType.FIRE_ALARM
        if _repaired(edge.state) and drill:
            assert isinstance(edge.state, Running | Proving)
            assert after == LockedOut(edge.state.out_of_order), "it is recorded already, and outlives a drill"
            assert Extraction(False) in effects
        elif not isinstance(edge.state, LockedOut):
            assert after == LockedOut(edge.event.reason)
            assert effects[-1] == RecordLockout(edge.event.reason)
    else:
        assert isinstance(after, LockedOut) <= (isinstance(edge.state, LockedOut) or _repaired(edge.state))
    cleared = isinstance(edge.event, ClearOrdered)
    if isinstance(edge.state, LockedOut):
        assert (after == Free()) == cleared, "only staff clear a machine"
        assert isinstance(after, LockedOut) != (cleared or repairs(edge.event))
    if _repaired(edge.state):
        assert isinstance(edge.state, Running | Proving)
        kept = _repaired(after) or isinstance(after, LockedOut)
        assert kept != cleared, "a repair clears no machine"
        goes_on = cleared or isinstance(after, Running | Holding | Proving)
        assert goes_on or after.reason in {edge.state.out_of_order, *_reason(edge.event)}
    locked = isinstance(edge.state, LockedOut) or _repaired(edge.state)
    assert (RecordClear() in effects) == (cleared and locked)


def _repaired(state: State) -> bool:
    return isinstance(state, Running | Proving) and bool(state.out_of_order)


def _reason(event: Event) -> set[str]:
    return {event.reason} if isinstance(event, Faulted | LockOutOrdered) else set()


HANDED = dict.fromkeys(kinds(), False) | dict.fromkeys(("saw", "printer"), True)
"""At which machines of the quick walk something is handed over: it needs no more to find what is broken."""
CHECKS = (
    check_outputs,
    check_starts,
    check_proving,
    check_handing,
    check_ends,
    check_life,
    check_terms,
    check_warnings,
    check_lockout,
    check_run_on,
    check_waiting,
    check_tick,
)


def check(policy: MachinePolicy, *, rare: bool = True, handing: bool = True) -> set[type[State]]:
    """Walk one policy and hold every rule on every edge; return the kinds of states that were reached."""
    reached: set[type[State]] = set()
    for edge in walk(policy, rare=rare, handing=handing):
        reached.add(type(edge.result[0]))
        _hold(edge)
    return reached


def check_kinds() -> None:
    """Walk the machines that people know, an edge of each in turn: what is broken at one is found soon."""
    for edges in zip_longest(*(walk(kind, handing=HANDED[name]) for name, kind in kinds().items())):
        for edge in filter(None, edges):
            _hold(edge)


def _hold(edge: Edge) -> None:
    for rule in CHECKS:
        try:
            rule(edge)
        except AssertionError as error:
            raise AssertionError(f"{rule.__name__}: {error}\n{edge}") from error
