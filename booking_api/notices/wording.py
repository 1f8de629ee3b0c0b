"""What notices and letters say, in plain text. What people wrote stands in one line and makes no header."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from booking_api.alerts.words import NAMES
from booking_api.context import Context
from booking_api.happenings.words import LetterKind
from booking_api.notices.kinds import DECLINED, DETAILS, KNOWN, LETTERS, LINK, MEMBER, MOVED, STAFF, UNASKED
from booking_api.web.alarms import alarm_title
from booking_api.web.formats import Formats

TITLE_MAX = 150
VALUE_MAX = 300
_YEAR_9999_MS = 253_370_000_000_000


@dataclass(frozen=True, slots=True)
class Said:
    """A subject of one line, and a text."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where it comes from: the space's name, its address, its clock and its currency."""

    space: str
    address: str
    zone: ZoneInfo
    currency: str

    def formats(self, language: str) -> Formats:
        """Return how a language writes."""
        return Formats(language if language in {"en", "zh"} else "en", self.zone)


def place_of(context: Context) -> Place:
    """Return where a server's notices come from."""
    settings = context.settings
    return Place(settings.space_name, settings.address, context.zone, settings.currency.code)


def one_line(text: object, longest: int = VALUE_MAX) -> str:
    """Return a text without what ends a line or turns it around, cut at `longest` characters."""
    kept = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in str(text))
    return " ".join(kept.split())[:longest]


def to_member(
    what: str, data: Mapping[str, Any], name: str, machines: Mapping[str, str], language: str, place: Place
) -> Said:
    """Word a happening for the member whom it concerns; `machines` are names by id."""
    f = place.formats(language)
    _, title, sentence = MEMBER[what]
    greeting = f.texts.gettext("Hello %(name)s,") % {"name": one_line(name, 100)}
    parts = [greeting, f.texts.gettext(sentence), *_details(data, machines, f, place), place.address]
    return _said(title, parts, f, place, data)


def to_staff(
    what: str, data: Mapping[str, Any], machines: Mapping[str, str], language: str, place: Place
) -> Said:
    """Word a happening for the space's staff."""
    f = place.formats(language)
    title, sentence = STAFF[what]
    parts = [f.texts.gettext(sentence), *_details(data, machines, f, place), place.address]
    return _said(title, parts, f, place, data)


def letter(kind: LetterKind, values: Mapping[str, Any], language: str, place: Place) -> Said:
    """Word a letter: its link stands in a line of its own."""
    f = place.formats(language)
    title, sentence = _letter(kind, values)
    name, link = one_line(values.get("name", ""), 100), one_line(values.get(LINK, ""), 1000)
    hello = f.texts.gettext("Hello %(name)s,") % {"name": name} if name else ""
    rest = {key: value for key, value in values.items() if key not in {LINK, "name"}}
    parts = [hello, f.texts.gettext(sentence), link, *_details(rest, {}, f, place)]
    return _said(title, [*parts, f.texts.gettext(UNASKED) if link else ""], f, place)


def _letter(kind: LetterKind, values: Mapping[str, Any]) -> tuple[str, str]:
    if kind is LetterKind.REGISTRATION and values.get("declined"):
        return DECLINED
    if kind is LetterKind.REGISTRATION and values.get("known"):
        return KNOWN
    if kind is LetterKind.EMAIL_CHANGED and not values.get(LINK):
        return MOVED
    return LETTERS[kind]


def footer(language: str, place: Place, stop: str) -> str:
    """Return what stands below a mail that its reader can do without; `stop` is the address that ends it."""
    gettext = place.formats(language).texts.gettext
    choose = gettext("Choose what you are told: %(address)s") % {"address": f"{place.address}/me/notices"}
    ends = gettext("No more mails of this kind: %(address)s") % {"address": stop}
    return f"\n-- \n{choose}\n{ends}\n"


def _said(
    title: str, parts: list[str], f: Formats, place: Place, data: Mapping[str, Any] | None = None
) -> Said:
    subject = f"{one_line(place.space, 60)}: {f.texts.gettext(title)}"
    if data and "alert" in data:
        subject += f": {_alert(data['alert'], f)}"
    return Said(subject[:TITLE_MAX], "\n\n".join(part for part in parts if part) + "\n")


def _alert(name: object, f: Formats) -> str:
    return f.texts.gettext(NAMES[str(name)]) if str(name) in NAMES else one_line(name)


def _details(data: Mapping[str, Any], machines: Mapping[str, str], f: Formats, place: Place) -> list[str]:
    lines: list[str] = []
    for key, label in DETAILS.items():
        value = data.get(key)
        if value is None or value == "":
            continue
        line = f"{f.texts.gettext(label)}: {_value(key, value, data, machines, f, place)}"
        if line not in lines:
            lines.append(line)
    return ["\n".join(lines)] if lines else []


def _value(
    key: str, value: Any, data: Mapping[str, Any], machines: Mapping[str, str], f: Formats, place: Place
) -> str:
    if key.endswith("_ms") and isinstance(value, int) and 0 <= value < _YEAR_9999_MS:
        return f.when(value)
    if key.endswith("_micro") and isinstance(value, int):
        return f.money(value, str(data.get("commodity") or place.currency))
    if key == "machine":
        return one_line(machines.get(str(value), value))
    if key == "alert":
        return _alert(value, f)
    if key == "code":
        return one_line(alarm_title(str(value), f.texts))
    return one_line(value)
