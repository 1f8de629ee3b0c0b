"""What an online payment provider must do for the floor, whoever it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from floor.errors import FloorError


class ProviderUnreachable(FloorError):
    """The provider did not answer, or not with what it promises; nothing was charged that we know of."""


class Happened(StrEnum):
    """What a provider tells of, in our words; `OTHER` is acknowledged and counted, and changes nothing."""

    PAID = "paid"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    WITHDRAWN = "withdrawn"
    REINSTATED = "reinstated"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Order:
    """A payment to start: `id` is ours and unique, amounts are in the currency's smallest coin."""

    id: str
    amount_minor: int
    currency: str
    words: str
    back_url: str


@dataclass(frozen=True, slots=True)
class Started:
    """Where the payer goes on, and what the provider calls the payment."""

    reference: str
    url: str


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a payment. `order` is our id of it or "", `charge` what refunds are told by.

    `amount_minor` is what was paid or withdrawn; of a refund it is the sum of all refunds so far.
    """

    id: str
    kind: str
    happened: Happened
    order: str = ""
    reference: str = ""
    charge: str = ""
    amount_minor: int = 0
    currency: str = ""


class Provider(Protocol):
    """One provider. `name` is its account in the books: assets:provider:NAME."""

    @property
    def name(self) -> str:
        """What the books call it."""
        ...

    async def start(self, order: Order) -> Started:
        """Begin a payment; the same order twice is one payment. Raises ProviderUnreachable."""
        ...

    async def refund(self, charge: str, amount_minor: int, key: str) -> None:
        """Give back a part of what was paid; the same key is one refund. Raises ProviderUnreachable."""
        ...

    def read_event(self, body: bytes, signature: str, now_ms: int) -> Event:
        """Return what an event says; raises PeerError when it is not signed by the provider, or too old."""
        ...
