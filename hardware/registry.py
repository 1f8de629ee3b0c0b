"""Settings become hardware: `kind = "rdm6300"`, `port = "/dev/ttyUSB0"`, and what else that kind takes.

A kind is a row of a table here: its settings and how it is built. docs/wiring/ names every setting.
"""

import ssl
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from floor.errors import ConfigError, MachineFault
from floor.words import InputRole
from hardware.broker import BrokerAddress
from hardware.inputs.settings import GpioInputSettings, InputSettings, build_gpio_input
from hardware.nodes.fabomatic_node import FabomaticNode
from hardware.nodes.mac_node import MacNode
from hardware.nodes.node import Node
from hardware.panels.console import ConsolePanel
from hardware.panels.oled_settings import OledSettings, build_oled
from hardware.panels.settings import StackLightSettings, build_stack_light
from hardware.ports import Input, Panel, Reader, Relay
from hardware.readers import settings as readers
from hardware.readers.pcsc import PcscSettings, build_pcsc
from hardware.relays.gpio import GpioRelay, Line, load_gpio
from hardware.relays.plug import PlugDialect, PlugRelay, ShellySwitch, TasmotaSwitch
from hardware.relays.rig import RigRelay
from hardware.settings import Level, Settings
from hardware.simulated import SimulatedInput, SimulatedPanel, SimulatedReader, SimulatedRelay

_Built = TypeVar("_Built")


class GpioSettings(Settings):
    """A relay of kind `gpio`."""

    pin: int = Field(ge=0, le=27, description="a BCM pin number from 0 to 27")
    active: Level = Field("high", description='the level that switches on, "high" or "low"')
    feedback_pin: int | None = Field(None, ge=0, le=27, description="a BCM pin number from 0 to 27")
    feedback_active: Level = Field("low", description='the level of a closed contact, "high" or "low"')


class RigSettings(Settings):
    """A relay of kind `rig`."""

    name: str = Field(min_length=1, max_length=100, description="the relay's name on the rig")
    socket: str = Field(min_length=1, description="the Unix socket of `python -m hardware.relays.rig`")
    levels_file: str | None = Field(None, description="where that rig keeps its levels (SOCKET.json)")


class BrokerSettings(Settings):
    """A device behind an MQTT broker."""

    broker: str = Field(
        pattern=r"^mqtts?://[^/@]+/?$", description='an address such as "mqtt://192.168.1.10:1883"'
    )
    username: str = Field("", description="a user of the broker")
    password: str = Field("", repr=False, description="the user's password at the broker")
    ca: str = Field("", description='a file of certificates, for "mqtts://" only')


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


class FabomaticSettings(BrokerSettings):
    """A box of kind `fabomatic`."""

    id: int = Field(ge=1, le=65_535, description="the machine's id, 1 to 65535, as in the board's settings")
    silent_s: int = Field(
        90, ge=60, le=600, description="the seconds of silence, 60 to 600, after which the box is lost"
    )


class MacSettings(Settings):
    """A box of kind `mac`."""

    machine_name: str = Field(min_length=1, max_length=64, description="what the box calls itself")
    address: str = Field("", max_length=45, description="the address that it posts from, as 192.168.1.30")
    silent_s: int = Field(
        30, ge=25, le=600, description="the seconds of silence, 25 to 600, after which the box is lost"
    )


class SimulatedRelaySettings(Settings):
    """A relay of kind `simulated`."""

    feedback: bool = Field(True, description="true or false: whether the contact is read back")


_Row = tuple[type[Settings], Callable[[Any, str], _Built]]


def _gpio(given: GpioSettings, where: str, *, keep: bool = False) -> Relay:
    if given.pin == given.feedback_pin:
        raise ConfigError(where, "feedback_pin", "it is the relay's own pin", "Give the pin of the contact.")
    feedback = None
    if given.feedback_pin is not None:
        feedback = Line(given.feedback_pin, given.feedback_active == "high")
    elif keep:
        remedy = 'Wire the contact back, or write on_process_loss = "open".'
        raise ConfigError(where, "feedback_pin", "without it nothing proves what is kept on", remedy)
    output = Line(given.pin, given.active == "high")
    try:
        return GpioRelay(given.name, load_gpio(where, "kind"), output, feedback, keep=keep)
    except MachineFault as error:
        remedy = "See that no other program uses the pin, and that the user is in the group gpio."
        raise ConfigError(where, "pin", str(error), remedy) from error


def _rig(given: RigSettings, where: str, *, keep: bool = False) -> Relay:
    levels_file = Path(given.levels_file) if given.levels_file else None
    try:
        return RigRelay(given.name, Path(given.socket), levels_file, keep=keep)
    except MachineFault as error:
        remedy = f"Start it: python -m hardware.relays.rig {given.socket}"
        raise ConfigError(where, "socket", str(error), remedy) from error


def _plug(given: PlugSettings, dialect: PlugDialect, where: str, keep: bool) -> Relay:
    return PlugRelay(given.name, _broker(given, where), dialect, given.dead_man_s, keep=keep)


def _broker(given: BrokerSettings, where: str) -> BrokerAddress:
    try:
        parts = urlsplit(given.broker)
        host, port, tls = parts.hostname or "", parts.port, parts.scheme == "mqtts"
    except ValueError as error:
        raise ConfigError(where, "broker", str(error), 'Write "mqtt://192.168.1.10:1883".') from error
    if given.ca and not tls:
        raise ConfigError(where, "ca", "it is of no use without TLS", 'Write broker = "mqtts://…".')
    try:
        security = ssl.create_default_context(cafile=given.ca or None) if tls else None
    except OSError as error:
        raise ConfigError(
            where, "ca", f"it cannot be read: {error}", "Name a file of certificates."
        ) from error
    return BrokerAddress(host, port or (8883 if tls else 1883), given.username, given.password, security)


def _fabomatic(given: FabomaticSettings, where: str) -> Node:
    return FabomaticNode(given.name, _broker(given, where), given.id, given.silent_s)


def _simulated_input(given: InputSettings, _: str) -> Input:
    """What must run runs; nothing else is ever active."""
    role = InputRole(given.role)
    return SimulatedInput(given.name, role, role.proof)


def _shelly(given: ShellySettings, where: str, *, keep: bool = False) -> Relay:
    return _plug(given, ShellySwitch(given.prefix, given.switch), where, keep)


def _tasmota(given: TasmotaSettings, where: str, *, keep: bool = False) -> Relay:
    return _plug(given, TasmotaSwitch(given.topic, given.relay), where, keep)


_READERS: dict[str, _Row[Reader]] = {
    "keyboard": (readers.KeyboardSettings, readers.build_keyboard),
    "mfrc522": (readers.Mfrc522Settings, readers.build_mfrc522),
    "osdp": (readers.OsdpSettings, readers.build_osdp),
    "pcsc": (PcscSettings, build_pcsc),
    "pn532": (readers.Pn532Settings, readers.build_pn532),
    "rdm6300": (readers.Rdm6300Settings, readers.build_rdm6300),
    "simulated": (Settings, lambda given, _: SimulatedReader(given.name)),
    "wiegand": (readers.WiegandSettings, readers.build_wiegand),
}
_RELAYS: dict[str, _Row[Relay]] = {
    "gpio": (GpioSettings, _gpio),
    "rig": (RigSettings, _rig),
    "shelly": (ShellySettings, _shelly),
    "simulated": (SimulatedRelaySettings, lambda given, _: SimulatedRelay(given.name, given.feedback)),
    "tasmota": (TasmotaSettings, _tasmota),
}
_KEPT: dict[str, _Row[Relay]] = {
    "gpio": (GpioSettings, partial(_gpio, keep=True)),
    "rig": (RigSettings, partial(_rig, keep=True)),
    "shelly": (ShellySettings, partial(_shelly, keep=True)),
    "tasmota": (TasmotaSettings, partial(_tasmota, keep=True)),
}
"""Relays that prove what they are before they are driven."""
_PANELS: dict[str, _Row[Panel]] = {
    "console": (Settings, lambda given, _: ConsolePanel(given.name)),
    "oled": (OledSettings, build_oled),
    "simulated": (Settings, lambda given, _: SimulatedPanel(given.name)),
    "stack_light": (StackLightSettings, build_stack_light),
}

_INPUTS: dict[str, _Row[Input]] = {
    "gpio": (GpioInputSettings, build_gpio_input),
    "simulated": (InputSettings, _simulated_input),
}
_NODES: dict[str, _Row[Node]] = {
    "fabomatic": (FabomaticSettings, _fabomatic),
    "mac": (
        MacSettings,
        lambda given, _: MacNode(given.name, given.machine_name, given.address, given.silent_s),
    ),
}


def build_reader(kind: str, settings: Mapping[str, object], where: str) -> Reader:
    """Build a reader; ConfigError names `where` (file and place), the key, and what would be right.

    In all of them, the setting `name` is optional, except on a rig; it is the kind where it is not given.
    """
    return _build(_READERS, kind, settings, where)


def build_relay(kind: str, settings: Mapping[str, object], where: str) -> Relay:
    """Build a relay, which is off; ConfigError as for a reader, also where the relay cannot be had."""
    return _build(_RELAYS, kind, settings, where)


def build_kept(kind: str, settings: Mapping[str, object], where: str) -> Relay:
    """Build a relay that is on where it is proven to be on (see hardware.ports.Keeps), else off."""
    if kind in _RELAYS and kind not in _KEPT:
        problem = f'a relay of kind "{kind}" cannot prove what it is'
        raise ConfigError(where, "on_process_loss", problem, f"Use one of: {', '.join(_KEPT)}.")
    return _build(_KEPT, kind, settings, where)


def build_panel(kind: str, settings: Mapping[str, object], where: str) -> Panel:
    """Build a panel; ConfigError as for a reader."""
    return _build(_PANELS, kind, settings, where)


def build_node(kind: str, settings: Mapping[str, object], where: str) -> Node:
    """Build a box in the field, whose relay is off; ConfigError as for a reader."""
    return _build(_NODES, kind, settings, where)


def build_input(kind: str, settings: Mapping[str, object], where: str) -> Input:
    """Build an input; ConfigError as for a relay. Its name is its role where none is given."""
    role = settings.get("role")
    named = {"name": role, **settings} if isinstance(role, str) and role else settings
    return _build(_INPUTS, kind, named, where)


def _build(rows: Mapping[str, _Row[_Built]], kind: str, settings: Mapping[str, object], where: str) -> _Built:
    if kind not in rows:
        raise ConfigError(where, "kind", f'"{kind}" is unknown', _one_of(kind, rows))
    model, build = rows[kind]
    try:
        given = model.model_validate(settings)
    except ValidationError as error:
        raise _config_error(error, model, where) from error
    return build(given if given.name else given.model_copy(update={"name": kind}), where)


def _config_error(error: ValidationError, model: type[Settings], where: str) -> ConfigError:
    # A mistyped key explains a missing one, so unknown keys are told first.
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    key = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return ConfigError(where, key, "this setting is unknown", _one_of(key, model.model_fields))
    right = f"Give {model.model_fields[key].description}."
    if first["type"] == "missing":
        return ConfigError(where, key, "this setting is missing", right)
    return ConfigError(where, key, f"{first['input']!r} does not fit", right)


def _one_of(wrong: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(wrong, known, n=1)
    hint = f'Did you mean "{near[0]}"? ' if near else ""
    return f"{hint}Known: {', '.join(known)}."
