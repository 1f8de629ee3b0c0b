"""The thread's end of the line between a reader's thread and the loop, for tests without either."""

from __future__ import annotations


class Ended(OSError):
    """The script is over."""


class ScriptedLine:
    """The thread's end of the line, where nobody waits."""

    def __init__(self, *heard: bytes) -> None:
        self.heard = list(heard)
        self.said = b""

    def say(self, data: bytes) -> None:
        self.said += data

    def wait(self, _timeout_s: float) -> bytes:
        if not self.heard:
            raise Ended
        return self.heard.pop(0)
