"""A PN532 on a pty, written from its user manual (NXP UM0701-02 rev. 02) and not from our parser.

Each exchange names the section that it follows; every byte of a frame is spelled out or counted here.
Another's driver, adafruit-circuitpython-pn532 2.4.9, read badges of 4 and 7 bytes from it (once, by hand).
"""

from collections import deque
from collections.abc import Callable

from tests.kit.software_cards import UidCard

ACK = bytes.fromhex("00 00 FF 00 FF 00")  # 6.2.1.3 ACK frame
SYNTAX_ERROR = bytes.fromhex("00 00 FF 01 FF 7F 81 00")  # 6.2.1.5 error frame


def frame(body: bytes) -> bytes:
    """6.2.1.1 normal information frame."""
    lcs = (256 - len(body)) % 256
    dcs = (256 - sum(body) % 256) % 256
    return b"\x00\x00\xff" + bytes((len(body), lcs)) + body + bytes((dcs, 0x00))


def listed(uid: bytes) -> bytes:
    """7.3.5: NbTg 1, Tg 1, SENS_RES, SEL_RES, NFCIDLength, NFCID1; an ATS follows for ISO/IEC 14443-4."""
    if len(uid) == 4:
        return b"\x01\x01" + b"\x00\x04" + b"\x08" + b"\x04" + uid  # MIFARE Classic
    if len(uid) == 7:
        ats = bytes.fromhex("06 75 77 81 02 80")  # of a DESFire
        return b"\x01\x01" + b"\x03\x44" + b"\x20" + b"\x07" + uid + ats
    return b"\x01\x01" + b"\x00\x84" + b"\x00" + b"\x0a" + uid


class Pn532Peer:
    """Takes what the host sends and answers by `write`."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.badges: deque[bytes | None] = deque([None])
        """What each poll finds, in turn; the last stays. None is an empty field."""
        self.commands: list[bytes] = []
        self.hung = False
        self.chip = 0x32
        self.spoil: deque[bytes] = deque()
        """Answered in place of the next polls' answers."""
        self.cards: dict[bytes, UidCard] = {}
        """The badges of which there is more than a UID."""
        self.torn = 0
        """How many exchanges with a card are still to fail, as it is taken away within."""
        self.hangs_within = False
        """Whether the next exchange with a card is never answered."""
        self._listed: UidCard | None = None
        self._write = write
        self._awake = False
        self._field_was_off = True
        self._heard = b""

    def sleep(self) -> None:
        """Lose the power, or go into power-down."""
        self._awake, self._field_was_off, self._heard = False, True, b""

    def receive(self, data: bytes) -> None:
        if self.hung:
            return
        self._heard += data
        if not self._awake:  # 7.2.11 PowerDown: over HSU it wakes by the edges of 55 55
            if b"\x55\x55" not in self._heard:
                self._heard = self._heard[-1:]
                return
            self._awake = True
        while (start := self._heard.find(b"\x00\xff")) >= 0 and len(self._heard) >= start + 4:
            length, lcs = self._heard[start + 2 : start + 4]
            if (length, lcs) == (0x00, 0xFF):  # 6.2.1.3: the host's ACK aborts; nothing runs here
                self._heard = self._heard[start + 4 :]
                continue
            if len(self._heard) < start + 4 + length + 1:
                return
            assert (length + lcs) % 256 == 0
            body = self._heard[start + 4 : start + 4 + length]
            assert (sum(body) + self._heard[start + 4 + length]) % 256 == 0
            self._heard = self._heard[start + 4 + length + 1 :]
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        assert body[0] == 0xD4
        self.commands.append(body[1:])
        self._write(ACK)  # 6.2.2: each command is acknowledged, then answered
        match body[1:]:
            case b"\x14\x01" | b"\x14\x01\x14\x01":  # 7.2.10 SAMConfiguration, normal mode
                self._write(frame(b"\xd5\x15"))
            case b"\x02":  # 7.2.2 GetFirmwareVersion: IC, version 1, revision 6, all three protocols
                self._write(frame(b"\xd5\x03" + bytes((self.chip, 0x01, 0x06, 0x07))))
            case b"\x32\x05\xff\x01\x01":  # 7.3.1 RFConfiguration, item 5 MaxRetries
                self._write(frame(b"\xd5\x33"))
            case b"\x32\x01\x00":  # 7.3.1 RFConfiguration, item 1: field off
                self._field_was_off, self._listed = True, None
                self._write(frame(b"\xd5\x33"))
            case b"\x32\x01\x01":  # 7.3.1: field on
                self._write(frame(b"\xd5\x33"))
            case b"\x4a\x01\x00":  # 7.3.5 InListPassiveTarget, one target, 106 kbit/s type A
                self._write(self._poll())
            case exchange if exchange[:2] == b"\x40\x01" and self.hangs_within:
                self.hangs_within = False
            case exchange if exchange[:2] == b"\x40\x01":  # 7.3.8 InDataExchange with target 1
                self._write(frame(b"\xd5\x41" + self._exchanged(exchange[2:])))
            case _:
                self._write(SYNTAX_ERROR)

    def _exchanged(self, apdu: bytes) -> bytes:
        """7.1 error codes: 00 none, 01 time out, 27 not acceptable in this context."""
        if self._listed is None:
            return b"\x27"
        if self.torn:
            self.torn -= 1
            self._listed = None
            return b"\x01"
        return b"\x00" + self._listed.apdu(apdu)

    def _poll(self) -> bytes:
        if self.spoil:
            return self.spoil.popleft()
        uid = self.badges.popleft() if len(self.badges) > 1 else self.badges[0]
        if uid is None:
            return frame(b"\xd5\x4b\x00")
        # The severest card: once it was listed it answers again only after the field was off.
        was_off, self._field_was_off = self._field_was_off, False
        self._listed = self.cards.get(uid) if was_off else None
        return frame(b"\xd5\x4b" + listed(uid)) if was_off else frame(b"\xd5\x4b\x00")
