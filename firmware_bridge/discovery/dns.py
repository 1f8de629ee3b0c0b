"""DNS messages, as far as DNS-SD over mDNS needs them: bytes in, records out. Pure, total, bounded.

Sources: RFC 1035 section 4 (messages, compression), RFC 2782 (SRV), RFC 6763 section 6 (TXT), RFC 6762.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MAX_PACKET = 9000
MAX_RECORDS = 256
MAX_NAME = 255
MAX_SERVICES = 256
A, PTR, TXT, AAAA, SRV = 1, 12, 16, 28, 33
IN = 1

Name = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `target` is the name in a PTR or SRV, `port` a SRV's, `address` an A's, `text` a TXT's."""

    name: Name
    kind: int
    target: Name = ()
    port: int = 0
    address: str = ""
    text: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """An instance of DNS-SD: what it calls itself, its type (`_octoprint._tcp`), where it answers."""

    instance: str
    kind: str
    host: str
    port: int
    addresses: tuple[str, ...] = ()
    text: dict[str, str] = field(default_factory=dict, hash=False)


class _Malformed(Exception):
    """The packet is no DNS."""


def query(questions: Iterable[tuple[Name, int]]) -> bytes:
    """Return a one-shot question (RFC 6762 section 5.1). A label has 1 to 63 bytes."""
    asked = [_encoded(name) + struct.pack("!HH", kind, IN) for name, kind in questions]
    return struct.pack("!6H", 0, 0, len(asked), 0, 0, 0) + b"".join(asked)


def _encoded(name: Name) -> bytes:
    labels = [label.encode()[:63] for label in name]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def parse(packet: bytes) -> list[Record]:
    """Return the records of an answer; of a packet that is malformed, too long or a question, none."""
    if not 12 <= len(packet) <= MAX_PACKET:
        return []
    _, flags, questions, *counts = struct.unpack_from("!6H", packet)
    if not flags & 0x8000 or sum(counts) > MAX_RECORDS or questions > MAX_RECORDS:
        return []
    records: list[Record] = []
    at = 12
    try:
        for _ in range(questions):
            at = _name(packet, at)[1] + 4
        for _ in range(sum(counts)):
            record, at = _record(packet, at)
            if record:
                records.append(record)
    except (_Malformed, struct.error):
        return []
    return records


def _record(packet: bytes, at: int) -> tuple[Record | None, int]:
    name, at = _name(packet, at)
    kind, _, _, length = struct.unpack_from("!HHIH", packet, at)
    at += 10
    end = at + length
    if end > len(packet):
        raise _Malformed
    data = packet[at:end]
    if kind == PTR:
        return Record(name, kind, target=_name(packet, at)[0]), end
    if kind == SRV and length > 6:
        return Record(name, kind, target=_name(packet, at + 6)[0], port=int.from_bytes(data[4:6])), end
    if kind == TXT:
        return Record(name, kind, text=_text(data)), end
    if (kind, length) in ((A, 4), (AAAA, 16)):
        return Record(name, kind, address=str(ipaddress.ip_address(data))), end
    return None, end


def _name(packet: bytes, at: int) -> tuple[Name, int]:
    """Return a name and where it ends. A pointer leads to before where its name began: there is no loop."""
    labels: list[str] = []
    end, limit, size = -1, at, 0
    while True:
        if at >= len(packet):
            raise _Malformed
        length = packet[at]
        if length & 0xC0 == 0xC0:
            if at + 1 >= len(packet):
                raise _Malformed
            end = at + 2 if end < 0 else end
            at = (length & 0x3F) << 8 | packet[at + 1]
            if not 12 <= at < limit:
                raise _Malformed
            limit = at
        elif length & 0xC0:
            raise _Malformed
        elif length == 0:
            return tuple(labels), at + 1 if end < 0 else end
        else:
            size += length + 1
            if size > MAX_NAME or at + 1 + length > len(packet):
                raise _Malformed
            labels.append(packet[at + 1 : at + 1 + length].decode("utf-8", "replace"))
            at += 1 + length


def _text(data: bytes) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    at = 0
    while at < len(data) and len(pairs) < 64:
        key, _, value = data[at + 1 : at + 1 + data[at]].partition(b"=")
        if key:
            pairs.append((key.decode("utf-8", "replace").lower(), value.decode("utf-8", "replace")))
        at += 1 + data[at]
    return tuple(pairs)


def services(records: Sequence[Record], kinds: Iterable[str]) -> list[Service]:
    """Join records to instances of the `kinds` that have a place; each once, in the order of their names."""
    places = {_low(one.name): one for one in records if one.kind == SRV}
    texts = {_low(one.name): dict(one.text) for one in records if one.kind == TXT}
    found: dict[Name, Service] = {}
    for one in records:
        kind = ".".join(one.name[:2]).lower()
        place = places.get(_low(one.target))
        if one.kind != PTR or kind not in kinds or not one.target or place is None:
            continue
        addresses = {
            record.address: None
            for record in records
            if record.address and _low(record.name) == _low(place.target)
        }
        if len(found) < MAX_SERVICES:
            found[_low(one.target)] = Service(
                instance=one.target[0],
                kind=kind,
                host=".".join(place.target),
                port=place.port,
                addresses=tuple(sorted(addresses, key=lambda text: (":" in text, text))),
                text=texts.get(_low(one.target), {}),
            )
    return [found[name] for name in sorted(found)]


def unplaced(records: Sequence[Record]) -> list[Name]:
    """Return the instances that a PTR names and whose place nobody has said yet."""
    placed = {_low(one.name) for one in records if one.kind == SRV}
    names = {one.target for one in records if one.kind == PTR and one.target}
    return sorted(name for name in names if _low(name) not in placed)[:MAX_SERVICES]


def _low(name: Name) -> Name:
    return tuple(label.lower() for label in name)
