"""A reader on a serial line, SPI or I²C: kind `pn532`."""

from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Literal

from pydantic import Field

from floor.words import BadgeKind
from hardware.kinds.chip import ChipSettings, resettable
from hardware.ports import Reader
from hardware.readers.pn532 import Pn532Reader, Pn532Talk
from hardware.readers.pn532_buses import I2cPn532, Pn532Bridge, Pn532Bus, SpiPn532, load_smbus
from hardware.readers.port_reader import Device, open_serial
from hardware.readers.presence import Presence
from hardware.readers.spi import Spidev, load_spidev
from hardware.readers.threaded import ThreadDevice


class Pn532Settings(ChipSettings):
    """A reader of kind `pn532`."""

    port: str = Field(
        min_length=1, description='the device, such as "/dev/serial0", "/dev/spidev0.0" or "/dev/i2c-1"'
    )
    bus: Literal["uart", "spi", "i2c"] = Field("uart", description='how it is wired: "uart", "spi" or "i2c"')
    sun: bool = Field(False, description="true or false: whether an NTAG 424's message is proof enough")


def build_pn532(given: Pn532Settings, where: str) -> Reader:
    """Build it; raises ConfigError."""
    talk = Pn532Talk(Presence(BadgeKind.UID_13MHZ, given.removal_ms), given.poll_ms, given.sun)
    open_device: Callable[[], Device]
    if given.bus == "uart":
        open_device = partial(open_serial, given.port, 115_200)
    else:
        open_bus: Callable[[], Pn532Bus]
        if given.bus == "spi":
            open_bus = partial(SpiPn532, partial(Spidev, load_spidev(where, "bus"), given.port))
        else:
            open_bus = partial(I2cPn532, load_smbus(where, "bus"), given.port)
        open_device = partial(ThreadDevice, Pn532Bridge(open_bus), Lock())
    open_device = resettable(open_device, given.reset_pin, given.name, where)
    return Pn532Reader(given.name, given.port, talk, open_device)
