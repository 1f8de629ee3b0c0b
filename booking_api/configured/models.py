"""The table of what was changed in the settings file by a page."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel


class SettingChange(SQLModel, table=True):
    """A key before and after; `author` is the member who changed it. Times are real UTC milliseconds."""

    __tablename__ = "setting_change"

    id: str = Field(primary_key=True, max_length=64)
    at_ms: int = Field(sa_type=BigInteger, index=True)
    author: str = Field(max_length=64)
    key: str = Field(max_length=64)
    before: str = Field(sa_type=Text)
    after: str = Field(sa_type=Text)
