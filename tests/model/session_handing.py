"""What must hold of a hand-over: asked for, confirmed by a tap of the member, done by the next one's tap."""

from __future__ import annotations

from dataclasses import replace

from session_walk import HELD, Edge

from floor.access import Denied, Granted
from floor.session import (
    HAND_OVER_MS,
    Handing,
    HandOver,
    HandOverAsked,
    Holding,
    Refuse,
    Running,
    State,
    Tapped,
    Ticked,
    Warn,
)
from floor.words import DenialReason, Purpose


def live(state: State, at_ms: int, confirmed: bool) -> bool:
    """Whether a hand-over waits at an instant: for its member's tap, or, `confirmed`, for the next one's."""
    handing = state.handing if isinstance(state, Running) else None
    return handing is not None and at_ms < handing.until_ms and handing.confirmed == confirmed


def stands_alone(edge: Edge, tap: Tapped) -> bool:
    return tap.supervises or not (edge.policy.needs_supervisor or tap.supervised)


def may_take(edge: Edge) -> bool:
    """Whether a tap is the one that a confirmed hand-over waits for."""
    tap = edge.event
    if not isinstance(edge.state, Running) or edge.state.handing is None:
        return False
    if not isinstance(tap, Tapped) or not isinstance(tap.decision, Granted) or tap.member == HELD.member:
        return False
    uses = tap.decision.lease.purpose is Purpose.USE
    return live(edge.state, edge.at_ms, True) and tap.proven and stands_alone(edge, tap) and uses


def own_tap(edge: Edge) -> bool:
    """Whether the running member taps, with a badge that is theirs for all that is known."""
    if not isinstance(edge.event, Tapped) or edge.event.member != HELD.member:
        return False
    copied = edge.event.decision == Denied(DenialReason.BADGE_NOT_PROVEN, HELD.member)
    return not (copied and live(edge.state, edge.at_ms, False))


def speaks(edge: Edge) -> bool:
    """Whether this event is a step of a hand-over that says something and does no more."""
    if not isinstance(edge.state, Running):
        return False
    if edge.state.handing is None:
        return isinstance(edge.event, HandOverAsked)
    waits = any(live(edge.state, edge.at_ms, confirmed) for confirmed in (False, True))
    return isinstance(edge.event, HandOverAsked) or (
        waits and own_tap(edge) and not edge.policy.card_must_stay
    )


def check_handing(edge: Edge) -> None:
    """Nobody takes a session that its member has not just offered; who does has the machine as it runs."""
    state, event, (after, effects) = edge.state, edge.event, edge.result
    told = any(isinstance(effect, HandOver) for effect in effects)
    waits = isinstance(state, Running) and (state.handing or isinstance(event, HandOverAsked))
    if not waits or not isinstance(state, Running):
        assert not told, "what was not offered is handed over"
        assert not isinstance(after, Running) or after.handing is None
        return
    if may_take(edge):
        assert isinstance(event, Tapped)
        assert isinstance(event.decision, Granted)
        lease = event.decision.lease
        assert effects == (HandOver(HELD, lease, edge.at_ms),), "the power was touched"
        assert after == Running(lease, edge.at_ms, edge.at_ms, edge.seen.busy, edge.seen.job)
        return
    assert not told, "a session was taken that was not offered"
    if speaks(edge):
        _check_said(edge, state)
    elif isinstance(event, Tapped) and live(state, edge.at_ms, True) and event.member != HELD.member:
        assert after == state, "somebody who may not take it ended it"
        assert all(isinstance(effect, Refuse) for effect in effects)
    elif isinstance(after, Running) and after.lease.session_id == HELD.session_id:
        over = isinstance(event, Ticked) and state.handing and edge.at_ms >= state.handing.until_ms
        assert after.handing == (None if over else state.handing)


def _check_said(edge: Edge, state: Running) -> None:
    after, effects = edge.result
    until_ms = edge.at_ms + HAND_OVER_MS
    if isinstance(edge.event, HandOverAsked):
        never = edge.policy.card_must_stay or state.out_of_order
        asked = replace(state, handing=Handing(until_ms))
        assert edge.result == ((state, ()) if never else (asked, (Warn("hand_over"),)))
        return
    confirmed = live(state, edge.at_ms, False)
    handing = Handing(until_ms, confirmed=True) if confirmed else None
    assert after == replace(state, active_ms=edge.at_ms, warned=False, handing=handing)
    assert effects == (Warn("hand_over_now" if confirmed else "kept"),)


def refused(edge: Edge, tap: Tapped) -> DenialReason:
    """Why another member's granted tap does not get the machine that somebody uses."""
    offered = live(edge.state, edge.at_ms, True)
    return DenialReason.PROOF_MISSING if offered and not tap.proven else DenialReason.IN_USE


def handed(edge: Edge) -> bool:
    return isinstance(edge.state, Running | Holding) and may_take(edge)
