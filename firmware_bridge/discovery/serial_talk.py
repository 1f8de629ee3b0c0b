"""What answers on a serial port, by its bytes. Pure.

What is asked moves nothing: GRBL answers `$I` with its build, or an error while it works (gnea/grbl v1.1,
commands.md); Marlin answers `M115` with its name (Marlin's documentation, M115), each the other's question
with an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

QUESTIONS = (b"\n$I\n", b"M115\n")
BAUDS = (115200, 250000)
_GRBL = re.compile(
    rb"Grbl(?:HAL)? ?[\d.]+\w?|\[VER:[^\]\r\n]*\]|<(?:Idle|Run|Hold|Alarm|Jog|Home|Door|Check|Sleep)\b"
)
_MARLIN = re.compile(rb"FIRMWARE_NAME:\s*([^\r\n]{1,60}?)(?:\s+SOURCE_CODE|\s+\w+:|\r|\n|$)")
_LIKE_MARLIN = re.compile(rb"^(?:start|echo:|ok(?: T:|\r?$)| ?T:)", re.MULTILINE)
_LIKE_GRBL = re.compile(rb"^error:\d+\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Talk:
    """What it is: `kind` is `grbl` or `marlin`; whether that is sure; its own words."""

    kind: str
    sure: bool
    words: str


def who(data: bytes) -> Talk | None:
    """Return who said these bytes; None for bytes that nobody known would say."""
    if found := _MARLIN.search(data):
        return Talk("marlin", True, found[1].decode("utf-8", "replace"))
    if found := _GRBL.search(data):
        return Talk("grbl", True, found[0].decode("utf-8", "replace").strip("<["))
    if _LIKE_MARLIN.search(data):
        return Talk("marlin", False, "it answers as a Marlin")
    if _LIKE_GRBL.search(data):
        return Talk("grbl", False, "it answers as a GRBL")
    return None
