"""What a session costs when its rate changes while it runs."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from booking_api.tariffs import service
from floor.errors import ConfigError
from floor.meter import Quantity, Reading, Usage
from floor.tariff import Charge, Tariff, Visit, load, price, price_visit
from floor.tariff.model import BillAt

START = 1_800_000_000_000
MINUTE = 60_000
EUR = 1_000_000


def tariff(after_minutes: int, rate: str, more: str = "", flat: str = "", commodity: str = "EUR") -> Tariff:
    when = datetime.fromtimestamp(START / 1000 + after_minutes * 60, UTC).isoformat()
    flat_component = f'[[components]]\nper = "flat"\nprice = {flat}\n' if flat else ""
    return service.read(
        f"""id = "laser"
name = "Laser"
commodity = "{commodity}"
valid_from = {when}
{more}
[tiers.staff]
multiplier = 0
[[components]]
per = "machine_time"
unit = "min"
price = {rate}
{flat_component}""",
        "test.toml",
    )


def minutes(count: int) -> list[Reading]:
    return [Reading(START, {}), Reading(START + count * MINUTE, {Quantity.MACHINE_TIME_MS: count * MINUTE})]


def priced_as_one(readings: list[Reading], versions: list[Tariff], tier: str) -> Charge:
    """Price a session by itself, as one charge."""
    bill, _ = price_visit(Visit("", readings, tier), versions, bill_at=BillAt.END)
    (charge,) = bill.charges
    return charge


def test_one_version_is_priced_as_the_gateway_prices_it() -> None:
    version = tariff(-10, "0.333333", "minimum = 1", flat="0.50")
    priced = priced_as_one(minutes(10), [version], "member")
    charge = price(
        Usage(START, START + 10 * MINUTE, {Quantity.MACHINE_TIME_MS: 10 * MINUTE}), version, "member"
    )
    assert (priced.total_micro, priced.rounding_micro) == (charge.total_micro, charge.rounding_micro)


def test_a_change_splits_the_time_but_not_the_flat_price() -> None:
    versions = [tariff(-10, "1", flat="5"), tariff(4, "2", flat="50")]
    priced = priced_as_one(minutes(10), versions, "member")
    assert priced.total_micro == (4 * 1 + 6 * 2 + 5) * EUR
    assert priced.tariff == versions[0].version


def test_the_least_the_most_and_the_rounding_are_of_the_whole() -> None:
    least = [tariff(-10, "0.1", "minimum = 20"), tariff(4, "0.2", "minimum = 30")]
    assert priced_as_one(minutes(10), least, "member").total_micro == 20 * EUR
    most = [tariff(-10, "10", "maximum = 20"), tariff(4, "20", "maximum = 30")]
    assert priced_as_one(minutes(10), most, "member").total_micro == 20 * EUR
    halves = [tariff(-10, "0.001"), tariff(5, "0.001")]
    priced = priced_as_one(minutes(10), halves, "member")
    assert (priced.accrued_micro, priced.rounding_micro) == (10_000, 0)
    assert priced_as_one(minutes(10), least, "staff").total_micro == 0


def test_a_change_at_the_very_start_or_end_splits_nothing() -> None:
    assert priced_as_one(minutes(10), [tariff(-9, "1"), tariff(0, "2")], "member").total_micro == 20 * EUR
    assert priced_as_one(minutes(10), [tariff(-9, "1"), tariff(10, "2")], "member").total_micro == 10 * EUR


def test_no_version_yet_and_another_commodity_are_refused() -> None:
    with pytest.raises(LookupError):
        priced_as_one(minutes(10), [tariff(1, "1")], "member")
    with pytest.raises(ValueError, match="another commodity"):
        priced_as_one(minutes(10), [tariff(-1, "1"), tariff(5, "1", commodity="coins")], "member")


def test_what_a_roster_carries_is_the_same_tariff() -> None:
    text = """
id = "laser"
name = "Laser"
commodity = "EUR"
valid_from = 2026-01-31
minimum = 1.50
[[components]]
per = "machine_time"
unit = "min"
block = "0.5 min"
price = 0.123456
"""
    read = service.read(text, "test.toml")
    row = service.TariffVersion(
        id=read.version,
        tariff="laser",
        valid_from_ms=read.valid_from_ms,
        text=text,
        sha256="",
        author="",
        created_ms=0,
    )
    assert load(service.table(row), "roster") == read
    assert read.components[0].block == Fraction(1, 2)


@pytest.mark.parametrize("text", ["", "id = ", "x" * 70_000])
def test_what_is_no_tariff_names_its_file(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^mine\.toml"):
        service.read(text, "mine.toml")
