"""Floor time: real time, or a faster one in a demonstration, whose processes all share one scale."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeScale:
    """At `real_ms` (UTC ms) it was `floor_ms` on the floor; time goes `speed` (1 to 3600) times as fast."""

    real_ms: int = 0
    floor_ms: int = 0
    speed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.speed <= 3600:
            raise ValueError(f"speed is {self.speed}, but must be from 1 to 3600")

    def at(self, real_ms: int) -> int:
        """Return floor time in UTC milliseconds."""
        return self.floor_ms + (real_ms - self.real_ms) * self.speed

    def __str__(self) -> str:
        return f"{self.real_ms}:{self.floor_ms}:{self.speed}"

    @classmethod
    def parse(cls, text: str) -> TimeScale:
        """Read "real_ms:floor_ms:speed"; raises ValueError for anything else."""
        parts = text.split(":")
        if len(parts) != 3:
            raise ValueError(f"{text!r} is not a time scale; write real_ms:floor_ms:speed")
        return cls(int(parts[0]), int(parts[1]), int(parts[2]))
