"""What the floor shows now: the latest state of every station, and who wants to hear of changes.

Lives in memory only and in one event loop: losing it loses nothing, a gateway sends it again in seconds. Each
process hears the gateways for itself; what else pages show is told by the one that changed it.
"""

import asyncio
from dataclasses import dataclass, field, replace
from weakref import WeakSet

from booking_api.crew import Alone, Crew
from floor.errors import Refused
from floor.wire.messages import Station, Stations, Vitals
from floor.wire.roster import Version

READERS_MAX = 512
LEAD_FOR_MS = 300_000
TOUCHED = "machine"
"""The kind of news that tells other processes of a machine."""


@dataclass(frozen=True, slots=True)
class GatewayPresence:
    """How a gateway is doing by its own last words; `seen_ms` is floor time in UTC milliseconds."""

    name: str
    online: bool
    seen_ms: int
    roster_age_s: int | None = None
    journal_lag: int = 0
    degraded: bool = False
    stuck: bool = False
    roster: Version | None = None
    vitals: Vitals | None = None
    lead_ms: int | None = None
    lead_at_ms: int = 0

    def clock_lead_ms(self, at_ms: int, now_ms: int) -> tuple[int, int]:
        """Return by how much its clock leads this server's by its messages, and when that was seen.

        A message may come late and never early, so the one that leads most within LEAD_FOR_MS is nearest to
        the truth: the clock is as much ahead as this says, or more by what that message took.
        """
        lead_ms = at_ms - now_ms
        if self.lead_ms is None or lead_ms >= self.lead_ms or now_ms - self.lead_at_ms > LEAD_FOR_MS:
            return lead_ms, now_ms
        return self.lead_ms, self.lead_at_ms


@dataclass(frozen=True, slots=True)
class FloorSnapshot:
    """All stations by machine id, and all gateways by name."""

    stations: dict[str, Station]
    gateways: dict[str, GatewayPresence]


@dataclass(eq=False, slots=True, weakref_slot=True)
class Changes:
    """What changed since a reader looked last. Its place is free again as soon as nobody holds it.

    A set, not a queue: a slow reader gets the latest of each machine once and cannot fall behind.
    """

    changed: set[str] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self) -> frozenset[str]:
        """Wait for a change, and return the ids of all machines that changed; cancelled, it loses none."""
        await self.wake.wait()
        self.wake.clear()
        changed, self.changed = frozenset(self.changed), set()
        return changed


class LiveFloor:
    """The floor as it is now."""

    def __init__(self, crew: Crew | None = None) -> None:
        self._crew = crew or Alone()
        self._crew.listen(self._hear)
        self._stations: dict[str, Station] = {}
        self._station_of: dict[str, str] = {}
        self._gateways: dict[str, GatewayPresence] = {}
        self._readers: WeakSet[Changes] = WeakSet()

    def snapshot(self) -> FloorSnapshot:
        """Return what is known now."""
        return FloorSnapshot(dict(self._stations), dict(self._gateways))

    def station(self, machine: str) -> Station | None:
        """Return the latest state of a machine's station."""
        return self._stations.get(machine)

    def gateway_of(self, machine: str) -> str | None:
        """Return the gateway that last spoke for a machine."""
        return self._station_of.get(machine)

    def received(self, message: Stations, now_ms: int) -> None:
        """Take a gateway's stations; the caller has checked that the topic names the same gateway."""
        before = self._gateways.get(message.gateway) or GatewayPresence(message.gateway, True, now_ms)
        lead_ms, lead_at_ms = before.clock_lead_ms(message.at_ms, now_ms)
        self._gateways[message.gateway] = GatewayPresence(
            name=message.gateway,
            online=True,
            seen_ms=now_ms,
            roster_age_s=message.roster_age_s,
            journal_lag=message.journal_lag,
            degraded=message.degraded,
            stuck=message.stuck,
            roster=message.roster,
            vitals=message.vitals,
            lead_ms=lead_ms,
            lead_at_ms=lead_at_ms,
        )
        changed = {
            station.machine
            for station in message.stations
            if self._stations.get(station.machine) != station
            or self._station_of.get(station.machine) != message.gateway
        }
        for station in message.stations:
            self._stations[station.machine] = station
            self._station_of[station.machine] = message.gateway
        self._tell(changed)

    def presence(self, gateway: str, online: bool, now_ms: int) -> None:
        """Take that a gateway came or went; its machines change with it, for they may show as offline."""
        before = self._gateways.get(gateway)
        if before is not None and before.online == online:
            return
        kept = before or GatewayPresence(gateway, online, now_ms)
        self._gateways[gateway] = replace(kept, online=online, seen_ms=now_ms)
        self._tell({machine for machine, name in self._station_of.items() if name == gateway})

    def touch(self, machine: str) -> None:
        """Say that something about a machine changed that pages show (a lockout, a charge)."""
        self._tell({machine})
        self._crew.tell(TOUCHED, machine)

    def _hear(self, kind: str, news: object) -> None:
        if kind == TOUCHED:
            self._tell({str(news)})

    def subscribe(self) -> Changes:
        """Listen from now on; read what changed with `station` or `snapshot`.

        Raises Refused beyond 512 readers.
        """
        if len(self._readers) >= READERS_MAX:
            raise Refused("readers_many", "Too many pages follow the floor just now. Load it again later.")
        mine = Changes()
        self._readers.add(mine)
        return mine

    def _tell(self, machines: set[str]) -> None:
        if not machines:
            return
        for reader in self._readers:
            reader.changed |= machines
            reader.wake.set()
