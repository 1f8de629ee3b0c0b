"""An example of every body, made from its schema: a field is known by its name, its format and its bounds.

A model that says `json_schema_extra={"examples": [...]}` is shown as it says. A test holds that each example
is what its model takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
NOW_MS = 1_779_357_600_000
ID = "0196f0c4-5a00-7000-8000-000000000001"
DEPTH_MAX = 6
TEXTS: dict[str, str] = {
    "account": ID,
    "address": "12 Kelp Street\nDublin",
    "amount": "12.50",
    "author": ID,
    "badge": ID,
    "by": ID,
    "charge": ID,
    "code": "laser",
    "commodity": "EUR",
    "component": "machine_time",
    "country": "IE",
    "course": "laser-basics",
    "currency": "EUR",
    "cycle": "month",
    "day": "2026-05-21",
    "email": "mira@kelp.example",
    "entry": ID,
    "first_name": "Mira",
    "gateway": "north",
    "group": "student",
    "hash": "ab" * 32,
    "id": ID,
    "instructor": ID,
    "item": "birch-ply-3mm",
    "kind": "laser",
    "label": "Blue fob",
    "language": "en",
    "last_name": "Quince",
    "location": "Laser room",
    "login": "mira",
    "lot": ID,
    "machine": "laser-1",
    "member": ID,
    "memo": "cash",
    "month": "2026-05",
    "name": "Laser cutter 60 W",
    "names": "Laser basics",
    "next": "MDE5NmYwYzQ=",
    "note": "Two sheets, please.",
    "number": "M-0042",
    "password": "correct horse battery",
    "place": "Laser room",
    "plan": "monthly",
    "policy": "",
    "postcode": "D02 X285",
    "reason": "The lens was cracked.",
    "role": "member",
    "secret": "mf_example",
    "session": ID,
    "shown_name": "Mira Q.",
    "station": "laser-1",
    "tariff": "laser",
    "tax_rate": "0.19",
    "text": "Words.",
    "tier": "member",
    "timezone": "Europe/Dublin",
    "uid": "04:A2:B3:C4",
    "unit": "sheet",
    "url": "https://pay.example/begin",
    "vat_id": "IE6388047V",
    "version": "laser@2026-01-01",
    "who": "M-0042",
    "words": "Given back, as the lens was cracked.",
}
"""What a text field holds, by its name."""
_CANDIDATES = (
    "laser-1", "laser", "north", "EUR", "en", "2026-05", "2026-05-21", "10:00", "0.19", "12.50", "1",
    "M-0042", "04A2B3C4", "IE", "2026-05-21T10:00:00Z", "#336699", "https://kelp.example/in",
)  # fmt: skip
_FORMATS = {
    "date": "2026-05-21",
    "date-time": "2026-05-21T10:00:00Z",
    "time": "10:00:00",
    "duration": "PT1H",
    "uri": "https://kelp.example/in",
    "email": "mira@kelp.example",
    "uuid": ID,
    "binary": "",
}


def example(
    schema: Schema, known: Mapping[str, Schema], *, whole: bool, name: str = "", depth: int = 0
) -> Any:
    """Return a value that a schema takes; of an object all fields when `whole`, else those it must have.

    `known` are the schemas that `$ref` names.
    """
    schema = _resolved(schema, known)
    if schema.get("examples"):
        return schema["examples"][0]
    for word in ("const", "example"):
        if word in schema:
            return schema[word]
    if "enum" in schema:
        return TEXTS[name] if TEXTS.get(name) in schema["enum"] else schema["enum"][0]
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if choice.get("type") != "null":
            return example(choice, known, whole=whole, name=name, depth=depth)
    kinds = schema.get("type", "object" if "properties" in schema else "null")
    kind = next(one for one in ([kinds] if isinstance(kinds, str) else kinds))
    match kind:
        case "object":
            return _object(schema, known, whole, depth)
        case "array":
            return _array(schema, known, whole, name, depth)
        case "string":
            return _text(schema, name)
        case "integer" | "number":
            return _number(schema, name)
        case "boolean":
            return bool(schema.get("default", True))
    return None


def _resolved(schema: Schema, known: Mapping[str, Schema]) -> Schema:
    while "$ref" in schema or len(schema.get("allOf", ())) == 1:
        schema = schema["allOf"][0] if "allOf" in schema else known[schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _object(schema: Schema, known: Mapping[str, Schema], whole: bool, depth: int) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    wanted = properties if whole and depth < DEPTH_MAX else schema.get("required", ())
    made = {one: example(properties[one], known, whole=whole, name=one, depth=depth + 1) for one in wanted}
    patterns = schema.get("patternProperties", {})
    for pattern, inner in patterns.items():
        key = next(one for one in ("EUR", *_CANDIDATES) if re.search(pattern, one))
        made[key] = example(inner, known, whole=whole, depth=depth + 1)
    more = schema.get("additionalProperties")
    names = _resolved(schema.get("propertyNames", {}), known)
    if not properties and isinstance(more, dict) and more:
        key = names.get("const") or names.get("enum", ["EUR"])[0]
        made[key] = example(more, known, whole=whole, depth=depth + 1)
    for pattern, inner in schema.get("patternProperties", {}).items():
        key = next((one for one in _CANDIDATES if re.search(pattern, one)), "en")
        made[key] = example(inner, known, whole=whole, depth=depth + 1)
    return made


def _array(schema: Schema, known: Mapping[str, Schema], whole: bool, name: str, depth: int) -> list[Any]:
    if "prefixItems" in schema:
        return [example(one, known, whole=whole, depth=depth + 1) for one in schema["prefixItems"]]
    if depth >= DEPTH_MAX and not schema.get("minItems"):
        return []
    one = example(schema.get("items", {}), known, whole=whole, name=name.removesuffix("s"), depth=depth + 1)
    return [one] * max(1, schema.get("minItems", 1))


def _text(schema: Schema, name: str) -> str:
    one: str
    default = schema.get("default")
    named = next((TEXTS[key] for key in (name, name.rsplit("_", 1)[-1]) if key in TEXTS), "Words.")
    pattern, low = schema.get("pattern"), schema.get("minLength", 0)
    high = schema.get("maxLength", 10_000)
    first = [_FORMATS[schema["format"]]] if schema.get("format") in _FORMATS else []
    for one in (*first, named, *([default] if default else ()), *_CANDIDATES, "a" * max(low, 1), "A" * low):
        if low <= len(one) <= high and (pattern is None or re.search(pattern, one)):
            return one
    return named[: int(high)]


def _number(schema: Schema, name: str) -> int | float:
    wish: int | float = 1
    if name.endswith("_ms"):
        wish = NOW_MS
    elif name.endswith("_micro"):
        wish = 5_000_000
    elif name.endswith("_milli"):
        wish = 2_000
    elif isinstance(schema.get("default"), int | float):
        wish = schema["default"]
    low: int | float = schema.get("minimum", schema.get("exclusiveMinimum", wish - 1) + 1)
    high: int | float = schema.get("maximum", schema.get("exclusiveMaximum", wish + 1) - 1)
    return max(low, min(high, wish))
