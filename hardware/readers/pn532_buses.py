"""A PN532 on SPI or I²C: what the talk says as a stream is carried there frame by frame.

Sections are of NXP UM0701-02 rev. 02: 6.2.4 (I²C) and 6.2.5 (SPI). The chip has to be asked whether it has
something to say, which waits for the bus, so `Pn532Bridge` runs in a thread (hardware.readers.threaded).
"""

import errno
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from floor.errors import ConfigError
from hardware.readers.spi import SpiBus
from hardware.readers.threaded import Line

_READ_DATA, _READ_STATUS, _WRITE_DATA = 0x03, 0x02, 0x01  # 6.2.5, the first byte on SPI
_ADDRESS = 0x24  # 6.2.4: 48 and 49 on the wire
_READY = 0x01
_BACKWARDS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

_START = b"\x00\x00\xff"
_ACK_SIZE = 6
_SIGNS = (b"\x00\xff", b"\xff\x00")  # LEN and LCS of an ACK and of a NACK, which have no body
_NACK = bytes.fromhex("0000FFFF0000")  # 6.2.1.4: say the last answer again
_USUAL = 64
_WAKE_S = 0.005  # 7.2.11: 2 ms at most until it hears
_LOOK_S = 0.002
_LOOKS_AGAIN = 25
_IDLE_S = 1.0


class Pn532Bus(Protocol):
    """How frames come and go. Each call waits until it is done; OSError when the bus cannot be used."""

    def wake(self) -> None:
        """Have the chip notice that it is meant."""
        ...

    def ready(self) -> bool:
        """Return whether it has a frame to say."""
        ...

    def read(self, size: int, /) -> bytes:
        """Read from the beginning of its frame; what comes after the frame means nothing."""
        ...

    def write(self, frame: bytes, /) -> None:
        """Send one frame."""
        ...

    def close(self) -> None:
        """Give the bus up."""
        ...


class SpiPn532:
    """On SPI, where the chip wants the least significant bit first and a Pi cannot. Implements Pn532Bus."""

    def __init__(self, open_bus: Callable[[], SpiBus]) -> None:
        self._bus = open_bus()

    def wake(self) -> None:
        """Pull the select line low, by which it wakes."""
        self.ready()

    def ready(self) -> bool:
        """Read the status byte."""
        return bool(self._transfer(bytes([_READ_STATUS, 0]))[1] & _READY)

    def read(self, size: int) -> bytes:
        """Read so many bytes."""
        return self._transfer(bytes([_READ_DATA]) + bytes(size))[1:]

    def write(self, frame: bytes) -> None:
        """Send a frame."""
        self._transfer(bytes([_WRITE_DATA]) + frame)

    def close(self) -> None:
        """Give the bus up."""
        self._bus.close()

    def _transfer(self, data: bytes) -> bytes:
        return self._bus.transfer(data.translate(_BACKWARDS)).translate(_BACKWARDS)


def load_smbus(where: str, key: str) -> ModuleType:
    """Import smbus2; ConfigError names the file `where` and the `key`."""
    try:
        return import_module("smbus2")
    except ImportError as error:
        remedy = "Install the gateway extra: pip install 'makerfloor[gateway]'."
        raise ConfigError(where, key, f"smbus2 cannot be used here: {error}", remedy) from error


class I2cPn532:
    """On I²C, where each reading begins with the status byte. Implements Pn532Bus."""

    def __init__(self, module: ModuleType, port: str) -> None:
        self._message: Any = module.i2c_msg
        self._bus: Any = module.SMBus(port)

    def wake(self) -> None:
        """Call its address, by which it wakes."""
        self.ready()

    def ready(self) -> bool:
        """Read the status byte; a chip that does not take its address is busy, or asleep."""
        try:
            return bool(self._read(1)[0] & _READY)
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.EREMOTEIO, errno.EIO):
                return False
            raise

    def read(self, size: int) -> bytes:
        """Read so many bytes, or none if it is not ready after all."""
        status, *data = self._read(size + 1)
        return bytes(data) if status & _READY else b""

    def write(self, frame: bytes) -> None:
        """Send a frame."""
        self._bus.i2c_rdwr(self._message.write(_ADDRESS, frame))

    def close(self) -> None:
        """Give the bus up."""
        self._bus.close()

    def _read(self, size: int) -> bytes:
        message = self._message.read(_ADDRESS, size)
        self._bus.i2c_rdwr(message)
        return bytes(list(message))


class Pn532Bridge:
    """What the thread does at one opening: carries frames until the line is closed."""

    def __init__(self, open_bus: Callable[[], Pn532Bus]) -> None:
        self._open_bus = open_bus

    def __call__(self, line: Line) -> None:
        """Run until the line is closed; raises OSError."""
        bus = self._open_bus()
        try:
            self._carry(line, bus)
        finally:
            bus.close()

    def _carry(self, line: Line, bus: Pn532Bus) -> None:
        waits = acknowledged = False
        while True:
            if said := line.wait(_LOOK_S if waits else _IDLE_S):
                if not said.startswith(_START):  # edges that wake it on a serial line
                    bus.wake()
                    time.sleep(_WAKE_S)
                for frame in host_frames(said):
                    bus.write(frame)
                    waits, acknowledged = len(frame) > _ACK_SIZE, False
            elif waits and bus.ready():
                if acknowledged:
                    waits = False
                    line.say(_answer(bus))
                else:
                    acknowledged = True
                    line.say(bus.read(_ACK_SIZE))


def host_frames(data: bytes) -> Iterator[bytes]:
    """Yield the frames of what the talk says at once; what stands before the first is dropped."""
    at = data.find(_START)
    while at >= 0:
        size = _frame_size(data[at:])
        yield data[at : at + size]
        at = data.find(_START, at + size)


def _frame_size(frame: bytes) -> int:
    """The bytes of the frame that begins here, by what it says of its length (6.2.1.1)."""
    if len(frame) <= len(_START) or frame[3:5] in _SIGNS:
        return _ACK_SIZE
    return frame[3] + 7


def _answer(bus: Pn532Bus) -> bytes:
    """Read an answer whole, and nothing after it."""
    heard = bus.read(_USUAL)
    start = heard.find(_START)
    if start < 0:
        return heard  # the talk says that it is noise
    end = start + _frame_size(heard[start:])
    if end > len(heard):
        bus.write(_NACK)
        for _ in range(_LOOKS_AGAIN):
            if bus.ready():
                return bus.read(end)
            time.sleep(_LOOK_S)
    return heard[:end]
