"""The settings of badge readers, and how each kind is built of them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Literal

from pydantic import Field

from floor.errors import ConfigError, MachineFault
from floor.words import BadgeKind
from hardware.ports import Reader
from hardware.readers.keyboard import EventDevice, KeyboardParser, decimal, hexadecimal
from hardware.readers.listening import Listening
from hardware.readers.mfrc522 import Mfrc522Watch
from hardware.readers.osdp import DEFAULT_KEY as OSDP_DEFAULT_KEY
from hardware.readers.osdp import Osdp, load_libosdp
from hardware.readers.pn532 import Pn532Reader, Pn532Talk
from hardware.readers.pn532_buses import I2cPn532, Pn532Bridge, Pn532Bus, SpiPn532, load_smbus
from hardware.readers.port_reader import Device, PortReader, open_serial
from hardware.readers.presence import Presence
from hardware.readers.rdm6300 import Rdm6300Parser
from hardware.readers.records import Records
from hardware.readers.resettable import Resettable
from hardware.readers.spi import Spidev, load_spidev
from hardware.readers.threaded import ThreadDevice
from hardware.readers.wiegand import WiegandParser
from hardware.relays.gpio import GpioRelay, Line, load_gpio
from hardware.settings import Settings

OSDP_KEY_BYTES = 16
_CHIP_ALIVE_MS = 3000  # it is asked every second at least
_OSDP_ALIVE_MS = 9000  # a channel takes 8 s at most, to stand or to be given up
_SERIAL_PORT = Field(min_length=1, description='the serial device, such as "/dev/serial0"')
_REMOVAL_MS = Field(
    500,
    ge=150,
    le=60_000,
    description="the silence, 150 to 60000 ms, after which a badge counts as removed",
)


class Rdm6300Settings(Settings):
    """A reader of kind `rdm6300`."""

    port: str = _SERIAL_PORT
    removal_ms: int = _REMOVAL_MS


class ChipSettings(Settings):
    """A reader whose chip is asked again and again."""

    removal_ms: int = _REMOVAL_MS
    poll_ms: int = Field(100, ge=20, le=1000, description="the pause between two polls, 20 to 1000 ms")
    reset_pin: int | None = Field(None, ge=0, le=27, description="a BCM pin number from 0 to 27")


class Pn532Settings(ChipSettings):
    """A reader of kind `pn532`."""

    port: str = Field(
        min_length=1, description='the device, such as "/dev/serial0", "/dev/spidev0.0" or "/dev/i2c-1"'
    )
    bus: Literal["uart", "spi", "i2c"] = Field("uart", description='how it is wired: "uart", "spi" or "i2c"')
    sun: bool = Field(False, description="true or false: whether an NTAG 424's message is proof enough")


class Mfrc522Settings(ChipSettings):
    """A reader of kind `mfrc522`."""

    port: str = Field("/dev/spidev0.0", min_length=1, description='the device, such as "/dev/spidev0.0"')


class WiegandSettings(Settings):
    """A reader of kind `wiegand`."""

    port: str = Field(min_length=1, description="the microcontroller's serial device")
    removal_ms: int = _REMOVAL_MS
    alive_s: int = Field(
        10, ge=3, le=600, description="the seconds, 3 to 600, after which a silent microcontroller is lost"
    )


class KeyboardSettings(Settings):
    """A reader of kind `keyboard`."""

    port: str = Field(min_length=1, description='the device, such as "/dev/input/by-id/usb-…-event-kbd"')
    number: Literal["decimal", "hex"] = Field(description='what the reader types, "decimal" or "hex"')
    reverse: bool = Field(False, description="true or false: whether it types the last byte first")
    badge: Literal["uid_125khz", "uid_13mhz"] = Field(
        description='what it reads, "uid_125khz" or "uid_13mhz"'
    )
    removal_ms: int = _REMOVAL_MS


class OsdpSettings(Settings):
    """A reader of kind `osdp`."""

    port: str = Field(min_length=1, description="the serial device of the RS-485 adapter")
    baud: Literal[9600, 19200, 38400, 57600, 115200, 230400] = Field(
        9600, description="the speed: 9600, 19200, 38400, 57600, 115200 or 230400"
    )
    address: int = Field(0, ge=0, le=126, description="the reader's address, 0 to 126")
    key: str = Field("", repr=False, description="the secure channel's key (SCBK), 32 hexadecimal digits")
    key_file: str = Field("", description="a file that holds the key, in place of key")
    removal_ms: int = _REMOVAL_MS


def build_rdm6300(given: Rdm6300Settings, _: str) -> Reader:
    """Build it; its port is opened later."""
    talk = Listening(Rdm6300Parser, Presence(BadgeKind.UID_125KHZ, given.removal_ms))
    return PortReader(given.name, given.port, talk, partial(open_serial, given.port, 9600))


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
    open_device = _resettable(open_device, given.reset_pin, given.name, where)
    return Pn532Reader(given.name, given.port, talk, open_device)


def build_mfrc522(given: Mfrc522Settings, where: str) -> Reader:
    """Build it; raises ConfigError."""
    work = Mfrc522Watch(partial(Spidev, load_spidev(where, "kind"), given.port), given.poll_ms)
    talk = Listening(Records, Presence(BadgeKind.UID_13MHZ, given.removal_ms), _CHIP_ALIVE_MS)
    open_device: Callable[[], Device] = partial(ThreadDevice, work, Lock())
    open_device = _resettable(open_device, given.reset_pin, given.name, where)
    return PortReader(given.name, given.port, talk, open_device)


def build_wiegand(given: WiegandSettings, _: str) -> Reader:
    """Build it; its port is opened later."""
    presence = Presence(BadgeKind.WIEGAND, given.removal_ms)
    talk = Listening(WiegandParser, presence, 1000 * given.alive_s)
    return PortReader(given.name, given.port, talk, partial(open_serial, given.port, 115_200))


def build_keyboard(given: KeyboardSettings, _: str) -> Reader:
    """Build it; its device is opened later."""
    read = decimal if given.number == "decimal" else hexadecimal
    parser = partial(KeyboardParser, read, given.reverse)
    talk = Listening(parser, Presence(BadgeKind(given.badge), given.removal_ms))
    return PortReader(given.name, given.port, talk, partial(EventDevice, given.port))


def _resettable(
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


def build_osdp(given: OsdpSettings, where: str) -> Reader:
    """Build it; raises ConfigError, also for a key that everybody knows."""
    work = Osdp(
        load_libosdp(where),
        partial(open_serial, given.port, given.baud),
        given.address,
        _osdp_key(given, where),
    )
    talk = Listening(Records, Presence(BadgeKind.WIEGAND, given.removal_ms), _OSDP_ALIVE_MS)
    return PortReader(given.name, given.port, talk, partial(ThreadDevice, work, Lock()))


def _osdp_key(given: OsdpSettings, where: str) -> bytes:
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
    if len(key) != OSDP_KEY_BYTES:
        raise ConfigError(where, setting, f"the key has {len(key)} bytes, not {OSDP_KEY_BYTES}", right)
    if key == OSDP_DEFAULT_KEY:
        remedy = "Set a key of your own in the reader, then here."
        raise ConfigError(where, setting, "it is the install key that everybody knows", remedy)
    return key
