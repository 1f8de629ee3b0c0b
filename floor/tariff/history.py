"""What an account has used and been charged so far, as far as later prices depend on it.

A value: pricing a visit returns the next one. Visits are taken in the order of (ended_ms, id), so that
the bill does not depend on when each of them arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class History:
    """Positions by key: units used of an allowance, gross charges under a cap, what a pack still holds.

    A key reads `what|name|who|period`; it is opaque to callers, and stable, so that it can be kept.
    """

    positions: Mapping[str, Fraction] = field(default_factory=dict)


class Book:
    """A history being written while one visit is priced; what counts per session only is forgotten then."""

    def __init__(self, history: History) -> None:
        self._before = history.positions
        self._kept = dict(history.positions)
        self._here: dict[str, Fraction] = {}

    def at(self, what: str, name: str, who: str, period: str) -> Fraction:
        """Return a position, 0 where nothing was counted yet."""
        return self._shelf(period).get(f"{what}|{name}|{who}|{period}", ZERO)

    def put(self, what: str, name: str, who: str, period: str, position: Fraction) -> None:
        """Set a position; one of 0 takes no room."""
        key = f"{what}|{name}|{who}|{period}"
        if position:
            self._shelf(period)[key] = position
        else:
            self._shelf(period).pop(key, None)

    def _shelf(self, period: str) -> dict[str, Fraction]:
        return self._here if period == "session" else self._kept

    def history(self) -> History:
        """Return what later visits depend on."""
        return History(self._kept)

    def reference(self) -> Book:
        """Return a book for the same visit at the full price, whose positions are kept beside this one's."""
        return _Reference(self)


class _Reference(Book):
    """The positions that an account would have at the full price. It draws from the same packs."""

    def __init__(self, real: Book) -> None:
        self._kept, self._here = real._kept, {}
        self._packs = {key: held for key, held in real._before.items() if key.startswith("pack|")}

    def at(self, what: str, name: str, who: str, period: str) -> Fraction:
        if what == "pack":
            return self._packs.get(f"pack|{name}|{who}|{period}", ZERO)
        return super().at(f"full {what}", name, who, period)

    def put(self, what: str, name: str, who: str, period: str, position: Fraction) -> None:
        if what == "pack":
            self._packs[f"pack|{name}|{who}|{period}"] = position
        else:
            super().put(f"full {what}", name, who, period, position)
