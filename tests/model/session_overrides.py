"""What must hold of supervisors, of repairs and of sessions that go on after a restart."""

from __future__ import annotations

from dataclasses import replace

from session_handing import live, stands_alone
from session_walk import HELD, LEFT, WAITS, Edge

from floor.access import Denied, Granted
from floor.session import (
    SUPERVISOR_MS,
    Adopted,
    AdoptSession,
    DecidedAnew,
    EndPressed,
    Event,
    Extraction,
    Faulted,
    Free,
    Holding,
    KeepRelay,
    LockedOut,
    LockOutOrdered,
    Proving,
    Running,
    State,
    Tapped,
    Ticked,
    Waiting,
)
from floor.words import Purpose


def repairs(event: Event) -> bool:
    granted = isinstance(event, Tapped) and isinstance(event.decision, Granted)
    return granted and event.decision.lease.purpose is Purpose.REPAIR


def may_start(edge: Edge, tap: Tapped) -> bool:
    """Whether a tap is granted, and nobody is in the way."""
    state, policy = edge.state, edge.policy
    if not isinstance(tap.decision, Granted):
        return False
    alone = stands_alone(edge, tap)
    match state:
        case Running() | Holding():
            busy = isinstance(state, Holding) or edge.seen.busy or edge.seen.job
            repair = isinstance(state, Running) and bool(state.out_of_order)
            if live(state, edge.at_ms, True):
                return False  # it is handed over, and never cut
            return policy.takeover and not busy and tap.member != HELD.member and alone and not repair
        case LockedOut():
            return repairs(tap)
        case Waiting():
            return tap.supervises and tap.member != WAITS.member
        case Proving():
            return False
    return alone or repairs(tap)


def check_adoption(edge: Edge, event: Adopted) -> None:
    """What went on is held, with its own beginning; no relay is told to close."""
    after, effects = edge.result
    assert effects == (AdoptSession(LEFT), Extraction(True), KeepRelay())
    assert isinstance(after, Holding if event.held else Running)
    assert (after.lease, after.since_ms, after.busy) == (LEFT, event.since_ms, event.busy)
    assert isinstance(after, Holding) or after.job == event.job


def check_waiting(edge: Edge) -> None:
    """Who needs a supervisor waits without power, for so long and no longer; then it is as it was before."""
    after, state, event = edge.result[0], edge.state, edge.event
    told = [e for e in edge.result[1] if isinstance(e, AdoptSession | KeepRelay)]
    assert not told or (isinstance(event, Adopted) and isinstance(state, Free))
    if isinstance(after, Waiting) and not isinstance(state, Waiting):
        assert isinstance(event, Tapped)
        assert isinstance(event.decision, Granted)
        assert not stands_alone(edge, event)
        assert after == Waiting(event.decision.lease, edge.at_ms + SUPERVISOR_MS, state)
    elif isinstance(state, Waiting) and isinstance(event, Ticked):
        assert isinstance(after, Waiting) == (edge.at_ms < state.until_ms)
    if isinstance(state, Waiting) and isinstance(event, EndPressed):
        assert after == state.then
    elif isinstance(state, Waiting) and isinstance(event, DecidedAnew):
        assert after == _anew(state, event)
    elif isinstance(state, Waiting) and not isinstance(event, Ticked | Faulted | LockOutOrdered):
        assert after == state or isinstance(after, Running | Proving)


def _anew(state: Waiting, event: DecidedAnew) -> State:
    """Who may not begin any more waits no longer; who may has the new lease. It is nobody else's."""
    if isinstance(event.decision, Denied):
        return state.then
    lease = event.decision.lease
    return replace(state, lease=lease) if lease.member == state.lease.member else state
