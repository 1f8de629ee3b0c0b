"""Tallies lie small in a roster, and are what they were."""

import pytest

from floor.access import MemberStanding, Tally
from floor.tallies import Tallies
from floor.wire.roster import Roster
from tests.kit.gateway import make_roster

GIVEN = (Tally("laser", "walk_in", 1, 0), Tally("saw", "late", 5, 1 << 45, 9))


def test_tallies_are_what_was_given() -> None:
    kept = Tallies(GIVEN)
    assert (tuple(kept), len(kept), kept[1], kept[:1]) == (GIVEN, 2, GIVEN[1], GIVEN[:1])
    assert kept == GIVEN
    assert kept != GIVEN[:1]
    assert not Tallies(())
    with pytest.raises(ValueError, match="is none"):
        Tallies([Tally("laser", "use", 1 << 64, 0)])


def test_a_roster_that_was_read_holds_them_and_writes_them_as_they_came() -> None:
    ada = MemberStanding("ada", "Ada", "standard", "ada", counted=GIVEN)
    written = make_roster(members={"ada": ada}).encode()
    read = Roster.decode(written, len(written))
    assert isinstance(read.members["ada"].counted, Tallies)
    assert read.members["ada"].counted == GIVEN
    assert read.encode() == written
