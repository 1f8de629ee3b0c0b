"""What a reader's parser finds in the bytes that came."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """One good frame: a badge is in the field. `uid` is most significant byte first."""

    uid: bytes


@dataclass(frozen=True, slots=True)
class Alive:
    """The reader said that it is there; nothing about a badge."""
