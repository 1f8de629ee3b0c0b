"""The cash desk on both databases: the drawer, money onto accounts and back, units, sales and their stock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from booking_api import doctor
from booking_api.accounts import service as accounts
from booking_api.ledger.models import LedgerEntry
from booking_api.members import service as members
from booking_api.payments import books, desk, drawer, items, sales
from booking_api.payments.books import Means
from booking_api.payments.items import ItemDetails
from booking_api.payments.models import SaleItem
from booking_api.tariffs import service as tariffs
from floor.errors import Refused
from floor.ledger import EntryKind
from floor.money import Commodity
from tests.kit.server import NOW_MS, Floor

EUR = Commodity("EUR")
EURO = 1_000_000
SHEET = ItemDetails(
    id="ply-4", name="Plywood 4 mm", name_zh="胶合板", unit="sheet", price_micro=5_950_000, tax_rate="0.19",
    stock_milli=10_000, minimum_milli=4_000,
)  # fmt: skip
COINS = """
id = "arcade"
name = "Coins"
commodity = "COIN"
valid_from = 2026-01-01
[worth]
amount = 0.10
commodity = "EUR"
[[components]]
per = "machine_time"
unit = "min"
price = 1
"""


@pytest.fixture
def stocked(floor: Floor) -> Floor:
    with floor.db.write() as session:
        items.put(session, SHEET, "EUR", "olga", NOW_MS)
    return floor


def refused(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda error: error.code == code)


def top_up(floor: Floor, euros: int, means: Means = Means.CARD, key: str = "") -> None:
    with floor.db.write() as session:
        desk.top_up(session, floor.ada, euros * EURO, EUR, means, "olga", NOW_MS, key=key)


def test_a_day_at_the_drawer_ends_in_a_difference_that_is_posted_and_explained(stocked: Floor) -> None:
    with stocked.db.write() as session:
        drawer.open_drawer(session, 100 * EURO, "EUR", "olga", NOW_MS)
    top_up(stocked, 20, Means.CASH)
    with stocked.db.write() as session:
        sales.sell(session, sales.Basket("ply-4", 2_000, means=Means.CASH), EUR, "olga", NOW_MS)
        desk.refund(session, stocked.ada, 5 * EURO, EUR, Means.CASH, "olga", NOW_MS)
        drawer.bank_cash(session, 50 * EURO, "olga", NOW_MS)
        found = drawer.contents(session, drawer.needed(session))
    assert found.expected_micro == (100 + 20 - 5 - 50) * EURO + 11_900_000
    assert found.by_kind == {
        EntryKind.PAYMENT: 20 * EURO,
        EntryKind.SALE: 11_900_000,
        EntryKind.REFUND: -5 * EURO,
        EntryKind.TRANSFER: -50 * EURO,
    }
    with pytest.raises(Refused, match="Say why"), stocked.db.write() as session:
        drawer.close_drawer(session, 76_000_000, "", "olga", NOW_MS)
    with stocked.db.write() as session:
        closed = drawer.close_drawer(session, 76_000_000, "a coin rolled away", "olga", NOW_MS)
    assert closed.difference_micro == -900_000
    assert stocked.balances()[("expense:cash_difference", "EUR")] == 900_000
    assert stocked.balances()[("assets:transit", "EUR")] == 50 * EURO
    with refused("drawer_closed"), stocked.db.write() as session:
        desk.top_up(session, stocked.ada, EURO, EUR, Means.CASH, "olga", NOW_MS)


def test_a_drawer_is_open_once(floor: Floor) -> None:
    with floor.db.write() as session:
        drawer.open_drawer(session, 0, "EUR", "olga", NOW_MS)
    with refused("drawer_open"), floor.db.write() as session:
        drawer.open_drawer(session, 0, "EUR", "olga", NOW_MS)


def test_never_more_is_refunded_than_is_in_credit(floor: Floor) -> None:
    top_up(floor, 20)
    with refused("credit_too_small"), floor.db.write() as session:
        desk.refund(session, floor.ada, 20_010_000, EUR, Means.BANK, "olga", NOW_MS)
    with floor.db.write() as session:
        desk.refund(session, floor.ada, 20 * EURO, EUR, Means.BANK, "olga", NOW_MS)
    assert floor.balances() == {
        ("assets:provider:card", "EUR"): 20 * EURO,
        ("assets:transit", "EUR"): -20 * EURO,
    }
    with refused("credit_too_small"), floor.db.write() as session:
        desk.refund(session, floor.ada, 10_000, EUR, Means.BANK, "olga", NOW_MS)


def test_two_who_give_the_same_credit_back_at_once_give_it_once(floor: Floor) -> None:
    top_up(floor, 20)

    def give(_: int) -> bool:
        try:
            with floor.db.write() as session:
                desk.refund(session, floor.ada, 15 * EURO, EUR, Means.CARD, "olga", NOW_MS)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(give, range(4))) == 1
    assert floor.balances()[(f"assets:member:{floor.ada}", "EUR")] == -5 * EURO


def test_the_same_key_posts_once_and_says_who_did_it(floor: Floor) -> None:
    top_up(floor, 20, key="form-1")
    with refused("posted_already"):
        top_up(floor, 20, key="form-1")
    with floor.db.read() as session:
        entry = books.posted(session, "payment:form-1")
        assert entry is not None
        assert entry.author == "olga"


@pytest.mark.parametrize("amount", [0, -EURO, 5, 10**13])
def test_what_is_no_amount_is_refused(floor: Floor, amount: int) -> None:
    with refused("amount_malformed"), floor.db.write() as session:
        desk.top_up(session, floor.ada, amount, EUR, Means.CARD, "olga", NOW_MS)


def test_the_spaces_own_units_are_bought_by_what_the_tariff_says(floor: Floor) -> None:
    with floor.db.write() as session:
        tariffs.add(session, COINS, "test", NOW_MS)
    with floor.db.write() as session:
        desk.buy_units(session, floor.ada, "COIN", 50, EUR, Means.CARD, "olga", NOW_MS)
    assert floor.balances() == {
        ("assets:provider:card", "EUR"): 5 * EURO,
        ("equity:conversion", "EUR"): -5 * EURO,
        ("equity:conversion", "COIN"): 50 * EURO,
        (f"assets:member:{floor.ada}", "COIN"): -50 * EURO,
    }
    with refused("unit_not_sold"), floor.db.write() as session:
        desk.buy_units(session, floor.ada, "TOKEN", 50, EUR, Means.CARD, "olga", NOW_MS)


def test_a_sale_is_net_and_tax_and_takes_from_the_stock(stocked: Floor) -> None:
    with stocked.db.write() as session:
        sale = sales.sell(session, sales.Basket("ply-4", 7_000, stocked.ada), EUR, "olga", NOW_MS + 1)
    assert (sale.total_micro, sale.tax_micro, sale.net_micro) == (41_650_000, 6_650_000, 35_000_000)
    assert stocked.balances() == {
        (f"assets:member:{stocked.ada}", "EUR"): 41_650_000,
        ("income:sale:ply-4", "EUR"): -35_000_000,
        ("liabilities:tax", "EUR"): -6_650_000,
    }
    with stocked.db.read() as session:
        assert [(one.id, one.stock_milli) for one in items.low(session)] == [("ply-4", 3_000)]
        entry = session.get(LedgerEntry, sale.entry)
        assert entry is not None
        assert (entry.kind, entry.memo) == (EntryKind.SALE, "7 sheet Plywood 4 mm")
        assert [one.change_milli for one in items.history(session, "ply-4")] == [-7_000, 10_000]


def test_a_part_of_a_unit_is_rounded_once_and_the_rest_is_posted(floor: Floor) -> None:
    resin = ItemDetails(id="resin", name="Resin", unit="kg", price_micro=9_990_000)
    with floor.db.write() as session:
        items.put(session, resin, "EUR", "olga", NOW_MS)
        sale = sales.sell(session, sales.Basket("resin", 333, floor.ada), EUR, "olga", NOW_MS)
    assert sale.total_micro == 3_330_000
    assert floor.balances()[("income:sale:resin", "EUR")] == -3_326_670
    assert floor.balances()[("income:rounding", "EUR")] == -3_330


def test_a_cancelled_sale_is_reversed_and_the_stock_is_there_again(stocked: Floor) -> None:
    with stocked.db.write() as session:
        sale = sales.sell(session, sales.Basket("ply-4", 2_000, stocked.ada), EUR, "olga", NOW_MS)
    with stocked.db.write() as session:
        sales.cancel(session, sale.entry, "wrong sheet", "olga", NOW_MS)
    assert stocked.balances() == {}
    with stocked.db.read() as session:
        item = session.get(SaleItem, "ply-4")
        assert item is not None
        assert item.stock_milli == 10_000
    with refused("sale_cancelled"), stocked.db.write() as session:
        sales.cancel(session, sale.entry, "again", "olga", NOW_MS)


def test_a_member_buys_within_what_they_may_spend(stocked: Floor) -> None:
    def buy(milli: int) -> None:
        with stocked.db.write() as session:
            member = members.get(session, stocked.ada)
            sales.buy(session, member, stocked.ada, "ply-4", milli, EUR, NOW_MS)

    with stocked.db.write() as session:
        accounts.set_limits(session, stocked.ada, {"credit_limit_micro": 12 * EURO}, NOW_MS)
    buy(2_000)
    with refused("limit_reached"):
        buy(1_000)
    with refused("account_not_theirs"), stocked.db.write() as session:
        member = members.get(session, stocked.ada)
        sales.buy(session, member, stocked.ben, "ply-4", 1_000, EUR, NOW_MS)
    assert stocked.balances()[(f"assets:member:{stocked.ada}", "EUR")] == 11_900_000


def test_what_is_sold_at_the_desk_only_is_not_self_service(stocked: Floor) -> None:
    with stocked.db.write() as session:
        items.change(session, "ply-4", items.ItemChanges(self_service=False))
    with refused("item_at_desk"), stocked.db.write() as session:
        member = members.get(session, stocked.ada)
        sales.buy(session, member, stocked.ada, "ply-4", 1_000, EUR, NOW_MS)


def test_a_price_list_read_again_keeps_what_was_counted(stocked: Floor) -> None:
    with stocked.db.write() as session:
        sales.sell(session, sales.Basket("ply-4", 1_000, stocked.ada), EUR, "olga", NOW_MS)
        item = items.put(session, SHEET.model_copy(update={"price_micro": 7 * EURO}), "EUR", "olga", NOW_MS)
    assert (item.stock_milli, item.price_micro) == (9_000, 7 * EURO)


def test_the_doctor_finds_nothing_after_a_day_at_the_desk(stocked: Floor) -> None:
    test_a_day_at_the_drawer_ends_in_a_difference_that_is_posted_and_explained(stocked)
    assert doctor.examine(stocked.db) == []
