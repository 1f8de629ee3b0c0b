"""A Pi's SPI and I²C without a Pi: the libraries that drive them, and a PN532 behind either.

The framing of the buses is that of NXP UM0701-02 rev. 02, written from the manual and not from our code:
6.2.5 SPI (first byte 01 data write, 02 status read, 03 data read; least significant bit first), 6.2.4 I²C
(address 24h, a status byte before every reading). What the manual leaves open is answered with AAh.
Another's driver, adafruit-circuitpython-pn532 2.4.9, read a badge of 7 bytes over both (once, by hand).
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from types import ModuleType

from smbus2 import i2c_msg

from tests.kit.pn532_peer import Pn532Peer

NACK = bytes.fromhex("00 00 FF FF 00 00")  # 6.2.1.4


def fake_spidev(transfer: Callable[[bytes], bytes]) -> ModuleType:
    """The module spidev, whose device exists while its file does."""

    class SpiDev:
        mode = 3
        max_speed_hz = 125_000_000

        def open_path(self, path: str) -> None:
            os.stat(path)
            self.path = path

        def xfer2(self, data: list[int]) -> list[int]:
            assert self.mode == 0
            assert self.max_speed_hz <= 5_000_000
            if not os.path.exists(self.path):
                raise OSError(errno.ESHUTDOWN, "the bus has gone")
            return list(transfer(bytes(data)))

        def close(self) -> None:
            """Nothing is open."""

    module = ModuleType("spidev")
    module.SpiDev = SpiDev
    return module


def fake_smbus(transact: Callable[[i2c_msg], None]) -> ModuleType:
    """The module smbus2 with its own messages, whose bus exists while its file does."""

    class SMBus:
        def __init__(self, path: str) -> None:
            os.stat(path)
            self.path = path

        def i2c_rdwr(self, *messages: i2c_msg) -> None:
            if not os.path.exists(self.path):
                raise OSError(errno.ENODEV, "the bus has gone")
            for message in messages:
                transact(message)

        def close(self) -> None:
            """Nothing is open."""

    module = ModuleType("smbus2")
    module.SMBus, module.i2c_msg = SMBus, i2c_msg
    return module


class Pn532Frames:
    """A PN532 that keeps each frame until the host fetches it, as on both buses."""

    def __init__(self) -> None:
        self.peer = Pn532Peer(self._say)
        self.gone = False
        self.again = 0
        self._waiting: deque[bytes] = deque()
        self._last = b""

    def power_up(self) -> None:
        self.gone = False
        self._waiting.clear()
        self.peer.sleep()

    def _say(self, frame: bytes) -> None:
        self._waiting.append(frame)

    def woken(self) -> None:
        """7.2.11: by the select line or its own address, in place of the edges of a serial line."""
        self.peer.receive(b"\x55\x55")

    def ready(self) -> int:
        return int(bool(self._waiting) and not self.peer.hung)

    def take(self, frame: bytes) -> None:
        assert frame.startswith(b"\x00\x00\xff"), "one frame at a time"
        if frame == NACK:  # the host wants the last one again
            self.again += 1
            self._waiting.appendleft(self._last)
            return
        self._waiting.clear()  # 6.2.1.3: a new command, or an ACK, ends what was being done
        self.peer.receive(frame)

    def give(self, size: int) -> bytes:
        if not self.ready():
            return b"\xaa" * size
        self._last = self._waiting.popleft()
        return self._last[:size].ljust(size, b"\xaa")


def backwards(data: bytes) -> bytes:
    return bytes(sum((byte >> place & 1) << (7 - place) for place in range(8)) for byte in data)


class Pn532OnSpi(Pn532Frames):
    def transfer(self, data: bytes) -> bytes:
        if self.gone:
            return bytes(len(data))
        data = backwards(data)
        self.woken()
        answer = b""
        if data[0] == 0x01:
            self.take(data[1:])
        elif data[0] == 0x02:
            answer = bytes([self.ready()] * (len(data) - 1))
        elif data[0] == 0x03:
            answer = self.give(len(data) - 1)
        return backwards(b"\xaa" + answer.ljust(len(data) - 1, b"\xaa"))


class Pn532OnI2c(Pn532Frames):
    def transact(self, message: i2c_msg) -> None:
        asleep = not self.peer._awake
        assert message.addr == 0x24
        if not self.gone:
            self.woken()
        if self.gone or asleep:  # nobody takes the address
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        if message.flags & 1:  # I2C_M_RD of the kernel's i2c.h
            size = message.len - 1
            given = bytes([self.ready()]) + (self.give(size) if size else b"")
            for place, byte in enumerate(given):
                message.buf[place] = byte
        else:
            self.take(bytes(list(message)))
