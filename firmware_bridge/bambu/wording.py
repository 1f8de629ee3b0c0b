"""What a Bambu Lab printer says of its faults, in words: the maker's codes, and what part they are of. Pure.

Source: ha-bambulab (pybambu/const.py, 2026-07): the first byte of a code names the part, the upper half of a
health message's code how grave it is. The maker's own text is at wiki.bambulab.com, by the code.
"""

from __future__ import annotations

from firmware_bridge.bambu.parser import Status, error_code, hms_code

CANCELLED = frozenset([0x0300_400C, 0x0500_400E])
FATAL = 1

_PARTS = {
    0x03: "motion", 0x05: "mainboard", 0x07: "AMS", 0x08: "toolhead", 0x0C: "camera", 0x10: "print",
    0x12: "AMS", 0x18: "AMS",
}  # fmt: skip
_GRAVITIES = {1: "fatal", 2: "serious", 3: "common", 4: "information"}
_MOST_TOLD = 3


def describe_error(error: int) -> str:
    """Say a print error: `print error 0300-8008 (motion)`."""
    if error in CANCELLED:
        return f"print error {error_code(error)} (somebody cancelled it)"
    return f"print error {error_code(error)}{_part(error)}"


def describe(status: Status) -> str:
    """Say what a printer does and what troubles it: `PAUSE: print error 0700-8011 (AMS)`."""
    told = [describe_error(status.error)] if status.error else []
    grave = sorted(status.hms or (), key=lambda message: message[1] >> 16)
    for attr, code in grave[:_MOST_TOLD]:
        if (gravity := code >> 16) < 4:  # information is for the printer's own page
            told.append(f"{hms_code(attr, code)} ({_GRAVITIES.get(gravity, 'unknown')}{_part(attr, ', {}')})")
    return ": ".join(filter(None, (status.state or "", "; ".join(told))))


def fatal(status: Status) -> bool:
    """Whether a health message says that the printer cannot go on."""
    return any(code >> 16 == FATAL for _, code in status.hms or ())


def _part(code: int, form: str = " ({})") -> str:
    part = _PARTS.get(code >> 24)
    return form.format(part) if part else ""
