"""JSON that comes in: read once before anything else sees it, so that each wrong one is named in plain words.

Bounded in size and depth; RFC 8259, without what Python adds to it (NaN, names twice, halves of a character).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

from fastapi import Request

from floor.errors import Refused

BYTES_MAX = 6 << 20
"""The longest JSON that is read anywhere; most addresses are bounded closer, before this (web/limits.py)."""
DEPTH_MAX = 32
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKETS = re.compile(r"[\[{\]}]")


def read_json(body: bytes) -> object:
    """Return what a body says; raises Refused with the place where it is wrong."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Refused("json_malformed", f"The body is not UTF-8, at byte {error.start}.") from None
    if _depth(text) > DEPTH_MAX:
        raise Refused("json_deep", f"The body nests deeper than {DEPTH_MAX} levels.")
    try:
        value: object = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once_each)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refused("json_malformed", f"The body is not JSON: {error.msg}, {where}.") from None
    except ValueError:  # Python bounds the digits of a number that it reads
        raise Refused("json_malformed", "A number in the body has too many digits.") from None
    for part in _parts(value):
        if isinstance(part, int | float) and not _fits(part):
            raise Refused("number_invalid", "A number in the body is too large.")
        if isinstance(part, str):
            check_text(part)
    return value


def check_text(text: str) -> None:
    """Raise Refused for what no database keeps: NUL, and half of a character (a lone surrogate)."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused("text_invalid", "A text holds a NUL or half of a character (a lone surrogate).")


async def bounded(request: Request, most: int = BYTES_MAX) -> bytes:
    """Return a request's body; raises Refused as soon as it is longer than `most` bytes."""
    if (request.headers.get("content-length") or "0").isdigit():
        _check_length(int(request.headers.get("content-length") or 0), most)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _check_length(len(body), most)
    return bytes(body)


def is_json(content_type: str) -> bool:
    """Whether a Content-Type says JSON: application/json or application/…+json."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _fits(number: float) -> bool:
    """Whether a number fits a column of 64 bits."""
    return math.isfinite(number) if isinstance(number, float) else -(1 << 63) <= number < 1 << 63


def _check_length(length: int, most: int) -> None:
    if length > most:
        raise Refused("body_too_large", f"The body is longer than {most} bytes.")


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKETS.finditer(_STRINGS.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _no_constant(name: str) -> object:
    raise Refused("json_malformed", f"The body is not JSON: {name} is no number there.")


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Refused("json_malformed", "The body names a field twice.")
    return made


def _parts(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner)
