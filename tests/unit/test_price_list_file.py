"""The price list of materials: what is written is read back, and each error has its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.payments import price_list
from booking_api.payments.models import SaleItem
from floor.errors import ConfigError

GOOD = """
[[items]]
id = "ply-4"
name = "Plywood 4 mm"
name_zh = "胶合板"
unit = "sheet"
price = 5.95
tax_rate = "19 %"
stock = 12
minimum = 4.5
machine = "laser-1"
self_service = false
"""
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40).filter(
    lambda text: text == text.strip() and text != ""
)


def test_a_list_says_what_it_says() -> None:
    (item,) = price_list.read(GOOD, "items.toml")
    assert (item.price_micro, item.tax_rate, item.stock_milli, item.minimum_milli) == (
        5_950_000, "19/100", 12_000, 4_500,
    )  # fmt: skip
    assert not item.self_service


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("price = 5.95", "price = 0", "price"),
        ("price = 5.95", 'price = "5.95"', "price"),
        ("price = 5.95", "price = 1e-9", "price"),
        ("price = 5.95", "price = inf", "price"),
        ('"19 %"', '"much"', "tax_rate"),
        ('"19 %"', "2", "tax_rate"),
        ("stock = 12", "stock = -1", "stock"),
        ("minimum = 4.5", "minimum = 0.0001", "minimum"),
        ('unit = "sheet"', "", "unit"),
        ("machine", "maschine", "maschine"),
        ('"ply-4"', '"a b"', "id"),
    ],
)
def test_an_error_has_file_line_and_key(old: str, new: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        price_list.read("# first\n" + GOOD.replace(old, new), "items.toml")
    assert str(caught.value).startswith(f"items.toml:3: items[0].{key}: ")


def test_an_item_stands_once() -> None:
    row = '{id = "a", name = "A", unit = "kg", price = 1}'
    with pytest.raises(ConfigError, match=r"^items\.toml: id: a stands twice"):
        price_list.read(f"items = [{row}, {row}]", "items.toml")
    with pytest.raises(ConfigError, match=r"items\.toml:14: id: ply-4 stands twice"):
        price_list.read(GOOD + GOOD, "items.toml")


@given(TEXT, TEXT, st.integers(1, 10**9), st.none() | st.integers(0, 10**7))
def test_what_is_exported_is_read_back(name: str, chinese: str, price: int, stock: int | None) -> None:
    item = SaleItem(
        id="x", name=name, name_zh=chinese, unit="kg", price_micro=price, commodity="EUR", tax_rate="1/5",
        stock_milli=stock, minimum_milli=500, machine=None, pool="lasers", created_ms=0,
    )  # fmt: skip
    (read,) = price_list.read(price_list.write([item]), "items.toml")
    assert read.model_dump() == item.model_dump(exclude={"commodity", "archived_ms", "created_ms"})
