"""Tables of figures for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from floor.money import MICRO, round_fraction

Rows = list[tuple[str, ...]]


def columns(rows: Sequence[tuple[str, ...]], sides: str) -> str:
    """Lay rows out in columns, each flush to its side: `<` left, `>` right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(sides))]
    return "\n".join(
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def decimals(micro: Fraction, places: int) -> str:
    """Write micro-units with so many decimals, half up, and thousands apart."""
    whole = round_fraction(Fraction(micro) * 10**places / MICRO)
    return f"{Decimal(whole).scaleb(-places):,f}"


def titled(title: str, line: str = "-") -> str:
    """Return a title with a line below it."""
    return f"{title}\n{line * len(title)}"
