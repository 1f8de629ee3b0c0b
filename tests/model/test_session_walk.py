"""floor.session.step, walked exhaustively: no reachable state, event and policy breaks a rule."""

import pytest
from session_rules import check
from session_walk import kinds, policies

from floor.policy import MachinePolicy, OnLeave
from floor.session import Free, Holding, LockedOut, Running, RunOn
from floor.session_proof import Proving


@pytest.mark.parametrize("kind", kinds())
def test_every_state_of_a_known_kind_of_machine_keeps_the_rules(kind: str) -> None:
    assert {Free, Proving, Running, LockedOut} <= check(kinds()[kind])


@pytest.mark.parametrize("on_leave", OnLeave)
@pytest.mark.parametrize("run_on_s", [0, 20])
def test_every_state_of_every_policy_keeps_the_rules(on_leave: OnLeave, run_on_s: int) -> None:
    chosen: list[MachinePolicy] = [p for p in policies() if (p.on_leave, p.run_on_s) == (on_leave, run_on_s)]
    assert len(chosen) == 24
    for policy in chosen:
        expected = {Free, Proving, Running, LockedOut}
        expected |= {Holding} if on_leave is OnLeave.HOLD_FOR_JOB else set()
        expected |= {RunOn} if run_on_s else set()
        assert check(policy) == expected
