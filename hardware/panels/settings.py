"""The settings of a stack light."""

from __future__ import annotations

from pydantic import Field

from floor.errors import ConfigError, MachineFault
from hardware.panels.stack_light import StackLight
from hardware.ports import Lamp
from hardware.relays.gpio import Line, load_gpio
from hardware.settings import Level, Settings

PIN = "a BCM pin number from 0 to 27"


class StackLightSettings(Settings):
    """A panel of kind `stack_light`."""

    red: int | None = Field(None, ge=0, le=27, description=PIN)
    amber: int | None = Field(None, ge=0, le=27, description=PIN)
    green: int | None = Field(None, ge=0, le=27, description=PIN)
    blue: int | None = Field(None, ge=0, le=27, description=PIN)
    buzzer: int | None = Field(None, ge=0, le=27, description=PIN)
    active: Level = Field("high", description='the level that switches on, "high" or "low"')


def build_stack_light(given: StackLightSettings, where: str) -> StackLight:
    """Build it, all off; raises ConfigError."""
    pins = {lamp: pin for lamp in Lamp if (pin := getattr(given, lamp, None)) is not None}
    used = [*pins.values(), *([given.buzzer] if given.buzzer is not None else [])]
    if not used:
        raise ConfigError(where, "red", "no lamp and no buzzer is wired", "Give a pin to one of them.")
    for pin in used:
        if used.count(pin) > 1:
            raise ConfigError(where, "kind", f"pin {pin} stands twice", "Give each of them its own pin.")
    high = given.active == "high"
    lamps = {lamp: Line(pin, high) for lamp, pin in pins.items()}
    buzzer = None if given.buzzer is None else Line(given.buzzer, high)
    try:
        return StackLight(given.name, load_gpio(where, "kind"), lamps, buzzer)
    except MachineFault as error:
        remedy = "See that no other program uses the pins, and that the user is in the group gpio."
        raise ConfigError(where, "kind", str(error), remedy) from error
