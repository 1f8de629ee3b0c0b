"""Account statements as CSV, by a mapping of the bank's columns: bytes in, bookings out.

The presets follow what the banks' own files say in their first line; docs/payments.md tells how a mapping of
one's own is written.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from booking_api.payments.booking import BOOKINGS_MAX, BYTES_MAX, Booking, trimmed
from floor import toml
from floor.errors import ConfigError, PeerError
from floor.money import parse

csv.field_size_limit(1 << 20)


@dataclass(frozen=True, slots=True)
class Columns:
    """How a bank writes its CSV. Columns are named as in its first line; "" is a column that it has not.

    Either `amount` (with a sign), or `credit` and `debit`. `decimal` is "," or "."; `date_format` is
    strptime's; `skip` lines stand before the one with the names. `currency` is of every line where no
    column says it.
    """

    day: str
    amount: str = ""
    credit: str = ""
    debit: str = ""
    name: str = ""
    iban: str = ""
    text: str = ""
    reference: str = ""
    end_to_end: str = ""
    currency_column: str = ""
    currency: str = "EUR"
    delimiter: str = ","
    decimal: str = "."
    date_format: str = "%Y-%m-%d"
    encoding: str = "utf-8-sig"
    skip: int = 0


PRESETS: dict[str, Columns] = {
    "plain": Columns(
        day="date", amount="amount", name="name", iban="iban", text="text", reference="reference",
        currency_column="currency",
    ),
    "camt-csv-de": Columns(
        day="Buchungstag", amount="Betrag", name="Beguenstigter/Zahlungspflichtiger",
        iban="Kontonummer/IBAN", text="Verwendungszweck", end_to_end="Kundenreferenz (End-to-End)",
        currency_column="Waehrung", delimiter=";", decimal=",", date_format="%d.%m.%y", encoding="cp1252",
    ),
    "n26": Columns(
        day="Booking Date", amount="Amount (EUR)", name="Partner Name", iban="Partner Iban",
        text="Payment Reference",
    ),
}  # fmt: skip
"""`plain` is our own; `camt-csv-de` is what German savings banks call CSV-CAMT; `n26` is that bank's."""
AMOUNTS = {
    ".": re.compile(r"([+-]?)((?:[0-9]{1,3}(?:[, '][0-9]{3}){1,3}|[0-9]{1,10})(?:\.[0-9]{1,6})?)"),
    ",": re.compile(r"([+-]?)((?:[0-9]{1,3}(?:[. '][0-9]{3}){1,3}|[0-9]{1,10})(?:,[0-9]{1,6})?)"),
}
"""Amounts by their decimal sign. The other one parts thousands only, so that 1,50 is never read as 150."""


def read_mapping(text: str, file: str) -> Columns:
    """Return a mapping from its TOML file; raises ConfigError with file, key and remedy."""
    try:
        table = toml.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, "", f"is not TOML ({error})", "Correct that line.") from error
    known = {field.name: type(field.default) if field.name != "day" else str for field in fields(Columns)}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(file, key, "is not a key here", f"Use one of: {', '.join(known)}.")
        if type(value) is not known[key]:
            kind = "a whole number" if known[key] is int else "a text"
            raise ConfigError(file, key, f"is {value!r}"[:80], f"Write {kind}.")
    return _checked(table, file)


def read(data: bytes, mapping: Columns, owner: str = "") -> list[Booking]:
    """Return the bookings of a file; raises PeerError, with the line, for what does not fit the mapping."""
    if len(data) > BYTES_MAX:
        raise PeerError("The file is larger than 16 MiB. Ask the bank for a shorter period.")
    try:
        text = data.decode(mapping.encoding)
    except (UnicodeError, LookupError) as error:
        words = f"The file is not {mapping.encoding} text. Name its encoding in the mapping."
        raise PeerError(words) from error
    lines = io.StringIO(text, newline="")
    for _ in range(mapping.skip):
        lines.readline()
    rows = csv.DictReader(lines, delimiter=mapping.delimiter, restkey=None, restval="")
    found: list[Booking] = []
    try:
        _check_columns(rows.fieldnames or (), mapping)
        for row in rows:
            if any(isinstance(value, str) and value.strip() for value in row.values()):
                found.append(_booking(row, mapping, owner, mapping.skip + rows.line_num))
            if len(found) > BOOKINGS_MAX:
                raise PeerError(f"The file has more than {BOOKINGS_MAX} lines. Ask for a shorter period.")
    except csv.Error as error:
        raise PeerError(f"Line {mapping.skip + rows.line_num}: {error}.") from error
    return found


def _checked(table: Mapping[str, object], file: str) -> Columns:
    mapping = Columns(**{"day": "", **table})  # type: ignore[arg-type] # each value's type was checked
    problems = {
        "day": not mapping.day,
        "amount": not mapping.amount and not (mapping.credit and mapping.debit),
        "delimiter": len(mapping.delimiter) != 1 or mapping.delimiter in '\r\n"',
        "decimal": mapping.decimal not in {",", "."},
        "skip": not 0 <= mapping.skip <= 1000,
        "currency": not re.fullmatch(r"[A-Z]{3}", mapping.currency),
        "encoding": not _known_encoding(mapping.encoding),
    }
    remedies = {
        "day": "Name the column of the booking's day.",
        "amount": "Name the column of the amount, or those of credit and debit.",
        "delimiter": 'Write one sign, such as ";".',
        "decimal": 'Write "," or ".".',
        "skip": "Write a whole number from 0 to 1000.",
        "currency": 'Write three letters, such as "EUR".',
        "encoding": 'Write a name such as "utf-8" or "cp1252".',
    }
    for key, wrong in problems.items():
        if wrong:
            raise ConfigError(file, key, "is missing or wrong", remedies[key])
    return mapping


def _known_encoding(name: str) -> bool:
    try:
        return bool(getattr(codecs.lookup(name), "_is_text_encoding", True))
    except (LookupError, ValueError):
        return False


def _check_columns(names: object, mapping: Columns) -> None:
    present = {str(name) for name in names} if isinstance(names, list | tuple) else set()
    columns = ("day", "amount", "credit", "debit", "name", "iban", "text", "reference", "end_to_end")
    wanted = [getattr(mapping, column) for column in (*columns, "currency_column")]
    for name in wanted:
        if name and name not in present:
            raise PeerError(f"The file has no column {name!r}. Choose the mapping of your bank.")


def _booking(row: Mapping[str, str | None], mapping: Columns, owner: str, line: int) -> Booking:
    def value(column: str) -> str:
        return " ".join(str(row.get(column) or "").split()) if column else ""

    try:
        return trimmed(
            Booking(
                day=_day(value(mapping.day), mapping.date_format),
                amount_micro=_signed(value, mapping),
                commodity=_currency(value(mapping.currency_column) or mapping.currency),
                owner=owner,
                reference=value(mapping.reference),
                name=value(mapping.name),
                iban=value(mapping.iban).replace(" ", ""),
                remittance=value(mapping.text),
                end_to_end=value(mapping.end_to_end),
            )
        )
    except ValueError as error:
        raise PeerError(f"Line {line}: {error}.") from None


def _signed(value: object, mapping: Columns) -> int:
    assert callable(value)
    if mapping.amount:
        return _amount(value(mapping.amount), mapping.decimal)
    credit, debit = value(mapping.credit), value(mapping.debit)
    if bool(credit) == bool(debit):
        raise ValueError("it has an amount neither or both as credit and debit")
    return _amount(credit, mapping.decimal) if credit else -abs(_amount(debit, mapping.decimal))


def _amount(text: str, decimal: str) -> int:
    found = AMOUNTS[decimal].fullmatch(text.replace("\u2212", "-"))
    if found is None:
        raise ValueError(f"{text[:20]!r} is no amount")
    digits = re.sub(r"[^0-9,.]" if decimal == "," else r"[^0-9.]", "", found[2])
    return parse(
        found[1] + digits.replace(".", "").replace(",", ".") if decimal == "," else found[1] + digits
    )


def _day(text: str, date_format: str) -> str:
    try:
        found = datetime.strptime(text[:40], date_format).replace(tzinfo=UTC).date()
    except (ValueError, re.error, IndexError, OverflowError) as error:
        raise ValueError(f"{text[:20]!r} is no day like {date_format}") from error
    if not 1990 <= found.year <= 2200:
        raise ValueError(f"{text[:20]!r} is not a day of this time")
    return found.isoformat()


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError(f"{text[:10]!r} is no currency")
    return text
