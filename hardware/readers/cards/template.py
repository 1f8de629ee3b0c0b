"""The NDEF file of a badge that says its UID, count and signature in a URL, and where it writes them.

Sources: NFC Forum NDEF 1.0, section 3.2, RTD URI 1.0, section 3.2, and Type 4 Tag 1.2, section 5; NXP
NT4H2421Gx rev. 3.0, section 9.3.2 (mirrors) and 10.7.1 (offsets, counted in the file).
"""

from dataclasses import dataclass

from floor.badge_keys import UID_BYTES
from floor.sun import COUNTER_BYTES, MAC_BYTES
from hardware.readers.cards.ntag424 import FILE_BYTES, LENGTH_BYTES

_PREFIXES = {"https://": 4, "http://": 3}
_MIRRORED = {"u": UID_BYTES, "c": COUNTER_BYTES, "m": MAC_BYTES}


@dataclass(frozen=True, slots=True)
class Template:
    """What stands in the file without its length, and the offsets in the file of UID, counter and MAC."""

    message: bytes
    uid_at: int
    counter_at: int
    mac_at: int

    def blank(self, message: bytes) -> bytes:
        """Return a message with zeros where the badge writes what is new each time."""
        for at, size in (
            (self.uid_at, UID_BYTES),
            (self.counter_at, COUNTER_BYTES),
            (self.mac_at, MAC_BYTES),
        ):
            begin = at - LENGTH_BYTES
            message = (
                message[:begin] + b"0" * len(message[begin : begin + 2 * size]) + message[begin + 2 * size :]
            )
        return message


def template(address: str) -> Template:
    """Return the template of a URL such as `https://SERVER/b?u=00…&c=00…&m=00…`, 14, 6 and 16 zeros.

    Raises ValueError with a sentence for what is none, and for one that the file cannot hold.
    """
    prefix = next((one for one in _PREFIXES if address.startswith(one)), None)
    if prefix is None or not address.isascii() or not address.isprintable() or " " in address:
        raise ValueError("an address begins with https:// or http:// and is written in ASCII")
    server, asks, query = address.partition("?")
    if not asks or "#" in address or server.removeprefix(prefix).strip("/") == "":
        raise ValueError("an address names a server and has ?u=, c= and m= behind its path, and no #")
    uri = bytes([_PREFIXES[prefix]]) + address.removeprefix(prefix).encode()
    message = bytes([0xD1, 1, len(uri) & 0xFF]) + b"U" + uri
    if LENGTH_BYTES + len(message) > FILE_BYTES:
        raise ValueError(f"it is {LENGTH_BYTES + len(message) - FILE_BYTES} characters too long for a badge")
    offsets, at = {}, len(message) - len(query)
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name in _MIRRORED and name not in offsets and value == "0" * 2 * _MIRRORED[name]:
            offsets[name] = LENGTH_BYTES + at + len(name) + 1
        at += len(part) + 1
    if missing := [name for name in _MIRRORED if name not in offsets]:
        name = missing[0]
        raise ValueError(f"it has no {name}= with {2 * _MIRRORED[name]} zeros, where the badge writes")
    return Template(message, offsets["u"], offsets["c"], offsets["m"])
