"""The table of machines."""

from typing import Any, NamedTuple

from sqlalchemy import JSON, BigInteger, Text
from sqlmodel import Field, SQLModel

from booking_api.db import JSON_OR_NULL


class Machine(SQLModel, table=True):
    """A machine and its place on the floor.

    `id` is a short name such as `laser-1`. `policy` holds the keys of floor.policy that differ from its
    defaults. Without a tariff its use costs nothing. `lockout_reason` is set while it is out of order.
    `requires` is what training it asks for (floor.training); None asks for the skill of its own id.
    `manual` is the address of its manual; `notes_en` and `notes_zh` are on safety and materials, plain text.
    """

    __tablename__ = "machine"

    id: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=100)
    kind: str = Field(default="other", max_length=32)
    gateway: str | None = Field(default=None, foreign_key="gateway.name", index=True, max_length=32)
    location: str = Field(default="", max_length=100)
    policy: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    tariff: str | None = Field(default=None, max_length=64)
    requires_certification: bool = Field(default=True)
    requires: Any = Field(default=None, sa_type=JSON_OR_NULL, nullable=True)
    lockout_reason: str | None = Field(default=None, max_length=400)
    lockout_by: str | None = Field(default=None, max_length=64)
    lockout_ms: int | None = Field(default=None, sa_type=BigInteger)
    archived_ms: int | None = Field(default=None, sa_type=BigInteger)
    manual: str = Field(default="", max_length=500, sa_column_kwargs={"server_default": ""})
    notes_en: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    notes_zh: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})


class Asking(NamedTuple):
    """What a machine asks of members, and its tariff, as in Machine: what is read of each for every delta."""

    id: str
    kind: str
    tariff: str | None
    requires_certification: bool
    requires: Any
