"""Cards in software that can be written, upon those of tests.kit.software_cards and another library's AES.

Sources: NT4H2421Gx, NXP's data sheet of the NTAG 424 DNA (rev. 3.0): 9.1 secure messaging, 9.3 mirrors, 10
commands, table 22 status words. MF2DL(H)x0, that of DESFire EV2, for its applications.
"""

import binascii
from typing import Any

from Crypto.Cipher import AES

from tests.kit.software_cards import OK, Desfire, Ntag424, mac

DONE = b"\x91\x00"
INTEGRITY, LENGTH, PERMISSION, PARAMETER, NO_AUTHENTICATION = (
    bytes([0x91, code]) for code in (0x1E, 0x7E, 0x9D, 0x9E, 0xAE)
)
NO_APPLICATION, DUPLICATE = b"\x91\xa0", b"\x91\xde"
FREE, NEVER = 0xE, 0xF
ZEROS = bytes(16)


class Writable:
    """AuthenticateEV2First opens a session; ChangeKey and GetCardUID within it. Errors end it."""

    uid: bytes
    keys: dict[int, bytes]
    sessions: list[tuple[bytes, bytes, bytes]]
    random: Any

    def fresh(self, count: int) -> None:
        self.keys = dict.fromkeys(range(count), ZEROS)
        self.versions = dict.fromkeys(range(count), 0)
        self.by: int | None = None
        self.counter_of_commands = 0
        self.asked_for = 0
        self.written: list[int] = []
        self.wrong_keys = 0

    def secured(self, code: int, data: bytes) -> bytes | None:
        """The reply to a command that needs the session; None for one that is not of these."""
        if code == 0x71:
            self.by, self.asked_for = None, data[0] if data else 0
            return None
        if code == 0xAF:
            return None
        if code not in (0x51, 0xC4, 0x5F):
            return None
        reply = self.in_session(code, data) if self.by is not None else NO_AUTHENTICATION
        if reply[-2:] != DONE:
            self.by = None
        return reply

    def opened(self, reply: bytes) -> bytes:
        """Note what the second part of an authentication came to."""
        if len(reply) == 34 and reply[-2:] == DONE:
            self.by, self.counter_of_commands = self.asked_for, 0
        elif reply == NO_AUTHENTICATION:
            self.wrong_keys += 1
        return reply

    def in_session(self, code: int, data: bytes) -> bytes:
        """9.1.9, 9.1.10: Cmd || CmdCtr || TI || header || sealed; RC || CmdCtr + 1 || TI || data."""
        ti, for_encryption, for_macs = self.sessions[-1]
        header = b"" if code == 0x51 else data[:1]
        sealed, signed = data[len(header) : -8], data[-8:]
        count = self.counter_of_commands.to_bytes(2, "little")
        if mac(for_macs, bytes([code]) + count + ti + header + sealed)[1::2] != signed or len(sealed) % 16:
            return INTEGRITY
        plain = b""
        if sealed:
            iv = AES.new(for_encryption, AES.MODE_ECB).encrypt(b"\xa5\x5a" + ti + count + bytes(8))
            plain = AES.new(for_encryption, AES.MODE_CBC, iv).decrypt(sealed).rstrip(b"\x00")
            if plain[-1:] != b"\x80":
                return INTEGRITY
            plain = plain[:-1]
        self.counter_of_commands += 1
        count = self.counter_of_commands.to_bytes(2, "little")
        answer = {0x51: self.get_uid, 0xC4: self.change_key, 0x5F: self.change_settings}[code](header, plain)
        if isinstance(answer, bytes):
            return answer
        said = answer[0]
        if said:
            said += b"\x80" + bytes(-(len(said) + 1) % 16)
            iv = AES.new(for_encryption, AES.MODE_ECB).encrypt(b"\x5a\xa5" + ti + count + bytes(8))
            said = AES.new(for_encryption, AES.MODE_CBC, iv).encrypt(said)
        return said + mac(for_macs, b"\x00" + count + ti + said)[1::2] + DONE

    def get_uid(self, header: bytes, plain: bytes) -> bytes | tuple[bytes]:
        return (self.uid,)

    def change_settings(self, header: bytes, plain: bytes) -> bytes | tuple[bytes]:
        return PERMISSION

    def change_key(self, header: bytes, plain: bytes) -> bytes | tuple[bytes]:
        """10.6.1, table 63: (new xor old) || version || CRC32 of the new one; of the key 0 new || version."""
        number = header[0]
        if self.by != 0:
            return NO_AUTHENTICATION
        if number not in self.keys:
            return PARAMETER
        if number == 0:
            if len(plain) != 17:
                return LENGTH
            self.keys[0], self.versions[0], self.by = plain[:16], plain[16], None
            self.written.append(0xC4)
            return DONE  # the session has gone with its key: nothing is signed
        if len(plain) != 21:
            return LENGTH
        old = int.from_bytes(self.keys[number], "big")
        new = (int.from_bytes(plain[:16], "big") ^ old).to_bytes(16, "big")
        # IEEE 802.3's CRC, not inverted at the end, least significant byte first: AN12196, ChangeKey
        if plain[17:] != (0xFFFFFFFF - binascii.crc32(new)).to_bytes(4, "little"):
            return INTEGRITY
        self.keys[number], self.versions[number] = new, plain[16]
        self.written.append(0xC4)
        return (b"",)


class WritableNtag424(Writable, Ntag424):
    """An NTAG 424 DNA from the factory: keys of zeros, an empty file that everybody may write (8.2.3)."""

    def __init__(self, uid: bytes) -> None:
        Ntag424.__init__(self, uid, {})
        self.fresh(5)
        self.real_uid = uid
        self.content = bytearray(256)
        self.settings = bytes.fromhex("00E0EE")
        self.sdm = b""

    def get_uid(self, header: bytes, plain: bytes) -> bytes | tuple[bytes]:
        return (self.real_uid,)

    def power_on(self) -> None:
        self.selected, self.by, self.file, self.waiting = False, None, None, None

    def answer(self, command: bytes) -> bytes:
        if command[:2] == b"\x00\xa4" and command[2] == 4:
            self.by = None
        if command == b"\x00\xa4\x00\x0c\x02\xe1\x04" and self.selected:
            self.counter += bool(self.sdm)
            self.file = self.read() if self.by is None else bytes(self.content)
            return OK
        return super().answer(command)

    def native(self, code: int, data: bytes) -> bytes:
        if code == 0x8D and self.selected:
            return self.write_data(data)
        reply = self.secured(code, data)
        return self.opened(super().native(code, data)) if reply is None else reply

    def write_data(self, data: bytes) -> bytes:
        """10.8.2: FileNo, offset and length of three bytes each, data in plain as the file's mode is."""
        at, size = int.from_bytes(data[1:4], "little"), int.from_bytes(data[4:7], "little")
        rights = int.from_bytes(self.settings[1:3], "little")
        write, both = rights >> 8 & 0xF, rights >> 4 & 0xF
        self.counter_of_commands += 1
        if data[0] != 2 or self.settings[0] & 3:
            return PARAMETER
        if FREE not in (write, both) and self.by not in (write, both):
            self.by = None
            return NO_AUTHENTICATION
        if len(data) != 7 + size or at + size > len(self.content):
            return LENGTH
        self.content[at : at + size] = data[7:]
        self.written.append(0x8D)
        return DONE

    def change_settings(self, header: bytes, plain: bytes) -> bytes | tuple[bytes]:
        """10.7.1, table 69: option, rights; SDM options, SDM rights, offsets as these ask for them."""
        if self.by != int.from_bytes(self.settings[1:3], "little") & 0xF or header != b"\x02":
            return PERMISSION
        offsets = self.offsets(plain[6:]) if plain[0] & 0x40 else {}
        if offsets is None or len(plain) != (6 + 3 * len(offsets) if plain[0] & 0x40 else 3):
            return PARAMETER
        self.settings, self.sdm = plain[:3], plain[3:]
        self.written.append(0x5F)
        return (b"",)

    def offsets(self, data: bytes) -> dict[str, int] | None:
        """Only what mirrors UID and count in plain and a MAC over nothing; None for what the card refuses."""
        places = [int.from_bytes(data[at : at + 3], "little") for at in range(0, len(data), 3)]
        if len(places) != 4 or places[2] > places[3]:
            return None
        found = dict(zip(("uid", "counter", "input", "mac"), places, strict=True))
        taken = sorted([(found["uid"], 14), (found["counter"], 6), (found["mac"], 16)])
        ends = [at + size for at, size in taken]
        if any(end > at for end, (at, _) in zip(ends, taken[1:], strict=False)) or ends[-1] > 256:
            return None
        return found

    def read(self) -> bytes:
        """9.3: what is mirrored at this reading, as the settings say; from whoever has not authenticated."""
        file = bytearray(self.content)
        if not self.sdm:
            return bytes(file)
        rights = int.from_bytes(self.sdm[1:3], "little")
        if self.sdm[0] != 0xC1 or rights >> 12 != FREE or rights >> 4 & 0xF != NEVER:
            return bytes(file)
        places = self.offsets(self.sdm[3:])
        assert places
        low = self.counter.to_bytes(3, "little")
        session = mac(self.keys[rights >> 8 & 0xF], bytes.fromhex("3CC300010080") + self.uid + low)
        file[places["uid"] : places["uid"] + 14] = self.uid.hex().upper().encode()
        file[places["counter"] : places["counter"] + 6] = low[::-1].hex().upper().encode()
        covered = bytes(file[places["input"] : places["mac"]])
        signed = mac(session, covered)[1::2].hex().upper().encode()
        file[places["mac"] : places["mac"] + 16] = signed
        return bytes(file)


class WritableDesfire(Writable, Desfire):
    """A DESFire EV2 from the factory: no application, and everybody may create one."""

    def __init__(self, uid: bytes, closed: bool = False) -> None:
        Desfire.__init__(self, uid, {})
        self.fresh(0)
        self.real_uid = uid
        self.closed = closed
        self.made: bytes | None = None
        self.settings = b""
        self.on_card = True

    def get_uid(self, header: bytes, plain: bytes) -> bytes | tuple[bytes]:
        return (self.real_uid,)

    def power_on(self) -> None:
        self.selected, self.by, self.waiting, self.on_card = False, None, None, True

    def native(self, code: int, data: bytes) -> bytes:
        if code == 0x5A:  # SelectApplication
            self.by = self.waiting = None
            self.on_card, self.selected = data == bytes(3), data == self.made
            return DONE if self.on_card or self.selected else NO_APPLICATION
        if code == 0xCA:  # CreateApplication: AID, KeySett1, KeySett2 (AES, number of keys)
            if self.closed or not self.on_card:
                return NO_AUTHENTICATION if self.closed else PERMISSION
            if data[:3] == self.made:
                return DUPLICATE
            self.create(data[:3], data[3:])
            self.written.append(0xCA)
            return DONE
        if code == 0x45 and self.selected:
            return self.settings + DONE
        reply = self.secured(code, data) if self.selected else None
        return self.opened(super().native(code, data)) if reply is None else reply

    def create(self, application: bytes, settings: bytes) -> None:
        self.made, self.settings = application, settings
        self.fresh(settings[1] & 0x0F)
