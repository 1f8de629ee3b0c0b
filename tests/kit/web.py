"""A server with people, machines and a history, without a gateway's process: for tests of API and pages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict
from zoneinfo import ZoneInfo

import httpx
from fastapi import FastAPI
from sqlmodel import Session

from booking_api import migrations
from booking_api.app import create_app
from booking_api.auth import service as auth
from booking_api.auth.permissions import GRANTS
from booking_api.auth.who import Who
from booking_api.badges import service as badges
from booking_api.badges.reading import Readings
from booking_api.certifications import service as certifications
from booking_api.clock import Clock
from booking_api.context import Context
from booking_api.db import Database
from booking_api.gateways.models import Gateway
from booking_api.live import LiveFloor
from booking_api.machines import service as machines
from booking_api.machines.service import MachineDetails
from booking_api.members import service as members
from booking_api.members.service import MemberDetails
from booking_api.metering.ingest import ingest
from booking_api.settings import read_settings
from booking_api.tariffs import service as tariffs
from booking_api.vault import open_vault
from floor.errors import MachineUnreachable
from floor.meter import Quantity
from floor.timescale import TimeScale
from floor.wire.journal import (
    GENESIS,
    Fact,
    JournalBatch,
    JournalEntry,
    SessionEnded,
    SessionStarted,
    chained,
)
from floor.wire.messages import Order, Reply, Station, Stations
from floor.words import Activity, BadgeKind, Role, StationState, StopType
from tests.kit.engine import IS_POSTGRESQL, url_in
from tests.kit.template import copied

NOW_MS = 1_779_357_600_000  # 2026-05-21 10:00 UTC
MINUTE = 60_000
PASSWORD = "a long enough password"
GATEWAY = "north"
TARIFF = """
id = "laser"
name = "Laser cutting"
commodity = "EUR"
valid_from = 2026-01-01
[tiers.guest]
[tiers.member]
multiplier = 0.5
[[components]]
per = "machine_time"
unit = "min"
block = "10 min"
price = 4.00
"""
PRINTER_TARIFF = """
id = "printer"
name = "3D printing"
commodity = "EUR"
valid_from = 2026-01-01
minimum = 0.50
[tiers.member]
[[components]]
per = "job_time"
unit = "h"
price = 0.60
free = "10 min"
[[components]]
per = "filament_mass"
unit = "g"
price = 0.035
"""
MACHINES = (
    ("printer-1", "Printer 1 · Mercury", "printer", "Print room", "printer"),
    ("printer-2", "Printer 2 · Venus", "printer", "Print room", "printer"),
    ("printer-3", "Printer 3 · Mars", "printer", "Print room", "printer"),
    ("laser-1", "Laser cutter 60 W", "laser", "Laser room", "laser"),
    ("laser-2", "Laser cutter 100 W", "laser", "Laser room", "laser"),
    ("cnc-1", "CNC router", "cnc", "Workshop", None),
    ("saw-1", "Table saw", "saw", "Workshop", None),
    ("door-1", "Night door", "door", "", None),
)
PEOPLE = (
    ("mira", "Mira", "Quince", Role.MEMBER),
    ("otto", "Otto", "Basalt", Role.MEMBER),
    ("ines", "Ines", "Fern", Role.INSTRUCTOR),
    ("tomas", "Tomás", "Flint", Role.TECHNICIAN),
    ("olga", "Olga", "Maple", Role.OPERATOR),
    ("ada", "Ada", "Jasper", Role.ADMIN),
)


@dataclass
class FakeLink:
    """The link of tests: answers orders as told, and remembers them."""

    orders: list[tuple[str, Order, str]] = field(default_factory=list)
    reachable: bool = True

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def send_command(self, gateway: str, order: Order, by: str) -> Reply:
        self.orders.append((gateway, order, by))
        if not self.reachable:
            raise MachineUnreachable(f"The gateway {gateway} is not connected.")
        return Reply(id="order", gateway=gateway, done=True, words="")


@dataclass
class WebFloor:
    """The application, and what tests need to know of its floor."""

    context: Context
    app: FastAPI
    link: FakeLink
    people: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)
    badge: dict[str, str] = field(default_factory=dict)
    _seq: int = 0
    _hash: str = GENESIS

    def browser(self) -> httpx.AsyncClient:
        """A browser that is not signed in."""
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://floor.test")

    def program(self, name: str) -> httpx.AsyncClient:
        """A program with a token of all that somebody may; "" is a program without one."""
        client = self.browser()
        if name:
            client.headers["authorization"] = f"Bearer {self.tokens[name]}"
        return client

    async def signed_in(self, name: str) -> httpx.AsyncClient:
        """A browser that is signed in; forms carry its token by header.

        It has its cookie without the page: a password is slow to check on purpose, and tests of the page do.
        """
        browser, now_ms = self.browser(), self.context.wall.now_ms()
        with self.context.database.write() as session:
            token = auth.begin_session(session, self.people[name], None, now_ms).token
            who = auth.by_cookie(session, token, now_ms)
        assert who is not None
        browser.cookies.set("makerfloor", token, domain="floor.test")
        browser.headers["x-csrf-token"] = who.csrf
        return browser

    def journal(self, *facts: tuple[int, Fact], heard_ms: int = NOW_MS) -> None:
        """Let the gateway record facts at instants (UTC ms), as ingest takes them when they are heard of."""
        entries: list[JournalEntry] = []
        for at_ms, fact in facts:
            self._seq += 1
            bare = JournalEntry(
                seq=self._seq,
                recorded_ms=at_ms,
                clock_error_ms=50,
                monotonic_ms=at_ms - NOW_MS + 10**11,
                boot_id="boot-1",
                previous=GENESIS,
                hash=GENESIS,
                fact=fact,
            )
            entries.append(chained(1, self._hash, bare))
            self._hash = entries[-1].hash
        batch = JournalBatch(gateway=GATEWAY, epoch=1, entries=entries)
        with self.context.database.write() as session:
            ingest(session, batch, heard_ms)

    def session(self, id: str, name: str, machine: str, ended_ms: int, minutes: int, **counters: int) -> None:
        """Let somebody have used a machine."""
        started = SessionStarted(
            session_id=id,
            machine=machine,
            member=self.people[name],
            account=self.people[name],
            badge="ab" * 16,
            tier="member",
            max_duration_s=36_000,
        )
        metered = {Quantity.MACHINE_TIME_MS: minutes * MINUTE}
        metered |= {Quantity(key): value for key, value in counters.items()}
        ended = SessionEnded(
            session_id=id, stop_type=StopType.TAP_OUT, elapsed_ms=minutes * MINUTE, counters=metered
        )
        self.journal((ended_ms - minutes * MINUTE, started), (ended_ms, ended))

    def shows(self, *stations: Station) -> None:
        """Let the gateway say what its stations show."""
        told = Stations(gateway=GATEWAY, at_ms=NOW_MS, stations=list(stations), roster_age_s=40)
        self.context.live.received(told, self.context.clock.now_ms())

    def in_use(self, machine: str, name: str, minutes: int = 12, **more: object) -> Station:
        """A station that somebody uses."""
        values: dict[str, object] = {
            "machine": machine,
            "state": StationState.IN_USE,
            "activity": Activity.BUSY,
            "since_ms": NOW_MS - minutes * MINUTE,
            "session_id": f"now-{machine}",
            "member": self.people[name],
            "elapsed_ms": minutes * MINUTE,
            "price_micro": 4_000_000,
            "commodity": "EUR",
        }
        return Station.model_validate(values | more)

    def free(self, machine: str) -> Station:
        """A station that nobody uses."""
        return Station(machine=machine, state=StationState.FREE, activity=Activity.IDLE, since_ms=NOW_MS)


SETTINGS = '[space]\nname = "Kelp Street"\ntimezone = "Europe/Dublin"\n'


def build(folder: Path, url: str = "") -> WebFloor:
    """Build the floor in a folder. Its clock stands at NOW_MS when it is built, and goes on.

    People, machines and history are made once and copied: passwords are slow to hash on purpose. `url` names
    another database than the folder's own, which is not there yet.
    """
    own = f"sqlite:///{folder / 'data' / 'makerfloor.db'}"
    url = url or (url_in(folder) if IS_POSTGRESQL else own)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    first = copied(_filled, url, folder)
    (folder / "makerfloor.toml").write_text(SETTINGS + (_database(url) if url != own else ""))
    floor = replace(first, **_parts(folder))
    _all_free(floor)
    return floor


def _database(url: str) -> str:
    return f'[database]\nurl = "{url}"\n'


def _filled(url: str, folder: Path) -> WebFloor:
    (folder / "makerfloor.toml").write_text(SETTINGS + _database(url))
    (folder / "data").mkdir(exist_ok=True)
    parts = _parts(folder)
    floor = WebFloor(people={}, **parts)
    migrations.upgrade(floor.context.database.engine)
    with floor.context.database.write() as session:
        _people(session, floor)
        _machines(session, floor)
    _history(floor)
    floor.context.database.close()
    return floor


class _Parts(TypedDict):
    context: Context
    app: FastAPI
    link: FakeLink


def _parts(folder: Path) -> _Parts:
    settings = read_settings(folder / "makerfloor.toml", {})
    database = Database(settings.database_url, settings.data, ZoneInfo(settings.timezone))
    clock, link = Clock(TimeScale(Clock().now_ms(), NOW_MS, 1)), FakeLink()
    vault, live = open_vault(settings.data), LiveFloor()
    readings = Readings(database, vault, clock, live)
    context = Context(settings, database, clock, vault, live, readings, link)
    return {"context": context, "app": create_app(context), "link": link}


def _people(session: Session, floor: WebFloor) -> None:
    real_ms = floor.context.wall.now_ms()
    for name, first, last, role in PEOPLE:
        details = MemberDetails(first_name=first, last_name=last, role=role, email=f"{name}@kelp.test")
        member = members.add(session, details, NOW_MS)
        floor.people[name] = member.id
        auth.set_password(session, member.id, name, PASSWORD, real_ms, chosen=False)
        who = Who(member, GRANTS[role])
        floor.tokens[name] = auth.issue_token(session, who, "test", GRANTS[role], None, real_ms)[1]
        uid = len(floor.people).to_bytes(4, "big")
        vault = floor.context.vault
        badge = badges.enrol(session, vault, member.id, uid, BadgeKind.UID_13MHZ, "Blue fob", NOW_MS)
        floor.badge[name] = badge.id


def _machines(session: Session, floor: WebFloor) -> None:
    session.add(
        Gateway(
            name=GATEWAY,
            broker_username=GATEWAY,
            broker_password_sealed="",
            badge_key_sealed=floor.context.vault.seal(bytes(32)),
            enrolled_ms=NOW_MS,
        )
    )
    session.flush()
    for text in (TARIFF, PRINTER_TARIFF):
        tariffs.add(session, text, "test", NOW_MS)
    session.flush()
    for id, name, kind, location, tariff in MACHINES:
        details = MachineDetails(
            id=id, name=name, kind=kind, location=location, gateway=GATEWAY, tariff=tariff,
            policy={"on_leave": "hold_for_job"} if kind == "printer" else {"hazardous": True},
        )  # fmt: skip
        machines.add(session, details, NOW_MS)
    session.flush()
    for machine in ("laser-1", "printer-1"):
        certifications.grant(session, floor.people["mira"], machine, floor.people["ines"], NOW_MS)


def _history(floor: WebFloor) -> None:
    floor.session("use-1", "mira", "laser-1", NOW_MS - 90 * MINUTE, 25)
    floor.session(
        "use-2", "mira", "printer-1", NOW_MS - 50 * MINUTE, 80, job_time_ms=74 * MINUTE, filament_mg=23_456
    )
    floor.session("use-3", "otto", "laser-1", NOW_MS - 40 * MINUTE, 14)
    floor.session("use-4", "mira", "saw-1", NOW_MS - 30 * MINUTE, 7)


def _all_free(floor: WebFloor) -> None:
    floor.shows(*(floor.free(machine[0]) for machine in MACHINES))
