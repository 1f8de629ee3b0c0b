"""A few seeds of the simulated floor; `make campaign` runs many. A failure names the seed that it needs.

That the oracle can fail is held by test_oracle.py, which takes rules out of the product one at a time.
"""

from collections import Counter

import pytest

from tests.simulation.campaign import Lived, live
from tests.simulation.world import Plan

SESSIONS = 30


def contradictions(lived: Lived) -> str:
    again = f"python -m tests.simulation.campaign --first {lived.seed} --seeds 1 --sessions {SESSIONS}"
    return "\n".join([again, *lived.contradictions])


@pytest.mark.parametrize("seed", [3, 10])
def test_whatever_fails_each_session_is_billed_once_and_no_power_is_given_for_nothing(seed: int) -> None:
    lived = live(Plan(seed, SESSIONS))
    assert not lived.contradictions, contradictions(lived)
    assert lived.uses >= SESSIONS
    assert lived.happened["starts"] > 3
    assert lived.happened["messages lost"] > 5


def test_on_a_calm_day_every_session_is_priced() -> None:
    lived = live(Plan(1, 12, faults=False))
    assert not lived.contradictions, contradictions(lived)
    assert lived.sessions == Counter(priced=lived.uses)
    assert lived.happened == {"starts": 1}


def test_many_gateways_share_what_a_member_may_owe() -> None:
    lived = live(Plan(1, 12, faults=False, gateways=3, people=6, limit_micro=500_000))
    assert not lived.contradictions, contradictions(lived)
    assert lived.uses >= 12


def test_a_copied_card_is_told_and_bills_nothing_twice() -> None:
    lived = live(Plan(2, 8, faults=False, twins=1))
    assert not lived.contradictions, contradictions(lived)
    assert lived.sessions == Counter(priced=lived.uses)


def test_a_seed_goes_the_same_way_again() -> None:
    first, second = live(Plan(5, 6)), live(Plan(5, 6))
    assert (first.uses, first.ends, first.happened) == (second.uses, second.ends, second.happened)
