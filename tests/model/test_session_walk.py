"""floor.session.step, walked exhaustively: no reachable state, event and policy breaks a rule."""

from itertools import combinations

import pytest
from every_policy import eighth, hold
from session_rules import HANDED, check
from session_walk import kinds, policies

from floor.policy import MachinePolicy, OnLeave
from floor.session import Free, LockedOut, Proving, Running


@pytest.mark.parametrize("kind", kinds())
def test_every_state_of_a_known_kind_of_machine_keeps_the_rules(kind: str) -> None:
    assert {Free, Proving, Running, LockedOut} <= check(kinds()[kind], handing=HANDED[kind])


def test_an_eighth_of_the_policies_has_each_two_choices() -> None:
    def choices(one: MachinePolicy) -> tuple[object, ...]:
        return (
            one.on_leave,
            one.card_must_stay,
            one.takeover,
            one.idle_after_s,
            one.run_on_s,
            one.on_credit_spent,
        )

    def pairs(some: list[MachinePolicy]) -> set[tuple[tuple[int, object], ...]]:
        return {two for one in some for two in combinations(enumerate(choices(one)), 2)}

    assert (len(policies()), len(eighth())) == (104, 20)
    assert pairs(eighth()) == pairs(policies())


@pytest.mark.parametrize("on_leave", OnLeave)
@pytest.mark.parametrize("run_on_s", [0, 20])
def test_every_state_of_these_policies_keeps_the_rules(on_leave: OnLeave, run_on_s: int) -> None:
    chosen = [one for one in eighth() if (one.on_leave, one.run_on_s) == (on_leave, run_on_s)]
    assert len(chosen) == 5
    for policy in chosen:
        hold(policy)
