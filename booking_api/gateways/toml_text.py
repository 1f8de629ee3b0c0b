"""Writes a gateway's settings as TOML."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def render(values: Mapping[str, object]) -> str:
    """Return plain values, then `[tables]`, then `[[lists]]` of tables, whose own tables stand inline."""
    lines = list(
        _pairs({key: one for key, one in values.items() if not isinstance(one, Mapping) and not _tables(one)})
    )
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{_key(key)}]", *_pairs(value)]
    for key, value in values.items():
        if isinstance(value, Sequence) and _tables(value):
            for one in value:
                lines += ["", f"[[{_key(key)}]]", *_pairs(one)]
    return "\n".join(lines) + "\n"


def _tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _pairs(values: Mapping[str, object]) -> Iterator[str]:
    return (f"{_key(key)} = {_value(value)}" for key, value in values.items() if value is not None)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: object) -> str:
    """Write one value. A JSON text is one of TOML too, where DEL is escaped as well."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(_pairs(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
