"""Tables of what was out of reach, and of when this server watched."""

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel


class Away(SQLModel, table=True):
    """A gateway, or a machine behind one (`machine`, else ""), was out of reach; `until_ms` None: it is.

    `words` are the machine's driver's, at the last try.
    """

    __tablename__ = "away"
    __table_args__ = (Index("ix_away_until", "until_ms"),)

    id: str = Field(primary_key=True, max_length=64)
    gateway: str = Field(max_length=32)
    machine: str = Field(default="", max_length=64)
    from_ms: int = Field(sa_type=BigInteger)
    until_ms: int | None = Field(default=None, sa_type=BigInteger)
    words: str = Field(default="", max_length=400)


class Watched(SQLModel, table=True):
    """From when until when a server watched the floor; what was between two of them nobody knows."""

    __tablename__ = "floor_watched"

    id: str = Field(primary_key=True, max_length=64)
    from_ms: int = Field(sa_type=BigInteger)
    until_ms: int = Field(sa_type=BigInteger, index=True)
