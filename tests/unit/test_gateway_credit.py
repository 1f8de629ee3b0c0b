"""A prepaid member cannot spend a slice twice while the server does not know of the first time."""

from dataclasses import replace

import pytest

from floor.access import MemberStanding
from floor.policy import MachinePolicy
from floor.wire.roster import RosterMachine
from gateway.credit import Credit
from tests.kit.gateway import Bench

PREPAID = MemberStanding("ada", "Ada", "standard", "ada", spendable_micro=2_000_000, allowed={"laser": 0})


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path)
    made.roster.take(made.server.delta(1, 2, members={"ada": PREPAID}))
    yield made
    made.journal.close()


async def spend(bench: Bench, seconds: int) -> None:
    await bench.tap()
    await bench.pass_s(seconds)
    await bench.tap()


async def test_what_was_spent_offline_comes_off_the_slice(bench):
    await spend(bench, 90)
    await bench.tap()
    lease = bench.station.state.lease
    assert lease.limit_micro == 500_000


async def test_a_slice_that_is_spent_refuses_until_a_roster_knows_of_it(bench):
    await spend(bench, 120)
    await bench.tap()
    assert bench.said == "No credit left. Top up to go on."
    bench.credit.roster_came(1, bench.journal.next_seq, all_known=False)
    await bench.tap()
    assert bench.relay.is_on


async def test_an_open_session_holds_its_whole_limit(bench):
    await bench.tap()
    assert bench.credit.left(PREPAID).spendable_micro == 0


async def test_a_restart_does_not_forget(bench):
    await spend(bench, 60)
    await bench.facts()
    again = Credit()
    again.recall(bench.journal.epoch, await bench.entries())
    assert again.left(PREPAID).spendable_micro == 0


async def test_a_roster_that_cannot_know_of_the_start_lets_nothing_go(bench):
    await spend(bench, 90)
    bench.credit.roster_came(1, 0, all_known=False)
    assert bench.credit.left(PREPAID).spendable_micro == 500_000


def test_unlimited_members_are_left_alone():
    member = MemberStanding("ben", "Ben", "standard", "ben")
    assert Credit().left(member) is member


async def test_what_costs_nothing_takes_no_credit(bench):
    door = RosterMachine(id="laser", name="Door", policy=MachinePolicy(), tariffs=[])
    empty = replace(PREPAID, spendable_micro=0)
    bench.roster.take(bench.server.delta(2, 3, members={"ada": empty}, machines=[door]))
    await bench.tap()
    assert bench.station.state.lease.limit_micro is None
    assert bench.credit.left(PREPAID).spendable_micro == 2_000_000
