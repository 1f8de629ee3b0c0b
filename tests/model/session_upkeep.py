"""What must hold of warnings, of the run-on of extraction, and of time that passes."""

from __future__ import annotations

from session_handing import speaks
from session_walk import NOW_MS, WAITS, Edge

from floor.access import Granted
from floor.session import (
    CreditSpent,
    Free,
    Holding,
    LockedOut,
    Proving,
    Running,
    RunOn,
    Tapped,
    Ticked,
    Waiting,
    Warn,
    powered,
    step,
)


def check_warnings(edge: Edge) -> None:
    """Warned once of idleness, before it ends the session; once of credit, where the session goes on."""
    codes = [e.code for e in edge.result[1] if isinstance(e, Warn)]
    state, seen, after = edge.state, edge.seen, edge.result[0]
    if speaks(edge):
        return  # see check_handing
    if isinstance(edge.event, CreditSpent) and isinstance(state, Running | Holding):
        assert codes == (["credit"] if not state.spent and powered(after) else [])
    elif isinstance(edge.event, Ticked) and isinstance(state, Running) and powered(after):
        quiet = not seen.job and not seen.busy and edge.policy.idle_after_s
        close = quiet and seen.quiet * 10 + edge.policy.idle_warn_s >= edge.policy.idle_after_s
        assert codes == (["idle"] if close and not state.warned else [])
        assert isinstance(after, Running)
        assert after.warned == (state.warned or bool(close))
    elif isinstance(after, Waiting) and isinstance(edge.event, Tapped):
        mine = after != state or edge.event.member == WAITS.member
        granted = isinstance(edge.event.decision, Granted)
        assert codes == (["supervisor"] if mine and granted else [])
    else:
        assert codes == []


def check_run_on(edge: Edge) -> None:
    """After a session extraction runs on for its time, then goes off."""
    after, state = edge.result[0], edge.state
    if isinstance(state, Running | Holding) and not isinstance(
        after, Running | Holding | LockedOut | Proving
    ):
        run_on_ms = edge.policy.run_on_s * 1000
        assert after == (RunOn(edge.at_ms + run_on_ms) if run_on_ms else Free())
    if isinstance(state, RunOn) and isinstance(edge.event, Ticked):
        assert after == (Free() if edge.at_ms >= state.until_ms else state)


def check_tick(edge: Edge) -> None:
    """A tick does what is due once; time that stands still changes nothing."""
    if isinstance(edge.event, Ticked):
        assert step(edge.result[0], edge.event, edge.policy) == (edge.result[0], ()), "a tick acts twice"
    elif isinstance(edge.event, Tapped) and edge.at_ms == NOW_MS:
        assert step(edge.state, edge.event, edge.policy) == edge.result, "the same step has two results"
