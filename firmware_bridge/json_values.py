"""What a machine says in JSON, read exactly and within bounds: numbers are decimals, never floats. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

MAX_WORDS = 200
MOST = Decimal(10) ** 13


def load(text: bytes | str) -> object:
    """Read JSON; None for what is none. Numbers with a fraction become Decimal; NaN and Infinity None."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=lambda _: None)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def table(value: object) -> Mapping[str, object]:
    """Return a table, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def signed(value: object) -> Decimal | None:
    """Return a number between -MOST and MOST, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value) if -MOST < value < MOST else None


def number(value: object) -> Decimal | None:
    """Return a number from 0 up to MOST, None for anything else."""
    found = signed(value)
    return found if found is not None and found >= 0 else None


def words(value: object) -> str:
    """Return a short printable line of anything; of nothing, nothing."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else repr(value)
    return "".join(letter if letter.isprintable() else " " for letter in text[:MAX_WORDS]).strip()
