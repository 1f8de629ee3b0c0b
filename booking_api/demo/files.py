"""The settings of the demonstration's server and gateway, written anew at each start: ports differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from booking_api.broker.settings import BrokerSettings
from booking_api.demo.cast import MACHINES, MEMBERS, STRANGER_UID, DemoMachine, Standing
from booking_api.demo.folder import SERVER, write_private
from booking_api.gateways.enrol import Enrolment, config_values
from booking_api.gateways.keys import Signer

Value = str | int | float | bool | Mapping[str, "Value"]
PEOPLE = "people.json"
NOTE = "# Written by `makerfloor demo` at each start.\n"


def write_server(file: Path, host: str, port: int, broker: BrokerSettings, prometheus: str | None) -> None:
    """Write makerfloor.toml; `prometheus` is its address."""
    tables: dict[str, dict[str, Value]] = {
        "space": {"name": "Makerfloor demo", "timezone": "UTC", "currency": "EUR"},
        "server": {"data": "server", "host": host, "port": port},
        "broker": {
            "host": broker.host,
            "port": broker.port,
            "username": SERVER,
            "password": broker.password,
        },
    }
    if prometheus:
        tables["prometheus"] = {"url": prometheus}
    text = "".join(f"\n[{name}]\n{_keys(values)}" for name, values in tables.items())
    write_private(file, NOTE + text)


def write_gateway(
    file: Path,
    enrolment: Enrolment,
    signer: Signer,
    broker: BrokerSettings,
    address: str,
    port: int,
    speed: int,
    seed: int,
) -> None:
    """Write gateway.toml and, beside it, its people.

    `address` is the server's, `port` that of the gateway's own metrics.
    """
    values: dict[str, Value] = {
        **config_values(enrolment, signer, broker, address),
        "data": ".",
        "http": {"port": port},
    }
    uses = {one.id: one.kind for one in MACHINES}
    values["simulation"] = {"people": PEOPLE, "speed": speed, "seed": seed, "machines": uses}
    write_private(file, NOTE + _keys(values) + "".join(_station(one, speed) for one in MACHINES))
    write_private(file.with_name(PEOPLE), json.dumps(people(), ensure_ascii=False, indent=1))


def people() -> list[dict[str, object]]:
    """Return who comes to the simulated floor, as gateway.simulation.people reads them."""
    members = [
        {
            "name": member.name,
            "uid_hex": member.uid.hex(),
            "machines": member.machines,
            "forgets": member.forgets,
            "turned_away": member.standing is not Standing.GOOD,
        }
        for member in MEMBERS
    ]
    return [*members, {"name": "A stranger", "uid_hex": STRANGER_UID.hex(), "turned_away": True}]


def _station(one: DemoMachine, speed: int) -> str:
    simulated: dict[str, Value] = {"kind": "simulated"}
    values: dict[str, Value] = {
        "machine": one.id,
        "reader": simulated,
        "relay": simulated,
        "panel": simulated,
    }
    if "run_on_s" in one.policy:
        values["extraction"] = simulated
    if one.driven:
        values["driver"] = {**simulated, "speed": float(speed), "tick_s": max(0.1, 0.5 / speed)}
    return "\n[[stations]]\n" + _keys(values)


def _keys(values: Mapping[str, Value]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in values.items())


def _value(value: Value) -> str:
    """Write a value as TOML; texts, numbers and truths are written as in JSON."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)
