"""Tables of webhooks and of what is sent to them. Times are real UTC milliseconds."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Text
from sqlmodel import Field, SQLModel

from booking_api.db import word_column


class DeliveryState(StrEnum):
    """Where a delivery stands: it waits for its next try, was taken, or was given up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class Webhook(SQLModel, table=True):
    """An address that is told. `happenings` are words of `Happening`, or "*" for all.

    `failing_ms` is since when no delivery was taken, None while all is well; one that is paused (`paused_ms`)
    is sent nothing until staff resume it.
    """

    __tablename__ = "webhook"

    id: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=100)
    address: str = Field(max_length=500)
    happenings: list[Any] = Field(default_factory=list, sa_type=JSON)
    secret_sealed: str = Field(max_length=400)
    author: str = Field(max_length=64)
    created_ms: int = Field(sa_type=BigInteger)
    failing_ms: int | None = Field(default=None, sa_type=BigInteger)
    paused_ms: int | None = Field(default=None, sa_type=BigInteger)


class WebhookDelivery(SQLModel, table=True):
    """One happening for one webhook; `body` is sent as it stands here, each time.

    `since_ms` is when trying began, anew with "send again"; `next_ms` when the next try is due. Whoever tries
    moves `next_ms` on first: so one at a time tries, and if they die, another does later. `status` is that of
    the last answer, None without one.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (Index("ix_webhook_delivery_due", "state", "next_ms"),)

    id: str = Field(primary_key=True, max_length=64)
    webhook: str = Field(foreign_key="webhook.id", index=True, max_length=64)
    what: str = Field(max_length=32)
    subject: str = Field(max_length=64)
    body: str = Field(sa_type=Text)
    state: DeliveryState = Field(default=DeliveryState.PENDING, sa_type=word_column(DeliveryState))
    created_ms: int = Field(sa_type=BigInteger)
    since_ms: int = Field(sa_type=BigInteger)
    next_ms: int = Field(sa_type=BigInteger)
    tries: int = 0
    done_ms: int | None = Field(default=None, sa_type=BigInteger, index=True)
    status: int | None = None
    problem: str = Field(default="", max_length=200)
