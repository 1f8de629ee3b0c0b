"""floor.session.step, walked exhaustively: no reachable state, event and policy breaks a rule."""

import pytest
from every_policy import half, hold
from session_rules import HANDED, check
from session_walk import kinds, policies

from floor.policy import OnLeave
from floor.session import Free, LockedOut, Proving, Running


@pytest.mark.parametrize("kind", kinds())
def test_every_state_of_a_known_kind_of_machine_keeps_the_rules(kind: str) -> None:
    assert {Free, Proving, Running, LockedOut} <= check(kinds()[kind], handing=HANDED[kind])


def test_half_of_the_policies_have_each_five_choices() -> None:
    assert (len(policies()), len(half())) == (104, 56)


@pytest.mark.parametrize("on_leave", OnLeave)
@pytest.mark.parametrize("run_on_s", [0, 20])
def test_every_state_of_these_policies_keeps_the_rules(on_leave: OnLeave, run_on_s: int) -> None:
    chosen = [one for one in half() if (one.on_leave, one.run_on_s) == (on_leave, run_on_s)]
    assert len(chosen) == 14
    for policy in chosen:
        hold(policy)
