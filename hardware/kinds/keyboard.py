"""A reader that types: kind `keyboard`."""

from functools import partial
from typing import Literal

from pydantic import Field

from floor.words import BadgeKind
from hardware.ports import Reader
from hardware.readers.keyboard import EventDevice, KeyboardParser, decimal, hexadecimal
from hardware.readers.listening import Listening
from hardware.readers.port_reader import PortReader
from hardware.readers.presence import Presence
from hardware.settings import REMOVAL_MS, Settings


class KeyboardSettings(Settings):
    """A reader of kind `keyboard`."""

    port: str = Field(min_length=1, description='the device, such as "/dev/input/by-id/usb-…-event-kbd"')
    number: Literal["decimal", "hex"] = Field(description='what the reader types, "decimal" or "hex"')
    reverse: bool = Field(False, description="true or false: whether it types the last byte first")
    badge: Literal["uid_125khz", "uid_13mhz"] = Field(
        description='what it reads, "uid_125khz" or "uid_13mhz"'
    )
    removal_ms: int = REMOVAL_MS


def build_keyboard(given: KeyboardSettings, _: str) -> Reader:
    """Build it; its device is opened later."""
    read = decimal if given.number == "decimal" else hexadecimal
    parser = partial(KeyboardParser, read, given.reverse)
    talk = Listening(parser, Presence(BadgeKind(given.badge), given.removal_ms))
    return PortReader(given.name, given.port, talk, partial(EventDevice, given.port))
