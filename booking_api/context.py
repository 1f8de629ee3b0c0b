"""What a request needs of the server, made once by `makerfloor serve` and handed to `create_app`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from booking_api.badges.reading import Readings
from booking_api.clock import Clock
from booking_api.crew import Alone, Crew
from booking_api.db import Database
from booking_api.live import LiveFloor
from booking_api.settings import Settings
from booking_api.vault import Vault
from floor.wire.messages import Order, Reply

if TYPE_CHECKING:
    from booking_api.periods.kept import Statements
    from booking_api.reports.utilisation import UtilisationReports

WRITERS = 4


class Orders(Protocol):
    """The link to the gateways, as far as this side of the server uses it."""

    async def run(self) -> None:
        """Hold the link until cancelled."""

    async def send_command(self, gateway: str, order: Order, by: str) -> Reply:
        """Send a signed order and return its reply; raises MachineUnreachable without one."""
        ...


@dataclass(frozen=True)
class Context:
    """The settings, the database, the clocks (of the floor, and of the wall), the secrets, the live floor,
    the badges that are being read, the link (None: without gateways, for tests and tools), and the crew.

    `writes` bounds how many requests wait for the database's one writer, so that they never hold every
    thread while the one that has it needs a thread to commit.
    """

    settings: Settings
    database: Database
    clock: Clock
    vault: Vault
    live: LiveFloor
    readings: Readings
    link: Orders | None = None
    crew: Crew = field(default_factory=Alone)
    wall: Clock = field(default_factory=Clock)
    writes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WRITERS))

    @cached_property
    def zone(self) -> ZoneInfo:
        """The space's time zone."""
        return ZoneInfo(self.settings.timezone)

    @cached_property
    def statements(self) -> Statements:
        """Open months' statements, kept for a while."""
        from booking_api.periods.kept import Statements  # here: most commands look at none

        return Statements(self.settings.currency, self.clock)

    @cached_property
    def utilisation(self) -> UtilisationReports:
        """What machines did with their time, by Prometheus; hours that are over are kept."""
        from booking_api.prometheus.query import Prometheus  # here: most commands ask for none
        from booking_api.reports.utilisation import UtilisationReports

        return UtilisationReports(Prometheus(self.settings.prometheus_url), self.zone)

    @property
    def https(self) -> bool:
        """Whether browsers reach this server by TLS."""
        return self.settings.address.startswith("https://")
