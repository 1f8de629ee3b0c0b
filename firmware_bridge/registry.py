"""The kinds of machines that a gateway can drive, by the name that its configuration gives them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from firmware_bridge.bambu.driver import BambuDriver, BambuSettings
from firmware_bridge.current.driver import CurrentSettings, current
from firmware_bridge.driver import Driver
from firmware_bridge.grbl.driver import GrblDriver, GrblSettings
from firmware_bridge.http.driver import HttpMachine, HttpSettings
from firmware_bridge.marlin.driver import MarlinDriver, MarlinSettings
from firmware_bridge.moonraker.driver import MoonrakerDriver, MoonrakerSettings
from firmware_bridge.mqtt.driver import MqttMachine, MqttSettings
from firmware_bridge.octoprint.driver import OctoPrintDriver, OctoPrintSettings
from firmware_bridge.prusalink.driver import PrusaLinkDriver, PrusaLinkSettings
from firmware_bridge.pulse.driver import PulseDriver, PulseSettings
from firmware_bridge.pzem.driver import PzemDriver, PzemSettings
from firmware_bridge.ruida.driver import RuidaDriver, RuidaSettings
from firmware_bridge.settings import read
from firmware_bridge.shelly.driver import ShellySettings, shelly
from firmware_bridge.simulated.driver import SimulatedMachine, SimulatedSettings
from firmware_bridge.tasmota.driver import TasmotaSettings, tasmota
from firmware_bridge.transports import Transports
from firmware_bridge.transports.real import RealTransports
from firmware_bridge.zigbee2mqtt.driver import Zigbee2MqttSettings, zigbee2mqtt
from floor.errors import ConfigError


def _simulated(settings: SimulatedSettings, *, transports: Transports, clock: Callable[[], float]) -> Driver:
    return SimulatedMachine(settings, clock=clock)


KINDS: dict[str, tuple[type[object], Callable[..., Driver]]] = {
    "bambu": (BambuSettings, BambuDriver),
    "current": (CurrentSettings, current),
    "grbl": (GrblSettings, GrblDriver),
    "http": (HttpSettings, HttpMachine),
    "marlin": (MarlinSettings, MarlinDriver),
    "moonraker": (MoonrakerSettings, MoonrakerDriver),
    "mqtt": (MqttSettings, MqttMachine),
    "octoprint": (OctoPrintSettings, OctoPrintDriver),
    "prusalink": (PrusaLinkSettings, PrusaLinkDriver),
    "pulse": (PulseSettings, PulseDriver),
    "pzem": (PzemSettings, PzemDriver),
    "ruida": (RuidaSettings, RuidaDriver),
    "shelly": (ShellySettings, shelly),
    "simulated": (SimulatedSettings, _simulated),
    "tasmota": (TasmotaSettings, tasmota),
    "zigbee2mqtt": (Zigbee2MqttSettings, zigbee2mqtt),
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
    shape, make = KINDS[kind]
    return make(read(shape, settings, where), transports=transports or RealTransports(), clock=clock)
