"""Allowances: lots of prepaid or granted units, and which of them use draws first.

Units are integers of a millionth, as money is; times are UTC milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from floor.money import MICRO, round_fraction

NEVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Lot:
    """Units that were granted or bought at once; it is good from `granted_ms` to before `expires_ms`."""

    id: str
    name: str
    left_micro: int
    granted_ms: int
    expires_ms: int | None = None
    transferable: bool = False

    def good(self, started_ms: int, ended_ms: int) -> bool:
        """Tell whether a visit may draw from it: it was there before the end, and not over at the begin."""
        return self.granted_ms <= ended_ms and (self.expires_ms is None or started_ms < self.expires_ms)

    @property
    def order(self) -> tuple[int, int, str]:
        """What comes first is drawn first: what expires first; what does not expire comes last."""
        return NEVER_MS if self.expires_ms is None else self.expires_ms, self.granted_ms, self.id


@dataclass(frozen=True, slots=True)
class Draw:
    """Units that are taken from a lot, > 0."""

    lot: str
    name: str
    amount_micro: int


def held(lots: Iterable[Lot]) -> Fraction:
    """Return how many units lots hold together, exactly."""
    return Fraction(sum(max(0, lot.left_micro) for lot in lots), MICRO)


def draw(lots: Sequence[Lot], amount: Fraction) -> list[Draw]:
    """Take units, to the nearest millionth, from what expires first; raises ValueError for too few."""
    wanted = round_fraction(amount * MICRO)
    found: list[Draw] = []
    for lot in sorted(lots, key=lambda lot: lot.order):
        taken = min(wanted, lot.left_micro)
        if taken > 0:
            found.append(Draw(lot.id, lot.name, taken))
            wanted -= taken
    if wanted > 0:
        raise ValueError(f"{wanted} millionths more are wanted than the lots hold")
    return found
