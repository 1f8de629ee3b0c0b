"""EV2 secure messaging: commands to a card after AuthenticateEV2First, encrypted and signed.

Sources: NXP NT4H2421Gx (NTAG 424 DNA) rev. 3.0, sections 9.1.4 (padding), 9.1.8 to 9.1.10 (counter, IV, MAC),
10.6.1 (ChangeKey); AN12196, whose ChangeFileSettings, ChangeKey and GetCardUID are tests. MIFARE DESFire EV2
and EV3 do the same.
"""

import hmac
from zlib import crc32

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from floor.badge_keys import UID_BYTES, cmac
from hardware.readers.cards.ev2 import DONE, Session, wrapped
from hardware.readers.cards.proof import Steps, Unproven, expect

_BLOCK, _MAC_BYTES = 16, 8
_TO_CARD, _FROM_CARD = bytes.fromhex("A55A"), bytes.fromhex("5AA5")
_GET_CARD_UID, _CHANGE_KEY = 0x51, 0xC4
_SUCCESS = b"\x00"


class Channel:
    """An authenticated session, and how many commands it has carried."""

    def __init__(self, session: Session, number: int, counter: int = 0) -> None:
        """`number` is the key that was authenticated with."""
        self._session = session
        self._number = number
        self._counter = counter

    def full(self, code: int, header: bytes = b"", data: bytes = b"") -> Steps[bytes]:
        """Send a command in CommMode.Full, `data` encrypted, and return what it answers; raises Unproven."""
        reply = expect((yield self._sealed(code, header, data)), DONE)
        self._counter += 1
        sealed, mac = reply[:-_MAC_BYTES], reply[-_MAC_BYTES:]
        if len(sealed) % _BLOCK or not hmac.compare_digest(mac, self._mac(_SUCCESS, sealed)):
            raise Unproven("the card's answer is not signed by this session")
        return self._opened(sealed) if sealed else b""

    def uid(self) -> Steps[bytes]:
        """Ask for the card's own UID (GetCardUID), also of one that shows readers a random one."""
        uid = yield from self.full(_GET_CARD_UID)
        if len(uid) != UID_BYTES:
            raise Unproven(f"the card's UID has {len(uid)} bytes")
        return uid

    def change_key(self, number: int, old: bytes, new: bytes, version: int) -> Steps[None]:
        """Change key `number`; raises Unproven. The session is over after that of its own key."""
        if number == self._number:  # the answer is not signed, for the session ended with the key
            data = new + bytes([version])
            expect((yield self._sealed(_CHANGE_KEY, bytes([number]), data)), DONE)
            return
        mixed = bytes(one ^ other for one, other in zip(old, new, strict=True))
        check = (crc32(new) ^ 0xFFFFFFFF).to_bytes(4, "little")  # without the last inversion
        yield from self.full(_CHANGE_KEY, bytes([number]), mixed + bytes([version]) + check)

    def _sealed(self, code: int, header: bytes, data: bytes) -> bytes:
        sealed = b""
        if data:
            padded = data + b"\x80" + bytes(-(len(data) + 1) % _BLOCK)
            sealing = self._cipher(_TO_CARD).encryptor()
            sealed = sealing.update(padded) + sealing.finalize()
        return wrapped(code, header + sealed + self._mac(bytes([code]), header + sealed))

    def _opened(self, sealed: bytes) -> bytes:
        opening = self._cipher(_FROM_CARD).decryptor()
        data, mark, rest = (opening.update(sealed) + opening.finalize()).rpartition(b"\x80")
        if not mark or rest.strip(b"\x00"):
            raise Unproven("the card's answer is not padded as it should be")
        return data

    def _place(self) -> bytes:
        return self._counter.to_bytes(2, "little")

    def _cipher(self, way: bytes) -> Cipher[CBC]:
        key = AES(self._session.encryption_key)
        making = Cipher(key, ECB()).encryptor()  # of one block, as the data sheet has the IV made
        start = way + self._session.transaction + self._place() + bytes(8)
        return Cipher(key, CBC(making.update(start) + making.finalize()))

    def _mac(self, first: bytes, data: bytes) -> bytes:
        said = first + self._place() + self._session.transaction + data
        return cmac(self._session.mac_key, said)[1::2]
