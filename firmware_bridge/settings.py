"""Settings of drivers: a dataclass says its keys, types, limits and examples; `read` checks a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Any, TypeVar

from floor.errors import ConfigError

S = TypeVar("S")


def setting(
    default: Any = MISSING,
    *,
    example: str = "",
    starts: tuple[str, ...] = (),
    least: float = float("-inf"),
    most: float = float("inf"),
    secret: bool = False,
) -> Any:
    """Declare one setting: text (`starts` with one of these) or a number from `least` to `most`."""
    rules = {"example": example, "starts": starts, "least": least, "most": most}
    return field(default=default, metadata=rules, repr=not secret)


def read(shape: type[S], settings: Mapping[str, object], where: str) -> S:
    """Build `shape` from a mapping. Raises ConfigError naming `where`, the key and what would be right."""
    known: dict[str, Field[Any]] = {one.name: one for one in fields(shape)}  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            raise ConfigError(where, key, "is no setting of this kind", f"Known are: {', '.join(known)}")
    values: dict[str, object] = {}
    for key, rule in known.items():
        if key in settings:
            values[key] = _check(where, key, rule, settings[key])
        elif rule.default is MISSING:
            raise ConfigError(where, key, "is missing", f"Add {key} = {rule.metadata['example']!r}")
    return shape(**values)


def _check(where: str, key: str, rule: Field[Any], value: object) -> object:
    rules = rule.metadata
    if rule.type == "str":
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(where, key, "is no text", f"Write {key} = {rules['example']!r}")
        if rules["starts"] and not value.startswith(rules["starts"]):
            begin = " or ".join(rules["starts"])
            raise ConfigError(
                where, key, f"does not begin with {begin}", f"Write {key} = {rules['example']!r}"
            )
        return value
    assert rule.type in ("float", "float | None"), f"settings of type {rule.type} are not read yet"
    limits = f"a number from {rules['least']:g} to {rules['most']:g}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(where, key, "is no number", f"Write {limits}")
    if not rules["least"] <= value <= rules["most"]:
        raise ConfigError(where, key, f"is {value:g}", f"Write {limits}")
    return float(value)
