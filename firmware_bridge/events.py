"""What a machine says of itself, in one vocabulary for every protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from floor.meter import Quantity
from floor.words import Activity, JobOutcome


@dataclass(frozen=True, slots=True)
class Identified:
    """The machine named itself and its firmware; said once for each connection."""

    name: str
    firmware: str


@dataclass(frozen=True, slots=True)
class ActivityChanged:
    """What the machine does now. `words` are its own: the text of its state, or why it cannot be reached."""

    activity: Activity
    words: str = ""


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job runs. `job_id` is unique to this start; `user` is the machine's own account name, if any."""

    job_id: str
    name: str
    user: str | None


@dataclass(frozen=True, slots=True)
class JobProgressed:
    """How far a job is: `fraction` from 0 to 1, `left_s` by the machine's own estimate."""

    job_id: str
    fraction: float
    left_s: int | None


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job is over. `job_time_ms` is the whole job's, by the machine's own clock, ≥ 0."""

    job_id: str
    outcome: JobOutcome
    job_time_ms: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class ReadingTaken:
    """Counters since the driver was made, in the base units of their quantities; none ever falls."""

    counters: Mapping[Quantity, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobRefused:
    """Somebody sent work while nobody was authorised; it did not reach the machine. Said once for a burst."""

    words: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a sensor shows now, in words, for whoever chooses thresholds; nothing rests on it."""

    words: str


@dataclass(frozen=True, slots=True)
class Noise:
    """The machine said what it should not: counted by the reader of events, never fatal."""

    detail: str


MachineEvent = (
    Identified
    | ActivityChanged
    | JobStarted
    | JobProgressed
    | JobEnded
    | JobRefused
    | ReadingTaken
    | Measured
    | Noise
)
