"""A gateway's own settings: who it is, where its broker is, and what is wired to which station.

What machines are and how they behave comes with the roster; here stands only what the server cannot know.
"""

from __future__ import annotations

import os
import tomllib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from floor import toml
from floor.errors import ConfigError
from floor.ids import GATEWAY_NAME
from floor.wire.brokers import Address, parse_address

Table = Mapping[str, object]
Decoder = Callable[[str], bytes]
T = TypeVar("T")
TOP = "name data badge_key server_key closing_grace_s"
"""Keys that belong above every table: below one they would be taken for its own."""


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Where the broker listens; `ca` is the file of its certificate authority, "" for no TLS.

    `others` are further nodes of the same broker, where it is a cluster.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    password: str = ""
    ca: str = ""
    others: tuple[Address, ...] = ()

    @property
    def nodes(self) -> tuple[Address, ...]:
        """All nodes, in the order in which they are tried."""
        return ((self.host, self.port), *self.others)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where the server's pages are, "" for nowhere: files of the print queue come from there.

    `ca` is the file of an authority of the space's own, "" for those that the system knows; `cache_mib`
    bounds what is kept of the queue.
    """

    url: str = ""
    ca: str = ""
    cache_mib: int = 256


@dataclass(frozen=True, slots=True)
class HomeAssistantConfig:
    """The broker that Home Assistant listens to, and its discovery prefix; `ca` as in BrokerConfig."""

    host: str
    port: int = 1883
    username: str = ""
    password: str = ""
    ca: str = ""
    prefix: str = "homeassistant"


@dataclass(frozen=True, slots=True)
class StationConfig:
    """What is wired to one station: each device is a kind and its settings.

    A `node` stands in the place of reader, relay and panel, which are empty then. `pulse_s` makes it a door,
    whose relay each granted tap closes for so many seconds; 0 for a machine. `keeps`: the relay is left as it
    is when this process stops or dies.
    """

    machine: str
    reader: Table
    relay: Table
    panel: Table | None = None
    extraction: Table | None = None
    driver: Table | None = None
    node: Table | None = None
    inputs: tuple[Table, ...] = ()
    pulse_s: int = 0
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """All settings of a gateway. `file` is where they stand, for errors.

    `wiring` is the part of the file that the server keeps for a replacement.
    """

    file: str
    name: str
    data: Path
    badge_key: bytes
    server_key: bytes
    broker: BrokerConfig
    stations: tuple[StationConfig, ...]
    http_host: str = "127.0.0.1"
    http_port: int = 9780
    http_stations: str = "local"
    checkpoint_s: int = 30
    storage: str = "durable"
    server: ServerConfig = field(default_factory=ServerConfig)
    home_assistant: HomeAssistantConfig | None = None
    inputs: tuple[Table, ...] = ()
    closing_grace_s: int = 900
    simulation: Table = field(default_factory=dict)
    wiring: Table = field(default_factory=dict)


def wiring_of(table: Table) -> Table:
    """Return what a Pi in this one's place must be told, and the server does not know.

    Neither who the gateway is nor what it proves that with; devices' own passwords are in it.
    """
    kept = {key: table[key] for key in ("data", "http", "journal", "server", "stations") if key in table}
    broker = table.get("broker")
    if isinstance(broker, Mapping):
        kept["broker"] = {key: broker[key] for key in ("host", "port", "others") if key in broker}
    return kept


def load(path: Path) -> GatewayConfig:
    """Read gateway.toml; raises ConfigError that names the file, the key and what would be right."""
    try:
        table = toml.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            str(path), "", "there is no such file", "Write one with `makerfloor gateway enrol`."
        ) from None
    except OSError as error:
        raise ConfigError(
            str(path), "", f"it cannot be read: {error.strerror}", "Check who owns it."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"it is not TOML: {error}", "Mend that line.") from error
    return _Reader(str(path)).gateway(table, path.parent)


class _Reader:
    """Reads typed values and knows the file for the error."""

    def __init__(self, file: str) -> None:
        self._file = file

    def gateway(self, table: Table, folder: Path) -> GatewayConfig:
        self.only(table, "", f"{TOP} broker http journal server homeassistant inputs stations simulation")
        name = self.value(table, "", "name", str, None)
        if not GATEWAY_NAME.fullmatch(name):
            raise self.wrong("name", f"is {name!r}", "Use small letters, digits and hyphens, at most 32.")
        http = self.table(table, "http", "host port stations")
        journal = self.table(table, "journal", "checkpoint_s storage")
        return GatewayConfig(
            file=self._file,
            name=name,
            data=folder / self.value(table, "", "data", str, "."),
            badge_key=self.key(table, "badge_key", bytes.fromhex, "64 hex digits"),
            server_key=self.key(table, "server_key", lambda text: b64decode(text, validate=True), "base64"),
            broker=self.broker(table, folder),
            stations=self.stations(table),
            http_host=self.value(http, "http.", "host", str, "127.0.0.1"),
            http_port=self.number(http, "http.", "port", 9780, 0, 65_535),
            http_stations=self.one_of(http, "http.", "stations", ("local", "network", "off")),
            checkpoint_s=self.number(journal, "journal.", "checkpoint_s", 30, 1, 600),
            storage=self.one_of(journal, "journal.", "storage", ("durable", "volatile")),
            server=self.server(table, folder),
            home_assistant=self.home_assistant(table, folder),
            inputs=self.inputs(table.get("inputs", []), ""),
            closing_grace_s=self.number(table, "", "closing_grace_s", 900, 0, 7200),
            simulation=self.table(table, "simulation", None),
            wiring=wiring_of(table),
        )

    def wrong(self, key: str, problem: str, remedy: str) -> ConfigError:
        return ConfigError(self._file, key, problem, remedy)

    def only(self, table: Table, prefix: str, keys: str) -> None:
        for key in table:
            if key not in keys.split():
                remedy = f"Use one of: {', '.join(keys.split())}."
                if prefix and key in TOP.split():
                    remedy = "Write it at the top of the file, above the first table such as [broker]."
                raise self.wrong(prefix + key, "is not a key here", remedy)

    def value(self, table: Table, prefix: str, key: str, kind: type[T], default: T | None) -> T:
        value = table.get(key, default)
        if not isinstance(value, kind) or isinstance(value, bool):
            what = "a text in quotes" if kind is str else "a whole number"
            problem = "is missing" if value is None else f"is {value!r}"
            raise self.wrong(prefix + key, problem, f"Write {key} = {what}.")
        return value

    def one_of(self, table: Table, prefix: str, key: str, words: tuple[str, ...]) -> str:
        """The first is the default."""
        value = self.value(table, prefix, key, str, words[0])
        if value not in words:
            choices = " or ".join(f'"{word}"' for word in words)
            raise self.wrong(prefix + key, f"is {value!r}", f"Write {choices}.")
        return value

    def number(self, table: Table, prefix: str, key: str, default: int, low: int, high: int) -> int:
        value = self.value(table, prefix, key, int, default)
        if not low <= value <= high:
            raise self.wrong(prefix + key, f"is {value}", f"Write a number from {low} to {high}.")
        return value

    def table(self, table: Table, key: str, keys: str | None) -> Table:
        value = table.get(key, {})
        if not isinstance(value, Mapping):
            raise self.wrong(key, "is not a table", f"Write [{key}] and its keys below.")
        if keys is not None:
            self.only(value, f"{key}.", keys)
        return value

    def key(self, table: Table, key: str, decode: Decoder, how: str) -> bytes:
        try:
            raw = decode(self.value(table, "", key, str, None))
        except (ValueError, Base64Error):
            raw = b""
        if len(raw) != 32:
            raise self.wrong(key, f"is not 32 bytes written as {how}", "Copy it from the enrolment.")
        return raw

    def broker(self, table: Table, folder: Path) -> BrokerConfig:
        broker = self.table(table, "broker", "host port password ca others")
        return BrokerConfig(
            host=self.value(broker, "broker.", "host", str, "127.0.0.1"),
            port=self.number(broker, "broker.", "port", 1883, 1, 65_535),
            password=self.value(broker, "broker.", "password", str, ""),
            ca=self.ca(broker, "broker.", folder),
            others=self.nodes(broker),
        )

    def nodes(self, broker: Table) -> tuple[Address, ...]:
        given = broker.get("others", [])
        nodes = given if isinstance(given, list) else [given]
        try:
            return tuple(parse_address(str(one)) for one in nodes)
        except ValueError:
            remedy = 'Write a list such as ["10.0.0.12:8883"].'
            raise self.wrong("broker.others", f"is {given!r}", remedy) from None

    def server(self, table: Table, folder: Path) -> ServerConfig:
        server = self.table(table, "server", "url ca cache_mib")
        url = self.value(server, "server.", "url", str, "").rstrip("/")
        if url and not url.startswith(("http://", "https://")):
            remedy = "Write the address that people type, with https://."
            raise self.wrong("server.url", f"is {url!r}", remedy)
        return ServerConfig(
            url=url,
            ca=self.ca(server, "server.", folder),
            cache_mib=self.number(server, "server.", "cache_mib", 256, 1, 65_536),
        )

    def home_assistant(self, table: Table, folder: Path) -> HomeAssistantConfig | None:
        if "homeassistant" not in table:
            return None
        where, given = (
            "homeassistant.",
            self.table(table, "homeassistant", "host port username password ca prefix"),
        )
        prefix = self.value(given, where, "prefix", str, "homeassistant")
        if not prefix or set(prefix) & set("+#"):
            raise self.wrong(f"{where}prefix", f"is {prefix!r}", "Write it as in Home Assistant's settings.")
        return HomeAssistantConfig(
            host=self.value(given, where, "host", str, None),
            port=self.number(given, where, "port", 1883, 1, 65_535),
            username=self.value(given, where, "username", str, ""),
            password=self.value(given, where, "password", str, ""),
            ca=self.ca(given, where, folder),
            prefix=prefix,
        )

    def ca(self, table: Table, prefix: str, folder: Path) -> str:
        ca = self.value(table, prefix, "ca", str, "")
        if ca and not os.path.isfile(folder / ca):  # a name that is too long is no error there
            raise self.wrong(f"{prefix}ca", f"names {ca}, which is no file", "Copy the certificate there.")
        return str(folder / ca) if ca else ""

    def stations(self, table: Table) -> tuple[StationConfig, ...]:
        value = table.get("stations", [])
        if not isinstance(value, list) or not value:
            raise self.wrong(
                "stations", "there is none", "Write [[stations]] and machine, reader, relay below."
            )
        stations = tuple(self.station(item, f"stations[{index}].") for index, item in enumerate(value, 1))
        names = [station.machine for station in stations]
        for name in names:
            if names.count(name) > 1:
                raise self.wrong(
                    "stations.machine", f"{name!r} stands twice", "Give each machine one station."
                )
        return stations

    def station(self, table: Table, prefix: str) -> StationConfig:
        keys = "machine reader relay panel extraction driver node inputs pulse_s on_process_loss"
        self.only(table, prefix, keys)
        for key in ("reader", "relay", "panel", "pulse_s"):
            if "node" in table and key in table:
                raise self.wrong(prefix + key, "stands beside a node", "Leave it out: the box is that too.")
        devices: dict[str, Table | None] = {}
        for key in ("reader", "relay", "panel", "extraction", "driver", "node"):
            device = table.get(key)
            needed = key in {"reader", "relay"} and "node" not in table
            if device is None and not needed:
                devices[key] = None
            elif isinstance(device, Mapping) and isinstance(device.get("kind"), str):
                devices[key] = device
            else:
                raise self.wrong(prefix + key, "is not a table with a kind", f'Write {key} = {{kind = "…"}}.')
        machine = self.value(table, prefix, "machine", str, None)
        return StationConfig(
            machine=machine,
            reader=devices["reader"] or {},
            relay=devices["relay"] or {},
            panel=devices["panel"],
            extraction=devices["extraction"],
            driver=devices["driver"],
            node=devices["node"],
            inputs=self.inputs(table.get("inputs", []), prefix),
            pulse_s=self.number(table, prefix, "pulse_s", 1, 1, 30) if "pulse_s" in table else 0,
            keeps=self.keeps(table, prefix),
        )

    def keeps(self, table: Table, prefix: str) -> bool:
        keeps = self.one_of(table, prefix, "on_process_loss", ("open", "keep")) == "keep"
        for key in ("node", "extraction", "pulse_s"):
            if keeps and key in table:
                problem = f'is "keep" beside a {key}, which would not be kept'
                raise self.wrong(prefix + "on_process_loss", problem, 'Write "open".')
        return keeps

    def inputs(self, value: object, prefix: str) -> tuple[Table, ...]:
        if isinstance(value, list) and all(
            isinstance(item, Mapping) and isinstance(item.get("kind"), str) for item in value
        ):
            return tuple(value)
        remedy = 'Write inputs = [{role = "…", kind = "…"}].'
        raise self.wrong(prefix + "inputs", "is not a list of tables with a kind", remedy)
