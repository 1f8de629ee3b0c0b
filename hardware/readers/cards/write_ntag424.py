"""NTAG 424 DNA: the file that a phone reads, what the badge mirrors into it, and its five keys.

Source: NXP NT4H2421Gx rev. 3.0, sections 8.2.3 (access rights), 10.7.1 (ChangeFileSettings) and 10.8.2
(WriteData).
"""

from collections.abc import Sequence

from floor.badge_keys import PROOF_KEY
from hardware.readers.cards import ntag424
from hardware.readers.cards.ev2 import DONE, Entropy, wrapped
from hardware.readers.cards.proof import Proven, Steps, Unproven, expect
from hardware.readers.cards.template import Template
from hardware.readers.cards.writing import (
    CHANGE_FILE_SETTINGS,
    MASTER_KEY,
    WRITE_DATA,
    KeySet,
    change_keys,
    expect_uid,
    find_keys,
    opened,
)

_FILE = b"\x02"
_CHUNK = 40  # what every reader carries in one command
_MIRRORING_IN_PLAIN = 0x40  # SDM on, CommMode.Plain
_MASTER_ALONE_BUT_READ_FREE = bytes.fromhex("00E0")  # read E; write, read & write, change: key 0
_UID_AND_COUNTER_AS_TEXT = 0xC1
_SDM_RIGHTS = bytes.fromhex("F1E1")  # SDMMetaRead E, SDMFileRead key 1, SDMCtrRet key 1


def write(uid: bytes, said: Template, new: KeySet, old: Sequence[KeySet], entropy: Entropy) -> Steps[Proven]:
    """Write the badge with this UID, whatever of it was written before; raises Unproven.

    `old` are keys that it may hold still. Nothing is written to one that holds others, or is another.
    """
    yield from ntag424.select()
    held = yield from find_keys(new, old, entropy)
    channel = yield from opened(held[MASTER_KEY], entropy)
    yield from expect_uid(channel, uid)
    yield from _write_file(said.message)
    # A new session: the plain commands have moved the old one's counter on.
    channel = yield from opened(held[MASTER_KEY], entropy)
    yield from channel.full(CHANGE_FILE_SETTINGS, _FILE, _settings(said))
    yield from change_keys(new, held, entropy)
    key = new.keys[PROOF_KEY]
    yield from ntag424.proof(uid, key, entropy, sun=False)
    yield from ntag424.select()  # the authentication is over: it is read as a phone does
    ndef = yield from ntag424.read_ndef()
    if said.blank(ndef) != said.message:
        raise Unproven("the badge says another address than was written on it")
    return ntag424.proof_by_message(ndef, uid, key)


def _write_file(message: bytes) -> Steps[None]:
    """Write the NDEF file; until all of it is there it says that it is empty."""
    whole = len(message).to_bytes(ntag424.LENGTH_BYTES, "big")
    yield from _write_data(0, bytes(len(whole)))
    for at in range(0, len(message), _CHUNK):
        yield from _write_data(len(whole) + at, message[at : at + _CHUNK])
    yield from _write_data(0, whole)


def _write_data(at: int, data: bytes) -> Steps[None]:
    header = _FILE + at.to_bytes(3, "little") + len(data).to_bytes(3, "little")
    expect((yield wrapped(WRITE_DATA, header + data)), DONE)


def _settings(said: Template) -> bytes:
    # The MAC covers nothing but UID and counter: its input begins where it stands itself.
    offsets = (said.uid_at, said.counter_at, said.mac_at, said.mac_at)
    first = bytes([_MIRRORING_IN_PLAIN]) + _MASTER_ALONE_BUT_READ_FREE
    second = bytes([_UID_AND_COUNTER_AS_TEXT]) + _SDM_RIGHTS
    return first + second + b"".join(offset.to_bytes(3, "little") for offset in offsets)
