"""The table of periods."""

from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, SQLModel


class Period(SQLModel, table=True):
    """A month (`2026-10`, on the space's clock) that was closed; a month without a row is open.

    `to_ms` is where it ended (UTC milliseconds): nothing may occur before the latest `to_ms` any more.
    `statement` is what the close stated, as JSON. A month that was opened again has no row.
    """

    __tablename__ = "period"

    month: str = Field(primary_key=True, max_length=7)
    to_ms: int = Field(sa_type=BigInteger, index=True)
    closed_ms: int = Field(sa_type=BigInteger)
    closed_by: str = Field(max_length=64)
    statement: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
