"""What the settings of every kind of device have in common."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Level = Literal["high", "low"]


class Settings(BaseModel):
    """The settings that every kind takes; each description says what would be right."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str = Field("", max_length=100, description="a name for logs, at most 100 characters")
