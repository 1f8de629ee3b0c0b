"""What other rooms post on an account is on its invoice: sales, rebates, conversions, each with its tax."""

from __future__ import annotations

from pathlib import Path

import pytest

from booking_api.clock import make_id
from booking_api.documents.models import InvoiceKind
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import CONVERSION, member_account, rebated
from booking_api.payments import items, sales
from booking_api.settings import Settings
from floor.ledger import Entry, EntryKind, Posting
from tests.kit.invoices import issue, issuer, use
from tests.kit.server import NOW_MS, Floor


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return issuer(tmp_path)


def post(floor: Floor, kind: EntryKind, against: str, micro: int, memo: str = "") -> None:
    postings = (Posting(member_account(floor.ada), "EUR", micro), Posting(against, "EUR", -micro))
    id = make_id(NOW_MS)
    with floor.db.write() as session:
        ledger.post(session, [Entry(id, kind, f"test:{id}", NOW_MS, NOW_MS, postings, memo=memo)])


def sell(floor: Floor, settings: Settings) -> str:
    """Sell two and a half sheets of plywood to Ada's account; returns the entry."""
    with floor.db.write() as session:
        details = items.ItemDetails(
            id="plywood",
            name="Plywood",
            name_zh="胶合板",
            unit="sheet",
            price_micro=4_800_000,
            tax_rate="1/5",
        )
        items.put(session, details, "EUR", "desk", NOW_MS)
        basket = sales.Basket("plywood", 2_500, floor.ada, floor.ada)
        return sales.sell(session, basket, settings.currency, "desk", NOW_MS).entry


def test_a_sale_is_listed_with_its_tax(floor: Floor, settings: Settings) -> None:
    sell(floor, settings)
    use(floor, 10)
    (one,) = issue(floor, floor.ada, settings)
    sold = next(item for item in one.items if item.what == "Plywood")
    assert (sold.details, sold.amount_micro, sold.rates) == (("2.5 × €4.80 / sheet",), 12_000_000, ("1/5",))
    assert [(part.rate, part.tax_micro) for part in one.taxes] == [("1/5", 2_000_000), ("0", 0)]
    assert one.total_micro == 15_330_000


def test_a_sale_that_was_cancelled_is_a_credit_note(floor: Floor, settings: Settings) -> None:
    entry = sell(floor, settings)
    (invoice,) = issue(floor, floor.ada, settings)
    with floor.db.write() as session:
        sales.cancel(session, entry, "it was bent", "desk", NOW_MS)
    (note,) = issue(floor, floor.ada, settings)
    assert (note.corrects, note.total_micro, note.tax_micro) == (invoice.number, -12_000_000, -2_000_000)
    assert (note.items[0].what, note.items[0].details) == ("Correction: Plywood", ("it was bent",))


def test_a_rebate_comes_off_or_is_a_credit_note_by_itself(floor: Floor, settings: Settings) -> None:
    use(floor, 30)
    post(floor, EntryKind.REBATE, rebated("lasers"), -1_500_000, "Lasers, 2026-09")
    (one,) = issue(floor, floor.ada, settings)
    assert one.total_micro == 8_500_000
    assert sorted(item.amount_micro for item in one.items) == [-1_500_000, 10_000_000]
    post(floor, EntryKind.REBATE, rebated("lasers"), -500_000, "Lasers, 2026-09")
    (note,) = issue(floor, floor.ada, settings)
    assert (note.kind, note.total_micro, note.corrects) == (InvoiceKind.CREDIT_NOTE, -500_000, "")
    assert (note.items[0].what, note.items[0].details) == ("Rebate", ("Lasers, 2026-09",))


def test_units_that_were_bought_are_listed_and_payments_are_not(floor: Floor, settings: Settings) -> None:
    post(floor, EntryKind.CONVERSION, CONVERSION, 5_000_000, "50 coins")
    post(floor, EntryKind.PAYMENT, "assets:cash", -5_000_000)
    (one,) = issue(floor, floor.ada, settings)
    assert [(item.what, item.details, item.amount_micro) for item in one.items] == [
        ("Conversion", ("50 coins",), 5_000_000)
    ]
    assert (one.total_micro, one.due_micro) == (5_000_000, 0)
