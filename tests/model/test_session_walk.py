"""floor.session.step, walked exhaustively: no reachable state, event and policy breaks a rule."""

import pytest
from session_rules import HANDED, check
from session_walk import kinds, policies

from floor.policy import MachinePolicy, OnCreditSpent, OnLeave
from floor.session import Free, Holding, LockedOut, Proving, Running, RunOn, Waiting


@pytest.mark.parametrize("kind", kinds())
def test_every_state_of_a_known_kind_of_machine_keeps_the_rules(kind: str) -> None:
    assert {Free, Proving, Running, LockedOut} <= check(kinds()[kind], handing=HANDED[kind])


@pytest.mark.parametrize("on_leave", OnLeave)
@pytest.mark.parametrize("run_on_s", [0, 20])
def test_every_state_of_every_policy_keeps_the_rules(on_leave: OnLeave, run_on_s: int) -> None:
    chosen: list[MachinePolicy] = [p for p in policies() if (p.on_leave, p.run_on_s) == (on_leave, run_on_s)]
    assert len(chosen) == 26
    for policy in chosen:
        usual = (policy.card_must_stay, policy.idle_after_s, policy.on_credit_spent)
        rare = usual == (False, 20, OnCreditSpent.FINISH_AND_OWE)
        expected = {Free, Proving, Running, LockedOut}
        expected |= {Holding} if rare or on_leave is OnLeave.HOLD_FOR_JOB else set()  # held, and held again
        expected |= {RunOn} if run_on_s else set()
        gently = usual == (False, 20, OnCreditSpent.STOP_WHEN_IDLE) and on_leave is OnLeave.OPEN
        handing = gently and policy.takeover and run_on_s == 20
        expected |= {Waiting} if policy.needs_supervisor or handing else set()
        assert check(policy, rare=rare, handing=handing) == expected
