"""A prepaid member cannot spend a slice twice while the server does not know of the first time."""

from dataclasses import replace

import pytest

from floor.access import AccountStanding, MemberStanding, accounts_of
from floor.policy import MachinePolicy
from floor.wire.journal import HoldRaised
from floor.wire.roster import RosterMachine
from gateway.credit import Credit
from gateway.prices import Prices
from gateway.recovery import recall
from tests.kit.gateway import TARIFF, Bench

PREPAID = MemberStanding("ada", "Ada", "standard", "ada", spendable_micro=2_000_000, allowed={"laser": 0})
(OWN,) = accounts_of(PREPAID)


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


def left(bench: Bench) -> int | None:
    return bench.credit.left(OWN, bench.roster.budgets)


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
    assert left(bench) == 0


async def test_a_limit_holds_where_the_clock_shows_a_time_before_all_prices(bench):
    bench.clock.wall, bench.clock.trusted = 60_000, False
    await bench.tap()
    await bench.pass_s(60)
    assert bench.station.view.price(bench.clock.monotonic).money_micro == 1_000_000
    await bench.pass_s(61)
    assert bench.station.state.spent
    await bench.tap()
    assert left(bench) < 0, "the price is held, not the limit"


async def test_a_restart_does_not_forget(bench):
    await spend(bench, 60)
    await bench.facts()
    again = Credit()
    assert recall(bench.journal, bench.roster, again, Prices(bench.roster)) == []
    assert again.left(OWN, {}) == 1_000_000


async def test_a_restart_while_a_session_runs_holds_its_limit_until_it_is_ended(bench):
    await bench.tap()
    await bench.pass_s(60)
    await bench.facts()
    again = Credit()
    (cut_off,) = recall(bench.journal, bench.roster, again, Prices(bench.roster))
    assert again.left(OWN, {}) == 0
    assert [mark.elapsed_ms for mark in cut_off.marks] == [30_000, 60_000]


async def test_a_roster_that_cannot_know_of_the_start_lets_nothing_go(bench):
    await spend(bench, 90)
    bench.credit.roster_came(1, 0, all_known=False)
    assert left(bench) == 500_000


@pytest.mark.parametrize(("place", "kept"), [((1, 0), 500_000), ((1, 99), 2_000_000), (None, 2_000_000)])
async def test_what_was_acknowledged_after_the_roster_was_written_stays_held(bench, place, kept):
    """The roster was on its way while the acknowledgement overtook it; a restart then changes nothing."""
    await spend(bench, 90)
    await bench.facts()
    bench.journal.acknowledge(bench.journal.next_seq - 1)
    bench.roster.take(bench.server.delta(2, 3, members={"ada": PREPAID}, journal=place))
    bench.credit.roster_came(1, bench.journal.known_to(bench.roster.journal), all_known=False)
    assert left(bench) == kept
    again = Credit()
    recall(bench.journal, bench.roster, again, Prices(bench.roster))
    assert again.left(OWN, {}) == kept


def test_unlimited_members_are_left_alone():
    assert Credit().left(AccountStanding("ben", ""), {}) is None


async def test_what_costs_nothing_takes_no_credit(bench):
    door = RosterMachine(id="laser", name="Door", policy=MachinePolicy(), tariffs=[])
    empty = replace(PREPAID, spendable_micro=0)
    bench.roster.take(bench.server.delta(2, 3, members={"ada": empty}, machines=[door]))
    await bench.tap()
    assert bench.station.state.lease.limit_micro is None
    assert bench.credit.left(OWN, {}) == 2_000_000


async def test_a_budget_that_several_share_is_held_once_for_all_of_them(bench):
    team = MemberStanding(
        "ada", "Ada", "standard", "team", budgets=("team", "team/ada"), allowed={"laser": 0}
    )
    budgets = {"team": 3_000_000, "team/ada": 2_000_000}
    bench.roster.take(bench.server.delta(2, 3, members={"ada": team}, budgets=budgets))
    await bench.tap()
    assert bench.station.state.lease.limit_micro == 2_000_000
    other = AccountStanding("team", "Team", budgets=("team",))
    assert bench.credit.left(other, bench.roster.budgets) == 1_000_000
    await bench.pass_s(60)
    await bench.tap()
    assert bench.credit.left(other, bench.roster.budgets) == 2_000_000


async def test_a_budget_that_the_roster_does_not_have_is_spent(bench):
    team = MemberStanding("ada", "Ada", "standard", "team", budgets=("gone",), allowed={"laser": 0})
    bench.roster.take(bench.server.delta(2, 3, members={"ada": team}))
    await bench.tap()
    assert bench.said == "No credit left. Top up to go on."


def part_at_a_time(bench: Bench, n: int = 3, **standing: object) -> None:
    machine = RosterMachine(
        id="laser", name="Laser", policy=MachinePolicy(hold_micro=400_000), tariffs=[TARIFF]
    )
    member = replace(PREPAID, **standing)  # type: ignore[arg-type]
    bench.roster.take(bench.server.delta(n - 1, n, members={"ada": member}, machines=[machine]))


async def test_a_session_holds_a_part_and_more_as_its_price_grows(bench):
    """The laser costs one EUR a minute: what is held never falls behind, and half of the step stays free."""
    part_at_a_time(bench)
    await bench.tap()
    assert (bench.station.state.lease.limit_micro, left(bench)) == (400_000, 1_600_000)
    for _ in range(110):
        await bench.pass_s(1)
        lease = bench.station.state.lease
        price = bench.station.view.price(bench.clock.monotonic).money_micro
        assert min(price, 2_000_000) <= lease.limit_micro <= 2_000_000
        assert left(bench) + lease.limit_micro == 2_000_000, "held and left are the slice"
    raised = [fact.limit_micro for fact in await bench.facts() if isinstance(fact, HoldRaised)]
    assert raised == sorted(raised)
    assert raised[-1] == 2_000_000
    await bench.pass_s(20)
    assert bench.said == "Your credit is used up; what follows is owed"
    await bench.tap()
    assert left(bench) < 0, "what was used past the limit is held too"


async def test_two_sessions_of_one_member_share_a_slice_a_part_each(bench):
    part_at_a_time(bench)
    await bench.tap()
    assert left(bench) == 1_600_000, "another machine may be used at the same time"


async def test_a_top_up_while_the_session_runs_is_held_and_nothing_stops(bench):
    part_at_a_time(bench, spendable_micro=400_000)
    await bench.tap()
    await bench.pass_s(20)
    bench.credit.roster_came(1, bench.journal.next_seq, all_known=True)
    part_at_a_time(bench, 4, spendable_micro=5_000_000)
    await bench.pass_s(10)
    assert bench.station.state.lease.limit_micro > 500_000
    assert not bench.station.state.spent


async def test_a_raise_that_the_server_does_not_know_stays_held_after_the_start_is_known(bench):
    part_at_a_time(bench)
    await bench.tap()
    start = bench.journal.next_seq - 1
    await bench.pass_s(15)
    limit = bench.station.state.lease.limit_micro
    assert limit > 400_000
    bench.credit.roster_came(1, start, all_known=False)
    assert left(bench) == 2_000_000 - (limit - 400_000)
    await bench.tap()
    price = 250_000
    assert left(bench) == 2_000_000 - max(0, price - 400_000)


async def test_the_parts_are_held_again_after_a_restart(bench):
    part_at_a_time(bench)
    await bench.tap()
    await bench.pass_s(40)
    await bench.facts()
    limit, again = bench.station.state.lease.limit_micro, Credit()
    (cut_off,) = recall(bench.journal, bench.roster, again, Prices(bench.roster))
    assert cut_off.lease.limit_micro == limit
    assert again.left(OWN, {}) == 2_000_000 - limit
