"""What the fuzzer found in texts that people send; each was a failure of the server or of a start."""

import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from booking_api.members.file_endpoints import read_mapping
from booking_api.payments import bank_csv, levels, price_list
from booking_api.settings import read_settings
from booking_api.tariffs import source
from booking_api.tariffs.usage_file import read_usage
from firmware_bridge.mapping.mapping import load_mapping
from floor import toml
from floor.errors import ConfigError, Refused
from gateway.config import load as load_gateway

KEY, HUGE = ".".join(["a"] * 30_000) + " = 1", "#" * (toml.LENGTH_MAX + 1)
DEEP, LONG, FINE = "a = " + "[" * 2_000, "a = " + "9" * 5_000, "a = 1e999999999999999999999"


@pytest.mark.parametrize("text", [DEEP, LONG, FINE, KEY, f"[{KEY[:-4]}]", HUGE, "a = ", "\0"])
def test_every_wrong_text_is_one_error(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        toml.loads(text, parse_float=Decimal)


@pytest.mark.parametrize("text", [DEEP, LONG, FINE])
def test_a_tariff_of_brackets_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match="is not TOML"):
        source.read(text, "t.toml")


@pytest.mark.parametrize(
    "read",
    [
        lambda path: load_mapping(str(path), "topic"),
        load_gateway,
        lambda path: read_settings(path, {}),
        lambda path: levels.load(path),
        lambda path: bank_csv.read_mapping(path.read_text(), path.name),
    ],
)
@pytest.mark.parametrize(("text", "words"), [(KEY, "250 dots"), (HUGE, "longer than 1048576")])
def test_no_file_keeps_its_reader_busy(
    read: Callable[[Path], object], text: str, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "x.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read(file)


def test_a_wrong_file_is_quoted_in_part() -> None:
    with pytest.raises(ConfigError) as caught:
        source.read(f"{'k' * 50_000} = 1\n", "t.toml")
    assert len(str(caught.value)) < 1_400


def test_what_is_no_number_is_no_price_that_is_expected() -> None:
    use = '[[use]]\ntariff = "laser"\nused = { machine_time = "1 min" }\nexpect = nan\n'
    with pytest.raises(ConfigError):
        read_usage(use, "usage.toml", {})


@pytest.mark.parametrize("read", [lambda path: read_settings(path, {}), load_gateway])
def test_a_file_of_too_long_a_name_is_not_there(tmp_path: Path, read: Callable[[Path], object]) -> None:
    file = tmp_path / "x.toml"
    keys = f'badge_key = "{"00" * 32}"\nserver_key = "{"A" * 43}="\n'
    own = f'name = "gw"\n{keys}' if read is load_gateway else ""
    file.write_text(f'{own}[broker]\nca = "{"n" * 5_000}"\n')
    with pytest.raises(ConfigError):
        read(file)


def test_a_price_of_a_thousand_million_digits_is_never_written_out() -> None:
    item = '[[items]]\nid = "a"\nname = "A"\nunit = "u"\nprice = 1\nstock = 1e999999999\n'
    with pytest.raises(ConfigError, match=r"Write a number"):
        price_list.read(item, "items.toml")


def test_a_mapping_of_brackets_is_refused() -> None:
    with pytest.raises(Refused, match="JSON object"):
        read_mapping("[" * 2_000)
