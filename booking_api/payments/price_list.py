"""The price list of materials as a plain TOML file, read with the line of each error, and written back."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from booking_api.payments.items import ItemDetails
from booking_api.payments.models import SaleItem
from floor import toml
from floor.errors import ConfigError
from floor.money import MICRO, parse

TEXT_MAX = 1 << 20
ITEMS_MAX = 5_000
KEYS = (
    "id", "name", "name_zh", "unit", "price", "tax_rate", "stock", "minimum", "machine", "pool",
    "self_service",
)  # fmt: skip
AMOUNTS = {"price": "price_micro", "stock": "stock_milli", "minimum": "minimum_milli"}
HEAD = re.compile(r"^[ \t]*\[\[[ \t]*items[ \t]*\]\]", re.MULTILINE)


def read(text: str, file: str) -> list[ItemDetails]:
    """Return the items of a price list; raises ConfigError with file, line, key and remedy."""
    if len(text) > TEXT_MAX:
        raise ConfigError(file, "", "is larger than a megabyte", "Split it into several files.")
    try:
        document = toml.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, "", f"is not TOML ({error})", "Correct that line.") from error
    rows = document.get("items")
    if not isinstance(rows, list) or set(document) != {"items"} or len(rows) > ITEMS_MAX:
        raise ConfigError(file, "", "has no list of items", "Write each one below a line [[items]].")
    lines = [text.count("\n", 0, found.start()) + 1 for found in HEAD.finditer(text)]
    found: dict[str, ItemDetails] = {}
    for n, row in enumerate(rows):
        line = lines[n] if n < len(lines) else None
        item = _item(row, file, n, line)
        if item.id in found:
            raise ConfigError(file, "id", f"{item.id} stands twice", "Give each item its own.", line)
        found[item.id] = item
    return list(found.values())


def write(items: Iterable[SaleItem]) -> str:
    """Write a price list that `read` reads back."""
    return "\n".join(_written(item) for item in items)


def _item(row: object, file: str, n: int, line: int | None) -> ItemDetails:
    where = f"items[{n}]"
    if not isinstance(row, Mapping):
        raise ConfigError(file, where, "is no table", "Write each one below a line [[items]].", line)
    unknown = sorted(set(row) - set(KEYS))
    if unknown:
        raise ConfigError(
            file, f"{where}.{unknown[0]}", "is not a key here", f"Use one of: {', '.join(KEYS)}.", line
        )
    values: dict[str, Any] = {}
    for key, value in row.items():
        try:
            name = str(key)
            values[AMOUNTS.get(name, name)] = _value(key, value)
        except ValueError as error:
            raise ConfigError(file, f"{where}.{key}", f"is {value!r}"[:80], f"{error}.", line) from None
    try:
        return ItemDetails.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = {value: key for key, value in AMOUNTS.items()}.get(str(first["loc"][0]), str(first["loc"][0]))
        raise ConfigError(file, f"{where}.{name}", first["msg"], "Correct it.", line) from None


def _value(key: str, value: object) -> object:
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if key in AMOUNTS:
        if not number or (isinstance(value, Decimal) and not -20 < value.adjusted() < 20):
            raise ValueError("Write a number like 4.50")  # 1e999999999 would be written out
        micro = parse(f"{value:f}" if isinstance(value, Decimal) else str(value))
        if key == "price":
            return micro
        if micro % 1000:
            raise ValueError("Write at most three decimals")
        return micro // 1000
    if key == "tax_rate" and number:
        return str(value)
    return value


def _written(item: SaleItem) -> str:
    values: dict[str, str] = {
        "id": _text(item.id),
        "name": _text(item.name),
        "name_zh": _text(item.name_zh),
        "unit": _text(item.unit),
        "price": _number(item.price_micro, MICRO),
        "tax_rate": _text(item.tax_rate) if item.tax_rate != "0" else "",
        "stock": "" if item.stock_milli is None else _number(item.stock_milli, 1000),
        "minimum": "" if item.minimum_milli is None else _number(item.minimum_milli, 1000),
        "machine": _text(item.machine or ""),
        "pool": _text(item.pool or ""),
        "self_service": "" if item.self_service else "false",
    }
    return "[[items]]\n" + "".join(f"{key} = {value}\n" for key, value in values.items() if value)


def _text(text: str) -> str:
    """Write a TOML basic string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f") if text else ""


def _number(amount: int, one: int) -> str:
    value = Decimal(amount) / Decimal(one)
    return f"{value.normalize():f}"
