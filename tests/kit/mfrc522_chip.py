"""A MFRC522 by its registers with badges in its field, written from documents and not from our driver.

Sections "DS" are of the NXP MFRC522 data sheet rev. 3.9, sections "ISO" of ISO/IEC 14443-3:2018 (Type A).
Everything is decided at once: no time passes here. What a data sheet leaves open is answered with ones.
Another's driver, mfrc522 0.0.7, read a number of 4 bytes from it (once, by hand); CalcCRC is not there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

# DS 9.2, table 20: addresses; and the values after a reset, of the registers that matter here
RESET = {0x01: 0x20, 0x04: 0x14, 0x0C: 0x10, 0x0E: 0xA0, 0x14: 0x80, 0x37: 0x92}

Badges = bytes | tuple[bytes, ...] | None


def crc_a(data: bytes) -> bytes:
    """ISO annex B: x^16 + x^12 + x^5 + 1, begun with 6363, by the sheet's own formula for a byte."""
    crc = 0x6363
    for byte in data:
        byte ^= crc & 0xFF
        byte = (byte ^ byte << 4) & 0xFF
        crc = (crc >> 8) ^ (byte << 8) ^ (byte << 3) ^ (byte >> 4)
    return bytes((crc & 0xFF, crc >> 8 & 0xFF))


def bits_of(data: bytes) -> list[int]:
    """ISO 6.1: each byte with its lowest bit first."""
    return [byte >> place & 1 for byte in data for place in range(8)]


def bytes_of(bits: list[int]) -> bytes:
    padded = bits + [0] * (-len(bits) % 8)
    return bytes(
        sum(bit << place for place, bit in enumerate(padded[at : at + 8])) for at in range(0, len(padded), 8)
    )


class Badge:
    """ISO 6.3: its states are idle, ready, active, halt."""

    def __init__(self, uid: bytes) -> None:
        self.state, self.level, self._home = "idle", 0, "idle"
        # ISO 6.5.4: the cascade tag 88 where the UID goes on
        parts = {4: [uid], 7: [b"\x88" + uid[:3], uid[3:]]}
        parts[10] = [b"\x88" + uid[:3], b"\x88" + uid[3:6], uid[6:]]
        self.levels = [part + bytes([part[0] ^ part[1] ^ part[2] ^ part[3]]) for part in parts[len(uid)]]
        self.atqa = bytes((0x04 | (len(self.levels) - 1) << 6, 0x00))  # ISO 6.5.2

    def hear(self, frame: list[int]) -> list[int] | None:
        data = bytes_of(frame)
        if len(frame) == 7:  # ISO 6.4.1: REQA 26 for idle ones, WUPA 52 for halted ones too
            wakes = data == b"\x52" or (data == b"\x26" and self.state == "idle")
            if wakes and self.state in ("idle", "halt"):
                self._home, self.state, self.level = self.state, "ready", 0
                return bits_of(self.atqa)
        elif data == b"\x50\x00" + crc_a(b"\x50\x00") and self.state == "active":  # ISO 6.4.3 HLTA
            self.state = "halt"
            return None
        elif self.state == "ready" and len(data) >= 2 and data[0] == (0x93, 0x95, 0x97)[self.level]:
            return self._anticollision(data, frame[16:])
        if self.state in ("ready", "active"):  # ISO 6.3: anything else takes it back
            self.state = self._home
        return None

    def _anticollision(self, data: bytes, known: list[int]) -> list[int] | None:
        own = bits_of(self.levels[self.level])
        if data[1] != 0x70:  # ISO 6.5.3.2: NVB, bytes and bits that are valid
            assert (data[1] >> 4) * 8 + (data[1] & 15) == 16 + len(known)
            return own[len(known) :] if own[: len(known)] == known else None
        if bytes_of(known[:40]) != self.levels[self.level] or data[7:] != crc_a(data[:7]):
            return None
        self.level += 1
        more = self.level < len(self.levels)
        if not more:
            self.state = "active"
        sak = bytes([0x04 if more else 0x08])  # ISO 6.5.3.4
        return bits_of(sak + crc_a(sak))


class Mfrc522Chip:
    """Its SPI (`transfer`) and its field (`polls`)."""

    def __init__(self) -> None:
        self.polls: deque[Badges] = deque([None])
        """What lies there at each WUPA, in turn; the last stays."""
        self.spoil: Callable[[list[int]], list[int]] = lambda bits: bits
        """What becomes of an answer on its way to the chip."""
        self.fault: Callable[[list[int]], int] = lambda _: 0
        """What ErrorReg says of an answer besides a collision."""
        self.gone = False
        self.exchanges = 0
        self._badges: dict[bytes, Badge] = {}
        self.power_up()

    def power_up(self) -> None:
        self._registers = dict(RESET)
        self._fifo: list[int] = []

    def transfer(self, data: bytes) -> bytes:
        """DS 8.1.2: address in bits 6 to 1, bit 7 for reading; a read is answered a byte later."""
        if self.gone:
            return bytes(len(data))
        assert not data[0] & 1
        if data[0] & 0x80:
            return b"\xff" + bytes(self._read(address >> 1 & 0x3F) for address in data[:-1])
        for byte in data[1:]:
            self._write(data[0] >> 1, byte)
        return b"\xff" * len(data)

    def _read(self, register: int) -> int:
        if register == 0x09:  # DS 9.3.1.10 FIFODataReg
            return self._fifo.pop(0) if self._fifo else 0xFF
        if register == 0x0A:  # DS 9.3.1.11 FIFOLevelReg
            return len(self._fifo)
        return self._registers.get(register, 0)

    def _write(self, register: int, value: int) -> None:
        if register == 0x09:
            self._fifo = [*self._fifo, value][:64]  # DS 8.3: 64 bytes
        elif register == 0x0A:
            if value & 0x80:  # FlushBuffer
                self._fifo = []
        elif register == 0x04:  # DS 9.3.1.5 ComIrqReg: Set1 = 0 clears the marked ones
            old = self._registers.get(4, 0)
            self._registers[4] = old | value & 0x7F if value & 0x80 else old & ~value
        elif register == 0x01 and value & 0x0F == 0x0F:  # DS 10.3.1.10 SoftReset
            self.power_up()
        else:
            self._registers[register] = value
            if register == 0x0D and value & 0x80 and self._registers[1] & 0x0F == 0x0C:
                self._transceive(value)  # DS 9.3.1.14 StartSend, DS 10.3.1.8 Transceive

    def _transceive(self, framing: int) -> None:
        self.exchanges += 1
        sent = bits_of(bytes(self._fifo))
        if framing & 7:  # TxLastBits
            sent = sent[: len(sent) - 8 + (framing & 7)]
        self._fifo = []
        self._registers[6] = 0
        answers = [bits for badge in self._present(sent) if (bits := badge.hear(sent)) is not None]
        if self._registers.get(0x14, 0) & 3 != 3 or not answers:
            # DS 9.3.3.10 TModeReg: with TAuto the timer runs out after the reload value
            if self._registers.get(0x2A, 0) & 0x80 and self._registers.get(0x2D, 0):
                self._registers[4] |= 0x01
            return
        self._receive(self.spoil(self._mixed(answers)), framing >> 4 & 7)

    def _present(self, sent: list[int]) -> list[Badge]:
        if len(sent) == 7 and len(self.polls) > 1:
            self.polls.popleft()
        now = self.polls[0]
        uids = () if now is None else (now,) if isinstance(now, bytes) else now
        if self._registers.get(0x14, 0) & 3 != 3:
            uids = ()
        self._badges = {uid: self._badges.get(uid) or Badge(uid) for uid in uids}
        return list(self._badges.values())

    def _mixed(self, answers: list[list[int]]) -> list[int]:
        longest = max(answers, key=len)
        for place in range(len(longest)):
            if len({bits[place] for bits in answers if place < len(bits)}) > 1:
                self._registers[6] = 0x08  # DS 9.3.1.7 ErrorReg: CollErr
                # DS 9.3.1.15 CollReg: without ValuesAfterColl the rest is zero
                return longest[:place] + [0] * (len(longest) - place)
        return longest

    def _receive(self, bits: list[int], align: int) -> None:
        """DS 9.3.1.14: RxAlign is where the first bit is stored."""
        self._registers[6] |= self.fault(bits)
        stored = bytes_of([1] * align + bits)
        self._fifo = list(stored[:64])
        self._registers[0x0C] = 0x10 | (align + len(bits)) % 8  # DS 9.3.1.13 RxLastBits
        self._registers[4] |= 0x20  # RxIRq
