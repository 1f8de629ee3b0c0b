"""What an NTAG 424 DNA says and signs in its NDEF file: the parts of a secure unique message's URL.

Sources: NFC Forum NDEF 1.0, section 3.2, and RTD URI 1.0, section 3.2; NXP AN12196, section 4, for what the
badge mirrors. Parameters: `u` and `c` (UID and counter, most significant byte first), or `picc_data` or `e`
(both, encrypted); `m` or `cmac`; with `enc` (file data) all from its value up to the MAC is signed.
"""

from dataclasses import dataclass

from floor.badge_keys import UID_BYTES
from floor.errors import PeerError
from floor.sun import COUNTER_BYTES, MAC_BYTES, PICC_BYTES, PiccData, read_picc
from hardware.readers.cards.proof import Unproven

_FLAGS, _SHORT_WELL_KNOWN = 0x1F, 0x11  # SR set, IL clear, TNF 1; first and last of a message or not
_URI = b"\x01U"


@dataclass(frozen=True, slots=True)
class Message:
    """What a badge says; `covered` is the part of the file that its MAC covers, nothing as a rule."""

    picc: PiccData
    mac: bytes
    covered: bytes = b""


def read_message(ndef: bytes, meta_key: bytes | None) -> Message:
    """Read an NDEF message whose first record is such a URL; raises Unproven for all others."""
    query = _url(ndef).partition(b"?")[2].partition(b"#")[0]
    mac_name = b"m" if _value(query, b"m") else b"cmac"
    mac = _bytes(query, mac_name, MAC_BYTES)
    covered = b""
    if _value(query, b"enc"):
        covered = query[_place(query, b"enc") : _place(query, mac_name)]
    if _value(query, b"u"):
        counter = int.from_bytes(_bytes(query, b"c", COUNTER_BYTES), "big")
        return Message(PiccData(_bytes(query, b"u", UID_BYTES), counter), mac, covered)
    if meta_key is None:
        raise Unproven("the badge's message is encrypted, and the key for it is not known here")
    sealed = _bytes(query, b"e" if _value(query, b"e") else b"picc_data", PICC_BYTES)
    try:
        return Message(read_picc(meta_key, sealed), mac, covered)
    except PeerError as error:
        raise Unproven(str(error)) from error


def _url(ndef: bytes) -> bytes:
    """The URL of the first record, without what its first byte abbreviates."""
    if len(ndef) < 5 or ndef[0] & _FLAGS != _SHORT_WELL_KNOWN or ndef[1:2] + ndef[3:4] != _URI:
        raise Unproven("the badge has no URL to say")
    return ndef[5 : 4 + ndef[2]]


def _place(query: bytes, name: bytes) -> int:
    """Where the value of this parameter begins, or -1."""
    at = (b"&" + query).find(b"&" + name + b"=")
    return at if at < 0 else at + len(name) + 1


def _value(query: bytes, name: bytes) -> bytes:
    at = _place(query, name)
    return b"" if at < 0 else query[at:].partition(b"&")[0]


def _bytes(query: bytes, name: bytes, size: int) -> bytes:
    """The hexadecimal value of this parameter; raises Unproven for one that is missing or of another size."""
    try:
        value = bytes.fromhex(_value(query, name).decode("ascii"))
    except ValueError:
        value = b""
    if len(value) != size:
        raise Unproven(f"the badge's message has no {name.decode()} of {size} bytes")
    return value
