"""The table of certifications."""

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel


class Certification(SQLModel, table=True):
    """That a member may use a machine, since when, by whose word, and until when (None: no end)."""

    __tablename__ = "certification"

    member: str = Field(primary_key=True, foreign_key="member.id", max_length=64)
    machine: str = Field(primary_key=True, foreign_key="machine.id", index=True, max_length=64)
    granted_by: str = Field(max_length=64)
    granted_ms: int = Field(sa_type=BigInteger)
    expires_ms: int | None = Field(default=None, sa_type=BigInteger)
    revoked_ms: int | None = Field(default=None, sa_type=BigInteger)
    revoked_by: str | None = Field(default=None, max_length=64)
