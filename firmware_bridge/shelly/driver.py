"""A Shelly Gen2+ as a meter."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge.plugs.driver import PlugDriver, PlugSettings
from firmware_bridge.settings import setting
from firmware_bridge.shelly.parser import Shelly
from firmware_bridge.transports import Transports


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellySettings(PlugSettings):
    """The settings of one switch of a Shelly in a gateway's configuration."""

    prefix: str = setting(example="shellyplugsg3-a1b2c3d4e5f6")
    switch: float = setting(0.0, least=0, most=15)


def shelly(
    settings: ShellySettings,
    *,
    transports: Transports | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> PlugDriver:
    """Make the driver; see Driver."""
    # Shelly answers to whoever asked: two drivers, or a gateway started anew, hear only their own answers
    source = f"makerfloor-{secrets.token_hex(6)}"
    return PlugDriver(
        settings, Shelly(settings.prefix, int(settings.switch), source), transports=transports, clock=clock
    )
