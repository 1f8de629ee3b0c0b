"""What a reader asks while a badge is held to it: whether this badge can prove itself, and by which key."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from floor.words import BadgeKind


@dataclass(frozen=True, slots=True)
class BadgeKey:
    """How a badge proves itself: its kind (never a weak one) and its own AES key of 16 bytes.

    `meta_key` opens what an NTAG 424 says encrypted only; it is known here or not, and proves nothing.
    """

    kind: BadgeKind
    key: bytes = field(repr=False)
    meta_key: bytes | None = field(default=None, repr=False)


class BadgeKeys(Protocol):
    """The keys of the badges that may be tapped here."""

    def key_of(self, uid: bytes) -> BadgeKey | None:
        """Return how this badge proves itself; None where nothing is known of it but its UID. Never waits."""
        ...


@runtime_checkable
class TakesKeys(Protocol):
    """A reader that can have a badge prove itself."""

    def trust(self, keys: BadgeKeys) -> None:
        """Use these keys from the next badge on; without them every badge is as weak as its UID."""
        ...
