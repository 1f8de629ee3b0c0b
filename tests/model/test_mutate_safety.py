"""Every safety rule is held by a test: without it, the walk or the table of denials fails."""

import pytest
from mutate_safety import MUTATIONS, survivors


def test_each_rule_is_taken_out_once() -> None:
    assert len({mutation.rule for mutation in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.timeout(300)
def test_of_every_twenty_fourth_mutant_none_survives() -> None:
    assert list(survivors(MUTATIONS[::24])) == []
