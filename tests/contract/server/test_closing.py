"""Months are closed, opened again, and closed again: to the micro-unit, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from booking_api.costing import invoices
from booking_api.costing.invoices import InvoiceDetails, InvoiceLine
from booking_api.costing.models import Reopening
from booking_api.ledger import service as ledger
from booking_api.ledger.models import LedgerEntry
from booking_api.periods.models import Period
from booking_api.sessions.models import MachineSession, SessionState
from floor.costing import CostKind
from floor.errors import Refused
from floor.ledger import Entry, EntryKind, Posting
from tests.kit.months import EUR, Space, Use, after, begin_of, cost_file, end_of, make_space, session_row

MONTH = "2027-01"
AT_MS = begin_of(MONTH) + 86_400_000
M = 1_000_000


@pytest.fixture
def space(url: str, tmp_path: Path) -> Iterator[Space]:
    made = make_space(url, tmp_path)
    yield made
    made.db.close()


def invoice(space: Space, amount: int, at_ms: int = AT_MS, number: str = "1", tax: int = 0) -> str:
    line = InvoiceLine(pool="laser", kind=CostKind.UPKEEP, amount_micro=amount)
    details = InvoiceDetails(supplier="Acme", number=number, dated_ms=at_ms, lines=(line,), tax_micro=tax)
    with space.db.write() as session:
        return invoices.enter(session, details, "ada", at_ms).id


def used(space: Space) -> None:
    """Ann's 20.00 are paid half by the dues; Bob pays 10.00 and tax on another laser; no pool has the saw."""
    space.use(AT_MS, Use("ann", 10 * M, "dues", 10 * M))
    space.use(AT_MS + 1, Use("bob", 11_900_000, tax=1_900_000, machine="laser-2", used_ms=1_800_000))
    space.use(AT_MS + 2, Use("cem", 3 * M, machine="saw-1"))


def test_a_surplus_goes_back_to_who_paid_and_the_books_are_clean(space: Space) -> None:
    space.costs(cost_file())
    used(space)
    invoice(space, 4 * M)
    before = space.preview(MONTH)
    done = space.close(MONTH)
    assert done.posted
    assert done.statement == before
    (pool,) = done.statement.pools
    assert (pool.units, pool.expected, pool.kwh) == ("3/2", "10", None)
    assert {(line.kind, line.amount_micro) for line in pool.costs} == {
        (CostKind.CAPITAL, 12 * M),
        (CostKind.UPKEEP, 4 * M),
    }
    assert pool.machines == {"laser-1": 20 * M, "laser-2": 10 * M}
    assert (pool.members_micro, pool.funds, pool.others) == (
        21_900_000,
        {"assets:fund:dues": 10 * M},
        {"liabilities:tax": -1_900_000},
    )
    assert (pool.recovered_micro, pool.balance_micro, pool.carried_out_micro) == (30 * M, 14 * M, 0)
    assert {one.account: one.rebate_micro for one in pool.rebates} == {
        "assets:fund:dues": 4_390_000,
        "assets:member:ann": 4_390_000,
        "assets:member:bob": 5_220_000,
    }
    assert done.statement.outside == {"saw-1": 3 * M}
    assert space.balances() == {
        "assets:member:ann": 10 * M - 4_390_000,
        "assets:member:bob": 11_900_000 - 5_220_000,
        "assets:member:cem": 3 * M,
        "assets:fund:dues": 10 * M - 4_390_000,
        "income:machine:saw-1": -3 * M,
        "liabilities:tax": -1_900_000,
        "liabilities:payable": -4 * M,
        "equity:imputed:laser:capital": -12 * M,
    }


def test_closing_again_changes_nothing_and_says_the_same(space: Space) -> None:
    space.costs(cost_file())
    used(space)
    first = space.close(MONTH)
    entries, balances = space.entries(), space.balances()
    again = space.close(MONTH, end_of(MONTH) + 99)
    assert not again.posted
    assert (again.statement, again.closed_ms, again.closed_by) == (first.statement, end_of(MONTH) + 1, "ada")
    assert space.preview(MONTH) == first.statement
    assert (space.entries(), space.balances()) == (entries, balances)


def test_a_deficit_is_carried_month_by_month(space: Space) -> None:
    space.costs(cost_file(goes="rate"))
    space.use(AT_MS, Use("ann", 5 * M))
    assert space.close(MONTH).statement.pools[0].carried_out_micro == 7 * M
    assert space.balances()["equity:carried:laser"] == 7 * M
    space.use(end_of(MONTH), Use("ann", 30 * M))
    (pool,) = space.close(after(MONTH)).statement.pools
    assert (pool.carried_in_micro, pool.month_micro, pool.carried_out_micro) == (7 * M, 18 * M, -11 * M)
    assert space.balances()["equity:carried:laser"] == -11 * M


def test_what_the_year_before_left_opens_the_books_once(space: Space) -> None:
    text = cost_file(goes="rate").replace('unit = "h"', 'unit = "h"\ndeficit = 100')
    space.costs(text)
    assert space.close(MONTH).statement.pools[0].carried_out_micro == 112 * M
    assert space.balances()["equity:opening"] == -100 * M
    assert space.close(after(MONTH)).statement.pools[0].carried_in_micro == 112 * M
    assert space.balances()["equity:opening"] == -100 * M


def test_what_funds_pay_whatever_is_used_ends_with_their_budget(space: Space) -> None:
    fund = "[funds.small]\nbudget = 180\n"
    subsidy = '[[pools.subsidies]]\nfund = "small"\namount = 180\n'
    space.costs(cost_file(goes="rate", extra=fund) + subsidy)
    (pool,) = space.close(MONTH).statement.pools
    (one,) = pool.standing
    assert (one.asked_micro, one.pays_micro, pool.recovered_micro) == (15 * M, 15 * M, 15 * M)
    assert space.balances()["assets:fund:small"] == 15 * M
    (one,) = space.close(after(MONTH)).statement.pools[0].standing
    assert (one.asked_micro, one.pays_micro) == (15 * M, 5 * M)  # its budget is 20
    space.reopen(after(MONTH))
    assert space.close(after(MONTH)).statement.pools[0].standing[0].pays_micro == 5 * M
    assert space.close("2027-03").statement.pools[0].standing[0].pays_micro == 0


def test_a_month_is_opened_again_only_with_a_reason_and_closes_to_the_same(space: Space) -> None:
    space.costs(cost_file())
    used(space)
    before = space.balances()
    first = space.close(MONTH)
    with pytest.raises(Refused, match="Say why"):
        space.reopen(MONTH, " ")
    space.reopen(MONTH)
    assert space.balances() == before
    with space.db.read() as session:
        assert session.get(Period, MONTH) is None
        kept = session.get(Reopening, (MONTH, 1))
        assert kept is not None
        assert (kept.author, kept.reason) == ("ben", "an invoice came late")
        undone = session.exec(select(LedgerEntry).where(LedgerEntry.kind == EntryKind.REVERSAL)).all()
        posted = session.exec(select(LedgerEntry).where(col(LedgerEntry.source).startswith("close:"))).all()
    assert {one.reverses for one in undone} == {one.id for one in posted}
    assert {(one.author, one.memo) for one in undone} == {("ben", "an invoice came late")}
    assert space.close(MONTH).statement == first.statement
    space.reopen(MONTH)
    invoice(space, 14 * M)
    (pool,) = space.close(MONTH).statement.pools
    assert (pool.cost_micro, pool.rebated_micro) == (26 * M, 4 * M)
    assert space.postings_sum() == 0


def test_only_the_latest_closed_month_is_opened_again(space: Space) -> None:
    space.costs(cost_file())
    used(space)
    with pytest.raises(Refused, match="No month is closed"):
        space.reopen(MONTH)
    space.close(MONTH)
    space.close(after(MONTH))
    with pytest.raises(Refused, match=f"The latest closed month is {after(MONTH)}"):
        space.reopen(MONTH)


def test_a_month_that_cannot_be_closed_says_why(space: Space) -> None:
    space.costs(cost_file())
    used(space)
    with pytest.raises(Refused, match="not over yet"):
        space.close(MONTH, end_of(MONTH) - 1)
    with pytest.raises(Refused, match=f"{MONTH} is not closed yet"):
        space.close(after(MONTH))
    with pytest.raises(Refused, match="is not a month"):
        space.close("2027-13", end_of(MONTH))
    space.close(MONTH)
    with pytest.raises(Refused, match="a later month is closed"):
        space.close("2026-12")
    with pytest.raises(Refused, match="2027-02 is not closed yet"):
        space.close("2027-03")


def test_sessions_that_run_or_wait_hold_a_close_up(space: Space) -> None:
    space.costs(cost_file())
    with space.db.write() as session:
        row = session_row("s", Use("ann", 0), AT_MS)
        row.state = SessionState.OPEN
        session.add(row)
    with pytest.raises(Refused, match="1 sessions that began in 2027-01 or before have not ended"):
        space.close(MONTH, accept=True)
    with space.db.write() as session:
        row = session.exec(select(MachineSession)).one()
        row.state = SessionState.EXCEPTION
        session.add(row)
    with pytest.raises(Refused, match="1 sessions wait for an operator"):
        space.close(MONTH)
    done = space.close(MONTH, accept=True)
    assert (done.statement.accepted, done.statement.sessions) == (1, 0)


def test_nothing_occurs_in_a_closed_month_and_what_is_late_counts_in_the_open_one(space: Space) -> None:
    space.costs(cost_file(goes="rate"))
    space.close(MONTH)
    late = Entry(
        "late",
        EntryKind.CHARGE,
        "late",
        AT_MS,
        AT_MS,
        (Posting("assets:member:ann", "EUR", M), Posting("income:machine:laser-1", "EUR", -M)),
    )
    with space.db.write() as session, pytest.raises(Refused, match="2027-01 is closed"):
        ledger.post(session, [late])
    id = invoice(space, 5 * M)
    with space.db.read() as session:
        entry = session.get(LedgerEntry, invoices.get(session, id).invoice.entry)
        assert entry is not None
        assert (entry.occurred_ms, entry.memo) == (end_of(MONTH), "Acme 1 of 2027-01")
    assert space.close(after(MONTH)).statement.pools[0].cost_micro == 17 * M


def test_a_year_s_surplus_goes_back_in_december_by_what_was_paid_in_the_year(space: Space) -> None:
    space.costs(cost_file(settled="year"))
    month = MONTH
    for number in range(1, 13):
        space.use(begin_of(month) + 5, Use("ann" if number < 7 else "bob", (20 if number < 7 else 10) * M))
        (pool,) = space.close(month).statement.pools
        if number < 12:
            assert (pool.rebated_micro, pool.refunds_now) == (0, False)
        month = after(month)
    assert pool.carried_in_micro == -38 * M  # 6 × 8 − 5 × 2
    assert {one.account: one.rebate_micro for one in pool.rebates} == {
        "assets:member:ann": 24 * M,
        "assets:member:bob": 12 * M,
    }
    assert pool.carried_out_micro == 0


def test_a_surplus_above_the_ceiling_is_said_and_given_back_where_the_file_says_so(space: Space) -> None:
    ceiling = 'ceiling = "1/6"'  # of 144 + 60 = 204.00 a year
    space.costs(cost_file(goes="rate", extra=ceiling))
    space.use(AT_MS, Use("ann", 66 * M))
    (pool,) = space.close(MONTH).statement.pools
    assert (pool.ceiling_micro, pool.above_ceiling_micro, pool.rebated_micro) == (34 * M, 20 * M, 0)
    space.reopen(MONTH)
    space.costs(cost_file(goes="excess_refunded", extra=ceiling))
    (pool,) = space.close(MONTH).statement.pools
    assert (pool.rebated_micro, pool.carried_out_micro, pool.above_ceiling_micro) == (20 * M, -34 * M, 0)


def test_metered_energy_is_what_the_machines_used(space: Space) -> None:
    energy = '[[pools.energy]]\nname = "power"\nkwh = 3\nover = 2\nprice = 0.40\n'
    space.costs(cost_file(goes="rate") + energy)
    space.use(AT_MS, Use("ann", M), Use("bob", M, machine="laser-2", energy_mwh=2_500_000))
    (pool,) = space.close(MONTH).statement.pools
    line = next(line for line in pool.costs if line.kind is CostKind.ENERGY)
    assert (pool.kwh, line.how, line.amount_micro) == ("5/2", "2.5 kWh × 0.4", M)
    space.use(end_of(MONTH), Use("ann", M))
    (pool,) = space.close(after(MONTH)).statement.pools
    line = next(line for line in pool.costs if line.kind is CostKind.ENERGY)
    assert (pool.kwh, line.how, line.amount_micro) == (None, "3 / 2 × 0.4 × 1", 600_000)


def test_a_space_without_a_cost_file_closes_too(space: Space) -> None:
    used(space)
    done = space.close(MONTH)
    assert (done.statement.costs, done.statement.pools, done.statement.commodity) == (None, (), EUR.code)
    assert done.statement.outside == {"laser-1": 20 * M, "laser-2": 10 * M, "saw-1": 3 * M}


@pytest.mark.parametrize("table", ["cost_version", "supplier_invoice", "supplier_cost", "period_reopening"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET {} = {}"])
def test_what_was_entered_cannot_be_changed(space: Space, table: str, change: str) -> None:
    space.costs(cost_file())
    invoice(space, M)
    space.close(MONTH)
    space.reopen(MONTH)
    column = {"supplier_invoice": "memo", "supplier_cost": "n"}.get(table, "n")
    statement = change.format(table, column, column)
    with pytest.raises(DBAPIError, match="never changed"), space.db.write() as session:
        session.connection().execute(text(statement))
