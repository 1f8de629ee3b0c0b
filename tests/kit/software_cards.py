"""Cards in software, written from NXP's documents, not from our protocols, upon another library's AES.

Each exchange names its source: AN12196 is NXP's "NTAG 424 DNA and NTAG 424 DNA TagTamper features and hints",
NT4H2421Gx its data sheet (rev. 3.0), ISO 7816-4 the APDUs, PC/SC 3 the PC/SC Workgroup's part 3 (2.01.09).
"""

import os

from Crypto.Cipher import AES
from Crypto.Hash import CMAC

OK = b"\x90\x00"
NOT_FOUND = b"\x6a\x82"  # ISO 7816-4, table 6: file or application not found
UNKNOWN = b"\x6d\x00"  # ISO 7816-4, table 6: instruction not supported
AUTHENTICATION_ERROR = b"\x91\xae"  # NT4H2421Gx, table 22
ILLEGAL_COMMAND = b"\x91\x1c"
ISO_14443_4 = bytes.fromhex("3B8180018080")  # PC/SC 3, 3.1.3.2.3.1: an ATR made of an ATS without history
MEMORY_CARD = bytes.fromhex(
    "3B8F8001804F0CA000000306030001000000006A"
)  # PC/SC 3, 3.1.3.2.3.2: MIFARE Classic


def mac(key: bytes, data: bytes) -> bytes:
    made = CMAC.new(key, ciphermod=AES)
    made.update(data)
    return made.digest()


def cbc(key: bytes) -> AES:
    return AES.new(key, AES.MODE_CBC, bytes(16))


class UidCard:
    """A card of which there is a UID and nothing else; its reader answers for it."""

    atr, sak = MEMORY_CARD, 0x08

    def __init__(self, uid: bytes) -> None:
        self.uid = uid
        self.asked: list[bytes] = []
        self.answered: list[bytes] = []

    def apdu(self, command: bytes) -> bytes:
        self.asked.append(command)
        # PC/SC 3, 3.2.2.1.3 Get Data: the reader itself answers, whatever the card
        reply = self.uid + OK if command == bytes.fromhex("FFCA000000") else self.answer(command)
        self.answered.append(reply)
        return reply

    def answer(self, command: bytes) -> bytes:
        return UNKNOWN

    def power_on(self) -> None:
        """Forget what was begun."""


class _Ev2(UidCard):
    """What NTAG 424 and DESFire EV2 share: AuthenticateEV2First (NT4H2421Gx, 11.4.1)."""

    atr, sak = ISO_14443_4, 0x20

    def __init__(self, uid: bytes, keys: dict[int, bytes]) -> None:
        super().__init__(uid)
        self.keys = keys
        self.selected = self.declines = False
        self.waiting: tuple[bytes, bytes] | None = None
        self.sessions: list[tuple[bytes, bytes, bytes]] = []
        self.random = os.urandom

    def native(self, code: int, data: bytes) -> bytes:
        waiting, self.waiting = self.waiting, None
        if code == 0x71:  # part 1: KeyNo, LenCap, PCDcap2
            if self.declines or not self.selected or len(data) < 2 or data[0] not in self.keys:
                return b"\x91\x40" if self.selected and not self.declines else ILLEGAL_COMMAND
            if len(data) != 2 + data[1] or data[1] > 6:
                return b"\x91\x7e"  # length error
            rnd_b = self.random(16)
            self.waiting = (self.keys[data[0]], rnd_b)
            return cbc(self.keys[data[0]]).encrypt(rnd_b) + b"\x91\xaf"
        if code == 0xAF and waiting and len(data) == 32:  # part 2: E(RndA || RndB')
            key, rnd_b = waiting
            plain = cbc(key).decrypt(data)
            rnd_a, turned = plain[:16], plain[16:]
            if turned != rnd_b[1:] + rnd_b[:1]:
                return AUTHENTICATION_ERROR
            ti = self.random(4)
            self._session(key, ti, rnd_a, rnd_b)
            answer = ti + rnd_a[1:] + rnd_a[:1] + bytes(12)  # TI || RndA' || PDcap2 || PCDcap2
            return cbc(key).encrypt(answer) + b"\x91\x00"
        return ILLEGAL_COMMAND

    def _session(self, key: bytes, ti: bytes, a: bytes, b: bytes) -> None:
        """NT4H2421Gx, 9.1.7; RndA[15] there is the first byte."""
        number = int.from_bytes(a[2:8], "big") ^ int.from_bytes(b[0:6], "big")
        both = a[0:2] + number.to_bytes(6, "big") + b[6:16] + a[8:16]
        sv1, sv2 = bytes.fromhex("A55A00010080") + both, bytes.fromhex("5AA500010080") + both
        self.sessions.append((ti, mac(key, sv1), mac(key, sv2)))


def native_of(command: bytes) -> tuple[int, bytes] | None:
    """A native command in an APDU (NT4H2421Gx, 8.4): 90 INS 00 00 Lc data 00, or 90 INS 00 00 00."""
    if len(command) < 5 or command[0] != 0x90 or command[2:4] != b"\x00\x00":
        return None
    if len(command) == 5:
        return command[1], b""
    return (command[1], command[5:-1]) if len(command) == 6 + command[4] and command[-1] == 0 else None


class Ntag424(_Ev2):
    """NTAG 424 DNA with a URL that mirrors UID and counter in plain, or both encrypted, and a MAC."""

    def __init__(self, uid: bytes, keys: dict[int, bytes], meta: int | None = None) -> None:
        super().__init__(uid, keys)
        self.meta = meta
        self.counter = 0
        self.file: bytes | None = None
        self.message = b""

    def url(self) -> str:
        """AN12196, section 4: what is mirrored at the reading that this is."""
        low = self.counter.to_bytes(3, "little")
        session = mac(self.keys[1], bytes.fromhex("3CC300010080") + self.uid + low)
        signed = mac(session, b"")[1::2].hex().upper()
        if self.meta is None:
            high = low[::-1].hex().upper()
            return f"members.example.org/b?u={self.uid.hex().upper()}&c={high}&m={signed}"
        data = b"\xc7" + self.uid + low + self.random(5)
        sealed = cbc(self.keys[self.meta]).encrypt(data).hex().upper()
        return f"members.example.org/b?picc_data={sealed}&cmac={signed}"

    def answer(self, command: bytes) -> bytes:
        if command[:4] == b"\x00\xa4\x04\x0c":  # ISO 7816-4, 11.2.2 SELECT by DF name, without FCI
            self.selected = command[5:] in (
                b"\xd2\x76\x00\x00\x85\x01\x01",
                b"\xd2\x76\x00\x00\x85\x01\x01\x00",
            )
            self.file = self.waiting = None
            return OK if self.selected and command[4] == 7 else NOT_FOUND
        if command == b"\x00\xa4\x00\x0c\x02\xe1\x04" and self.selected:  # SELECT the NDEF file E104h
            self.counter += 1  # NT4H2421Gx, 9.3.3.2: at the first reading after it was selected
            uri = b"\x04" + self.url().encode()  # RTD URI, table 3: 04 is https://
            self.message = b"\xd1\x01" + bytes([len(uri)]) + b"U" + uri
            self.file = (len(self.message).to_bytes(2, "big") + self.message).ljust(256, b"\x00")
            return OK
        if command[:2] == b"\x00\xb0" and len(command) == 5 and self.file:  # ISO 7816-4, READ BINARY
            at = int.from_bytes(command[2:4], "big")
            return self.file[at : at + command[4]] + OK
        native = native_of(command)
        return self.native(*native) if native else UNKNOWN


class Desfire(_Ev2):
    """MIFARE DESFire EV2 with one application of AES keys; also AuthenticateAES of EV1."""

    application = b"\x46\x4b\x4d"

    def answer(self, command: bytes) -> bytes:
        native = native_of(command)
        return self.native(*native) if native else UNKNOWN

    def bare(self, frame: list[int]) -> list[int]:
        """A native command as others' libraries send it: code and data, answered with the status first."""
        reply = self.native(frame[0], bytes(frame[1:]))
        return [reply[-1], *reply[:-2]]

    def native(self, code: int, data: bytes) -> bytes:
        if code == 0x5A:  # SelectApplication
            self.selected = data == self.application
            self.waiting = None
            return b"\x91\x00" if self.selected else b"\x91\xa0"
        if code == 0x45 and self.selected:  # GetKeySettings: settings, then AES and how many keys
            return bytes([0x0F, 0x80 | len(self.keys)]) + b"\x91\x00"
        if code == 0xAA and self.selected and data[0] in self.keys:  # AuthenticateAES, part 1
            rnd_b, key = self.random(16), self.keys[data[0]]
            sealed = cbc(key).encrypt(rnd_b)
            self.old = (key, rnd_b, sealed)
            return sealed + b"\x91\xaf"
        if code == 0xAF and self.waiting is None and len(data) == 32:  # part 2: one chain of blocks over all
            key, rnd_b, sealed = self.old
            plain = AES.new(key, AES.MODE_CBC, sealed).decrypt(data)
            if plain[16:] != rnd_b[1:] + rnd_b[:1]:
                return AUTHENTICATION_ERROR
            return AES.new(key, AES.MODE_CBC, data[16:]).encrypt(plain[1:16] + plain[:1]) + b"\x91\x00"
        return super().native(code, data)
