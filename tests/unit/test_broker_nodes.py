"""Nodes of a clustered broker are read, tried in turn, and one process at a time has an SQLite database."""

from __future__ import annotations

from pathlib import Path

import pytest

from booking_api.settings import read_settings
from booking_api.workers import only_one
from floor.errors import ConfigError
from floor.wire.brokers import next_try, parse_address, write_address

BACKOFF_S = (0.5, 30.0)


@pytest.mark.parametrize("text", ["10.0.0.12:8883", "broker.example.org:1883", "[2001:db8::1]:8883"])
def test_an_address_is_written_as_it_was_read(text: str) -> None:
    assert write_address(parse_address(text)) == text


@pytest.mark.parametrize("text", ["", "host", "host:", "host:0", "host:70000", "a@b:1", "host:1/x", ":1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)port"):
        parse_address(text)


def test_nodes_are_tried_in_turn_and_the_wait_grows_once_all_have_failed() -> None:
    nodes = (("a", 1), ("b", 1))
    tries = [next_try(nodes, failures, BACKOFF_S) for failures in range(5)]
    assert [host for (host, _), _ in tries] == ["a", "b", "a", "b", "a"]
    assert [wait_s for _, wait_s in tries] == [0.5, 0.5, 1.0, 1.0, 2.0]
    assert next_try(nodes, 10_000, BACKOFF_S)[1] == 30.0


def test_settings_name_the_node_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "makerfloor.toml"
    file.write_text('[broker]\nothers = ["10.0.0.12:8883"]\n')
    assert read_settings(file, {}).broker.nodes == (("127.0.0.1", 1883), ("10.0.0.12", 8883))
    file.write_text('[broker]\nothers = ["10.0.0.12"]\n')
    with pytest.raises(ConfigError, match=r"broker\.others"):
        read_settings(file, {})


def test_an_sqlite_database_has_one_server_process(tmp_path: Path) -> None:
    file = tmp_path / "makerfloor.toml"
    file.write_text("")
    settings = read_settings(file, {})
    with pytest.raises(ConfigError, match="PostgreSQL"), only_one(settings, 2):
        pass
    for _ in range(2):  # free again once it has ended
        with only_one(settings, 1), pytest.raises(ConfigError, match="has it already"), only_one(settings, 1):
            pass
