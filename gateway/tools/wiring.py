"""`makerfloor-gateway wiring`: which wire goes to which pin, drawn and as a table, from the settings."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

from floor.errors import ConfigError
from gateway.config import GatewayConfig, StationConfig, load
from gateway.devices import refuse_shared_pins
from hardware.wires.plan import Sheet, sheets, table
from hardware.wires.svg import drawing

SHARED = "all stations"
NOT_IN_NAMES = re.compile(r"[^\w.-]")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("file", nargs="?", type=Path, help="settings (default: those of --config)")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="FOLDER", help="where drawings are written"
    )
    parser.set_defaults(command=_wiring)


def _wiring(arguments: argparse.Namespace) -> int:
    config = load(arguments.file or arguments.config)
    refuse_shared_pins(config)
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for sheet in drawn(config):
            path = arguments.out / f"wiring-{NOT_IN_NAMES.sub('_', sheet.machine)}.svg"
            path.write_text(drawing(sheet), encoding="utf-8")
            print(table(sheet))
            print(f"drawn: {path}\n")
    except OSError as error:
        raise ConfigError(str(arguments.out), "--out", f"{error.strerror}", "Name another folder.") from error
    return 0


def drawn(config: GatewayConfig) -> list[Sheet]:
    """Return the sheet of each station, and of what all share; ConfigError names a pin that a Pi has not."""
    wired = [(station.machine, _devices(station)) for station in config.stations]
    if config.inputs:
        wired.append((SHARED, [("input", device) for device in config.inputs]))
    for machine, devices in wired:
        for role, device in devices:
            for key, value in device.items():
                if (key == "pin" or key.endswith("_pin")) and value not in range(28):
                    where = f"{config.file}: {machine}"
                    raise ConfigError(
                        where, f"{role}: {key}", f"is {value!r}", "Give a BCM number from 0 to 27."
                    )
    return sheets(wired)


def _devices(station: StationConfig) -> list[tuple[str, Mapping[str, object]]]:
    roles = {
        "reader": station.reader,
        "relay": station.relay,
        "extraction": station.extraction,
        "panel": station.panel,
        "node": station.node,
        "driver": station.driver,
    }
    found = [(role, device) for role, device in roles.items() if device]
    return [*found, *(("input", device) for device in station.inputs)]
