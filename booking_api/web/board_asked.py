"""What a reader of the board asked to see: chips and a search, all of it kept in the page's address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query

from booking_api.machines.models import Machine
from booking_api.web.formats import Formats
from booking_api.web.kinds import kind_words
from booking_api.web.usable import Usable

SMALL_FROM = 40
"""From so many machines on cards are small, unless the reader wants them large."""
CHIPS_MAX = 8
"""So many kinds or areas stand as chips; more are in a list."""
NOWHERE = "-"
"""What stands in an address for machines without an area."""
Word = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What to show: `may` only what the reader may use, `free` only what is free now, of a `kind`, an `area`,
    with `q` in its words; grouped `by` area or kind, with `view` "small" or "large" cards ("": by number).
    """

    may: bool = False
    free: bool = False
    kind: str = ""
    area: str = ""
    q: str = ""
    by: str = ""
    view: str = ""

    def with_(self, **changes: Any) -> str:
        """Return the board's address where some of it is asked otherwise."""
        asked = replace(self, **changes)
        given = {
            "may": "1" if asked.may else "",
            "free": "1" if asked.free else "",
            "kind": asked.kind,
            "area": asked.area,
            "q": asked.q,
            "by": asked.by,
            "view": asked.view,
        }
        query = urlencode({name: value for name, value in given.items() if value})
        return f"/?{query}" if query else "/"

    @property
    def stream(self) -> str:
        """The address of the live board that shows the same."""
        return f"/live/board{self.with_()[1:]}"

    @property
    def narrows(self) -> bool:
        """Whether some machines may be left out."""
        return bool(self.may or self.free or self.kind or self.area or self.q)

    def small(self, count: int) -> bool:
        """Whether so many cards are drawn small."""
        return self.view == "small" or (self.view != "large" and count >= SMALL_FROM)

    def means(self, machine: Machine, f: Formats) -> bool:
        """Whether a machine is of the kind and area, and has all words of the search."""
        if self.kind and machine.kind != self.kind:
            return False
        if self.area and (machine.location or NOWHERE) != self.area:
            return False
        said = (machine.id, machine.name, machine.location, machine.kind, kind_words(machine.kind, f.texts))
        words = " ".join(said).casefold()
        return all(word in words for word in self.q.casefold().split())

    def keeps(self, usable: Usable) -> bool:
        """Whether what a machine is to the reader is what they asked for."""
        return (usable.may is True or not self.may) and (usable.free or not self.free)


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a chip or list: what it is called, and the address that chooses it, or takes it back."""

    value: str
    name: str
    address: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """The kinds and areas that there are."""

    kinds: Sequence[Choice]
    areas: Sequence[Choice]


def asked_of(
    may: Annotated[str, Query(max_length=1)] = "",
    free: Annotated[str, Query(max_length=1)] = "",
    kind: Word = "",
    area: Word = "",
    q: Word = "",
    by: Annotated[str, Query(max_length=8)] = "",
    view: Annotated[str, Query(max_length=8)] = "",
) -> Asked:
    """Read what was asked from an address; what is no word of it counts as not asked."""
    grouped = by if by == "kind" else ""
    return Asked(may == "1", free == "1", kind, area, q.strip(), grouped, view if view in _VIEWS else "")


_VIEWS = frozenset({"small", "large"})


def choices(asked: Asked, rows: Iterable[Machine], f: Formats) -> Choices:
    """Return what the reader may choose among these machines."""
    listed = list(rows)
    kinds = sorted({(kind_words(row.kind, f.texts), row.kind) for row in listed})
    elsewhere = f.texts.gettext("Elsewhere")
    areas = sorted({(not row.location, row.location or elsewhere, row.location or NOWHERE) for row in listed})
    return Choices(
        [
            Choice(kind, name, asked.with_(kind="" if kind == asked.kind else kind), kind == asked.kind)
            for name, kind in kinds
        ],
        [
            Choice(area, name, asked.with_(area="" if area == asked.area else area), area == asked.area)
            for _, name, area in areas
        ],
    )
