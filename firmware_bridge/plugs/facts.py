"""What a plug says, in one shape for every dialect. Pure: messages in, facts out; no clock, no connection."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from firmware_bridge.events import Noise
from firmware_bridge.json_values import signed
from firmware_bridge.transports import Told


@dataclass(frozen=True, slots=True)
class Named:
    """The plug said what it is."""

    name: str
    firmware: str


@dataclass(frozen=True, slots=True)
class Presence:
    """The plug, or its last will, says whether it is there; `words` say who is gone."""

    online: bool
    words: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the plug measures now: watts, its energy counter in mWh, whether it is on; None is not said."""

    watts: Decimal | None = None
    energy_mwh: int | None = None
    on: bool | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The plug answers that it cannot do what it was asked, in its own words."""

    words: str


PlugFact = Named | Presence | Sample | Refusal | Noise


class Dialect(Protocol):
    """How one make of plug speaks MQTT. `parse` is total: whatever comes gives facts, never an error."""

    @property
    def name(self) -> str:
        """What the plug is called where people read of it."""
        ...

    @property
    def topics(self) -> tuple[str, ...]:
        """What is to be subscribed."""
        ...

    @property
    def greeting(self) -> tuple[tuple[str, str], ...]:
        """Topics and payloads that ask what the plug is."""
        ...

    @property
    def poll(self) -> tuple[tuple[str, str], ...]:
        """Topics and payloads that ask what it measures now."""
        ...

    def parse(self, told: Told) -> list[PlugFact]:
        """Return what a message says; of a retained one only what may be of the past."""
        ...


def watts(value: object) -> Decimal | None:
    """Return a power in watts; what flows back counts as none."""
    found = signed(value)
    return None if found is None else max(found, Decimal(0))


def mwh(amount: Decimal | None, mwh_per_unit: int) -> int | None:
    """Return an amount of energy as whole mWh, rounded."""
    return None if amount is None else round(amount * mwh_per_unit)
