"""What is held to a reader or wired to it: frames, lines, keys, cards' replies, boxes, plugs as relays."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable

from floor.errors import PeerError
from floor.sun import read_picc
from floor.words import BadgeKind
from hardware.events import ReaderNoise
from hardware.nodes import fabomatic, mac
from hardware.nodes.board import Board
from hardware.nodes.mac import MacBox
from hardware.readers.cards import write_desfire, write_ntag424
from hardware.readers.cards.message import read_message
from hardware.readers.cards.proof import NotProven, Unproven
from hardware.readers.cards.template import template
from hardware.readers.cards.writing import KeySet, NotWritten, Writing, factory_keys
from hardware.readers.frame import Frame
from hardware.readers.keyboard import KeyboardParser, decimal, hexadecimal
from hardware.readers.keys import BadgeKey
from hardware.readers.osdp import card
from hardware.readers.pn532 import Pn532Talk
from hardware.readers.pn532_frames import Pn532Frames
from hardware.readers.port_reader import ReaderSilent
from hardware.readers.presence import Presence
from hardware.readers.proving import begin_proof
from hardware.readers.rdm6300 import Rdm6300Parser
from hardware.readers.records import Records, record
from hardware.readers.wiegand import WiegandParser
from hardware.relays.plug import ShellySwitch, TasmotaSwitch
from tests.fuzz.engine import Target
from tests.fuzz.ways import each, lines, stream, talk
from tests.kit.frames import id12, osdp_raw, rdm6300, wiegand, wiegand_frame
from tests.kit.pn532_peer import ACK, frame, listed

UID, KEY = bytes.fromhex("04DE5F1EACC040"), bytes(range(16))
STATUSES = (b"\x90\x00", b"\x91\x00", b"\x91\xaf", b"\x91\xae", b"\x6a\x82", b"\x91\x1e")
NEW = KeySet(1, tuple(bytes([number] * 16) for number in range(1, 6)))
ADDRESS = "https://floor.example.org/b?u=00000000000000&c=000000&m=0000000000000000"
NDEF = bytes((0xD1, 1, len(ADDRESS) - 7)) + b"U\x04" + ADDRESS.removeprefix("https://").encode()
FABOMATIC = tuple(
    json.dumps(one).encode()
    for one in (
        {"action": "checkuser", "uid": "a0000001"},
        {"action": "startuse", "uid": "a0000001"},
        {"action": "inuse", "uid": "a0000001", "duration": 61},
        {"action": "checkmachine"},
        {"action": "stopuse", "uid": "a0000001", "duration": 90, "replay": True},
        {"action": "alive", "version": "1"},
    )
)
MAC = json.dumps(
    {"machine_name": "laser", "oops": False, "rfid_value": "14916441", "uptime": 12.5, "wifi_signal_db": -54}
).encode()


def _replies(data: bytes) -> list[bytes | None]:
    """Take an input for replies of a card: two bytes of head, a length, so many bytes, and a status."""
    found: list[bytes | None] = []
    at = 0
    while at + 1 < len(data) and len(found) < 80:
        size, kind = data[at] % 64, data[at + 1]
        body = data[at + 2 : at + 2 + size]
        found.append(None if kind == 255 else body + (STATUSES[kind % 6] if kind < 250 else b""))
        at += 2 + size
    return found


def _proof(kind: BadgeKind, sun: bool) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        proof = begin_proof(UID, BadgeKey(kind, KEY, KEY), lambda size: bytes(size), sun)
        assert isinstance(talk(proof.step, _replies(data)), NotProven), "a card without the key proved itself"

    return run


def _writing(data: bytes) -> None:
    for steps in (
        write_ntag424.write(UID, template(ADDRESS), NEW, [factory_keys(5)], lambda size: bytes(size)),
        write_desfire.write(UID, KeySet(1, NEW.keys[:2]), [factory_keys(2)], lambda size: bytes(size)),
    ):
        assert isinstance(talk(Writing(steps).step, _replies(data)), NotWritten), "nothing was written"


class _Trusting:
    def key_of(self, uid: bytes) -> BadgeKey:
        return BadgeKey(BadgeKind.NTAG424, KEY, KEY)


def _pn532(data: bytes) -> None:
    reader = Pn532Talk(Presence(BadgeKind.UID_13MHZ, 500), 100)
    reader.trust(_Trusting())
    reader.begin(0)
    answers = [frame(b"\xd5\x15"), frame(b"\xd5\x03\x32\x01\x06\x07"), *lines(data)]
    for now_ms, piece in enumerate(answers):
        try:
            reader.heard(piece, 150 * now_ms), reader.waited(150 * now_ms)
        except ReaderSilent:
            reader.begin(150 * now_ms)
        assert len(reader.to_write()) <= 96


def _osdp(data: bytes) -> None:
    assert isinstance(card(data[0] if data else 0, data[1:]), Frame | ReaderNoise)


def _fabomatic(data: bytes) -> None:
    acts: list[object] = []
    board = Board(acts.append)
    for at_s, line in enumerate(lines(data)):
        said = fabomatic.parse(line)
        if not isinstance(said, ReaderNoise):
            board.heard(said, at_s)
        board.tick(at_s)
    assert not [act for act in acts if re.search(rb'"is_valid":true.*"level"', getattr(act, "body", b""))], (
        "nobody said yes"
    )


def _mac(data: bytes) -> None:
    box = MacBox(lambda _: None)
    for at_s, line in enumerate(lines(data)):
        update = mac.parse(line)
        if not isinstance(update, ReaderNoise):
            box.heard(update, at_s, found=False)
        box.tick(at_s)


def _plugs(data: bytes) -> None:
    for plug in (ShellySwitch("p", 0), TasmotaSwitch("p", 1)):
        for topic in plug.topics:
            on, watts = plug.read(topic, data)
            assert on in (None, True, False)
            assert watts == watts, "no number"


def _typed(text: str) -> bytes:
    return b"".join(struct.pack("@LLHHi", 1, 2, 1, code, value) for code in text.encode() for value in (1, 0))


def reader(
    name: str,
    run: Callable[[bytes], object],
    seeds: tuple[bytes, ...],
    *covers: str,
    allowed: tuple[type[Exception], ...] = (),
) -> Target:
    return Target(name, "readers", run, seeds, allowed, covers)


STREAM = ACK + frame(b"\xd5\x4b" + listed(UID)) + frame(b"\xd5\x15")
REPLIES = bytes((16, 2)) + bytes(16) + bytes((32, 1)) + bytes(32) + bytes((0, 0)) * 3
TARGETS = [
    reader(
        "rdm6300",
        stream(Rdm6300Parser),
        (rdm6300(b"\x62\xe3\x08\x6c\xed") * 2, id12(b"abcde")),
        "hardware.readers.rdm6300",
    ),
    reader(
        "wiegand",
        stream(WiegandParser),
        (wiegand(b"\1\2\3", 26) + b"ALIVE\r\n" + wiegand(b"\1\2\3\4", 34),),
        "hardware.readers.wiegand",
    ),
    reader(
        "records",
        stream(Records),
        (record(Frame(UID)) + record(ReaderNoise("a")),),
        "hardware.readers.records",
    ),
    reader(
        "keyboard",
        stream(lambda: KeyboardParser(decimal)),
        (_typed("\x02\x03\x04\x1c"),),
        "hardware.readers.keyboard",
    ),
    reader(
        "keyboard hex",
        stream(lambda: KeyboardParser(hexadecimal, True)),
        (_typed("\x02\x1e\x02\x1e\x1c"),),
        "hardware.readers.keyboard",
    ),
    reader("pn532 frames", stream(Pn532Frames), (STREAM,), "hardware.readers.pn532_frames"),
    reader(
        "pn532 talk",
        _pn532,
        (STREAM, frame(b"\xd5\x4b" + listed(UID)) + b"\n" + frame(b"\xd5\x41\0\x91\0")),
        "hardware.readers.pn532",
    ),
    reader(
        "osdp cards",
        _osdp,
        (bytes((26,)) + osdp_raw(wiegand_frame(b"\1\2\3", 26), 26),),
        "hardware.readers.osdp",
    ),
    reader("ntag424 replies", _proof(BadgeKind.NTAG424, True), (REPLIES,), "hardware.readers.cards.ntag424"),
    reader("desfire replies", _proof(BadgeKind.DESFIRE, False), (REPLIES,), "hardware.readers.cards.desfire"),
    reader("replies while writing", _writing, (REPLIES,), "hardware.readers.cards.writing"),
    reader(
        "ndef of a badge",
        lambda data: read_message(data, KEY),
        (NDEF,),
        "hardware.readers.cards.message",
        allowed=(Unproven,),
    ),
    reader(
        "picc data",
        lambda data: read_picc(KEY, data[:16].ljust(16, b"\0")),
        (bytes(16),),
        "floor.sun",
        allowed=(PeerError,),
    ),
    reader("fab-o-matic", _fabomatic, (b"\n".join(FABOMATIC),), "hardware.nodes.fabomatic"),
    reader("machine access control", _mac, (MAC, MAC + b"\n" + MAC), "hardware.nodes.mac"),
    reader(
        "plugs as relays",
        each(_plugs),
        (
            b'{"POWER":"ON"}',
            b'{"id":1,"result":{"output":true,"apower":1}}',
            b'{"StatusSTS":{"POWER1":"OFF"},"state":"ON","power":1}',
        ),
        "hardware.relays.plug",
    ),
]
