"""What a Bambu Lab printer says of its faults, in words: the maker's codes, and what part they are of. Pure.

Source: ha-bambulab (pybambu/const.py, 2026-07): the first byte of a code names the part. How grave a health
message is, sources read in different ways: it is not said. What a code means is in the maker's wiki.
"""

from __future__ import annotations

from firmware_bridge.bambu.parser import Status, error_code, hms_code

CANCELLED = frozenset([0x0300_400C, 0x0500_400E])

PARTS = {0x03: "motion", 0x05: "mainboard", 0x07: "AMS", 0x08: "toolhead", 0x0C: "camera"}
_MOST_TOLD = 3


def describe_error(error: int) -> str:
    """Say a print error: `print error 0300-8008 (motion)`."""
    if error in CANCELLED:
        return f"print error {error_code(error)} (somebody cancelled it)"
    return f"print error {error_code(error)}{_part(error)}"


def describe(status: Status) -> str:
    """Say what a printer does and what troubles it: `PAUSE: print error 0700-8011 (AMS)`."""
    told = [describe_error(status.error)] if status.error else []
    told += [f"{hms_code(attr, code)}{_part(attr)}" for attr, code in (status.hms or ())[:_MOST_TOLD]]
    return ": ".join(filter(None, (status.state or "", "; ".join(told))))


def _part(code: int) -> str:
    part = PARTS.get(code >> 24)
    return f" ({part})" if part else ""
