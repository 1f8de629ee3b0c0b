"""A badge that is written, one exchange at a time; what both kinds have in common.

A run takes the badge as an earlier one left it: it looks which keys the badge holds, writes again what stands
on it, and changes those keys that are not the new ones yet. The key by which the badge proves itself comes
last: a badge that a reader takes is written whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from floor.badge_keys import KEY_BYTES, PROOF_KEY
from hardware.readers.cards.ev2 import Entropy, authenticate_first
from hardware.readers.cards.proof import Proven, Steps, Unproven
from hardware.readers.cards.secure import Channel

MOST_EXCHANGES = 120
"""Whole and at its worst, with keys of three kinds, an NTAG 424 takes some 70."""
MASTER_KEY = 0
WRITE_DATA, CHANGE_FILE_SETTINGS, CHANGE_KEY, CREATE_APPLICATION = 0x8D, 0x5F, 0xC4, 0xCA
_WRITES = {WRITE_DATA, CHANGE_FILE_SETTINGS, CHANGE_KEY, CREATE_APPLICATION}
_NATIVE, _DONE = 0x90, b"\x91\x00"
_WRONG_KEY = 0x91AE


@dataclass(frozen=True, slots=True)
class KeySet:
    """All keys of a badge, 16 bytes each, by number; and their version, 0 from the factory."""

    version: int
    keys: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotWritten:
    """Why a badge was not written, for technicians. `begun`: it may be half written: run again."""

    reason: str
    begun: bool


class Writing:
    """A talk that writes one badge. Total and bounded: whatever the card replies, an end comes, and soon."""

    def __init__(self, steps: Steps[Proven]) -> None:
        self._steps = steps
        self._exchanges = 0
        self._begun = self._writes = False

    def step(self, reply: bytes | None = None) -> bytes | Proven | NotWritten:
        """Take the reply to the last command (None: none came), return the next one, or how it ended.

        The first call takes none; after the end there is no further one. Proven: it is written whole, and
        proved so.
        """
        if self._exchanges == MOST_EXCHANGES:
            self._steps.close()
            return NotWritten("the card talks on and on", self._begun)
        self._exchanges += 1
        if self._writes and (
            reply is None or reply[-2:] == _DONE
        ):  # silent: it may have done it all the same
            self._begun = True
        try:
            command = self._steps.send(reply)
        except StopIteration as done:
            proven: Proven = done.value
            return proven
        except Unproven as unproven:
            return NotWritten(unproven.verdict.reason, self._begun)
        self._writes = command[0] == _NATIVE and command[1] in _WRITES
        return command


def factory_keys(count: int) -> KeySet:
    """Return the keys of a badge as it is sold."""
    return KeySet(0, (bytes(KEY_BYTES),) * count)


def find_keys(new: KeySet, old: Sequence[KeySet], entropy: Entropy) -> Steps[list[bytes]]:
    """Find out which of these keys the badge holds, by number; raises Unproven where it is another.

    Old ones are tried first: a badge counts wrong keys, and a fresh one is to see none.
    """
    held = []
    for number in range(len(new.keys)):
        for key in dict.fromkeys(one.keys[number] for one in (*old, new)):
            try:
                yield from authenticate_first(key, number, entropy)
            except Unproven as refused:
                if refused.status != _WRONG_KEY:
                    raise
            else:
                held.append(key)
                break
        else:
            raise Unproven(f"the badge has another key {number}: neither the old one nor the new one")
    return held


def opened(key: bytes, entropy: Entropy) -> Steps[Channel]:
    """Authenticate with the master key; raises Unproven."""
    return Channel((yield from authenticate_first(key, MASTER_KEY, entropy)), MASTER_KEY)


def expect_uid(channel: Channel, uid: bytes) -> Steps[None]:
    """Raise Unproven where the card says of itself that it is another."""
    if (yield from channel.uid()) != uid:
        raise Unproven("the badge says that its UID is another one")


def change_keys(new: KeySet, held: Sequence[bytes], entropy: Entropy) -> Steps[None]:
    """Change all keys that are not the new ones yet; raises Unproven."""
    channel = yield from opened(held[MASTER_KEY], entropy)
    others = [number for number in range(len(held)) if number not in (MASTER_KEY, PROOF_KEY)]
    for number in (*others, MASTER_KEY, PROOF_KEY):
        key = new.keys[number]
        if held[number] != key:
            yield from channel.change_key(number, held[number], key, new.version)
            if number == MASTER_KEY:
                channel = yield from opened(key, entropy)
