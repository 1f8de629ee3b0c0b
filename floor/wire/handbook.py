"""The pages docs/topics.md and docs/words.md, from the message classes and the vocabularies themselves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from inspect import getdoc
from typing import Any

from floor.meter import Quantity
from floor.policy import RANGES
from floor.texts import LANGUAGES, TEXTS
from floor.wire.base import VERSION, Message
from floor.wire.examples import COMMAND, DELTA, EXAMPLES, ROSTER, SERVER_KEYS
from floor.wire.messages import Signed
from floor.wire.topics import DELIVERY, Channel, topic
from floor.words import (
    Activity,
    BadgeKind,
    DenialReason,
    InputRole,
    JobOutcome,
    Purpose,
    Role,
    StationState,
    StopType,
    Trip,
)

Schema = Mapping[str, Any]
GENERATED = "<!-- written by `make docs`; do not edit -->"
WORDS: tuple[type[StrEnum], ...] = (
    DenialReason,
    StopType,
    Purpose,
    StationState,
    Trip,
    InputRole,
    Activity,
    JobOutcome,
    Quantity,
    BadgeKind,
    Role,
)

TOPICS_HEAD = f"""# Topics: what gateways and the server say to each other

{GENERATED}

MQTT 3.1.1, QoS 0 or 1. `NAME` is a gateway's name. A gateway writes below `mf/NAME/up/` only and the server
below `mf/NAME/down/` only; the broker's access lists hold them to it. Nothing that could grant power is
retained.

A payload is one JSON object. `v` is the version of its shape, now {VERSION}: a receiver refuses a version
that it does not know, ignores keys that it does not know, and takes no value of another type (`"1"` is not
`1`). What is malformed or longer than its limit is counted and dropped. Times are UTC milliseconds since 1970
(`…_ms`) or seconds (`…_s`), money is integer micro-units of a commodity (`…_micro`: 1 EUR is 1,000,000).
"""

SIGNED = (Channel.ROSTER, Channel.COMMAND, Channel.KEYS)
SIGNED_HEAD = """What the server orders travels in an envelope: `down/roster` carries the kinds `roster` and
`roster_delta`, `down/command` the kind `command`, `down/keys` the kind `server_keys`. The signature is
Ed25519 over the bytes `makerfloor/`, `v`, `/`, `kind`, a line feed, then `body` as it stands. A gateway
verifies it with the key from its enrolment, or with one that followed it, before it reads the body, and
drops whatever does not verify.
"""

WORDS_HEAD = f"""# Words: why no, how it ended, how it stands

{GENERATED}

The words are stable: they stand in messages, in the journal, in exports and in metrics. Where a word has
texts, people read those.
"""


def topics_page() -> str:
    """Return docs/topics.md."""
    parts: dict[str, Schema] = {}
    pages = [TOPICS_HEAD, *_overview()]
    for channel, message in EXAMPLES.items():
        if not isinstance(message, Signed):
            pages += [f"## `{topic('NAME', channel)}`\n", *_message(message, parts)]
    both = " and ".join(f"`{topic('NAME', channel)}`" for channel in SIGNED)
    pages += [f"## {both}\n", SIGNED_HEAD, *_message(EXAMPLES[Channel.COMMAND], parts)]
    for inner in (ROSTER, DELTA, COMMAND, SERVER_KEYS):
        pages += [f"### {type(inner).__name__}\n", *_message(inner, parts)]
    pages.append("## Parts of messages\n")
    for name, schema in sorted(parts.items()):
        pages += [f"### {name}\n", *_described(name, schema)]
    return "\n".join(pages).rstrip() + "\n"


def words_page() -> str:
    """Return docs/words.md."""
    pages = [WORDS_HEAD]
    for enum in WORDS:
        pages += [f"## {_spaced(enum.__name__)}\n", f"{getdoc(enum)}\n"]
        texts = TEXTS.get(enum)
        if texts:
            pages += [*_table(["word", *LANGUAGES], ([f"`{word}`", *texts[word]] for word in enum)), ""]
        else:
            pages.append(_listed(enum) + "\n")
    return "\n".join(pages).rstrip() + "\n"


def _overview() -> Iterator[str]:
    heads = ["topic", "direction", "QoS", "retained", "limit in bytes", "message"]
    yield from _table(heads, (_row(channel) for channel in Channel))
    yield ""


def _row(channel: Channel) -> list[str]:
    delivery = DELIVERY[channel]
    return [
        f"`{topic('NAME', channel)}`",
        "gateway → server" if channel.startswith("up/") else "server → gateway",
        str(delivery.qos),
        "yes" if delivery.retained else "no",
        f"{delivery.limit_bytes:,}",
        type(EXAMPLES[channel]).__name__,
    ]


def _message(message: Message, parts: dict[str, Schema]) -> Iterator[str]:
    """Describe a message with an example, and add what it is made of to the parts."""
    schema = type(message).model_json_schema()
    parts.update({name: part for name, part in schema.get("$defs", {}).items() if "properties" in part})
    yield from _described(type(message).__name__, schema)
    yield f"```json\n{json.dumps(json.loads(message.encode()), indent=2, ensure_ascii=False)}\n```\n"


def _described(name: str, schema: Schema) -> Iterator[str]:
    for paragraph in schema["description"].split("\n\n"):
        if not paragraph.startswith("Raises"):
            yield paragraph.replace("None", "null") + "\n"
    rows = (
        [f"`{key}`", _field(name, key, field), _without(key, field, schema.get("required", ()))]
        for key, field in schema["properties"].items()
    )
    yield from _table(["field", "type", "required, or what it is without"], rows)
    yield ""


def _field(owner: str, key: str, field: Schema) -> str:
    if owner == "MachinePolicy" and key in RANGES:
        low, high = RANGES[key]
        field = {**field, "minimum": low, "maximum": high}
    return _kind(field)


def _without(key: str, field: Schema, required: Iterable[str]) -> str:
    if key in required or "const" in field:
        return "required"
    return f"`{json.dumps(field['default']) if 'default' in field else '[]' if 'items' in field else '{}'}`"


def _kind(field: Schema) -> str:
    """Say a JSON schema in words."""
    if "$ref" in field:
        return _named(field["$ref"].rpartition("/")[2])
    if "const" in field:
        return f"always `{json.dumps(field['const'])}`"
    if "enum" in field:
        return "one of " + _listed(field["enum"])
    choices = field.get("anyOf") or field.get("oneOf")
    if choices:
        return " or ".join(_kind(choice) for choice in choices)
    type_ = str(field["type"])
    match type_:
        case "array":
            return _array(field)
        case "object":
            return _object(field)
        case "integer" | "number":
            return ("whole number" if type_ == "integer" else "number") + _range(field)
        case "string":
            return "text" + _length(field)
        case "boolean":
            return "`true` or `false`"
    return type_


def _named(name: str) -> str:
    for enum in WORDS:
        if enum.__name__ == name:
            return f"a [{_spaced(name).lower()}](words.md#{_spaced(name).lower().replace(' ', '-')})"
    if name in _SMALL:
        return _SMALL[name]
    return f"[{name}](#{name.lower()})"


def _array(field: Schema) -> str:
    least, most = field.get("minItems", 0), field.get("maxItems")
    return f"list of {_kind(field['items'])}" + (f" ({least} to {most})" if most else "")


def _object(field: Schema) -> str:
    names = {"type": "string", **field.get("propertyNames", {})}
    values = field.get("additionalProperties")
    for pattern, schema in field.get("patternProperties", {}).items():
        names, values = {**names, "pattern": pattern}, schema
    keys = _kind(names)
    return f"table of {keys} → {_kind(values)}" if isinstance(values, Mapping) else "table"


def _range(field: Schema) -> str:
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    if low is None or high is None:
        return ""
    if low == high:
        return f" ({low})"
    below = "below " if "exclusiveMaximum" in field else ""
    return f" ({'above ' if 'exclusiveMinimum' in field else ''}{_power(low)} to {below}{_power(high)})"


def _power(number: int) -> str:
    sign, size = ("−" if number < 0 else ""), abs(number)
    return (
        f"{sign}2^{size.bit_length() - 1}" if size > 1 << 20 and size & (size - 1) == 0 else f"{sign}{size}"
    )


def _length(field: Schema) -> str:
    low, high = field.get("minLength", 0), field.get("maxLength")
    said = [f"`{field['pattern']}`"] if "pattern" in field else []
    if high is not None:
        said.insert(0, f"{high} characters" if low == high else f"{low} to {high} characters")
    return f" ({', '.join(said)})" if said else ""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(heads: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _spaced(name: str) -> str:
    return (
        "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip().capitalize()
    )


_SMALL: dict[str, str] = {
    "RosterVersion": "[server epoch, number] (whole numbers, 0 to below 2^62)",
    "JournalPlace": "[journal epoch, sequence] (whole numbers, 0 to below 2^62)",
    "Tally": "[machine, what, begin, end, when cancelled late] (UTC milliseconds; an end of 0: it runs)",
} | {
    name: _kind(schema)
    for name, schema in ROSTER.model_json_schema()["$defs"].items()
    if "enum" in schema and name.startswith("On")
}
"""Parts too small for a table of their own."""

PAGES = {"docs/topics.md": topics_page, "docs/words.md": words_page}
