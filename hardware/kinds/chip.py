"""What readers have in common whose chip is asked again and again."""

from collections.abc import Callable
from functools import partial

from pydantic import Field

from floor.errors import ConfigError, MachineFault
from hardware.readers.port_reader import Device
from hardware.readers.resettable import Resettable
from hardware.relays.gpio import GpioRelay, Line, load_gpio
from hardware.settings import REMOVAL_MS, Settings


class ChipSettings(Settings):
    """A reader whose chip is asked again and again."""

    removal_ms: int = REMOVAL_MS
    poll_ms: int = Field(100, ge=20, le=1000, description="the pause between two polls, 20 to 1000 ms")
    reset_pin: int | None = Field(None, ge=0, le=27, description="a BCM pin number from 0 to 27")


def resettable(
    open_device: Callable[[], Device], pin: int | None, name: str, where: str
) -> Callable[[], Device]:
    """Return what opens the device with its chip's reset line on this pin; ConfigError if that fails."""
    if pin is None:
        return open_device
    gpio = load_gpio(where, "reset_pin")
    try:
        # The line resets while it is low, so a relay that is active at low and off at first is what it takes.
        reset = GpioRelay(f"{name}'s reset", gpio, Line(pin, active_high=False))
    except MachineFault as error:
        remedy = "See that no other program uses the pin, and that the user is in the group gpio."
        raise ConfigError(where, "reset_pin", str(error), remedy) from error
    return partial(Resettable, open_device, reset)
