"""Readers on a serial device that speak by themselves: `rdm6300` and `wiegand`."""

from functools import partial

from pydantic import Field

from floor.words import BadgeKind
from hardware.ports import Reader
from hardware.readers.listening import Listening
from hardware.readers.port_reader import PortReader, open_serial
from hardware.readers.presence import Presence
from hardware.readers.rdm6300 import Rdm6300Parser
from hardware.readers.wiegand import WiegandParser
from hardware.settings import REMOVAL_MS, Settings

_PORT = Field(min_length=1, description='the serial device, such as "/dev/serial0"')


class Rdm6300Settings(Settings):
    """A reader of kind `rdm6300`."""

    port: str = _PORT
    removal_ms: int = REMOVAL_MS


class WiegandSettings(Settings):
    """A reader of kind `wiegand`."""

    port: str = Field(min_length=1, description="the microcontroller's serial device")
    removal_ms: int = REMOVAL_MS
    alive_s: int = Field(
        10, ge=3, le=600, description="the seconds, 3 to 600, after which a silent microcontroller is lost"
    )


def build_rdm6300(given: Rdm6300Settings, _: str) -> Reader:
    """Build it; its port is opened later."""
    talk = Listening(Rdm6300Parser, Presence(BadgeKind.UID_125KHZ, given.removal_ms))
    return PortReader(given.name, given.port, talk, partial(open_serial, given.port, 9600))


def build_wiegand(given: WiegandSettings, _: str) -> Reader:
    """Build it; its port is opened later."""
    presence = Presence(BadgeKind.WIEGAND, given.removal_ms)
    talk = Listening(WiegandParser, presence, 1000 * given.alive_s)
    return PortReader(given.name, given.port, talk, partial(open_serial, given.port, 115_200))
