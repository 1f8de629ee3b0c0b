"""The settings of inputs, and which wiring of a safety contact is refused."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from floor.errors import ConfigError, MachineFault
from floor.words import InputRole
from hardware.inputs.gpio import GpioInput, Pull
from hardware.ports import Input
from hardware.relays.gpio import Line, load_gpio
from hardware.settings import Level, Settings

Role = Literal[
    "emergency_stop",
    "interlock",
    "door",
    "end",
    "oops",
    "extraction",
    "chiller",
    "closing",
    "fire_alarm",
    "hand_over",
    "sign_off",
]
ROLES = ", ".join(InputRole)


class InputSettings(Settings):
    """The settings that every kind of input takes."""

    role: Role = Field(description=f"what it stands for: one of {ROLES}")


class GpioInputSettings(InputSettings):
    """An input of kind `gpio`. Without a level and a pull, those of a contact to ground."""

    pin: int = Field(ge=0, le=27, description="a BCM pin number from 0 to 27")
    active: Level | None = Field(None, description='the level that means "active", "high" or "low"')
    pull: Pull = Field("up", description='the Pi\'s own resistor: "up", "down", or "off" for one outside')
    debounce_ms: int = Field(
        30, ge=0, le=500, description="the milliseconds, 0 to 500, that a change must last"
    )

    @property
    def line(self) -> Line:
        """The pin. By itself a contact opens when it is active, but a button, a proof and closing close."""
        role = InputRole(self.role)
        closes = role.button or role.proof or role is InputRole.CLOSING
        return Line(self.pin, self.active == "high" if self.active else not closes)


def build_gpio_input(given: GpioInputSettings, where: str) -> Input:
    """Build it; raises ConfigError, also for a contact whose cut wire would look as if all were well."""
    role, line = InputRole(given.role), given.line
    cut_is_active = (given.pull == "up") == line.active_high
    if role.proof and given.pull != "off" and cut_is_active:
        raise ConfigError(
            where,
            "active",
            f"with pull {given.pull} a cut wire would prove that the {role} runs",
            'Use a contact that closes: pull = "up" with active = "low", or "down" with "high".',
        )
    if role.safety and given.pull != "off" and not cut_is_active:
        raise ConfigError(
            where,
            "active",
            f"with pull {given.pull} a cut wire of the {role} would look as if all were well",
            'Use a contact that opens: pull = "up" with active = "high", or "down" with "low".',
        )
    gpio = load_gpio(where, "kind")
    try:
        return GpioInput(given.name, role, gpio, line, given.pull, given.debounce_ms / 1000)
    except MachineFault as error:
        remedy = "See that no other program uses the pin, and that the user is in the group gpio."
        raise ConfigError(where, "pin", str(error), remedy) from error
