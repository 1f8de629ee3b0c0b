"""What the fuzzer found in texts that people send; each was a failure of the server or of a start."""

import tomllib
from decimal import Decimal

import pytest

from booking_api.members.file_endpoints import read_mapping
from booking_api.tariffs import source
from floor import toml
from floor.errors import ConfigError, Refused

DEEP, LONG, FINE = "a = " + "[" * 2_000, "a = " + "9" * 5_000, "a = 1e999999999999999999999"


@pytest.mark.parametrize("text", [DEEP, LONG, FINE, "a = ", "\0"])
def test_every_wrong_text_is_one_error(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        toml.loads(text, parse_float=Decimal)


@pytest.mark.parametrize("text", [DEEP, LONG, FINE])
def test_a_tariff_of_brackets_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match="is not TOML"):
        source.read(text, "t.toml")


def test_a_wrong_file_is_quoted_in_part() -> None:
    with pytest.raises(ConfigError) as caught:
        source.read(f"{'k' * 50_000} = 1\n", "t.toml")
    assert len(str(caught.value)) < 1_400


def test_a_mapping_of_brackets_is_refused() -> None:
    with pytest.raises(Refused, match="JSON object"):
        read_mapping("[" * 2_000)
