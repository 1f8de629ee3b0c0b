"""Hold the rules over every policy that a machine can have: a part of `make campaign`.

`make test` takes an eighth: of the six choices, the policies in which of the first four, of the last four,
and of the first, third and fifth an even number is the second one. It has each combination of any two of
them. By itself:
python tests/model/every_policy.py
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor

from session_rules import check
from session_walk import policies

from floor.policy import MachinePolicy, OnCreditSpent, OnLeave
from floor.session import Free, Holding, LockedOut, Proving, Running, RunOn, State, Waiting


def eighth() -> list[MachinePolicy]:
    """Return the policies of `make test`: what asks for a supervisor, and of the others every eighth."""
    return [one for one in policies() if one.needs_supervisor or _is_taken(one)]


def _is_taken(one: MachinePolicy) -> bool:
    choices = (
        [*OnLeave].index(one.on_leave),
        int(one.card_must_stay),
        int(one.takeover),
        int(one.idle_after_s > 0),
        int(one.run_on_s > 0),
        [*OnCreditSpent].index(one.on_credit_spent),
    )
    return not (sum(choices[:4]) % 2 or sum(choices[2:]) % 2 or sum(choices[::2]) % 2)


def hold(policy: MachinePolicy) -> None:
    """Walk one policy; it must keep every rule, and reach the states that it can have and no other."""
    usual = (policy.card_must_stay, policy.idle_after_s, policy.on_credit_spent)
    rare = usual == (False, 20, OnCreditSpent.FINISH_AND_OWE)
    expected: set[type[State]] = {Free, Proving, Running, LockedOut}
    # held, and held again
    expected |= {Holding} if rare or policy.on_leave is OnLeave.HOLD_FOR_JOB else set()
    expected |= {RunOn} if policy.run_on_s else set()
    gently = usual == (False, 20, OnCreditSpent.STOP_WHEN_IDLE) and policy.on_leave is OnLeave.OPEN
    handing = gently and policy.takeover and policy.run_on_s == 20
    expected |= {Waiting} if policy.needs_supervisor or handing else set()
    assert check(policy, rare=rare, handing=handing) == expected, policy


if __name__ == "__main__":
    with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
        print(f"{len(list(pool.map(hold, policies())))} policies keep every rule")
