"""Every setting of a gateway and of a server stands in its page, with the default and the range that hold."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from booking_api.settings import KEYS, SECRETS, read_settings
from firmware_bridge.registry import KINDS
from floor.errors import ConfigError
from gateway import config
from gateway.simulation import people
from hardware import registry

DOCS = Path(__file__).resolve().parents[2] / "docs"
GATEWAY, SERVER = (DOCS / f"install-{side}.md" for side in ("gateway", "server"))
STATION = '{machine = "m", reader = {kind = "simulated"}, relay = {kind = "simulated"}%s}'
MINIMAL = {
    "": f'name = "g"\nbadge_key = "{"00" * 32}"\nserver_key = "{"A" * 43}="\n%sstations = [{STATION % ""}]\n',
    "broker": "broker = {%s}\n",
    "http": "http = {%s}\n",
    "journal": "journal = {%s}\n",
    "server": "server = {%s}\n",
    "homeassistant": 'homeassistant = {host = "h", %s}\n',
}
KNOWN = re.compile(r"(?:Use one of|Known): (.+)\.$")


def rows(page: Path) -> dict[str, tuple[str, str]]:
    """Default and range of each key that has a row in the page's section of settings."""
    section = re.search(r"^## \w+\.toml\n(.+?)^##", page.read_text(), re.MULTILINE | re.DOTALL)
    assert section
    found = re.findall(r"^\| `([a-z_.]+)` \|([^|]*)\|([^|]*)\|", section[1], re.MULTILINE)
    return {key: (default.strip(" `"), bounds.strip()) for key, default, bounds in found}


def refused(act: Callable[[], object]) -> list[str]:
    """The keys that an error about an unknown one names."""
    with pytest.raises(ConfigError) as caught:
        act()
    named = KNOWN.search(caught.value.remedy)
    assert named, caught.value
    return named[1].split(", ")


def gateway(tmp_path: Path, table: str, inner: str) -> config.GatewayConfig:
    """Read the smallest gateway.toml with one more setting."""
    file = tmp_path / "gateway.toml"
    file.write_text(MINIMAL[""] % (MINIMAL[table] % inner if table else f"{inner}\n"))
    return config.load(file)


def gateway_keys(tmp_path: Path) -> set[str]:
    keys = set(refused(lambda: gateway(tmp_path, "", "nonsense = 1")))
    for table in ("broker", "http", "journal", "server", "homeassistant"):
        keys |= {f"{table}.{key}" for key in refused(lambda t=table: gateway(tmp_path, t, "nonsense = 1"))}
    (tmp_path / "gateway.toml").write_text(MINIMAL[""].replace(STATION % "", STATION % ", nonsense = 1") % "")
    keys |= {f"stations.{key}" for key in refused(lambda: config.load(tmp_path / "gateway.toml"))}
    return keys | {f"simulation.{key}" for key in people.KEYS}


def test_every_key_of_a_gateway_has_a_row_and_no_row_is_invented(tmp_path: Path) -> None:
    assert set(rows(GATEWAY)) == gateway_keys(tmp_path)


def test_the_defaults_of_a_gateway_are_those_of_the_page(tmp_path: Path) -> None:
    read, said = gateway(tmp_path, "", ""), rows(GATEWAY)
    hold = {
        "broker.host": read.broker.host,
        "broker.port": read.broker.port,
        "broker.password": read.broker.password or "empty",
        "broker.ca": read.broker.ca or "empty",
        "http.host": read.http_host,
        "http.port": read.http_port,
        "journal.checkpoint_s": read.checkpoint_s,
        "journal.storage": read.storage,
        "server.url": read.server.url or "empty",
        "server.ca": read.server.ca or "empty",
        "server.cache_mib": read.server.cache_mib,
    }
    assert {key: said[key][0] for key in hold} == {key: str(value) for key, value in hold.items()}
    assert read.data == tmp_path
    assert said["data"][0] == "."


@pytest.mark.parametrize(
    "key", ["broker.port", "http.port", "journal.checkpoint_s", "server.cache_mib", "homeassistant.port"]
)
def test_the_ranges_of_a_gateway_are_those_of_the_page(tmp_path: Path, key: str) -> None:
    table, _, name = key.partition(".")
    low, high = map(int, rows(GATEWAY)[key][1].split(" to "))
    for right in (low, high):
        gateway(tmp_path, table, f"{name} = {right}")
    for wrong in (low - 1, high + 1):
        with pytest.raises(ConfigError):
            gateway(tmp_path, table, f"{name} = {wrong}")


def test_the_example_of_a_gateway_has_keys_that_exist(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.+?)```", GATEWAY.read_text(), re.DOTALL)
    assert example
    text = example[1].replace("64 hex digits of the enrolment", "00" * 32)
    text = text.replace("base64 of the enrolment", "A" * 43 + "=")
    (tmp_path / "ca.pem").touch()
    (tmp_path / "gateway.toml").write_text(text)
    (station,) = config.load(tmp_path / "gateway.toml").stations
    assert station.driver
    assert station.driver["kind"] in KINDS


def devices() -> dict[tuple[str, str], list[str]]:
    """The settings of each kind of device, as an error about an unknown one names them."""
    builders = {
        "reader": registry.build_reader,
        "relay, extraction": registry.build_relay,
        "panel": registry.build_panel,
        "node": registry.build_node,
        "input": registry.build_input,
    }
    found = {
        (device, kind): refused(lambda b=build, k=kind: b(k, {"nonsense": 1}, "here"))
        for device, build in builders.items()
        for kind in refused(lambda b=build: b("nonsense", {}, "here"))
    }
    drivers = {("driver", kind): [one.name for one in fields(load()[0])] for kind, load in KINDS.items()}
    return found | drivers


@pytest.mark.parametrize(("device", "kind"), devices())
def test_every_kind_of_device_has_a_row_with_its_settings(device: str, kind: str) -> None:
    row = re.search(rf"^\| {device} \| `{kind}` \| ([^|]+) \|", GATEWAY.read_text(), re.MULTILINE)
    assert row, f"docs/install-gateway.md has no row of the {device} {kind}"
    assert set(re.findall(r"`(\w+)`", row[1])) == set(devices()[device, kind])


def test_every_key_of_a_server_has_a_row_and_no_row_is_invented() -> None:
    assert set(rows(SERVER)) == {f"{table}.{key}" for table, keys in KEYS.items() for key in keys}
    assert [name for name in SECRETS.values() if f"`{name}`" not in SERVER.read_text()] == []


def test_the_defaults_of_a_server_are_those_of_the_page(tmp_path: Path) -> None:
    file = tmp_path / "makerfloor.toml"
    file.touch()
    read, said = read_settings(file, {}), rows(SERVER)
    hold = {
        "space.name": read.space_name,
        "space.timezone": read.timezone,
        "space.language": read.language,
        "space.currency": read.currency.code,
        "space.decimals": str(read.currency.exponent),
        "server.host": read.host,
        "server.port": str(read.port),
        "broker.host": read.broker.host,
        "broker.username": read.broker.username,
        "broker.password": read.broker.password or "empty",
        "invoice.prefix": read.invoice.prefix,
        "invoice.credit_prefix": read.invoice.credit_prefix,
        "invoice.term_days": str(read.invoice.term_days),
        "prints.max_file_mib": str(read.prints.max_file_bytes >> 20),
        "prints.max_waiting": str(read.prints.max_waiting),
        "prints.max_total_mib": str(read.prints.max_total_bytes >> 20),
        "prints.keep_days": str(read.prints.keep_days),
        "prints.expire_days": str(read.prints.expire_days),
        "people.join": read.people.join,
        "people.of_age": str(read.people.of_age),
        "people.keep_years": str(read.people.keep_years),
        "people.forget_after_months": str(read.people.forget_after_months),
        "sign_in.idle_days": str(read.sign_in.idle_days),
        "sign_in.longest_days": str(read.sign_in.longest_days),
        "sign_in.second_factor": read.sign_in.second_factor,
        "sign_in.second_factor_grace_days": str(read.sign_in.second_factor_grace_days),
        "sign_in.token_days": str(read.sign_in.token_days),
        "sign_in.token_max_days": str(read.sign_in.token_max_days),
        "sign_in.invitation_days": str(read.sign_in.invitation_days),
        "notices.remind_min": str(read.notices.remind_min),
        "notices.mail": read.notices.mail or "empty",
        "webhooks.private": str(read.notices.reach.private).lower(),
        "webhooks.loopback": str(read.notices.reach.loopback).lower(),
    }
    assert {key: said[key][0] for key in hold} == hold
    assert read.data == tmp_path / said["server.data"][0]
    assert said["broker.port"][0] == f"{read.broker.port}`, with `broker.ca` `8883"
    assert read.database_url == f"sqlite:///{read.data}/makerfloor.db"


PRINTS = (f"prints.{key}" for key in KEYS["prints"])
PEOPLE = ("people.of_age", "people.keep_years", "people.forget_after_months")
SIGN_IN = (f"sign_in.{key}" for key in KEYS["sign_in"] if key.endswith("_days"))
WHOLES = ("space.decimals", "server.port", "broker.port", "invoice.term_days", "notices.remind_min")
WHOLE = (*WHOLES, *PEOPLE, *PRINTS, *SIGN_IN)


@pytest.mark.parametrize("key", WHOLE)
def test_the_ranges_of_a_server_are_those_of_the_page(tmp_path: Path, key: str) -> None:
    table, _, name = key.partition(".")
    low, high = map(int, rows(SERVER)[key][1].split(" to "))
    file = tmp_path / "makerfloor.toml"
    for value, right in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        file.write_text(f"[{table}]\n{name} = {value}\n")
        if right:
            read_settings(file, {})
        else:
            with pytest.raises(ConfigError):
                read_settings(file, {})


def test_the_example_of_a_server_has_keys_that_exist() -> None:
    example = re.search(r"```toml\n(.+?)```", SERVER.read_text(), re.DOTALL)
    assert example
    for table, values in tomllib.loads(example[1]).items():
        assert set(values) <= set(KEYS[table])
