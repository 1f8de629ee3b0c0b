"""A Pi's pins without a Pi: the interface of RPi.GPIO over a dict of levels."""

from __future__ import annotations

from typing import Any


class FakePins:
    """Inputs float to where their pull takes them unless `drive` says otherwise; outputs are `levels`."""

    BCM, IN, OUT, LOW, HIGH, PUD_OFF, PUD_DOWN, PUD_UP = 11, 1, 0, 0, 1, 20, 21, 22

    def __init__(self) -> None:
        self.levels: dict[int, int] = {}
        self.pulls: dict[int, Any] = {}
        self.driven: dict[int, int] = {}
        self.broken = ""
        self.history: list[tuple[int, int]] = []

    def setwarnings(self, flag: bool, /) -> None:
        assert not flag

    def setmode(self, mode: Any, /) -> None:
        assert mode == self.BCM

    def setup(self, channel: int, direction: Any, /, *, pull_up_down: Any = 20, initial: Any = None) -> None:
        self._alive()
        if direction == self.OUT:
            self.levels[channel] = initial
        else:
            self.pulls[channel] = pull_up_down

    def output(self, channel: int, value: Any, /) -> None:
        self._alive()
        assert channel in self.levels, "it is no output"
        if self.levels[channel] != value:
            self.history.append((channel, value))
        self.levels[channel] = value

    def input(self, channel: int, /) -> int:
        self._alive()
        return self.driven.get(channel, int(self.pulls[channel] == self.PUD_UP))

    def drive(self, channel: int, level: int | None) -> None:
        """Connect a pin to a level; None disconnects it, as a cut wire does."""
        if level is None:
            self.driven.pop(channel, None)
        else:
            self.driven[channel] = level

    def _alive(self) -> None:
        if self.broken:
            raise RuntimeError(self.broken)
