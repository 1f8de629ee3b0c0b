"""Cost files and suppliers' invoices: what is refused, what is the same twice, what a file brings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from booking_api.costing import importing, invoices, versions
from booking_api.costing.invoices import InvoiceDetails, InvoiceLine
from floor.costing import CostKind
from floor.errors import ConfigError, Refused
from tests.kit.months import Space, begin_of, cost_file, end_of, make_space

AT_MS = begin_of("2027-01") + 5
M = 1_000_000
HEADER = "date,supplier,number,pool,kind,amount,tax,memo\n"


@pytest.fixture
def space(url: str, tmp_path: Path) -> Iterator[Space]:
    made = make_space(url, tmp_path)
    made.costs(cost_file())
    yield made
    made.db.close()


def details(amount: int = 50 * M, number: str = "7", kind: CostKind = CostKind.UPKEEP) -> InvoiceDetails:
    line = InvoiceLine(pool="laser", kind=kind, amount_micro=amount)
    return InvoiceDetails(supplier="Acme", number=number, dated_ms=AT_MS, lines=(line,), tax_micro=9_500_000)


def enter(space: Space, one: InvoiceDetails) -> str:
    with space.db.write() as session:
        return invoices.enter(session, one, "ada", AT_MS).id


def test_an_invoice_is_owed_and_then_paid(space: Space) -> None:
    id = enter(space, details())
    assert space.balances() == {
        "expense:pool:laser:upkeep": 50 * M,
        "liabilities:tax": 9_500_000,
        "liabilities:payable": -59_500_000,
    }
    with space.db.write() as session:
        assert invoices.pay(session, id, "bank", "ada", AT_MS).paid
    assert space.balances()["assets:bank"] == -59_500_000
    assert "liabilities:payable" not in space.balances()
    with space.db.write() as session, pytest.raises(Refused, match="paid or reversed"):
        invoices.pay(session, id, "bank", "ada", AT_MS)
    with space.db.write() as session, pytest.raises(Refused, match="paid or reversed"):
        invoices.reverse(session, id, "wrong", "ada", AT_MS)


def test_the_same_invoice_twice_is_the_same_and_another_of_its_number_is_refused(space: Space) -> None:
    assert enter(space, details()) == enter(space, details().model_copy(update={"supplier": "ACME"}))
    assert space.entries() == 1
    with pytest.raises(Refused, match="with other figures"):
        enter(space, details(amount=51 * M))


def test_a_reversed_invoice_may_be_entered_again(space: Space) -> None:
    first = enter(space, details())
    with space.db.write() as session:
        assert invoices.reverse(session, first, "another site's", "ben", AT_MS).reversed
    assert space.balances() == {}
    again = enter(space, details(amount=51 * M))
    assert again != first
    assert space.balances()["expense:pool:laser:upkeep"] == 51 * M
    with space.db.read() as session:
        assert {seen.invoice.id: seen.reversed for seen in invoices.listed(session)} == {
            first: True,
            again: False,
        }
        assert invoices.find(session, "acme", "7").invoice.id == again


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (details(kind=CostKind.CAPITAL), "capital of laser comes from plan or meters"),
        (details(kind=CostKind.MANAGEMENT), "is a part of the other costs"),
        (details(amount=0), "An invoice of nothing"),
        (
            details().model_copy(
                update={"lines": (InvoiceLine(pool="mill", kind=CostKind.OTHER, amount_micro=M),)}
            ),
            "mill is no pool of the cost file: laser",
        ),
        (
            details().model_copy(update={"dated_ms": begin_of("2026-12")}),
            "No cost file is in force in 2026-12",
        ),
    ],
)
def test_what_would_be_counted_twice_or_nowhere_is_refused(
    space: Space, one: InvoiceDetails, words: str
) -> None:
    with pytest.raises(Refused, match=words):
        enter(space, one)
    assert space.entries() == 0


def test_a_credit_note_and_an_unplanned_kind_are_booked(space: Space) -> None:
    enter(space, details(amount=-20 * M))
    enter(space, details(number="8", kind=CostKind.STAFF))
    assert space.balances()["expense:pool:laser:upkeep"] == -20 * M
    assert space.balances()["expense:pool:laser:staff"] == 50 * M


GOOD = HEADER + (
    "2027-01-20,Acme,7,laser,upkeep,48.00,9.12,filter\n"
    "2027-01-20,Acme,7,laser,other,2.00,,\n"
    "2027-01-21,Optik,R-1,laser,upkeep,10,,\n"
)


def test_a_file_is_entered_once(space: Space) -> None:
    with space.db.write() as session:
        assert [one.known for one in importing.preview(session, GOOD).found] == [False, False]
        assert len(importing.bring_in(session, GOOD, "ada", AT_MS)) == 2
    assert space.balances()["liabilities:payable"] == -69_120_000
    with space.db.write() as session:
        assert [one.known for one in importing.preview(session, GOOD).found] == [True, True]
        assert importing.bring_in(session, GOOD, "ada", AT_MS) == []
    assert space.entries() == 2


def test_a_file_of_a_spreadsheet_with_decimal_commas_is_read(space: Space) -> None:
    text = "\ufeffDate;Supplier;Number;Pool;Kind;Amount\n2027-01-20;Acme;7;laser;upkeep;1.048,50\n\n"
    with space.db.read() as session:
        (one,) = importing.preview(session, text).found
    assert one.details.total_micro == 1_048_500_000


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (
            "2027-13-20,Acme,7,laser,upkeep,1,,\n",
            "line 2: '2027-13-20' is no date; write it like 2026-10-31.",
        ),
        ("2027-01-20,Acme,7,laser,upkeep,abc,,\n", "line 2: 'abc' is not an amount"),
        ("2027-01-20,Acme,7,laser,fun,1,,\n", "line 2: 'fun' is no kind of cost: capital, upkeep"),
        ("2027-01-20,Acme,7,mill,upkeep,1,,\n", "line 2: mill is no pool"),
        ("2027-01-20,,7,laser,upkeep,1,,\n", "line 2: supplier: "),
        ("2027-01-20,Acme,7,laser,upkeep,1,,\n" * 2, "line 3 repeats line 2"),
        ("2027-01-20,A,7,laser,upkeep,1,,\n2027-01-21,A,7,laser,upkeep,1,,\n", "another date in line 2"),
        ('2027-01-20,"Acme,7\n', "is not CSV"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_nothing_is_imported(
    space: Space, rows: str, problem: str
) -> None:
    text = HEADER + rows + "2027-01-22,Fine,1,laser,upkeep,1,,\n"
    with space.db.write() as session:
        assert problem in " ".join(importing.preview(session, text).problems)
        with pytest.raises(Refused, match="Nothing was imported"):
            importing.bring_in(session, text, "ada", AT_MS)
    assert space.entries() == 0


def test_a_file_without_its_columns_says_which(space: Space) -> None:
    with space.db.read() as session:
        (problem,) = importing.preview(session, "date,supplier\n").problems
    assert problem.startswith("line 1 lacks number, pool, kind, amount. Write the header date,supplier,")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('valid_from = "2027-01"', "", "valid_from: is missing"),
        ('valid_from = "2027-01"', 'valid_from = "May"', "valid_from: is 'May', which is no month"),
        ('machines = ["laser-1", "laser-2"]', "", "pools[1].machines: are missing"),
        ('"laser-2"', '"laser-9"', "pools[1].machines: name 'laser-9', which is no machine here"),
        ('"laser-2"', '"laser-1"', "pools[1].machines: names something twice"),
        ('goes = "refunded"', 'goes = "refunded"\nsettled = "week"', "surplus.settled: is 'week'"),
        (
            "amount = 60",
            'amount = 60\nactual = "metered"',
            "pools[1].upkeep[1].actual: is metered, but nothing",
        ),
        ("amount = 60", 'amount = 60\nactual = "guessed"', "pools[1].upkeep[1].actual: is 'guessed'"),
        ('id = "laser"', 'id = "Laser 1"', "pools[1].id: is 'Laser 1'"),
        (
            "[[pools]]",
            '[funds.gone]\nbudget = 1\n[[pools]]\nsubsidies = [{ fund = "gone", amount = 1 }]',
            "pools[1].subsidies[1].fund: is 'gone', which is no fund in the books",
        ),
    ],
)
def test_a_cost_file_that_cannot_close_months_names_the_key(
    space: Space, old: str, new: str, key: str
) -> None:
    text = cost_file().replace('settled = "month"\n', "").replace(old, new, 1)
    with space.db.write() as session, pytest.raises(ConfigError) as caught:
        versions.add(session, text, "ada", 0, "costs.toml")
    assert f": {key}" in str(caught.value)
    assert str(caught.value).startswith("costs.toml:")


def test_a_machine_belongs_to_one_pool(space: Space) -> None:
    second = cost_file().split("[[pools]]", 1)[1].replace('"laser"', '"other"').replace('"laser-1", ', "")
    with pytest.raises(
        ConfigError, match=r"pools\[2\]\.machines: name 'laser-2', which is a machine of 'laser'"
    ):
        space.costs(f"{cost_file()}[[pools]]{second}")


def test_the_last_version_of_a_month_counts_and_closed_months_keep_theirs(space: Space) -> None:
    assert space.costs(cost_file()) == 1
    assert space.costs(cost_file().replace("price = 1440", "price = 2880")) == 2
    assert space.close("2027-01").statement.pools[0].cost_micro == 24 * M
    with pytest.raises(Refused, match="2027-01 is closed"):
        space.costs(cost_file().replace("price = 1440", "price = 720"))
    assert space.costs(cost_file().replace("2027-01", "2027-03").replace("1440", "720")) == 3
    assert [space.close(month).statement.costs for month in ("2027-02", "2027-03")] == [2, 3]
    assert end_of("2027-03") == begin_of("2027-04")
