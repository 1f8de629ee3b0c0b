"""Badges at a reader that can talk with them: which is asked for a proof, and what is told of it."""

import secrets

from floor.words import BadgeKind
from hardware.events import BadgeRemoved, BadgeTapped, ReaderNoise
from hardware.readers.cards import desfire, ntag424
from hardware.readers.cards.ev2 import Entropy
from hardware.readers.cards.proof import NotProven, Proof, Proven, Steps, Unproven, Verdict
from hardware.readers.keys import BadgeKey, BadgeKeys
from hardware.readers.presence import Presence

_ATTEMPTS = 3
_FOUR_BYTES, _RANDOM = (
    4,
    0x08,
)  # ISO/IEC 14443-3: the first byte of a UID of four bytes that changes each time


def begin_proof(uid: bytes, known: BadgeKey, entropy: Entropy, sun: bool = False) -> Proof:
    """Begin the proof of the badge with this UID; `sun`: an NTAG 424's message may do."""
    match known.kind:
        case BadgeKind.NTAG424:
            return Proof(ntag424.proof(uid, known.key, entropy, sun, known.meta_key))
        case BadgeKind.DESFIRE:
            return Proof(desfire.proof(known.key, entropy))
    return Proof(_no_proof())


def _no_proof() -> Steps[Proven]:
    raise Unproven("a badge of this kind proves nothing at a reader")
    yield b""


class Proving:
    """What becomes of the badges that a reader sees. Pure: times are ms, monotonic.

    A badge whose key is known is tapped once its proof is over. One that falls silent within is asked again,
    up to three times: it may be on its way in or out. One that has left meanwhile is tapped as not proven.
    """

    def __init__(self, presence: Presence, sun: bool = False, entropy: Entropy = secrets.token_bytes) -> None:
        self._presence = presence
        self._sun = sun
        self._entropy = entropy
        self._keys: BadgeKeys | None = None
        self._kind: BadgeKind | None = None
        self._held: bytes | None = None
        self._held_ms = self._attempts = 0
        self._empty = self._random = False

    def trust(self, keys: BadgeKeys) -> None:
        """Use these keys from the next badge on."""
        self._keys = keys

    def proof_of(self, uid: bytes) -> Proof | None:
        """Begin a proof of a badge that is there; None where none is due, or no key of it is known."""
        known = None if self._keys is None or uid == self._presence.uid else self._keys.key_of(uid)
        if known is None:
            return None
        self._attempts = self._attempts + 1 if uid == self._held else 1
        self._held, self._kind = uid, known.kind
        return begin_proof(uid, known, self._entropy, self._sun)

    def seen(
        self, uid: bytes, at_ms: int, verdict: Verdict | None = None
    ) -> list[BadgeTapped | BadgeRemoved | ReaderNoise]:
        """Note a badge that is there, with the verdict where it was asked for a proof."""
        if len(uid) == _FOUR_BYTES and uid[0] == _RANDOM:
            # A phone, or a card that hides: another number at each poll, and of no use as a badge.
            told, self._random = self._random, True
            noise = [] if told else [ReaderNoise("a phone or card that changes its number: it is no badge")]
            return [*noise, *self._missed(at_ms)]
        self._empty = self._random = False
        match verdict:
            case NotProven(_, True) if self._attempts < _ATTEMPTS:
                return []
            case NotProven(reason):
                self._held = None
                failed = ReaderNoise(f"a badge did not prove itself: {reason}")
                return [failed, *self._presence.seen(uid, at_ms)]
            case Proven(counter):
                self._held = None
                return [*self._presence.seen(uid, at_ms, self._kind, counter)]
        self._held = None
        return [*self._presence.seen(uid, at_ms)]

    def nobody(self, at_ms: int) -> list[BadgeTapped | BadgeRemoved | ReaderNoise]:
        """Note that the reader looked and saw no badge."""
        self._random = False
        return self._missed(at_ms)

    def _missed(self, at_ms: int) -> list[BadgeTapped | BadgeRemoved | ReaderNoise]:
        if not self._empty:  # the time counts from the first empty look: looks may have been late
            self._empty = True
            self._presence.resume(at_ms)
            self._held_ms = at_ms
        if self._held is not None and at_ms - self._held_ms >= self._presence.removal_ms:
            held, self._held = self._held, None
            noise = ReaderNoise("a badge did not prove itself: it was taken away too soon")
            return [noise, *self._presence.seen(held, at_ms)]
        return [*self._presence.silent(at_ms)]
