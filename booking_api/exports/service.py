"""The whole books in a format of another program, as text that comes a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from booking_api.db import Database
from booking_api.exports import beancount, hledger, table
from booking_api.exports.books import Outline, Span, Written, entries, outline
from booking_api.settings import Settings


class Format(StrEnum):
    """What reads the export."""

    CSV = "csv"
    HLEDGER = "hledger"
    BEANCOUNT = "beancount"


@dataclass(frozen=True, slots=True)
class Way:
    """How a format is written, how its files are named, and what they are in HTTP."""

    suffix: str
    media: str
    head: Callable[[Outline], Iterator[str]]
    entry: Callable[[Written, Outline], str]


FORMATS = {
    Format.CSV: Way("csv", "text/csv; charset=utf-8; header=present", table.head, table.entry),
    Format.HLEDGER: Way("journal", "text/plain; charset=utf-8", hledger.head, hledger.entry),
    Format.BEANCOUNT: Way("beancount", "text/plain; charset=utf-8", beancount.head, beancount.entry),
}


def export(database: Database, settings: Settings, form: Format, span: Span) -> Iterator[str]:
    """Return the books of a span as a format's text; what it reads at once is bounded.

    The outline is read before this returns, the entries while the text is taken.
    """
    with database.read() as session:
        of = outline(session, span, database.zone, settings.space_name, settings.currency.code)
    return _text(database, FORMATS[form], of)


def _text(database: Database, way: Way, of: Outline) -> Iterator[str]:
    yield from way.head(of)
    for chunk in entries(database, of):
        yield "".join(way.entry(one, of) for one in chunk)
