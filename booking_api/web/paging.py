"""Long lists in pages: how many rows one has, and where those before and after begin."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

ROWS = 50
At = Annotated[int, Query(ge=0, le=1_000_000)]
"""The first row to show; 0 is the first of all."""


def around(at: int, found: int) -> tuple[int | None, int | None]:
    """Return where the rows before and after begin, None where there are none; ROWS + 1 were looked for."""
    return max(0, at - ROWS) if at else None, at + ROWS if found > ROWS else None
