"""Long lists, a page at a time: a cursor names the last row seen, so that none is skipped or told twice."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

from booking_api.cursors import read_cursor, write_cursor

LIMIT_MAX = 200
LISTED_MAX = 10_000
"""The longest list that an endpoint reads whole; it is told in parts by what is around every endpoint."""
T = TypeVar("T")
R = TypeVar("R")

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[
    str, Query(max_length=200, description="`next` of the page before; empty: the first page.")
]


class Page(BaseModel, Generic[T]):
    """A part of a list. `next` is the cursor of the next page, None when this is the last."""

    items: list[T]
    next: str | None = None


def page(
    session: Session, query: SelectOfScalar[R], key: Any, cursor: str, limit: int, newest_first: bool = False
) -> tuple[list[R], str | None]:
    """Return rows of a query in the order of `key`, a unique text column, and the next page's cursor."""
    if cursor:
        last = read_cursor(cursor)
        query = query.where(key < last if newest_first else key > last)
    ordered = query.order_by(key.desc() if newest_first else key)
    rows = list(session.exec(ordered.limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], write_cursor(str(getattr(rows[limit - 1], key.key)))
