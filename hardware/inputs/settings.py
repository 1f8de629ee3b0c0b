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

Role = Literal["emergency_stop", "interlock", "door", "end", "oops"]
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
        """The pin; a button closes when it is pressed, every other contact opens when it is active."""
        button = InputRole(self.role).button
        return Line(self.pin, self.active == "high" if self.active else not button)


def build_gpio_input(given: GpioInputSettings, where: str) -> Input:
    """Build it; raises ConfigError, also for a safety contact whose cut wire would look like a safe one."""
    role, line = InputRole(given.role), given.line
    if role.safety and given.pull != "off" and (given.pull == "up") != line.active_high:
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
