"""Relays that are plugs on MQTT: kinds `shelly` and `tasmota`."""

from pydantic import Field

from hardware.kinds.behind_broker import BrokerSettings, broker_address
from hardware.ports import Relay
from hardware.relays.plug import PlugDialect, PlugRelay, ShellySwitch, TasmotaSwitch


class PlugSettings(BrokerSettings):
    """A relay that is a plug on MQTT."""

    dead_man_s: int = Field(
        30, ge=12, le=600, description="the seconds, 12 to 600, after which the plug opens by itself"
    )


class ShellySettings(PlugSettings):
    """A relay of kind `shelly`."""

    prefix: str = Field(min_length=1, description="the plug's MQTT prefix, as in its settings")
    switch: int = Field(0, ge=0, le=15, description="the number of its switch, 0 to 15")


class TasmotaSettings(PlugSettings):
    """A relay of kind `tasmota`."""

    topic: str = Field(min_length=1, description="the plug's topic, as in its settings")
    relay: int = Field(1, ge=1, le=8, description="the number of its relay, 1 to 8")


def build_shelly(given: ShellySettings, where: str, *, keep: bool = False) -> Relay:
    """Build it, off, or with `keep` as it proves to be; raises ConfigError."""
    return _plug(given, ShellySwitch(given.prefix, given.switch), where, keep)


def build_tasmota(given: TasmotaSettings, where: str, *, keep: bool = False) -> Relay:
    """Build it, off, or with `keep` as it proves to be; raises ConfigError."""
    return _plug(given, TasmotaSwitch(given.topic, given.relay), where, keep)


def _plug(given: PlugSettings, dialect: PlugDialect, where: str, keep: bool) -> Relay:
    return PlugRelay(given.name, broker_address(given, where), dialect, given.dead_man_s, keep=keep)
