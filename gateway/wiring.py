"""What a station is made of and told: its devices, what it shares with others, the events it handles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from firmware_bridge.driver import Driver
from firmware_bridge.events import MachineEvent
from floor.wire.messages import Order, TapOutcome
from floor.words import DenialReason
from gateway.clock import Clock
from gateway.credit import Credit
from gateway.journal import Journal
from gateway.metrics import Metrics
from gateway.prices import Prices
from gateway.print_files import PrintFiles
from gateway.proofs import Proofs
from gateway.roster import RosterStore
from gateway.uses import Uses
from hardware.events import ButtonPressed, InputEvent, ReaderEvent
from hardware.nodes.node import Node
from hardware.ports import Input, Panel, Reader, Relay


@dataclass(frozen=True, slots=True)
class Devices:
    """What is wired to one station. A `node` is its reader, relay and panel in one.

    `pulse_s` is how long a granted tap opens a door (gateway.door), 0 for a machine.
    `keeps`: the relay is left as it is when this process ends, and taken up again as it is found.
    """

    reader: Reader
    relay: Relay
    panel: Panel | None = None
    extraction: Relay | None = None
    driver: Driver | None = None
    node: Node | None = None
    inputs: tuple[Input, ...] = ()
    pulse_s: int = 0
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Services:
    """What all stations of a gateway share."""

    clock: Clock
    journal: Journal
    roster: RosterStore
    credit: Credit
    prices: Prices
    prints: PrintFiles
    metrics: Metrics
    proofs: Proofs
    new_id: Callable[[], str]
    changed: Callable[[], None]
    checkpoint_ms: int
    closing_grace_ms: int = 900_000
    uses: Uses = field(default_factory=Uses)


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


class Choice(StrEnum):
    """What came of a member's choice of account."""

    CHOSEN = "chosen"
    NO_CREDIT = "no_credit"
    NOT_THEIRS = "not_theirs"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class AccountWanted:
    """The member wants this account to pay for a session; `answer` is told what came of it.

    It names the session, so that a late choice cannot change another.
    """

    session_id: str
    account: str
    answer: asyncio.Future[Choice]


TapAnswer = TapOutcome | DenialReason
"""What came of a phone's tap: what it did, or why it was refused."""


@dataclass(frozen=True, slots=True)
class PhoneTap:
    """A member scanned the station's code; `reference` stands for their phone, `answer` is told what came."""

    member: str
    reference: str
    answer: Callable[[TapAnswer], None]


HardwareEvent = ReaderEvent | ButtonPressed | InputEvent
StationEvent = HardwareEvent | MachineEvent | Tick | RosterChanged | Ordered | AccountWanted | PhoneTap
