"""Cells of a file of members, read one by one: each value, or what would be right. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from booking_api.badges.service import KINDS, parse_uid
from booking_api.exports.books import decimal
from booking_api.members.care import of_age_on
from floor.errors import Refused
from floor.money import parse
from floor.texts import LANGUAGES
from floor.words import BadgeKind

PARTS = re.compile(r"[;|,，；、\n]")
_DATES = (r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})", r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_CERTIFICATION = re.compile(r"([A-Za-z0-9_.:@-]+)(?:\s+(\S*?)(?:/(\S+))?)?")
_HAN = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff·]+")
RIGHT: dict[str, str] = {
    "length": "It is too long: %(max)s characters at most.",
    "control": "It has a character that no text has. Type it anew.",
    "email": "Write one address, such as name@example.org.",
    "word": "Use Latin letters, digits, points and hyphens, such as member.",
    "language": "Write one of: %(known)s.",
    "date": "Write a date, such as 2026-12-31.",
    "amount": "Write an amount of 0 or more, such as 12.50.",
    "uid": "Write the numbers of badges as hex, such as 04A2B3C4; several with ; between.",
    "kind": "Write one of: %(known)s.",
    "certification": "Write a machine or course, with its days: laser-1 2026-03-01/2028-03-01.",
    "machine": "There is no machine or course with this id.",
    "course_mixed": "Until when comes after since when.",
    "name": "Write a name.",
    "twice": "The same stands in line %(line)s. Leave one of them out.",
    "two_members": "The number and the address are those of two members.",
    "badge_taken": "This badge is another member's, or stands in two lines.",
    "email_taken": "This is another member's address.",
    "email_staff": "Only an admin changes the address of staff.",
    "guardian": "Name a member who is of age, or a name and how they are reached.",
}
"""What would be right, by the kind of problem; pages say it in the reader's language."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A cell that cannot be read: its line and column, what stands there, and what would be right."""

    line: int
    column: str
    value: str
    code: str
    more: Mapping[str, str]

    def words(self, gettext: Callable[[str], str] = str) -> str:
        """Say what would be right."""
        return gettext(RIGHT[self.code]) % self.more


class Wrong(Exception):
    """A cell is not as it must be; `code` is of RIGHT."""

    def __init__(self, code: str, **more: str) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


@dataclass(frozen=True, slots=True)
class Held:
    """A certification as a file names it: of a machine or a course, since and until when (days)."""

    name: str
    granted: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class BadgeNamed:
    """A badge as a file names it."""

    uid: bytes
    kind: BadgeKind


def _text(limit: int) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if len(cell) > limit:
            raise Wrong("length", max=str(limit))
        if any(ord(one) < 32 or ord(one) == 127 for one in cell):
            raise Wrong("control")
        return cell

    return read


def _matching(pattern: str, code: str, limit: int) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if not re.fullmatch(pattern, _text(limit)(cell)):
            raise Wrong(code)
        return cell

    return read


def _language(cell: str) -> str:
    if cell.casefold() not in LANGUAGES:
        raise Wrong("language", known=", ".join(LANGUAGES))
    return cell.casefold()


def read_date(cell: str) -> date:
    """Read a day as people write it: 2026-12-31, 2026/12/31, 31.12.2026 or 2026年12月31日."""
    parts = next((found.groups() for one in _DATES if (found := re.fullmatch(one, cell))), None)
    if parts is None and (german := _DAY_FIRST.fullmatch(cell)):
        parts = german.groups()[::-1]
    try:
        year, month, day = map(int, parts or ())
        made = date(year, month, day)
    except ValueError:
        raise Wrong("date") from None
    if not 1900 <= made.year <= 2200:
        raise Wrong("date")
    return made


def _amount(cell: str) -> int:
    try:
        amount_micro = parse(cell.replace(",", "."))
    except ValueError:
        amount_micro = -1
    if not 0 <= amount_micro < 1 << 53:
        raise Wrong("amount")
    return amount_micro


def _kind(cell: str) -> BadgeKind:
    if cell not in KINDS:
        raise Wrong("kind", known=", ".join(KINDS))
    return BadgeKind(cell)


def _badges(cell: str) -> list[BadgeNamed]:
    found = []
    for part in filter(None, map(str.strip, PARTS.split(cell))):
        kind, _, uid = part.rpartition("=")
        try:
            found.append(BadgeNamed(parse_uid(uid), _kind(kind or BadgeKind.UID_13MHZ)))
        except Refused:
            raise Wrong("uid") from None
    return found


def _certifications(cell: str) -> list[Held]:
    found = []
    for part in filter(None, map(str.strip, PARTS.split(cell))):
        parts = _CERTIFICATION.fullmatch(part)
        if parts is None:
            raise Wrong("certification")
        name, granted, until = parts.groups()
        try:
            held = Held(name, read_date(granted) if granted else None, read_date(until) if until else None)
        except Wrong:
            raise Wrong("certification") from None
        if held.granted and held.until and held.until <= held.granted:
            raise Wrong("course_mixed")
        found.append(held)
    return found


READERS: dict[str, Callable[[str], Any]] = {
    "number": _text(32),
    "name": _text(200),
    "first_name": _text(100),
    "last_name": _text(100),
    "shown_name": _text(100),
    "email": _matching(r"[^@\s]+@[^@\s]+", "email", 254),
    "tier": _matching(r"[A-Za-z0-9_.-]{1,64}", "word", 64),
    "language": _language,
    "valid_until": read_date,
    "credit_limit": _amount,
    "phone": _text(40),
    "emergency_name": _text(100),
    "emergency_phone": _text(40),
    "born": read_date,
    "minor_until": read_date,
    "guardian": _text(254),
    "guardian_name": _text(100),
    "guardian_contact": _text(254),
    "badges": _badges,
    "badge_kind": _kind,
    "certifications": _certifications,
}


def read_row(line: int, cells: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the values of a row by column, and what is wrong in it."""
    values: dict[str, Any] = {}
    problems = []
    for column, cell in cells.items():
        try:
            values[column] = READERS[column](cell)
        except Wrong as wrong:
            problems.append(Problem(line, column, cell[:80], wrong.code, wrong.more))
    if "name" in values and "first_name" not in values:
        values["first_name"], values["last_name"] = split_name(values.pop("name"))
    values.pop("name", None)
    if "born" in values:
        values.setdefault("minor_until", of_age_on(values.pop("born")))
    kind = values.pop("badge_kind", None)
    if kind is not None and "badges" in values:
        values["badges"] = [
            BadgeNamed(one.uid, kind if one.kind is BadgeKind.UID_13MHZ else one.kind)
            for one in values["badges"]
        ]
    return values, problems


def split_name(name: str) -> tuple[str, str]:
    """Return first and last name of a whole one: 王小明, Lovelace, Ada, or Ada Lovelace."""
    if "," in name:
        last, _, first = name.partition(",")
        return first.strip()[:100], last.strip()[:100]
    if _HAN.fullmatch(name) and 2 <= len(name) <= 4 and "·" not in name:
        return name[1:], name[:1]
    first, _, last = name.rpartition(" ")
    return (first.strip()[:100], last[:100]) if first else (name[:100], "")


def shown(column: str, value: object) -> str:
    """Write a value for people who look at what would change."""
    match value:
        case None | "":
            return "–"
        case int() if column == "credit_limit":
            return decimal(value)
        case date():
            return value.isoformat()
    return str(value)
