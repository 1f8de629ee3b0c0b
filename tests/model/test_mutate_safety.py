"""Every safety rule is held by a test: without it, the walk or the table of denials fails."""

import pytest
from mutate_safety import MUTATIONS, survivors


@pytest.mark.timeout(300)
def test_no_mutant_survives() -> None:
    assert len({mutation.rule for mutation in MUTATIONS}) == len(MUTATIONS)
    assert list(survivors()) == []
