"""A reader on SPI: kind `mfrc522`."""

from collections.abc import Callable
from functools import partial
from threading import Lock

from pydantic import Field

from floor.words import BadgeKind
from hardware.kinds.chip import ChipSettings, resettable
from hardware.ports import Reader
from hardware.readers.listening import Listening
from hardware.readers.mfrc522 import Mfrc522Watch
from hardware.readers.port_reader import Device, PortReader
from hardware.readers.presence import Presence
from hardware.readers.records import Records
from hardware.readers.spi import Spidev, load_spidev
from hardware.readers.threaded import ThreadDevice

_ALIVE_MS = 3000  # the chip is asked every second at least


class Mfrc522Settings(ChipSettings):
    """A reader of kind `mfrc522`."""

    port: str = Field("/dev/spidev0.0", min_length=1, description='the device, such as "/dev/spidev0.0"')


def build_mfrc522(given: Mfrc522Settings, where: str) -> Reader:
    """Build it; raises ConfigError."""
    work = Mfrc522Watch(partial(Spidev, load_spidev(where, "kind"), given.port), given.poll_ms)
    talk = Listening(Records, Presence(BadgeKind.UID_13MHZ, given.removal_ms), _ALIVE_MS)
    open_device: Callable[[], Device] = partial(ThreadDevice, work, Lock())
    open_device = resettable(open_device, given.reset_pin, given.name, where)
    return PortReader(given.name, given.port, talk, open_device)
