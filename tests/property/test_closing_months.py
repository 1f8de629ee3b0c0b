"""Random months of charges and costs are closed: nothing is lost, a dry run is the run, an undo is whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from booking_api import doctor
from booking_api.costing import invoices
from booking_api.costing.invoices import InvoiceDetails, InvoiceLine
from booking_api.periods.statement import PoolStated
from floor.costing import CostKind
from tests.kit.engine import url_in
from tests.kit.months import Space, Use, after, begin_of, cost_file, make_space

MONTH = "2027-01"
BEGIN_MS, MINUTE_MS = begin_of(MONTH), 60_000
QUICK = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each example is a database: shrinking is slow
)
AMOUNT = st.integers(0, 90_000_000)
USES = st.lists(
    st.builds(
        Use,
        account=st.sampled_from(["ann", "bob", "cem"]),
        own=AMOUNT,
        fund=st.sampled_from(["dues", "city"]),
        fund_pays=AMOUNT,
        tax=st.integers(0, 1_000_000),
        rounding=st.integers(-5_000, 5_000),
        machine=st.sampled_from(["laser-1", "laser-2", "printer-1"]),
        used_ms=st.integers(0, 40_000_000),
        energy_mwh=st.none() | st.integers(0, 9_000_000),
    ),
    max_size=8,
)
BILLS = st.lists(st.integers(-20_000_000, 60_000_000).filter(bool), max_size=3)
FILES = st.builds(
    cost_file,
    settled=st.sampled_from(["month", "year"]),
    goes=st.sampled_from(["rate", "refunded", "excess_refunded"]),
    extra=st.just('ceiling = "1/10"'),
)


@contextmanager
def fresh() -> Iterator[Space]:
    with tempfile.TemporaryDirectory() as folder:
        space = make_space(url_in(Path(folder)), Path(folder))
        yield space
        space.db.close()


def book(space: Space, month: str, uses: list[Use], bills: list[int]) -> None:
    for n, use in enumerate(uses):
        space.use(begin_of(month) + n * MINUTE_MS, use)
    with space.db.write() as session:
        for n, amount in enumerate(bills):
            line = InvoiceLine(pool="laser", kind=CostKind.UPKEEP, amount_micro=amount)
            details = InvoiceDetails(
                supplier="Acme", number=f"{month}/{n}", dated_ms=begin_of(month), lines=(line,)
            )
            invoices.enter(session, details, "ada", begin_of(month))


def check(pool: PoolStated, before: dict[str, int], uses: list[Use], bills: list[int]) -> None:
    """Every micro-unit recovered is cost, rebate, or carried; and it is what was used and billed."""
    mine = [use for use in uses if use.machine.startswith("laser")]
    assert pool.recovered_micro == sum(use.earned for use in mine)
    assert pool.cost_micro == 12_000_000 + sum(bills)
    assert pool.carried_in_micro == before.get("equity:carried:laser", 0)
    paid = sum(one.paid_micro for one in pool.payers)
    assert paid + sum(pool.others.values()) == pool.recovered_micro
    assert pool.rebated_micro == sum(one.rebate_micro for one in pool.payers) >= 0
    assert pool.rebated_micro - pool.carried_out_micro == pool.balance_micro
    assert pool.balance_micro == pool.recovered_micro - pool.cost_micro - pool.carried_in_micro


@QUICK
@given(FILES, st.lists(st.tuples(USES, BILLS), min_size=1, max_size=2))
def test_every_month_adds_up_to_the_micro_unit(file: str, months: list[tuple[list[Use], list[int]]]) -> None:
    with fresh() as space:
        space.costs(file)
        month = MONTH
        for uses, bills in months:
            book(space, month, uses, bills)
            before = space.balances()
            stated = space.preview(month)
            assert space.close(month).statement == stated
            check(stated.pools[0], before, uses, bills)
            now = space.balances()
            assert not [name for name in now if name.startswith(("income:machine:laser", "expense:pool"))]
            assert now.get("equity:carried:laser", 0) == stated.pools[0].carried_out_micro
            assert now.get("equity:rebate:laser", 0) == 0
            back = {one.account: one.rebate_micro for one in stated.pools[0].payers}
            for account in ("ann", "bob", "cem"):
                name = f"assets:member:{account}"
                assert before.get(name, 0) - now.get(name, 0) == back.get(name, 0)
            assert space.postings_sum() == sum(now.values()) == 0
            month = after(month)
        assert doctor.examine(space.db) == []


@QUICK
@given(FILES, USES, BILLS, USES)
def test_opened_again_a_month_is_as_before_and_takes_what_came_late(
    file: str, uses: list[Use], bills: list[int], late: list[Use]
) -> None:
    with fresh() as space:
        space.costs(file)
        book(space, MONTH, uses, bills)
        before = space.balances()
        first, closed = space.close(MONTH).statement, space.balances()
        assert not space.close(MONTH).posted
        space.reopen(MONTH)
        assert space.balances() == before
        assert space.close(MONTH).statement == first
        assert space.balances() == closed
        space.reopen(MONTH)
        for n, use in enumerate(late):
            space.use(begin_of(MONTH) + n, use)
        (pool,) = space.close(MONTH).statement.pools
        check(pool, before, uses + late, bills)
        assert space.postings_sum() == 0
