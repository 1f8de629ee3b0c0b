"""An exhaustive walk over every reachable (state, event, policy) of floor.session.step.

Time goes in ticks. A node of the walk is a state whose times are ages, cut off where a longer age can change
nothing, so that there are finitely many; beside it goes what a watcher of effects and events alone knows
(`Seen`). The rules of session_rules.py are held on every edge. It needs no test runner, so that
mutate_safety.py can run it on a changed copy of the package.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

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
    Handing,
    HandOver,
    HandOverAsked,
    HoldGrew,
    Holding,
    JobChanged,
    KeepRelay,
    LockedOut,
    LockOutOrdered,
    OpenRelay,
    Proven,
    Proving,
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
    step,
)
from floor.words import DenialReason, Purpose, StopType

TICK_MS = 10_000
NOW_MS = 1_000_000_000
MAX_TICKS = 3


def lease(member: str, session: str) -> Lease:
    return Lease(session, "m", member, f"acc-{member}", f"badge-{member}", "t", member, 0, MAX_TICKS * 10, 5)


HELD = lease("ann", "running")
"""The lease of every state in the walk: a new one takes its place and its name once it has started."""
NEW = {"ann": lease("ann", "new"), "bob": lease("bob", "new")}
TEAMS = replace(HELD, account="team", account_name="The team", limit_micro=7)
MORE = replace(HELD, limit_micro=9)
REPAIR = replace(lease("ann", "new"), purpose=Purpose.REPAIR)
LEFT = lease("ann", "left")
"""The lease of a session that the process before left running."""
WAITS = lease("ann", "waits")
"""The lease of whoever waits for a supervisor."""
GREEDY = replace(TEAMS, max_duration_s=31 * 86_400)
"""Terms that may be put in place of those of the lease that runs, and some that say more than they may."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known from effects and events alone: the outputs, the open session, the machine, the ages.

    Ages are ticks; `age` counts from the start of the session and `quiet` from the last sign of life.
    """

    relay: bool = False
    extraction: bool = False
    session: bool = False
    job: bool = False
    busy: bool = False
    age: int = 0
    quiet: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of the walk. Times are absolute: the event is at `at_ms`, `seen` is as of then."""

    policy: MachinePolicy
    state: State
    seen: Seen
    event: Event
    at_ms: int
    result: Step


def policies() -> list[MachinePolicy]:
    """Return every policy that differs in what a session can be subject to."""
    return [
        MachinePolicy(
            on_leave=on_leave,
            card_must_stay=card,
            takeover=takeover,
            max_duration_s=MAX_TICKS * 10,
            idle_after_s=idle_s,
            idle_warn_s=10,
            run_on_s=run_on_s,
            on_credit_spent=spent,
            proof_s=10,
        )
        for on_leave, card, takeover, idle_s, run_on_s, spent in product(
            OnLeave, (False, True), (False, True), (0, 20), (0, 20), OnCreditSpent
        )
    ] + [
        MachinePolicy(
            on_leave=on_leave,
            takeover=takeover,
            max_duration_s=MAX_TICKS * 10,
            idle_after_s=20,
            idle_warn_s=10,
            run_on_s=run_on_s,
            needs_supervisor=True,
            proof_s=10,
        )
        for on_leave, takeover, run_on_s in product(OnLeave, (False, True), (0, 20))
    ]


def kinds() -> dict[str, MachinePolicy]:
    """Return the policies of machines that people know; few, so that a walk over them is quick."""
    base = MachinePolicy(max_duration_s=MAX_TICKS * 10, idle_warn_s=10, proof_s=10)
    return {
        "saw": replace(
            base,
            card_must_stay=True,
            idle_after_s=20,
            run_on_s=20,
            hazardous=True,
            needs_machine_reachable=True,
        ),
        "laser": replace(
            base, run_on_s=20, idle_after_s=20, hazardous=True, on_credit_spent=OnCreditSpent.STOP_AT_ONCE
        ),
        "printer": replace(
            base,
            on_leave=OnLeave.HOLD_FOR_JOB,
            takeover=True,
            idle_after_s=20,
            on_credit_spent=OnCreditSpent.STOP_WHEN_IDLE,
        ),
        "held laser": replace(
            base,
            on_leave=OnLeave.HOLD_FOR_JOB,
            card_must_stay=True,
            run_on_s=20,
            on_credit_spent=OnCreditSpent.STOP_AT_ONCE,
        ),
        "door": replace(base, takeover=True),
        "furnace": replace(base, takeover=True, run_on_s=20, needs_supervisor=True),
    }


def events(at_ms: int, *, rare: bool, handing: bool) -> Iterator[Event]:
    """Yield what may happen; `rare`: supervisors, technicians and restarts too; `handing`: hand-overs."""
    for member, new in NEW.items():
        yield Tapped(Granted(new), member, at_ms)
        yield Tapped(Granted(new), member, at_ms, job=True)
        yield Tapped(Granted(new), member, at_ms, proven=False)
        yield Proven(Granted(new), at_ms)
        yield Proven(Granted(new), at_ms, job=True)
        yield Proven(Denied(DenialReason.BADGE_LOST, member), at_ms)
        yield Tapped(Denied(DenialReason.NOT_CERTIFIED, member), member, at_ms)
        yield Tapped(Denied(DenialReason.BADGE_NOT_PROVEN, member), member, at_ms)
    yield Tapped(Denied(DenialReason.UNKNOWN_BADGE), None, at_ms)
    if rare:
        yield from rare_events(at_ms)
    if handing:
        yield HandOverAsked(at_ms)
        yield Tapped(Granted(NEW["bob"]), "bob", at_ms, supervised=True)
    yield CardRemoved(at_ms)
    yield EndPressed(at_ms)
    for flag in (False, True):
        yield BusyChanged(flag, at_ms)
        yield JobChanged(flag, at_ms)
    yield Ticked(at_ms)
    yield CreditSpent(at_ms)
    yield ClosingDue(at_ms)
    yield ReservationDue(at_ms)
    yield WalkInDue(at_ms)
    for terms in (HELD, TEAMS, MORE, GREEDY):
        yield AccountPicked(terms, at_ms)
        yield HoldGrew(terms, at_ms)
    for stop_type in (StopType.REMOTE_STOP, StopType.RESERVATION, StopType.POWER_LOST):
        yield Stopped(stop_type, at_ms)
    yield Faulted(StopType.FAULT, "relay stuck", at_ms)
    yield Faulted(StopType.FIRE_ALARM, "fire alarm", at_ms)
    yield LockOutOrdered("blade worn", at_ms)
    yield ClearOrdered(at_ms)


def rare_events(at_ms: int) -> Iterator[Event]:
    for member, new in NEW.items():
        yield DecidedAnew(Granted(new), at_ms)
        yield DecidedAnew(Denied(DenialReason.BADGE_LOST, member), at_ms)
        yield Tapped(Granted(new), member, at_ms, supervises=True)
        yield Tapped(Granted(new), member, at_ms, supervises=True, proven=False)
        repair = Granted(replace(REPAIR, member=member))
        yield Tapped(repair, member, at_ms)
        yield Tapped(repair, member, at_ms, proven=False)
        yield Proven(repair, at_ms)
    for held, job, busy in ((False, False, False), (False, True, True), (True, True, False)):
        yield Adopted(LEFT, at_ms - TICK_MS, at_ms, held, job, busy)


def walk(policy: MachinePolicy, *, rare: bool = True, handing: bool = True) -> Iterator[Edge]:
    """Yield every edge that can be reached from Free under a policy."""
    longest = MAX_TICKS + 1
    first: tuple[State, Seen] = (Free(), Seen())
    known, queue = {first}, deque([first])
    happening = [[*events(NOW_MS + n * TICK_MS, rare=rare, handing=handing)] for n in (0, 1)]
    while queue:
        state, seen = queue.popleft()
        for passed in (0, 1):
            at_ms = NOW_MS + passed * TICK_MS
            then = replace(seen, age=min(seen.age + passed, longest), quiet=min(seen.quiet + passed, longest))
            for event in happening[passed]:
                result = step(state, event, policy)
                yield Edge(policy, state, then, event, at_ms, result)
                node = (_aged(result[0], at_ms, longest), _watch(then, event, result))
                if node not in known:
                    known.add(node)
                    queue.append(node)


def _watch(seen: Seen, event: Event, result: Step) -> Seen:
    """Follow effects and events only; the state is not looked at."""
    match event:
        case BusyChanged(busy) if seen.session and busy != seen.busy:
            seen = replace(seen, busy=busy, quiet=0)
        case JobChanged(job) if seen.session and job != seen.job:
            seen = replace(seen, job=job, quiet=0)
        case Tapped(member=HELD.member) if seen.session and not any(isinstance(e, Refuse) for e in result[1]):
            seen = replace(seen, quiet=0)
    for effect in result[1]:
        match effect:
            case OpenRelay() | CloseRelay():
                seen = replace(seen, relay=isinstance(effect, CloseRelay))
            case Extraction(on):
                seen = replace(seen, extraction=on)
            case EndSession():
                seen = Seen(seen.relay, seen.extraction)
            case KeepRelay():
                seen = replace(seen, relay=True)
            case AdoptSession():
                assert isinstance(event, Adopted)
                seen = Seen(seen.relay, seen.extraction, True, event.job, event.busy, age=1)
            case HandOver():
                seen = replace(seen, age=0, quiet=0)
            case StartSession():
                runs = isinstance(event, Tapped | Proven) and event.job
                seen = Seen(seen.relay, seen.extraction, session=True, job=runs)
    return seen


def _waits(handing: Handing | None, at_ms: int) -> Handing | None:
    """Return a hand-over as of NOW_MS; for how long it has been over is all the same."""
    return handing and replace(handing, until_ms=NOW_MS + max(handing.until_ms - at_ms, 0))


def _aged(state: State, at_ms: int, longest: int) -> State:
    """Return the state as of NOW_MS, its ages cut off and its lease renamed."""

    def moved(then_ms: int) -> int:
        return NOW_MS + max(then_ms - at_ms, -longest * TICK_MS)

    match state:
        case Running():
            return replace(
                state,
                lease=HELD,
                since_ms=moved(state.since_ms),
                active_ms=moved(state.active_ms),
                out_of_order="out of order" if state.out_of_order else "",
                handing=_waits(state.handing, at_ms),
            )
        case Holding():
            return replace(state, lease=HELD, since_ms=moved(state.since_ms), active_ms=NOW_MS)
        case RunOn(until_ms):
            return RunOn(moved(until_ms))
        case Proving(waiting, until_ms, run_on_ms, out_of_order):
            return Proving(waiting, moved(until_ms), moved(run_on_ms), out_of_order)
        case LockedOut():
            return LockedOut("out of order")
        case Waiting(_, until_ms, RunOn(run_on_ms)):
            return Waiting(WAITS, moved(until_ms), RunOn(moved(run_on_ms)))
        case Waiting(_, until_ms, then):
            return Waiting(WAITS, moved(until_ms), then)
    return state
