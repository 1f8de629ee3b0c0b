"""A reader on RS-485: kind `osdp`."""

from functools import partial
from pathlib import Path
from threading import Lock
from typing import Literal

from pydantic import Field

from floor.errors import ConfigError
from floor.words import BadgeKind
from hardware.ports import Reader
from hardware.readers.listening import Listening
from hardware.readers.osdp import DEFAULT_KEY, Osdp, load_libosdp
from hardware.readers.port_reader import PortReader, open_serial
from hardware.readers.presence import Presence
from hardware.readers.records import Records
from hardware.readers.threaded import ThreadDevice
from hardware.settings import REMOVAL_MS, Settings

KEY_BYTES = 16
_ALIVE_MS = 9000  # a channel takes 8 s at most, to stand or to be given up


class OsdpSettings(Settings):
    """A reader of kind `osdp`."""

    port: str = Field(min_length=1, description="the serial device of the RS-485 adapter")
    baud: Literal[9600, 19200, 38400, 57600, 115200, 230400] = Field(
        9600, description="the speed: 9600, 19200, 38400, 57600, 115200 or 230400"
    )
    address: int = Field(0, ge=0, le=126, description="the reader's address, 0 to 126")
    key: str = Field("", repr=False, description="the secure channel's key (SCBK), 32 hexadecimal digits")
    key_file: str = Field("", description="a file that holds the key, in place of key")
    removal_ms: int = REMOVAL_MS


def build_osdp(given: OsdpSettings, where: str) -> Reader:
    """Build it; raises ConfigError, also for a key that everybody knows."""
    work = Osdp(
        load_libosdp(where),
        partial(open_serial, given.port, given.baud),
        given.address,
        _key(given, where),
    )
    talk = Listening(Records, Presence(BadgeKind.WIEGAND, given.removal_ms), _ALIVE_MS)
    return PortReader(given.name, given.port, talk, partial(ThreadDevice, work, Lock()))


def _key(given: OsdpSettings, where: str) -> bytes:
    setting, right = ("key_file" if given.key_file else "key"), "Give 32 hexadecimal digits."
    if bool(given.key) == bool(given.key_file):
        raise ConfigError(where, setting, "one of key and key_file is to be given", right)
    try:
        digits = Path(given.key_file).read_text().strip() if given.key_file else given.key
        key = bytes.fromhex(digits)
    except OSError as error:
        raise ConfigError(where, setting, f"it cannot be read: {error}", "Name a readable file.") from error
    except ValueError:
        raise ConfigError(where, setting, "the key is no hexadecimal number", right) from None
    if len(key) != KEY_BYTES:
        raise ConfigError(where, setting, f"the key has {len(key)} bytes, not {KEY_BYTES}", right)
    if key == DEFAULT_KEY:
        remedy = "Set a key of your own in the reader, then here."
        raise ConfigError(where, setting, "it is the install key that everybody knows", remedy)
    return key
