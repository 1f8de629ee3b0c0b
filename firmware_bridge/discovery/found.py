"""What was found, and the configuration that it proposes. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from firmware_bridge.json_values import words

FILL_IN = "FILL-IN"
UNKNOWN_BROKER = "mqtt://broker.invalid:1883"
NO_READER: Mapping[str, object] = {"kind": "simulated"}
NO_RELAY: Mapping[str, object] = {"kind": "simulated"}


class Sure(StrEnum):
    """How sure it is that a thing is what it is said to be."""

    CERTAIN = "certain"
    LIKELY = "likely"
    GUESS = "a guess"


@dataclass(frozen=True, slots=True)
class Found:
    """One thing: what it is, where, how that is known; what it may be in a station; what is to be done."""

    what: str
    where: str
    how: str
    sure: Sure
    name: str
    driver: Mapping[str, object] | None = None
    relay: Mapping[str, object] | None = None
    reader: Mapping[str, object] | None = None
    notes: tuple[str, ...] = field(default=())


def proposal(found: Iterable[Found]) -> str:
    """Return stations in TOML for all that can be in one; what has to be done stands in comments."""
    names: dict[str, int] = {}
    return "\n".join(_station(one, names) for one in found if one.driver or one.reader)


def told(found: Found) -> list[str]:
    """Return what was found in printable lines: what and where it is, how sure that is, and notes."""
    return [
        f"{words(found.what)} at {words(found.where)}: {found.sure.value}, by {found.how}",
        *map(words, found.notes),
    ]


def _station(found: Found, names: dict[str, int]) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", found.name.lower()).strip("-")[:40] or "machine"
    names[name] = names.get(name, 0) + 1
    machine = name if names[name] == 1 else f"{name}-{names[name]}"
    notes = [f"# {line}" for line in told(found)]
    lines = [*notes, "[[stations]]", f"machine = {_value(machine)}  # its id at the server"]
    lines.append(_device("reader", found.reader or NO_READER, "wire a reader, docs/wiring", found.reader))
    lines.append(_device("relay", found.relay or NO_RELAY, "wire a relay, docs/wiring", found.relay))
    if found.driver:
        missing = FILL_IN in found.driver.values() or UNKNOWN_BROKER in found.driver.values()
        lines.append(_device("driver", found.driver, "fill in what is missing", None if missing else found))
    return "\n".join(lines) + "\n"


def _device(key: str, device: Mapping[str, object], todo: str, done: object) -> str:
    settings = ", ".join(f"{name} = {_value(value)}" for name, value in device.items())
    return f"{key} = {{{settings}}}" + ("" if done else f"  # {todo}")


def _value(value: object) -> str:
    """Write a value of TOML. Text is made printable first, and then JSON's quoting is TOML's."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return json.dumps(words(value), ensure_ascii=False)
    return repr(value)
