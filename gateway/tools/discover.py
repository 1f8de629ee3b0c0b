"""`makerfloor-gateway discover`: finds machines, and proposes what to write into gateway.toml."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from firmware_bridge.discovery import mdns, network
from firmware_bridge.discovery.announced import Announcements
from firmware_bridge.discovery.found import FILL_IN, UNKNOWN_BROKER, Found, proposal, told
from firmware_bridge.transports.mqtt import BrokerSettings, MqttTransport
from floor.errors import ConfigError, MachineUnreachable
from gateway import config as configuration
from gateway.tools import probing
from gateway.tools.machines import COMMAND_LINE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="how long to listen (default: %(default)s)"
    )
    parser.add_argument(
        "--serial", action="store_true", help="ask USB serial ports too: opening one may reset its board"
    )
    parser.add_argument("--port", action="append", default=[], help="ask this serial port (with --serial)")
    parser.add_argument(
        "--patience",
        type=float,
        default=probing.PATIENCE_S,
        help="seconds that a board on a port may take to greet (default: %(default)s)",
    )
    parser.add_argument(
        "--mqtt", metavar="URL", help="listen at this broker for plugs: mqtt://… or mqtts://…"
    )
    parser.add_argument("--username", default="", help="a user of that broker")
    parser.add_argument("--password-file", type=Path, help="a file with that user's password")
    parser.add_argument("--ca", default="", help="certificates of that broker's authority, for mqtts://")
    parser.add_argument("--mdns", default="224.0.0.251:5353", help="whom to ask by mDNS; `off` for nobody")
    parser.add_argument("--json", action="store_true", help="one JSON object for each thing found")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found and a proposal; 1 when nothing was. Raises ConfigError for wrong arguments."""
    found, errors = asyncio.run(_discover(arguments))
    for error in errors:
        print(f"makerfloor-gateway: {error}", file=sys.stderr)
    if arguments.json:
        for one in found:
            print(json.dumps(_table(one), ensure_ascii=False))
    else:
        print("\n".join(_lines(found)))
    return 0 if found else 1


async def _discover(arguments: argparse.Namespace) -> tuple[list[Found], list[MachineUnreachable]]:
    ways = [_by_mdns(arguments)]
    if arguments.mqtt:
        ways.append(_by_mqtt(arguments))
    if arguments.serial:
        ways.append(_by_serial(arguments))
    results = await asyncio.gather(*ways, return_exceptions=True)
    found: list[Found] = []
    errors: list[MachineUnreachable] = []
    for result in results:
        if isinstance(result, MachineUnreachable):
            errors.append(result)
        elif isinstance(result, BaseException):
            raise result
        else:
            found += result
    return _once(found), errors


def _once(found: list[Found]) -> list[Found]:
    """A plug that is found on the broker needs not be found by mDNS, too."""
    told = {_plug(one) for one in found if one.how == "MQTT"}
    return [one for one in found if one.how == "MQTT" or _plug(one) is None or _plug(one) not in told]


def _plug(found: Found) -> object:
    return (found.driver or {}).get("prefix")


async def _by_mdns(arguments: argparse.Namespace) -> list[Found]:
    if arguments.mdns == "off":
        return []
    host, colon, port = arguments.mdns.rpartition(":")
    if not colon or not port.isdecimal():
        raise ConfigError(COMMAND_LINE, "--mdns", "is no address", "Write --mdns 224.0.0.251:5353, or off.")
    services = await mdns.browse(arguments.seconds, (host, int(port)))
    return network.found(services, arguments.mqtt or UNKNOWN_BROKER)


async def _by_mqtt(arguments: argparse.Namespace) -> list[Found]:
    settings = _broker(arguments)
    heard = Announcements(f"makerfloor-{secrets.token_hex(6)}")
    loop = asyncio.get_running_loop()
    until_s = loop.time() + arguments.seconds
    async with MqttTransport(settings, COMMAND_LINE).open(heard.topics) as broker:
        while (left_s := until_s - loop.time()) > 0:
            message = await broker.receive(left_s)
            for topic, payload in heard.receive(message) if message else ():
                await broker.publish(topic, payload)
    place: dict[str, object] = {"broker": settings.broker}
    if settings.username:
        place |= {"username": settings.username, "password": FILL_IN}
    if settings.ca:
        place["ca"] = settings.ca
    return heard.found(place)


def _broker(arguments: argparse.Namespace) -> BrokerSettings:
    if not arguments.mqtt.startswith(("mqtt://", "mqtts://")):
        raise ConfigError(COMMAND_LINE, "--mqtt", "is no broker", "Write --mqtt mqtt://192.168.1.10:1883.")
    password = ""
    if arguments.password_file:
        try:
            password = arguments.password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(COMMAND_LINE, "--password-file", f"{error}", "Name a file.") from error
    return BrokerSettings(
        broker=arguments.mqtt, username=arguments.username, password=password, ca=arguments.ca
    )


async def _by_serial(arguments: argparse.Namespace) -> list[Found]:
    return await probing.probe(_free_ports(arguments), arguments.patience)


def _free_ports(arguments: argparse.Namespace) -> list[probing.Port]:
    """Return the ports that no station of the configuration uses; say so, and what opening one does."""
    wanted = [probing.Port(path) for path in arguments.port] or probing.ports()
    used = probing.in_use(configuration.load(arguments.config)) if arguments.config.exists() else set()
    free = [port for port in wanted if Path(port.path).resolve() not in used]
    if len(free) < len(wanted):
        print("Ports that the configuration uses are left alone.", file=sys.stderr)
    if free:
        print("Opening a serial port may reset the board behind it.", file=sys.stderr)
    return free


def _lines(found: list[Found]) -> list[str]:
    if not found:
        return ["Nothing was found."]
    lines = ["\n    ".join(told(one)) for one in found]
    text = proposal(found)
    return [*lines, "", "# To paste into gateway.toml:", "", text] if text else lines


def _table(found: Found) -> Mapping[str, object]:
    table: dict[str, object] = {
        "what": found.what,
        "where": found.where,
        "how": found.how,
        "sure": found.sure.value,
        "notes": list(found.notes),
    }
    for key in ("reader", "relay", "driver"):
        if device := getattr(found, key):
            table[key] = dict(device)
    return table | {"toml": proposal([found])}
