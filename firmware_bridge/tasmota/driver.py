"""A plug with Tasmota as a meter."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge.plugs.driver import PlugDriver, PlugSettings
from firmware_bridge.settings import setting
from firmware_bridge.tasmota.parser import Tasmota
from firmware_bridge.transports import Transports


@dataclass(frozen=True, slots=True, kw_only=True)
class TasmotaSettings(PlugSettings):
    """The settings of one relay of a Tasmota in a gateway's configuration."""

    topic: str = setting(example="laser_plug")
    relay: float = setting(1.0, least=1, most=8)


def tasmota(
    settings: TasmotaSettings,
    *,
    transports: Transports | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> PlugDriver:
    """Make the driver; see Driver."""
    return PlugDriver(
        settings, Tasmota(settings.topic, int(settings.relay)), transports=transports, clock=clock
    )
