"""The months of docs/cost-sharing.md are booked and closed in a database: each figure, to the cent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from booking_api.costing import invoices
from booking_api.costing.importing import COLUMNS, preview
from booking_api.costing.invoices import InvoiceDetails, InvoiceLine
from booking_api.periods.people import names_in
from booking_api.periods.statement import CloseStated
from booking_api.periods.text import as_text
from floor.costing import Actual, CostKind
from tests.docs.test_cost_sharing_documented import SOURCE, TEXT, micro, rows, worked_out
from tests.kit.engine import url_in
from tests.kit.months import HOUR_MS, Space, Use, begin_of, make_space

PAGE = Path(__file__).resolve().parents[2] / "docs" / "closing.md"
FULL = 6_200_000
RATES = {"guests": FULL, "members": 3_100_000, "students": 2_000_000, "volunteers": 0}
FUNDS = {"guests": "", "members": "dues", "students": "city", "volunteers": "dues"}


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    made = make_space(url_in(tmp_path, "space.db"), tmp_path)
    made.costs(SOURCE)
    yield made
    made.db.close()


def book(space: Space, row: list[str]) -> None:
    """Book a month's use, hour by hour, and its invoice."""
    month, *hours, kwh, bill, _costs, _recovered, _carried = row
    at_ms = begin_of(month) + HOUR_MS
    with space.db.write() as session:
        for who, many in zip(RATES, hours, strict=True):
            fund_pays = FULL - RATES[who]
            for _ in range(int(many)):
                space.book(session, at_ms, Use(who, RATES[who], FUNDS[who], fund_pays))
        # What the meter counted, in a session that nobody paid for.
        space.book(session, at_ms, Use("guests", 0, used_ms=0, energy_mwh=micro(kwh)))
        if micro(bill):
            line = InvoiceLine(pool="laser", kind=CostKind.UPKEEP, amount_micro=micro(bill))
            details = InvoiceDetails(supplier="Acme", number="2027-014", dated_ms=at_ms, lines=(line,))
            details = details.model_copy(update={"number": f"{month}"})
            invoices.enter(session, details, "ada", at_ms)


def closed(space: Space, row: list[str]) -> CloseStated:
    book(space, row)
    return space.close(row[0]).statement


def test_january_by_hand_is_the_statement(space: Space) -> None:
    (pool,) = closed(space, rows("month")[0]).pools
    for name, formula, figure in rows("January"):
        assert round(worked_out(formula), 2) * 1_000_000 == micro(figure), name
    by_hand = [micro(figure) for _, _, figure in rows("January")]
    costs, paid = by_hand[:9], by_hand[10:15]
    assert costs == [line.amount_micro for line in pool.costs]
    assert by_hand[9] == pool.cost_micro
    funds = {name.rpartition(":")[2]: amount for name, amount in pool.funds.items()}
    standing = [one.pays_micro for one in pool.standing]
    assert paid == [pool.members_micro, funds["dues"], funds["city"], *standing]
    assert by_hand[15:] == [pool.recovered_micro, pool.month_micro, pool.carried_out_micro]


def test_the_statement_on_the_page_is_the_program_s(space: Space) -> None:
    stated = closed(space, rows("month")[0])
    with space.db.read() as session:
        said = as_text(stated, names_in(session, stated))
    assert re.findall(r"```text\n(.+?)```", TEXT, re.DOTALL)[1] == said + "\n"


def test_twelve_months_are_the_year_and_december_gives_back_what_the_page_says(space: Space) -> None:
    table = rows("month")
    carried = micro("311.40")
    for row in table:
        (pool,) = closed(space, row).pools
        cost, recovered, carried_on = (micro(cell.replace("−", "-")) for cell in row[-3:])
        assert (pool.cost_micro, pool.recovered_micro) == (cost, recovered), row[0]
        carried += cost - recovered
        assert carried == carried_on == pool.rebated_micro * -1 + pool.carried_out_micro, row[0]
    year = {name: micro(figure) for name, _, figure in rows("close")}
    assert sum(micro(row[-2]) for row in table) == year["recovered"]
    assert sum(micro(row[-3]) for row in table) == year["costs"]
    assert carried == -year["over-recovery"]
    assert pool.carried_out_micro == 0
    names = {"fund:dues": "dues", "fund:city": "city"}
    back = {
        names.get(key := one.account.removeprefix("assets:"), key.removeprefix("member:")): one.rebate_micro
        for one in pool.rebates
    }
    assert back == {row[0]: micro(row[3]) for row in rows("who paid")}
    left = {
        name: amount
        for name, amount in space.balances().items()
        if name.startswith(("income", "equity:carried"))
    }
    assert left == {}


def test_the_import_on_the_page_is_read(space: Space) -> None:
    (example,) = re.findall(r"```csv\n(.+?)```", TEXT, re.DOTALL)
    assert example.splitlines()[0].split(",") == list(COLUMNS)
    with space.db.read() as session:
        seen = preview(session, example)
    assert seen.problems == []
    assert [one.details.total_micro for one in seen.found] == [57_120_000, 12_500_000]


def test_every_word_of_actual_costs_is_on_the_page() -> None:
    assert [word for word in Actual if f"`{word}`" not in TEXT] == []


def test_every_entry_of_a_close_is_explained(space: Space) -> None:
    closed(space, rows("month")[0])
    text = PAGE.read_text()
    for name in ("opening", "costs", "funds", "result", "rebate"):
        assert f":{name}:" in text
    for account in ("income:pool:", "equity:imputed:", "equity:carried:", "equity:rebate:", "expense:pool:"):
        assert f"`{account}" in text
