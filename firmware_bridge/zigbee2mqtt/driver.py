"""A Zigbee plug behind Zigbee2MQTT as a meter."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge.plugs.driver import PlugDriver, PlugSettings
from firmware_bridge.settings import setting
from firmware_bridge.transports import Transports
from firmware_bridge.zigbee2mqtt.parser import Zigbee2Mqtt


@dataclass(frozen=True, slots=True, kw_only=True)
class Zigbee2MqttSettings(PlugSettings):
    """The settings of one Zigbee plug in a gateway's configuration: it is asked less often than others."""

    device: str = setting(example="laser plug")
    base: str = setting("zigbee2mqtt", example="zigbee2mqtt")
    endpoint: str = setting("", example="l1")
    poll_s: float = setting(30.0, least=0.05, most=600.0)
    silence_s: float = setting(120.0, least=0.1, most=3600.0)


def zigbee2mqtt(
    settings: Zigbee2MqttSettings,
    *,
    transports: Transports | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> PlugDriver:
    """Make the driver; see Driver."""
    return PlugDriver(
        settings,
        Zigbee2Mqtt(settings.base, settings.device, settings.endpoint),
        transports=transports,
        clock=clock,
    )
