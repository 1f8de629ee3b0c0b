"""How far one session can pass its limit by what the policy says: the table of docs/accounts.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from floor import session
from floor.access import Granted, Lease
from floor.policy import MachinePolicy, OnCreditSpent
from floor.session import BusyChanged, CreditSpent, EndSession, Free, Running, State, Tapped, Ticked, Warn
from floor.words import StopType

PER_S = 8_333
LIMIT = 1_000_000
MAX_S = 600
JOB_ENDS_S = 300
PAGE = Path(__file__).resolve().parents[2] / "docs" / "accounts.md"


def run(on_credit_spent: OnCreditSpent) -> tuple[int, StopType, int]:
    """Use a machine that is busy until JOB_ENDS_S, and stay; return price, stop type and warnings."""
    policy = MachinePolicy(on_credit_spent=on_credit_spent, max_duration_s=MAX_S)
    lease = Lease("s", "laser", "ada", "ada", "b", "member", "Ada", 0, MAX_S, LIMIT)
    state: State = Free()
    state, _ = session.step(state, Tapped(Granted(lease), "ada", 0), policy)
    state, _ = session.step(state, BusyChanged(True, 0), policy)
    warnings = 0
    for at_s in range(1, MAX_S + 2):
        at_ms, price = at_s * 1000, at_s * PER_S
        events: list[session.Event] = [BusyChanged(False, at_ms)] if at_s == JOB_ENDS_S else []
        events += [CreditSpent(at_ms)] if price >= LIMIT else []
        for event in (*events, Ticked(at_ms)):
            state, effects = session.step(state, event, policy)
            warnings += sum(isinstance(effect, Warn) for effect in effects)
            for effect in effects:
                if isinstance(effect, EndSession):
                    return price, effect.stop_type, warnings
        assert isinstance(state, Running)
    raise AssertionError("it never ends")


@pytest.mark.parametrize(
    ("policy", "stop", "longest_s", "warnings"),
    [
        (OnCreditSpent.STOP_AT_ONCE, StopType.CREDIT_SPENT, LIMIT // PER_S + 1, 0),
        (OnCreditSpent.STOP_WHEN_IDLE, StopType.CREDIT_SPENT, JOB_ENDS_S, 1),
        (OnCreditSpent.FINISH_AND_OWE, StopType.MAX_DURATION, MAX_S, 1),
    ],
)
def test_a_session_passes_its_limit_by_no_more_than_its_policy_lets_it(
    policy: OnCreditSpent, stop: StopType, longest_s: int, warnings: int
) -> None:
    price, stopped, warned = run(policy)
    assert (stopped, warned) == (stop, warnings)
    assert price == longest_s * PER_S


def test_at_once_means_within_the_price_of_a_second() -> None:
    price, _, _ = run(OnCreditSpent.STOP_AT_ONCE)
    assert price - LIMIT < PER_S


def test_every_policy_stands_on_the_page() -> None:
    text = PAGE.read_text()
    assert all(f"`{policy}`" in text for policy in OnCreditSpent)
