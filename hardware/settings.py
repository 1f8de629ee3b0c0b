"""What the settings of every kind of device have in common."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Level = Literal["high", "low"]
REMOVAL_MS = Field(
    500,
    ge=150,
    le=60_000,
    description="the silence, 150 to 60000 ms, after which a badge counts as removed",
)
"""How long a badge may be out of a reader's field and still lie there."""


class Settings(BaseModel):
    """The settings that every kind takes; each description says what would be right."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str = Field("", max_length=100, description="a name for logs, at most 100 characters")
