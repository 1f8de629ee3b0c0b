"""The kinds of machines that a gateway can drive, by the name that its configuration gives them.

A row loads its driver when it is called: a gateway on a small computer holds those that it drives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from firmware_bridge.driver import Driver
from firmware_bridge.settings import read
from firmware_bridge.transports import Transports
from firmware_bridge.transports.real import RealTransports
from floor.errors import ConfigError

Row: TypeAlias = tuple[type[object], Callable[..., Driver]]
"""The settings of a kind, and what makes its driver."""


def _bambu() -> Row:
    from firmware_bridge.bambu.driver import BambuDriver, BambuSettings

    return BambuSettings, BambuDriver


def _current() -> Row:
    from firmware_bridge.current.driver import CurrentSettings, current

    return CurrentSettings, current


def _grbl() -> Row:
    from firmware_bridge.grbl.driver import GrblDriver, GrblSettings

    return GrblSettings, GrblDriver


def _http() -> Row:
    from firmware_bridge.http.driver import HttpMachine, HttpSettings

    return HttpSettings, HttpMachine


def _marlin() -> Row:
    from firmware_bridge.marlin.driver import MarlinDriver, MarlinSettings

    return MarlinSettings, MarlinDriver


def _moonraker() -> Row:
    from firmware_bridge.moonraker.driver import MoonrakerDriver, MoonrakerSettings

    return MoonrakerSettings, MoonrakerDriver


def _mqtt() -> Row:
    from firmware_bridge.mqtt.driver import MqttMachine, MqttSettings

    return MqttSettings, MqttMachine


def _octoprint() -> Row:
    from firmware_bridge.octoprint.driver import OctoPrintDriver, OctoPrintSettings

    return OctoPrintSettings, OctoPrintDriver


def _prusalink() -> Row:
    from firmware_bridge.prusalink.driver import PrusaLinkDriver, PrusaLinkSettings

    return PrusaLinkSettings, PrusaLinkDriver


def _pulse() -> Row:
    from firmware_bridge.pulse.driver import PulseDriver, PulseSettings

    return PulseSettings, PulseDriver


def _pzem() -> Row:
    from firmware_bridge.pzem.driver import PzemDriver, PzemSettings

    return PzemSettings, PzemDriver


def _ruida() -> Row:
    from firmware_bridge.ruida.driver import RuidaDriver, RuidaSettings

    return RuidaSettings, RuidaDriver


def _shelly() -> Row:
    from firmware_bridge.shelly.driver import ShellySettings, shelly

    return ShellySettings, shelly


def _simulated() -> Row:
    from firmware_bridge.simulated.driver import SimulatedMachine, SimulatedSettings

    def make(
        settings: SimulatedSettings, *, transports: Transports, clock: Callable[[], float]
    ) -> SimulatedMachine:
        return SimulatedMachine(settings, clock=clock)

    return SimulatedSettings, make


def _tasmota() -> Row:
    from firmware_bridge.tasmota.driver import TasmotaSettings, tasmota

    return TasmotaSettings, tasmota


def _zigbee2mqtt() -> Row:
    from firmware_bridge.zigbee2mqtt.driver import Zigbee2MqttSettings, zigbee2mqtt

    return Zigbee2MqttSettings, zigbee2mqtt


KINDS: dict[str, Callable[[], Row]] = {
    "bambu": _bambu,
    "current": _current,
    "grbl": _grbl,
    "http": _http,
    "marlin": _marlin,
    "moonraker": _moonraker,
    "mqtt": _mqtt,
    "octoprint": _octoprint,
    "prusalink": _prusalink,
    "pulse": _pulse,
    "pzem": _pzem,
    "ruida": _ruida,
    "shelly": _shelly,
    "simulated": _simulated,
    "tasmota": _tasmota,
    "zigbee2mqtt": _zigbee2mqtt,
}


def build(
    kind: str,
    settings: Mapping[str, object],
    where: str,
    transports: Transports | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Driver:
    """Make the driver of a machine; nothing is connected until its events are read, over `transports`.

    `clock` gives monotonic seconds.

    Raises ConfigError with `where` as file for an unknown kind or key, a missing key or a wrong value.
    """
    if kind not in KINDS:
        raise ConfigError(where, "kind", f"{kind!r} is no kind of machine", f"Known are: {', '.join(KINDS)}")
    shape, make = KINDS[kind]()
    return make(read(shape, settings, where), transports=transports or RealTransports(), clock=clock)
