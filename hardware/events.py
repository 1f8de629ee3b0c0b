"""What readers, buttons and inputs report."""

from dataclasses import dataclass, field

from floor.words import BadgeKind, StopType
from hardware.nodes.question import Question


@dataclass(frozen=True, slots=True)
class BadgeTapped:
    """A badge came into the field. `uid` is as the reader sent it, most significant byte first.

    `kind` is what was proven of it: one that is not weak only after the badge has proven itself by its key.
    `counter` is how often an NTAG 424 was read, where that is part of the proof: a replay repeats it.
    """

    uid: bytes
    kind: BadgeKind
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class BadgeRemoved:
    """The badge that was tapped last has left the field."""

    uid: bytes


@dataclass(frozen=True, slots=True)
class ReaderLost:
    """The reader cannot be read; `reason` is for technicians. Said once, however long it lasts."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReaderFound:
    """The reader can be read from now on: at the start, and after each ReaderLost."""


@dataclass(frozen=True, slots=True)
class ReaderNoise:
    """Bytes came that are no frame; `detail` is for technicians and never holds a badge's number."""

    detail: str


@dataclass(frozen=True, slots=True)
class BadgeAsked(BadgeTapped):
    """A tap at a box in the field that waits for the answer, and takes none that comes late."""

    question: Question = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class PowerGone:
    """A box in the field has taken the power away by itself; `stop_type` is why."""

    stop_type: StopType


@dataclass(frozen=True, slots=True)
class PowerTaken:
    """A box in the field gives, or gave, power that nobody granted; `words` never hold a badge's number."""

    words: str


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """Somebody pressed the button of this name."""

    name: str


ReaderEvent = (
    BadgeTapped
    | BadgeRemoved
    | ReaderLost
    | ReaderFound
    | ReaderNoise
    | PowerGone
    | PowerTaken
    | ButtonPressed
)
"""A plain reader sends the first five only."""


@dataclass(frozen=True, slots=True)
class InputChanged:
    """The input of this name became active or inactive."""

    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class InputLost:
    """The input of this name cannot be read; `reason` is for technicians. Said once, however long it lasts.

    The InputChanged that follows says that it can be read again, and its state.
    """

    name: str
    reason: str


InputEvent = InputChanged | InputLost
