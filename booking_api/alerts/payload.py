"""What Alertmanager's webhook sends. Source: prometheus.io, Alerting, `webhook_config`, version 4.

What a later Alertmanager adds is let be; what is used here is bounded.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field

ALERTS_MAX = 500
Name = Annotated[str, Field(min_length=1, max_length=128)]
Value = Annotated[str, Field(max_length=2_000)]
Words = Annotated[dict[Name, Value], Field(max_length=64)]
Status = Literal["firing", "resolved"]


class Alert(BaseModel):
    """One alert: its labels name it, `fingerprint` is made of them, `startsAt` is when it came."""

    status: Status
    labels: Words = Field(examples=[{"alertname": "RelayMismatch", "machine": "saw-1", "severity": "page"}])
    annotations: Words = Field(default_factory=dict)
    startsAt: AwareDatetime
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{1,32}$", examples=["8d2f0a1b2c3d4e5f"])]

    @property
    def name(self) -> str:
        """What it is called."""
        return self.labels.get("alertname", "")

    @property
    def pages(self) -> bool:
        """Whether somebody is to act at once."""
        return self.labels.get("severity") == "page"


class Told(BaseModel):
    """A notification: alerts that came, or are over."""

    version: Literal["4"]
    alerts: Annotated[list[Alert], Field(max_length=ALERTS_MAX)]
