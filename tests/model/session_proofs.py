"""What must hold while a granted tap waits for the proof of extraction and cooling."""

from __future__ import annotations

from dataclasses import replace

from session_overrides import may_start
from session_walk import WAITS, Edge

from floor.access import Denied, Granted, Lease
from floor.session import (
    CardRemoved,
    ClearOrdered,
    EndPressed,
    Event,
    Extraction,
    Faulted,
    Free,
    Holding,
    LockedOut,
    LockOutOrdered,
    Proven,
    Proving,
    RecordClear,
    Refuse,
    Running,
    RunOn,
    State,
    Stopped,
    Tapped,
    Ticked,
    Waiting,
)
from floor.words import DenialReason


def begun(edge: Edge, event: Tapped | Proven) -> tuple[Lease, str]:
    """Return the lease that a granted tap, or its proof, begins; and why the machine is out of order."""
    state = edge.state
    assert isinstance(event.decision, Granted)
    if isinstance(state, Waiting):
        assert isinstance(event, Tapped)
        return replace(WAITS, supervisor=event.member or ""), ""
    if isinstance(state, Proving):
        return replace(event.decision.lease, supervisor=state.lease.supervisor), state.out_of_order
    return event.decision.lease, state.reason if isinstance(state, LockedOut) else ""


def proves(state: Proving, event: Event) -> bool:
    """Whether the proof has come in time for who waits, and is granted."""
    if not isinstance(event, Proven) or not isinstance(event.decision, Granted):
        return False
    return event.at_ms < state.until_ms and event.decision.lease.member == state.lease.member


def check_proving(edge: Edge) -> None:
    """An unproven tap waits, for its time and no longer; whatever ends the wait puts things as they were."""
    state, event, (after, effects) = edge.state, edge.event, edge.result
    if isinstance(event, Tapped) and not event.proven and may_start(edge, event):
        lease, reason = begun(edge, event)
        until_ms = edge.at_ms + edge.policy.proof_s * 1000
        assert after == Proving(lease, until_ms, _runs_on(edge), reason)
        assert effects[-1] == Extraction(True)
    elif not isinstance(state, Proving):
        assert not isinstance(after, Proving), "nothing waits that was not granted"
    elif isinstance(event, ClearOrdered) and state.out_of_order:
        assert (after, effects) == (replace(state, out_of_order=""), (RecordClear(),))
    elif not isinstance(event, Faulted | LockOutOrdered) and not proves(state, event):
        told = _told(state, edge)
        if told is None or (told and isinstance(event, Tapped)):
            assert (after, effects) == (state, told or ())
        else:
            was = _before(state, edge.at_ms)
            off = () if isinstance(was, RunOn) else (Extraction(False),)
            assert (after, effects) == (was, (*off, *told))


def _runs_on(edge: Edge) -> int:
    """Return until when the extraction has to run after the session before."""
    state = edge.state.then if isinstance(edge.state, Waiting) else edge.state
    if isinstance(state, Running | Holding) and edge.policy.run_on_s:
        return edge.at_ms + edge.policy.run_on_s * 1000
    return state.until_ms if isinstance(state, RunOn) else 0


def _before(state: Proving, at_ms: int) -> State:
    if state.out_of_order:
        return LockedOut(state.out_of_order)
    return RunOn(state.run_on_ms) if state.run_on_ms > at_ms else Free()


def _told(state: Proving, edge: Edge) -> tuple[Refuse, ...] | None:
    """What is said of an event while a tap waits: None where nothing happens, () where the wait just ends."""
    member = state.lease.member
    match edge.event:
        case Ticked(at_ms) if at_ms >= state.until_ms:
            return (Refuse(DenialReason.PROOF_MISSING, member),)
        case Proven(Denied(reason), at_ms) if at_ms < state.until_ms:
            return (Refuse(reason, member),)
        case Tapped(decision, who) if who != member:
            reason = decision.reason if isinstance(decision, Denied) else DenialReason.IN_USE
            return (Refuse(reason, who),)
        case Tapped() | EndPressed() | Stopped():
            return ()
        case CardRemoved() if edge.policy.card_must_stay:
            return ()
    return None
