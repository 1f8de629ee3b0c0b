"""A relay on a pin: kind `gpio`."""

from pydantic import Field

from floor.errors import ConfigError, MachineFault
from hardware.ports import Relay
from hardware.relays.gpio import GpioRelay, Line, load_gpio
from hardware.settings import Level, Settings


class GpioSettings(Settings):
    """A relay of kind `gpio`."""

    pin: int = Field(ge=0, le=27, description="a BCM pin number from 0 to 27")
    active: Level = Field("high", description='the level that switches on, "high" or "low"')
    feedback_pin: int | None = Field(None, ge=0, le=27, description="a BCM pin number from 0 to 27")
    feedback_active: Level = Field("low", description='the level of a closed contact, "high" or "low"')


def build_gpio(given: GpioSettings, where: str, *, keep: bool = False) -> Relay:
    """Build it, off, or with `keep` on where its contact proves that it is; raises ConfigError."""
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
