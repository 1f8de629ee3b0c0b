"""A MFRC522 on SPI: registers, the exchange with a badge, and the UID by ISO/IEC 14443-3 Type A.

Sections are of the NXP MFRC522 data sheet, rev. 3.9: 8.1.2 SPI, 9.3 registers, 10.3 commands. Every call
waits for the chip, some ms, so this runs in a thread (`Mfrc522Watch`). No key of a badge is ever used here.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from functools import reduce
from operator import xor

from hardware.events import ReaderNoise
from hardware.readers.frame import Alive, Frame
from hardware.readers.port_reader import ReaderSilent
from hardware.readers.records import record
from hardware.readers.spi import SpiBus
from hardware.readers.threaded import Line


class _Register(IntEnum):
    COMMAND = 0x01  # 9.3.1.2
    COM_IRQ = 0x04  # 9.3.1.5
    ERROR = 0x06  # 9.3.1.7
    FIFO_DATA = 0x09  # 9.3.1.10
    FIFO_LEVEL = 0x0A  # 9.3.1.11
    CONTROL = 0x0C  # 9.3.1.13
    BIT_FRAMING = 0x0D  # 9.3.1.14
    COLL = 0x0E  # 9.3.1.15
    TX_CONTROL = 0x14  # 9.3.2.5
    TX_ASK = 0x15  # 9.3.2.6
    T_MODE = 0x2A  # 9.3.3.10
    T_PRESCALER = 0x2B  # 9.3.3.10
    T_RELOAD_HIGH = 0x2C  # 9.3.3.11
    T_RELOAD_LOW = 0x2D  # 9.3.3.11
    VERSION = 0x37  # 9.3.4.8


_IDLE, _TRANSCEIVE, _SOFT_RESET = 0x00, 0x0C, 0x0F  # 10.3
_POWER_DOWN = 0x10  # COMMAND: 1 until the chip has started
_TIMER_IRQ, _RX_IRQ = 0x01, 0x20  # COM_IRQ
_COLLISION, _ERRORS = 0x08, 0x13  # ERROR; the others that count: BufferOvfl, ParityErr, ProtocolErr
_ANTENNA = 0x03  # TX_CONTROL: Tx1RFEn and Tx2RFEn
_SETUP = (
    (_Register.T_MODE, 0x80),  # TAuto: the timer begins when all was sent
    (_Register.T_PRESCALER, 0xA9),  # 13.56 MHz / (2 x 169 + 1): 25 us
    (_Register.T_RELOAD_HIGH, 0x00),
    (_Register.T_RELOAD_LOW, 0x78),  # 3 ms; a badge begins its answer after 0.1 ms
    (_Register.TX_ASK, 0x40),  # Force100ASK
    (_Register.COLL, 0x00),  # ValuesAfterColl: bits after a collision read as 0
)
_LOOKS, _LOOK_S = 50, 0.001  # an exchange takes 1 ms, a silence 3 ms, a start less than 50

_WUPA = b"\x52"  # ISO/IEC 14443-3, 6.4: wakes badges that were halted too, in a frame of 7 bits
_HALT = b"\x50\x00"
_LEVELS = (0x93, 0x95, 0x97)  # SEL of the cascade levels 1 to 3
_CASCADE = 0x88  # the cascade tag: the UID goes on at the next level
_INCOMPLETE = 0x04  # SAK: there is a next level
_LEVEL_BITS = 32
_RANDOM = 0x08
_SHORT_UID = 4


class Garbled(Exception):
    """A badge was there and not understood; `args` say how, without its number."""


class _Collided(Exception):
    """Two badges answered with different bits."""


def crc_a(data: bytes) -> bytes:
    """Return the CRC_A of ISO/IEC 14443-3, annex B: two bytes, the low one first."""
    crc = 0x6363
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


class Mfrc522:
    """The chip. Every method raises OSError when it is not there."""

    def __init__(self, bus: SpiBus, sleep: Callable[[float], None] = time.sleep) -> None:
        self._bus = bus
        self._sleep = sleep

    def start(self) -> None:
        """Reset the chip, set it up and switch its field on; ReaderSilent when it is none."""
        self._write(_Register.COMMAND, _SOFT_RESET)
        if self._wait(_Register.COMMAND, lambda now: not now & _POWER_DOWN) is None:
            raise ReaderSilent("the MFRC522 does not start")
        for register, value in _SETUP:
            self._write(register, value)
        self._write(_Register.TX_CONTROL, self._read(_Register.TX_CONTROL) | _ANTENNA)
        self.prove()
        if self._read(_Register.T_PRESCALER) != dict(_SETUP)[_Register.T_PRESCALER]:
            raise ReaderSilent("it does not keep what is written to it")

    def prove(self) -> None:
        """Raise ReaderSilent if the chip has gone, or has lost its settings with its power."""
        version = self._read(_Register.VERSION)
        if version in (0x00, 0xFF):  # 91 and 92 are NXP's; copies have others
            raise ReaderSilent("no MFRC522 answers on the bus")
        if self._read(_Register.TX_CONTROL) & _ANTENNA != _ANTENNA:
            raise ReaderSilent("the MFRC522 has forgotten its settings: was its power away?")

    def uid(self, wanted: bytes = b"") -> bytes | None:
        """Return the UID of a badge in the field (4, 7 or 10 bytes), or None; raises Garbled.

        Of two badges at once `wanted` is the one that is returned, where it is one of them.
        """
        try:
            if self._exchange(_WUPA, 7) is None:
                return None
        except _Collided:
            pass  # two kinds of badge answered: the anticollision tells them apart
        except Garbled:
            return None  # too far away to be understood
        try:
            return self._uid(wanted)
        finally:  # whoever heard the question goes back to where WUPA wakes it; nobody answers this
            with suppress(Garbled, _Collided):
                self._exchange(_HALT + crc_a(_HALT))

    def _uid(self, wanted: bytes) -> bytes:
        uid = b""
        parts = _parts(wanted)
        for level, select in enumerate(_LEVELS):
            part = self._anticollision(select, parts[level] if level < len(parts) else b"")
            sak = self._select(select, part)
            if not sak & _INCOMPLETE:
                uid += part
                # A UID of four bytes never begins like a longer one, and a longer one always does.
                if part[0] == _CASCADE:
                    raise Garbled("a badge says both that its number goes on and that it does not")
                return uid
            if part[0] != _CASCADE:
                raise Garbled("a badge's number goes on without the sign for it")
            uid += part[1:]
        raise Garbled("a badge's number is longer than there is")

    def _anticollision(self, select: int, wanted: bytes) -> bytes:
        """Return the four bytes of one level, its check byte proven (ISO/IEC 14443-3, 6.5.3.1).

        After a collision badges are asked for by one more bit each time, as CollPos is not said to be counted
        from the same bit in every chip that is sold under this name.
        """
        guess, known, count, silent = int.from_bytes(wanted, "little"), 0, 0, False
        while True:
            try:
                answer = self._asked(select, known, count)
            except _Collided:
                if count == _LEVEL_BITS:
                    raise Garbled("two badges differ where they cannot") from None
                known |= guess & 1 << count
                count, silent = count + 1, False
                continue
            if answer is not None:
                return answer
            if silent or count == 0:
                raise Garbled("a badge left while it was asked")
            # Nobody goes on with that bit, so somebody does with the other.
            known, silent = known ^ 1 << (count - 1), True

    def _asked(self, select: int, known: int, count: int) -> bytes | None:
        """Ask who begins with these `count` bits; raises _Collided."""
        whole, rest = divmod(count, 8)
        said = known.to_bytes(5, "little")[: whole + (rest > 0)]
        heard = self._exchange(bytes([select, (2 + whole) << 4 | rest]) + said, rest, rest)
        if heard is None:
            return None
        if len(heard) != 5 - whole:
            raise Garbled("a badge's number has a wrong length")
        keep = (1 << rest) - 1
        first = heard[0] & ~keep | known >> 8 * whole & keep
        level = known.to_bytes(5, "little")[:whole] + bytes([first]) + heard[1:]
        if reduce(xor, level):
            raise Garbled("a badge's number has a wrong check byte")
        return level[:4]

    def _select(self, select: int, part: bytes) -> int:
        frame = bytes([select, 0x70]) + part + bytes([reduce(xor, part)])
        try:
            sak = self._exchange(frame + crc_a(frame))
        except _Collided:
            sak = b""
        if sak is None:
            raise Garbled("a badge left while it was asked")
        if len(sak) != 3 or crc_a(sak[:1]) != sak[1:]:
            raise Garbled("a badge's answer has a wrong checksum")
        return sak[0]

    def _exchange(self, data: bytes, last_bits: int = 0, align: int = 0) -> bytes | None:
        """Send to the badges and return their answer; None when there is none (10.3.1.8 Transceive).

        Of the last byte `last_bits` are sent (0 for all); the first bit that comes is stored at bit `align`.
        """
        self._write(_Register.COMMAND, _IDLE)
        self._write(_Register.COM_IRQ, 0x7F)
        self._write(_Register.FIFO_LEVEL, 0x80)
        self._bus.transfer(bytes([_Register.FIFO_DATA << 1]) + data)
        self._write(_Register.COMMAND, _TRANSCEIVE)
        self._write(_Register.BIT_FRAMING, 0x80 | align << 4 | last_bits)
        happened = self._wait(_Register.COM_IRQ, lambda now: now & (_TIMER_IRQ | _RX_IRQ))
        self._write(_Register.BIT_FRAMING, 0)
        if happened is None:
            raise Garbled("a badge's answer does not end")
        if not happened & _RX_IRQ:
            return None
        error = self._read(_Register.ERROR)
        if error & _COLLISION:
            raise _Collided
        if error & _ERRORS:
            raise Garbled("a badge's answer came in pieces")
        size = self._read(_Register.FIFO_LEVEL) & 0x7F
        address = bytes([0x80 | _Register.FIFO_DATA << 1])
        return self._bus.transfer(address * min(size, 64) + b"\x00")[1:]

    def _wait(self, register: _Register, over: Callable[[int], int]) -> int | None:
        """Return the register's value once that is `over`; None if it never is."""
        for _ in range(_LOOKS):
            if over(value := self._read(register)):
                return value
            self._sleep(_LOOK_S)
        return None

    def _read(self, register: _Register) -> int:
        return self._bus.transfer(bytes([0x80 | register << 1, 0]))[1]  # 8.1.2.3: read, address, 0

    def _write(self, register: _Register, value: int) -> None:
        self._bus.transfer(bytes([register << 1, value]))


def _parts(uid: bytes) -> list[bytes]:
    """The four bytes of each cascade level of a UID."""
    parts = []
    while len(uid) > _SHORT_UID:
        parts.append(bytes([_CASCADE]) + uid[:3])
        uid = uid[3:]
    return [*parts, uid]


class Mfrc522Watch:
    """What the thread does at one opening: polls every `poll_ms` until the line is closed."""

    def __init__(self, open_bus: Callable[[], SpiBus], poll_ms: int) -> None:
        self._open_bus = open_bus
        self._poll_s = poll_ms / 1000

    def __call__(self, line: Line) -> None:
        """Run until the line is closed; raises OSError."""
        bus = self._open_bus()
        try:
            chip = Mfrc522(bus)
            chip.start()
            line.say(record(Alive()))
            last, told = b"", ""
            while True:
                line.wait(self._poll_s)
                chip.prove()
                noise = ""
                try:
                    uid = chip.uid(last)
                except Garbled as error:
                    noise = str(error)
                else:
                    if uid and len(uid) == _SHORT_UID and uid[0] == _RANDOM:
                        noise = "a phone or card that changes its number: it is no badge"
                    elif uid:
                        last = uid
                        line.say(record(Frame(uid)))
                if noise and noise != told:
                    line.say(record(ReaderNoise(noise)))
                told = noise
                line.say(record(Alive()))
        finally:
            bus.close()
