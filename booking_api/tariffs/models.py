"""The table of tariff versions."""

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel


class TariffVersion(SQLModel, table=True):
    """A tariff as it was written. `id` is `TARIFF@valid_from_ms`; never edited: a new one follows."""

    __tablename__ = "tariff_version"

    id: str = Field(primary_key=True, max_length=100)
    tariff: str = Field(index=True, max_length=64)
    valid_from_ms: int = Field(sa_type=BigInteger)
    text: str = Field(sa_type=Text)
    sha256: str = Field(max_length=64)
    author: str = Field(max_length=64)
    created_ms: int = Field(sa_type=BigInteger)
