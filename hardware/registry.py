"""Settings become hardware: `kind = "rdm6300"`, `port = "/dev/ttyUSB0"`, and what else that kind takes.

A kind is a row of a table here: its settings and how it is built. A row loads its kind's module when it is
called: a gateway on a small computer holds what is wired. docs/wiring/ names every setting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import TypeAlias, TypeVar

from pydantic import ValidationError

from floor.errors import ConfigError
from hardware.nodes.node import Node
from hardware.ports import Input, Panel, Reader, Relay
from hardware.settings import Settings

_Built = TypeVar("_Built")

_Row: TypeAlias = tuple[type[Settings], Callable[..., _Built]]
_Load: TypeAlias = Callable[[], _Row[_Built]]


def _keyboard() -> _Row[Reader]:
    from hardware.kinds.keyboard import KeyboardSettings, build_keyboard

    return KeyboardSettings, build_keyboard


def _mfrc522() -> _Row[Reader]:
    from hardware.kinds.mfrc522 import Mfrc522Settings, build_mfrc522

    return Mfrc522Settings, build_mfrc522


def _osdp() -> _Row[Reader]:
    from hardware.kinds.osdp import OsdpSettings, build_osdp

    return OsdpSettings, build_osdp


def _pcsc() -> _Row[Reader]:
    from hardware.readers.pcsc import PcscSettings, build_pcsc

    return PcscSettings, build_pcsc


def _pn532() -> _Row[Reader]:
    from hardware.kinds.pn532 import Pn532Settings, build_pn532

    return Pn532Settings, build_pn532


def _rdm6300() -> _Row[Reader]:
    from hardware.kinds.serial_readers import Rdm6300Settings, build_rdm6300

    return Rdm6300Settings, build_rdm6300


def _simulated_reader() -> _Row[Reader]:
    from hardware.kinds.simulated import build_reader

    return Settings, build_reader


def _wiegand() -> _Row[Reader]:
    from hardware.kinds.serial_readers import WiegandSettings, build_wiegand

    return WiegandSettings, build_wiegand


def _gpio() -> _Row[Relay]:
    from hardware.kinds.gpio import GpioSettings, build_gpio

    return GpioSettings, build_gpio


def _rig() -> _Row[Relay]:
    from hardware.kinds.rig import RigSettings, build_rig

    return RigSettings, build_rig


def _shelly() -> _Row[Relay]:
    from hardware.kinds.plug import ShellySettings, build_shelly

    return ShellySettings, build_shelly


def _simulated_relay() -> _Row[Relay]:
    from hardware.kinds.simulated import SimulatedRelaySettings, build_relay

    return SimulatedRelaySettings, build_relay


def _tasmota() -> _Row[Relay]:
    from hardware.kinds.plug import TasmotaSettings, build_tasmota

    return TasmotaSettings, build_tasmota


def _console() -> _Row[Panel]:
    from hardware.panels.console import ConsolePanel

    return Settings, lambda given, _: ConsolePanel(given.name)


def _oled() -> _Row[Panel]:
    from hardware.panels.oled_settings import OledSettings, build_oled

    return OledSettings, build_oled


def _simulated_panel() -> _Row[Panel]:
    from hardware.kinds.simulated import build_panel

    return Settings, build_panel


def _stack_light() -> _Row[Panel]:
    from hardware.panels.settings import StackLightSettings, build_stack_light

    return StackLightSettings, build_stack_light


def _gpio_input() -> _Row[Input]:
    from hardware.inputs.settings import GpioInputSettings, build_gpio_input

    return GpioInputSettings, build_gpio_input


def _simulated_input() -> _Row[Input]:
    from hardware.inputs.settings import InputSettings
    from hardware.kinds.simulated_input import build_input

    return InputSettings, build_input


def _fabomatic() -> _Row[Node]:
    from hardware.kinds.fabomatic import FabomaticSettings, build_fabomatic

    return FabomaticSettings, build_fabomatic


def _mac() -> _Row[Node]:
    from hardware.kinds.mac import MacSettings, build_mac

    return MacSettings, build_mac


def _keeping(load: _Load[Relay]) -> _Load[Relay]:
    def loaded() -> _Row[Relay]:
        model, build = load()
        return model, partial(build, keep=True)

    return loaded


READERS: dict[str, _Load[Reader]] = {
    "keyboard": _keyboard,
    "mfrc522": _mfrc522,
    "osdp": _osdp,
    "pcsc": _pcsc,
    "pn532": _pn532,
    "rdm6300": _rdm6300,
    "simulated": _simulated_reader,
    "wiegand": _wiegand,
}
RELAYS: dict[str, _Load[Relay]] = {
    "gpio": _gpio,
    "rig": _rig,
    "shelly": _shelly,
    "simulated": _simulated_relay,
    "tasmota": _tasmota,
}
_KEPT = {kind: _keeping(RELAYS[kind]) for kind in ("gpio", "rig", "shelly", "tasmota")}
"""Relays that prove what they are before they are driven."""
PANELS: dict[str, _Load[Panel]] = {
    "console": _console,
    "oled": _oled,
    "simulated": _simulated_panel,
    "stack_light": _stack_light,
}
INPUTS: dict[str, _Load[Input]] = {"gpio": _gpio_input, "simulated": _simulated_input}
NODES: dict[str, _Load[Node]] = {"fabomatic": _fabomatic, "mac": _mac}


def build_reader(kind: str, settings: Mapping[str, object], where: str) -> Reader:
    """Build a reader; ConfigError names `where` (file and place), the key, and what would be right.

    In all of them, the setting `name` is optional, except on a rig; it is the kind where it is not given.
    """
    return _build(READERS, kind, settings, where)


def build_relay(kind: str, settings: Mapping[str, object], where: str) -> Relay:
    """Build a relay, which is off; ConfigError as for a reader, also where the relay cannot be had."""
    return _build(RELAYS, kind, settings, where)


def build_kept(kind: str, settings: Mapping[str, object], where: str) -> Relay:
    """Build a relay that is on where it is proven to be on (see hardware.ports.Keeps), else off."""
    if kind in RELAYS and kind not in _KEPT:
        problem = f'a relay of kind "{kind}" cannot prove what it is'
        raise ConfigError(where, "on_process_loss", problem, f"Use one of: {', '.join(_KEPT)}.")
    return _build(_KEPT, kind, settings, where)


def build_panel(kind: str, settings: Mapping[str, object], where: str) -> Panel:
    """Build a panel; ConfigError as for a reader."""
    return _build(PANELS, kind, settings, where)


def build_node(kind: str, settings: Mapping[str, object], where: str) -> Node:
    """Build a box in the field, whose relay is off; ConfigError as for a reader."""
    return _build(NODES, kind, settings, where)


def build_input(kind: str, settings: Mapping[str, object], where: str) -> Input:
    """Build an input; ConfigError as for a relay. Its name is its role where none is given."""
    role = settings.get("role")
    named = {"name": role, **settings} if isinstance(role, str) and role else settings
    return _build(INPUTS, kind, named, where)


def _build(
    rows: Mapping[str, _Load[_Built]], kind: str, settings: Mapping[str, object], where: str
) -> _Built:
    if kind not in rows:
        raise ConfigError(where, "kind", f'"{kind}" is unknown', _one_of(kind, rows))
    model, build = rows[kind]()
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
