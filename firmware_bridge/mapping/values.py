"""Where a value stands: a source (topic or path of a URL), and a path into its JSON, `a.b[0].c`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from firmware_bridge.json_values import MAX_WORDS, load, signed, words

MAX_STEPS = 20
_STEP = re.compile(r"(?:(?<!^)\.|^)(?P<key>[^.\[\]]+)|\[(?P<index>\d{1,6})\]")
_NUMBER = re.compile(rb"\s*[-+]?\d{1,20}(?:\.\d{1,20})?(?=\s|$)")

Step = str | int


def parse_path(text: str) -> tuple[Step, ...] | None:
    """Read a path such as `a.b[0].c`; None when it is none."""
    steps: list[Step] = []
    at = 0
    while at < len(text) and len(steps) < MAX_STEPS:
        found = _STEP.match(text, at)
        if found is None:
            return None
        steps.append(int(found["index"]) if found["key"] is None else found["key"])
        at = found.end()
    return tuple(steps) if steps and at == len(text) else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands. Without a path the whole body is the value: a number or a text."""

    source: str
    path: tuple[Step, ...] = ()

    def find(self, body: bytes) -> object:
        """Return the text, number, truth or None that stands there."""
        if not self.path:
            return _plain(body)
        value = load(body)
        for step in self.path:
            if isinstance(step, int) and isinstance(value, list) and step < len(value):
                value = value[step]
            elif isinstance(step, str) and isinstance(value, dict):
                value = value.get(step)
            else:
                return None
        return value if isinstance(value, str | bool | int | Decimal) else None


def _plain(body: bytes) -> object:
    value = load(body)
    if isinstance(value, str | bool | int | Decimal):
        return value
    return body[: MAX_WORDS * 4].decode("utf-8", "replace").strip()


def as_number(value: object) -> Decimal | None:
    """Return a number, also of a text that begins with one (`"12.5 W"`); None when there is none."""
    if isinstance(value, str):
        found = _NUMBER.match(value.encode("utf-8", "replace"))
        if found is None:
            return None
        try:
            return signed(Decimal(found[0].decode().strip()))
        except InvalidOperation:
            return None
    return signed(value)


def as_word(value: object) -> str:
    """Return what a value map is asked for: a text, `true`, `false`, or a number as it is written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        if not value:
            return "0"
        return f"{value.normalize():f}" if abs(value.adjusted()) < 30 else ""
    return words(str(value) if isinstance(value, int) and abs(value) < 10**20 else value)
