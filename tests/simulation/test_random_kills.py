"""A few random kills of real processes under load; `python -m tests.simulation.kills` does 200."""

import pytest

from tests.simulation.kills import fight

SEED = 3


@pytest.mark.timeout(400)
def test_whoever_is_killed_when_nothing_is_lost_and_nothing_comes_twice() -> None:
    fought, wrong = fight(4, SEED)
    assert not wrong, "\n".join([f"python -m tests.simulation.kills --kills 4 --seed {SEED}", *wrong])
    assert len(fought.deaths) == 4
    assert fought.happened["uses"]
