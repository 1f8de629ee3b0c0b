"""Short names for the columns that migrations make most."""

from typing import Any

import sqlalchemy as sa


def text(name: str, length: int, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def big(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Return a column of 64 bits: UTC milliseconds, micro-units, sequences."""
    return sa.Column(name, sa.BigInteger(), nullable=nullable)
