"""What a station is made of and told: its devices, what it shares with others, the events it handles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge.driver import Driver
from firmware_bridge.events import MachineEvent
from floor.wire.messages import Order
from gateway.clock import Clock
from gateway.credit import Credit
from gateway.journal import Journal
from gateway.metrics import Metrics
from gateway.roster import RosterStore
from hardware.events import ButtonPressed, InputChanged, ReaderEvent
from hardware.ports import Panel, Reader, Relay


@dataclass(frozen=True, slots=True)
class Devices:
    """What is wired to one station."""

    reader: Reader
    relay: Relay
    panel: Panel | None = None
    extraction: Relay | None = None
    driver: Driver | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """What all stations of a gateway share."""

    clock: Clock
    journal: Journal
    roster: RosterStore
    credit: Credit
    metrics: Metrics
    new_id: Callable[[], str]
    changed: Callable[[], None]
    checkpoint_ms: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; sent about once a second."""


@dataclass(frozen=True, slots=True)
class RosterChanged:
    """A new roster is in force."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """Staff order something; `by` is their id."""

    order: Order
    by: str


HardwareEvent = ReaderEvent | ButtonPressed | InputChanged
StationEvent = HardwareEvent | MachineEvent | Tick | RosterChanged | Ordered
