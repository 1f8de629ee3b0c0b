"""A gateway on a bench: a clock that tests move, a server that signs, stations with simulated devices."""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firmware_bridge.driver import Driver
from floor.access import BadgeStanding, MemberStanding
from floor.ids import badge_reference, uuid7
from floor.policy import MachinePolicy
from floor.wire.base import Message
from floor.wire.journal import Fact, JournalEntry
from floor.wire.messages import Command, Order, Signed
from floor.wire.roster import Roster, RosterDelta, RosterMachine, RosterVersion
from floor.words import BadgeKind
from gateway.config import ServerConfig
from gateway.credit import Credit
from gateway.journal import Journal
from gateway.metrics import Metrics
from gateway.prices import Prices
from gateway.print_files import PrintFiles
from gateway.proofs import Proofs
from gateway.roster import RosterStore
from gateway.station import Station
from gateway.wiring import Devices, Services, Tick
from hardware.events import BadgeTapped
from hardware.simulated import SimulatedPanel, SimulatedReader, SimulatedRelay

NOW_MS = 1_800_000_000_000
ADA, BEN, EVE = b"\x62\xe3\x08\x6c\xed", b"\x01\x02\x03\x04\x05", b"\x09\x09\x09\x09\x09"
BADGE_KEY = bytes(range(32))
TARIFF: dict[str, object] = {
    "id": "laser",
    "name": "Laser",
    "commodity": "EUR",
    "valid_from": "2020-01-01",
    "components": [{"per": "machine_time", "unit": "h", "price": "60"}],
}


@dataclass
class FakeClock:
    """Time stands until a test moves it."""

    boot_id: str = "boot-1"
    monotonic: int = 1_000
    wall: int = NOW_MS
    trusted: bool = True
    earliest: int = 0
    error: int | None = None
    server: int = 0

    def monotonic_ms(self) -> int:
        return self.monotonic

    def wall_ms(self) -> int:
        return self.wall

    def known(self) -> bool:
        return self.trusted

    def error_ms(self) -> int | None:
        return self.error

    def not_before(self, wall_ms: int) -> None:
        self.earliest = max(self.earliest, wall_ms)

    def heard(self, server_ms: int) -> None:
        self.server = server_ms

    def pass_s(self, seconds: float) -> None:
        self.monotonic += round(seconds * 1000)
        self.wall += round(seconds * 1000)


class SigningServer:
    """Signs as the server does."""

    def __init__(self, gateway: str = "gw") -> None:
        self._key = Ed25519PrivateKey.generate()
        self.gateway = gateway

    @property
    def public(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, kind: str, message: Message) -> bytes:
        unsigned = Signed.model_construct(kind=kind, body=message.encode().decode(), signature="")
        signature = b64encode(self._key.sign(unsigned.signed_bytes())).decode()
        return Signed(kind=kind, body=unsigned.body, signature=signature).encode()  # type: ignore[arg-type]

    def roster(self, n: int = 1, epoch: int = 1, **changes: object) -> bytes:
        return self.sign("roster", make_roster(self.gateway, n, epoch, **changes))

    def delta(self, base: int, n: int, **changes: object) -> bytes:
        versions = {"base": RosterVersion(1, base), "version": RosterVersion(1, n)}
        delta = RosterDelta(gateway=self.gateway, issued_ms=NOW_MS, **versions, **changes)  # type: ignore[arg-type]
        return self.sign("roster_delta", delta)

    def command(self, order: Order, *, id: str = "c1", expires_ms: int = NOW_MS + 60_000) -> bytes:
        return self.sign(
            "command",
            Command(
                id=id, gateway=self.gateway, by="tech", issued_ms=NOW_MS, expires_ms=expires_ms, order=order
            ),
        )


def make_roster(gateway: str = "gw", n: int = 1, epoch: int = 1, **changes: object) -> Roster:
    """Ada may use the laser; Ben may not; Eve's badge is unknown."""
    policy = changes.pop("policy", MachinePolicy())
    lockout = changes.pop("lockout", None)
    fields: dict[str, object] = {
        "gateway": gateway,
        "version": RosterVersion(epoch, n),
        "issued_ms": NOW_MS,
        "members": {
            "ada": MemberStanding("ada", "Ada", "standard", "ada", allowed={"laser": 0}),
            "ben": MemberStanding("ben", "Ben", "standard", "ben"),
        },
        "badges": {
            badge_reference(BADGE_KEY, ADA): BadgeStanding("ada", BadgeKind.UID_125KHZ),
            badge_reference(BADGE_KEY, BEN): BadgeStanding("ben", BadgeKind.UID_125KHZ),
        },
        "machines": [
            RosterMachine(id="laser", name="Laser", policy=policy, tariffs=[TARIFF], lockout=lockout)  # type: ignore[arg-type]
        ],
    }
    return Roster(**(fields | changes))  # type: ignore[arg-type]


@dataclass
class Bench:
    """One station with all that it needs."""

    folder: Path
    policy: MachinePolicy = field(default_factory=MachinePolicy)
    driver: Driver | None = None
    feedback: bool = True
    files_from: ServerConfig = field(default_factory=ServerConfig)
    keeps: bool = False

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.server = SigningServer()
        self.alarms: list[str] = []
        self.journal = Journal(self.folder / "journal.db", self.clock, self.alarms.append)
        self.roster = RosterStore(
            self.folder / "roster.jsonl", "gw", BADGE_KEY, self.server.public, self.clock
        )
        self.roster.take(self.server.roster(policy=self.policy))
        self.metrics = Metrics("test")
        self.proofs = Proofs(self.journal)
        self.credit, self.prices = Credit(), Prices(self.roster)
        self.prints = PrintFiles(self.folder, self.files_from, self.roster, self.metrics)
        self.reader = SimulatedReader("reader")
        self.relay = SimulatedRelay("relay", self.feedback)
        self.panel = SimulatedPanel("panel")
        self.extraction = SimulatedRelay("extraction", False)
        self.rebuild()

    def rebuild(self) -> None:
        """Make the station anew of its devices, as after another was wired."""
        devices = Devices(self.reader, self.relay, self.panel, self.extraction, self.driver, keeps=self.keeps)
        self.station = Station("laser", devices, self.services())

    def services(self, changed: Callable[[], None] = lambda: None) -> Services:
        return Services(
            clock=self.clock,
            journal=self.journal,
            roster=self.roster,
            credit=self.credit,
            prices=self.prices,
            prints=self.prints,
            metrics=self.metrics,
            proofs=self.proofs,
            new_id=lambda: uuid7(self.clock.wall, secrets.token_bytes(10)),
            changed=changed,
            checkpoint_ms=30_000,
        )

    async def tap(self, uid: bytes = ADA) -> None:
        await self.station.handle(BadgeTapped(uid, BadgeKind.UID_125KHZ), 0.0)

    async def pass_s(self, seconds: int) -> None:
        """Let time pass a second at a time, as the gateway's ticker does."""
        for _ in range(seconds):
            self.clock.pass_s(1)
            await self.station.handle(Tick(), 0.0)

    async def entries(self) -> list[JournalEntry]:
        """Return what is on disk, once the disk has all of it."""
        while self.journal.durable < self.journal.next_seq - 1:
            await asyncio.sleep(0.005)
        found: list[JournalEntry] = []
        while more := await self.journal.to_send(found[-1].seq if found else 0, 200):
            found += more
        return found

    async def facts(self) -> list[Fact]:
        return [entry.fact for entry in await self.entries()]

    async def kinds(self) -> list[str]:
        return [fact.type for fact in await self.facts()]

    @property
    def said(self) -> str:
        """The last line that the panel shows."""
        return self.panel.screens[-1].lines[-1]
