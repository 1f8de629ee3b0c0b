"""The print queue whole: a file, a real server and Mosquitto, a gateway, a tap, a print and its bill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlmodel import select

from booking_api.accounts import teams
from booking_api.app import create_app
from booking_api.auth import service as auth
from booking_api.auth.permissions import GRANTS
from booking_api.auth.who import Who
from booking_api.badges import service as badges
from booking_api.broker.plan import Identity, IdentityKind
from booking_api.broker.process import BrokerSettings, Engine, find_mosquitto, run_broker
from booking_api.context import Context
from booking_api.gateways import enrol
from booking_api.gateways.keys import open_signer
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.prints.models import PrintJob
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.settings import read_settings
from booking_api.start import open_context
from booking_api.tariffs import service as tariffs
from floor.words import BadgeKind, Role
from gateway import config as configuration
from gateway.app import Gateway, opened
from gateway.print_files import FOLDER
from hardware.events import BadgeTapped
from tests.kit.engine import setting
from tests.kit.prints import queued
from tests.kit.web import PRINTER_TARIFF

UID = bytes.fromhex("04a2b3c4")
PATIENCE_S = 30
GCODE = "; estimated printing time (normal mode) = 1h 10m 0s\nM83\nG1 X1 E9000\n; filament used [g] = 27.0\n"
SPEED = 3600.0
"""The simulated printer prints an hour in a second."""


@dataclass
class Space:
    """A server, a gateway with one printer, and a member of a team."""

    context: Context
    gateway: Gateway
    member: str
    client: httpx.AsyncClient

    async def tap(self) -> None:
        await self.gateway.stations["printer-1"].put(BadgeTapped(UID, BadgeKind.UID_13MHZ))

    def job(self, id: str) -> PrintJob:
        with self.context.database.read() as session:
            return session.get_one(PrintJob, id)

    def session(self) -> MachineSession | None:
        with self.context.database.read() as session:
            return session.exec(select(MachineSession)).first()

    def has(self, id: str) -> bool:
        return (self.gateway.config.data / FOLDER / f"{id}.gcode").is_file()


async def until(holds: Callable[[], object], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {PATIENCE_S} s: {what}") from None


def furnish(context: Context) -> tuple[enrol.Enrolment, str, str]:
    """Put a printer on the floor, and a member with a badge, a team and a token."""
    now_ms = context.clock.now_ms()
    with context.database.write() as session:
        known = enrol.enrol(session, context.vault, "gw", now_ms)
        tariffs.add(session, PRINTER_TARIFF, "test", now_ms)
        session.flush()
        details = machines.MachineDetails(
            id="printer-1", name="Printer 1", kind="printer", gateway="gw", tariff="printer",
            requires_certification=False, policy={"on_leave": "hold_for_job"},
        )  # fmt: skip
        machines.add(session, details, now_ms)
        member = members.add(session, members.MemberDetails(first_name="Ada", last_name="Byron"), now_ms)
        badges.enrol(session, context.vault, member.id, UID, BadgeKind.UID_13MHZ, "", now_ms)
        teams.add(session, teams.TeamDetails(id="robots", name="Robots"), now_ms, owner=member.id)
        grants = GRANTS[Role.MEMBER]
        _, token = auth.issue_token(session, Who(member, grants), "test", grants, None, context.wall.now_ms())
        return known, member.id, token


@pytest.fixture
async def space(tmp_path: Path) -> AsyncIterator[Space]:
    assert find_mosquitto(), "Mosquitto is missing: apt-get install mosquitto (make setup does, as root)"
    (tmp_path / "data").mkdir()
    toml = tmp_path / "makerfloor.toml"
    database = setting(tmp_path)
    toml.write_text(database)
    first = open_context(read_settings(toml, {}), migrate=True)
    known, member, token = furnish(first)
    first.database.close()
    signer = open_signer(tmp_path / "data")
    identities = (
        Identity("server", "s", IdentityKind.SERVER),
        Identity("gw", known.password, IdentityKind.GATEWAY),
    )
    settings = BrokerSettings(tmp_path / "broker", identities, engine=Engine.MOSQUITTO)
    async with run_broker(settings) as broker:
        reached = f'[broker]\nhost = "{broker.host}"\nport = {broker.port}\npassword = "s"\n'
        toml.write_text(reached + database)
        context = open_context(read_settings(toml, {}))
        config = uvicorn.Config(create_app(context), "127.0.0.1", 0, log_level="warning")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started, "the server")
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        file = tmp_path / "gateway.toml"
        file.write_text(
            f'name = "gw"\ndata = "gw"\nbadge_key = "{known.badge_key.hex()}"\n'
            f'server_key = "{signer.public_key}"\n'
            f'[broker]\nport = {broker.port}\npassword = "{known.password}"\n[server]\nurl = "{url}"\n'
            '[http]\nport = 0\n[journal]\nstorage = "volatile"\n[[stations]]\nmachine = "printer-1"\n'
            'reader = {kind = "simulated"}\nrelay = {kind = "simulated"}\n'
            f'driver = {{kind = "simulated", speed = {SPEED}, tick_s = 0.05}}\n'
        )
        auth_header = {"authorization": f"Bearer {token}"}
        async with (
            opened(configuration.load(file)) as gateway,
            httpx.AsyncClient(base_url=url, headers=auth_header) as client,
        ):
            running = asyncio.create_task(gateway.run())
            await until(lambda: gateway.roster.machines, "the roster")
            yield Space(context, gateway, member, client)
            running.cancel()
            await asyncio.wait([running])
        server.should_exit = True
        await serving
    context.database.close()


async def test_a_file_becomes_a_print_and_its_bill_is_what_was_said(space: Space) -> None:
    first = await queued(space.client, gcode=GCODE, account="robots")
    second = await queued(space.client, gcode=GCODE + ";\n", name="second.gcode")
    assert (first["price_micro"], second["price_micro"]) == (1_550_000, 1_550_000)
    await until(lambda: space.has(first["id"]) and space.has(second["id"]), "the files are there")
    await space.client.post(f"/api/v1/prints/{second['id']}/cancel")
    await until(lambda: not space.has(second["id"]), "a cancelled file goes")
    await until(lambda: space.gateway.stations["printer-1"].side.reachable, "the printer")

    await space.tap()
    await until(lambda: space.job(first["id"]).state == "printing", "the server hears that it prints")
    await space.tap()
    await until(lambda: space.job(first["id"]).state == "done", "the server hears that it is done")
    await until(
        lambda: (used := space.session()) and used.state is SessionState.PRICED, "the session is priced"
    )
    used = space.session()
    assert used
    assert (used.id, used.account, used.member) == (space.job(first["id"]).session, "robots", space.member)
    assert used.counters["job_time_ms"] == first["quantities"]["job_time_ms"] == 4_200_000
    assert used.counters["filament_mg"] == first["quantities"]["filament_mg"] == 27_000
    assert used.total_micro == first["price_micro"]
    await until(lambda: not space.gateway.roster.machines["printer-1"].entry.prints, "the queue is empty")
    await until(lambda: not list((space.gateway.config.data / FOLDER).iterdir()), "nothing is left behind")
