"""Refusals with figures, in the reader's language. The rules write them in English, with ids and ISO dates.

English readers are told machines by name and times as pages write them; others are told the sentence whose
pattern fits, with the same. What no pattern knows is left to the short form of its rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache

from babel.dates import format_date

from booking_api.web.formats import NO_BREAK, Formats

_DATE = r"\d{4}-\d\d-\d\d"
_DAY = rf"[A-Z][a-z]{{2}} {_DATE}"
_WHAT = (
    "reservations and uses|of reservations and use|reservations|of reservations|uses|of use|"
    "reservation or use|reservation|use|"
    "no-shows|late-cancels|late-cancels or no-shows|no-show|late-cancel|late-cancel or no-show"
)
_UNIT = r"\d+ (?:min|h|s|days?|weeks?|months?|years?)"
_KINDS = {
    "at": rf"{_DAY} \d\d:\d\d",
    "day": _DAY,
    "span": rf"{_UNIT}(?: {_UNIT})*",
    "times": r"[\d:, -]+",
    "spans": rf"{_UNIT}(?:,? {_UNIT})*",
    "date": _DATE,
    "what": f"(?:{_WHAT})(?: (?:in|outside of) .+?)??",
    "number": r"\d+",
    "rest": rf"| on {_DAY}| from {_DATE} to {_DATE}",
    "per": rf"a day|a week|a month|a year|still to come|in {_UNIT}",
}
WORDS = (
    *_WHAT.split("|"),
    *("%(what)s in %(name)s", "%(what)s outside of %(name)s", "the machines of %(name)s", "a holiday"),
    *(" on %(day)s", " from %(day)s to %(day2)s", "of no tier"),
    *("a day", "a week", "a month", "a year", "still to come", "in %(span)s"),
    *("machines of this policy", "machines of this kind", "all machines", "class", "maintenance"),
    *("days", "weeks", "months", "years"),
)
"""Words inside of sentences; a catalogue has each."""
PATTERNS = (
    "From %(at)s on %(machine)s is not for you.",
    "From %(at)s on %(machine)s is not for you without a reservation.",
    "%(machine)s is taken from %(at)s to %(at2)s.",
    "%(machine)s is taken from %(at)s to %(at2)s, and %(span)s must lie free between two reservations.",
    "%(machine)s is taken from %(at)s to %(at2)s: %(name)s (%(word)s).",
    "It is offered to one who waited, until %(at)s.",
    "%(at)s is over.",
    "Your membership ends on %(at)s, before this.",
    "Before you use %(machine)s there is a text to sign.",
    "You are not certified for %(machine)s.",
    "Your certification for %(machine)s ends on %(at)s.",
    "%(machine)s cannot be reserved: no policy names it.",
    "%(machine)s cannot be reserved at this time.",
    "%(machine)s cannot be reserved.",
    "At least %(span)s: this is %(span2)s.",
    "At most %(span)s: this is %(span2)s.",
    "In steps of %(span)s: this is %(span2)s.",
    "It may begin every %(span)s from midnight on: %(times)s is none of these times.",
    "It may begin at %(times)s: not at %(times2)s.",
    "%(day)s is today: book on an earlier day.",
    "It was bookable until %(at)s, %(span)s before it begins.",
    "It was bookable until %(at)s.",
    "At most %(span)s ahead.",
    "At most %(span)s ahead: it is bookable from %(at)s on.",
    "That week is opened for booking at %(at)s.",
    "At %(at)s it is not open: on %(day)s it is open %(times)s.",
    "At %(at)s it is not open: on %(day)s it is closed.",
    "%(day)s is %(name)s: the space is closed.",
    "You have %(machine)s from %(at)s to %(at2)s, and one machine at a time is allowed.",
    "%(span)s must lie between two reservations of yours: %(span2)s lie between this one and that of "
    "%(machine)s at %(at)s.",
    "At most %(span)s %(what)s %(per)s on %(machine)s: this would be %(span2)s%(rest)s.",
    "At most %(number)s %(what)s %(per)s on %(machine)s: this would be %(number2)s%(rest)s.",
    "At most %(span)s %(what)s %(per)s on %(machine)s: this is reached at %(at)s.",
    "At most %(number)s %(what)s %(per)s on %(machine)s: this is reached at %(at)s.",
    "There were %(number)s %(what)s%(rest)s, and at most %(number2)s %(per)s are let pass. "
    "You may book again from %(at)s on.",
    "There was %(number)s %(what)s%(rest)s, and at most %(number2)s %(per)s are let pass. "
    "You may book again from %(at)s on.",
    "There were %(span)s %(what)s%(rest)s, and at most %(span2)s %(per)s are let pass. "
    "You may book again from %(at)s on.",
    "You are suspended.",
    "%(machine)s is for %(tiers)s, and you are %(tier)s.",
    "%(machine)s is not for %(tier)s.",
    "It may last %(spans)s: this is %(span)s.",
    "It must end on the day on which it begins.",
    "%(day)s is not open for booking yet: days until %(date)s are.",
    "It ends at %(at)s and cannot go on.",
    "It ends at %(at)s: 1 waits for %(machine)s.",
    "It ends at %(at)s: %(number)s wait for %(machine)s.",
    "It may go on at most %(span)s after %(at)s.",
    "%(machine)s is reserved from %(at)s on.",
    "%(machine)s is taken from %(at)s: %(name)s.",
    "It closes at %(at)s.",
    "Reservations of %(machine)s are not handed over.",
    "It could be handed over until %(at)s.",
    "It has begun, is over or was given up.",
    "It is theirs already.",
    "Member %(number)s may not use %(machine)s then.",
    "Member %(number)s cannot take it over: they have another reservation then, or reach a limit.",
    "%(machine)s has no waiting list.",
    "At most %(number)s wait for %(machine)s, and %(number2)s do.",
    "First comes the quiz of %(name)s.",
    "First comes: %(name)s.",
    "You do not sign off %(name)s for this member.",
    "%(name)s is not signed off at machines.",
    "%(name)s cannot bear its part: it is overdue.",
    "%(name)s cannot bear its part: it is %(money)s more than its limit.",
    "%(name)s cannot bear its part: it is %(money)s more than its member may charge to it.",
    "At least %(span)s.",
    "At most %(span)s.",
    "In steps of %(span)s.",
    "It may last %(spans)s.",
    "At most %(span)s %(what)s %(per)s on %(machine)s.",
    "At most %(number)s %(what)s %(per)s on %(machine)s.",
)
"""What rules say, with what stands in it: `%(at2)s` is a second instant. Catalogues have each."""


def said(sentence: str, formats: Formats, known: Mapping[str, str] | None = None) -> str:
    """Return a sentence of the rules in the reader's language, or as it was where no pattern fits.

    `known` has the name of each machine by its id, and the reader's name of a skill by the one that
    sentences have.
    """
    names = known or {}
    if formats.language == "en":
        return _in_english(sentence, formats, names)
    for text in PATTERNS:
        if found := _pattern(text).fullmatch(sentence):
            values = {key: _value(key, one, formats, names) for key, one in found.groupdict().items()}
            return formats.texts.gettext(text) % values
    return formats.texts.gettext(sentence)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    pieces = re.split(r"%\((\w+)\)s", text)
    made = [re.escape(one) if n % 2 == 0 else f"(?P<{one}>{_inside(one)})" for n, one in enumerate(pieces)]
    return re.compile("".join(made))


def _inside(key: str) -> str:
    return _KINDS.get(key.rstrip("2"), ".+?")


def _value(key: str, text: str, formats: Formats, names: Mapping[str, str]) -> str:
    """Return what stands in a sentence as the reader's language writes it."""
    gettext = formats.texts.gettext
    match key.rstrip("2"):
        case "at":
            return f"{_day(text[4:14], formats)} {text[15:]}"
        case "day" | "date":
            return _day(text[-10:], formats)
        case "span":
            return _span(text, formats)
        case "per" if text.startswith("in "):
            return gettext("in %(span)s") % {"span": _span(text[3:], formats)}
        case "spans":
            return ", ".join(_span(one, formats) for one in text.split(", "))
        case "machine":
            return _machine(text, formats, names)
        case "what":
            return _what(text, formats)
        case "tiers":
            return ", ".join(gettext(one) for one in text.split(", "))
        case "name":
            return gettext(text) if text in WORDS else _named(text, names)
        case "per" | "word" | "tier":
            return gettext(text)
        case "rest":
            return _rest(text, formats)
    return text


def _machine(text: str, formats: Formats, names: Mapping[str, str]) -> str:
    """Write where a limit counts: a machine, a group of them, with the limit's own name behind."""
    where, bracket, name = text.partition(" (")
    group = where.removeprefix("the machines of ")
    if group != where:
        where = formats.texts.gettext("the machines of %(name)s") % {"name": group}
    return (names.get(where) or formats.texts.gettext(where)) + bracket + name


def _what(text: str, formats: Formats) -> str:
    """Write what a limit counts, with the window of hours that it counts in."""
    for joint in (" outside of ", " in "):
        what, found, name = text.partition(joint)
        if found:
            words = formats.texts.gettext(f"%(what)s{joint}%(name)s")
            return words % {"what": formats.texts.gettext(what), "name": name}
    return formats.texts.gettext(text)


def _rest(text: str, formats: Formats) -> str:
    """Write the days that a limit counts over."""
    days = [_day(one, formats) for one in re.findall(_DATE, text)]
    if not days:
        return ""
    words = " on %(day)s" if len(days) == 1 else " from %(day)s to %(day2)s"
    return formats.texts.gettext(words) % {"day": days[0], "day2": days[-1]}


def _named(text: str, names: Mapping[str, str]) -> str:
    """Put the reader's names in the place of the sentence's own."""
    known = "|".join(re.escape(one) for one in sorted(names, key=len, reverse=True))
    return re.sub(known, lambda found: names[found[0]], text) if known else text


def _in_english(sentence: str, formats: Formats, names: Mapping[str, str]) -> str:
    """Write its dates as pages do, and machines by name."""
    written = re.sub(
        rf"(?:\b[A-Z][a-z]{{2}} )?\b{_DATE}\b", lambda found: _day(found[0][-10:], formats), sentence
    )
    if not names:
        return written
    known = "|".join(re.escape(one) for one in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<![\w-])(?:{known})(?![\w-])", lambda found: names[found[0]], written)


def _day(text: str, formats: Formats) -> str:
    return format_date(datetime.fromisoformat(text).date(), "medium", locale=formats.locale)


def _span(text: str, formats: Formats) -> str:
    """Write a length such as "1 h 30 min" or "2 days"."""
    words = text.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    gettext = formats.texts.gettext
    return NO_BREAK.join(f"{number}{NO_BREAK}{gettext(_many(unit))}" for number, unit in pairs)


def _many(unit: str) -> str:
    """Return the unit as catalogues know it: "days" for "day", "h" for "h"."""
    return f"{unit}s" if unit in {"day", "week", "month", "year"} else unit
