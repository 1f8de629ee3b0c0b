"""Who pays, from the station's page to the books: a real Mosquitto, the server's link, a whole gateway."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession

from booking_api.accounts import teams
from booking_api.badges import service as badges
from booking_api.broker.plan import Identity, IdentityKind
from booking_api.broker.process import BrokerSettings, Engine, find_mosquitto, run_broker
from booking_api.broker.settings import BrokerSettings as Reach
from booking_api.clock import Clock
from booking_api.gateways import enrol
from booking_api.gateways.keys import open_signer
from booking_api.gateways.office import Office
from booking_api.link import Link
from booking_api.live import LiveFloor
from booking_api.machines import service as machines
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.tariffs import service as tariffs
from floor.words import BadgeKind
from gateway import config as configuration
from gateway.app import Gateway, opened
from hardware.events import BadgeTapped
from tests.kit.engine import url_in
from tests.kit.server import Floor, make_floor

UID = bytes.fromhex("04a2b3c4")
PATIENCE_S = 30
TARIFF = """
id = "day"
name = "By the day"
commodity = "EUR"
valid_from = 2020-01-01
[[components]]
per = "day"
price = 2.00
[[components]]
per = "jobs"
unit = "job"
price = 1
"""


@dataclass
class Space:
    """A server and a gateway that know each other; Ada may pay herself, or the robotics team may."""

    floor: Floor
    gateway: Gateway
    client: ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway.http.port}"

    async def tap(self) -> None:
        await self.gateway.stations["laser-1"].put(BadgeTapped(UID, BadgeKind.UID_13MHZ))

    async def use(self, account: str = "") -> MachineSession:
        """Tap in, have an account pay, tap out; return the session as the server has priced it."""
        station = self.gateway.stations["laser-1"]
        await self.tap()
        await until(lambda: station.session_id is not None, "a session")
        id = station.session_id or ""
        if account:
            async with self.client.get(f"{self.url}/stations/laser-1") as answer:
                page = await answer.text()
            form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
            sent, where = {"Origin": self.url}, f"{self.url}/stations/laser-1"
            async with self.client.post(where, data=form | {"account": account}, headers=sent) as answer:
                assert answer.status == 200, await answer.text()
        self.shown = station.view.wire().price_micro
        await self.tap()
        await until(lambda: self.priced(id), f"the price of {id}")
        return self.floor.sessions()[id]

    def priced(self, id: str) -> bool:
        row = self.floor.sessions().get(id)
        return row is not None and row.state is SessionState.PRICED

    def owed(self) -> dict[str, int]:
        return {
            account.removeprefix("assets:member:"): micro
            for (account, _), micro in self.floor.balances().items()
            if account.startswith("assets:member:")
        }


async def until(holds: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {PATIENCE_S} s: {what}") from None


def furnish(floor: Floor, now_ms: int) -> enrol.Enrolment:
    with floor.db.write() as session:
        tariffs.add(session, TARIFF, "test", now_ms)
        session.flush()
        machines.change(session, "laser-1", machines.MachineChanges(tariff="day"), now_ms)
        badges.enrol(session, floor.vault, floor.ada, UID, BadgeKind.UID_13MHZ, "", now_ms)
        details = teams.TeamDetails(id="robotics", name="Robotics team", credit_limit_micro=50_000_000)
        teams.add(session, details, now_ms, owner=floor.ada)
        return enrol.recall(session, floor.vault, "gw")


@pytest.fixture
async def space(tmp_path: Path) -> AsyncIterator[Space]:
    assert find_mosquitto(), "Mosquitto is missing: apt-get install mosquitto (make setup does, as root)"
    floor, clock = make_floor(url_in(tmp_path), tmp_path), Clock()
    known, signer = furnish(floor, clock.now_ms()), open_signer(tmp_path)
    identities = (
        Identity("server", "s", IdentityKind.SERVER),
        Identity("gw", known.password, IdentityKind.GATEWAY),
    )
    settings = BrokerSettings(tmp_path / "broker", identities, engine=Engine.MOSQUITTO)
    async with run_broker(settings) as broker, ClientSession() as client:
        reach = Reach(broker.host, broker.port, "server", "s", None)
        link = Link(reach, floor.db, clock, signer, Office(floor.vault, "EUR"), LiveFloor())
        serving = asyncio.create_task(link.run())
        file = tmp_path / "gateway.toml"
        file.write_text(
            f'name = "gw"\ndata = "gw"\nbadge_key = "{known.badge_key.hex()}"\n'
            f'server_key = "{signer.public_key}"\n'
            f'[broker]\nport = {broker.port}\npassword = "{known.password}"\n'
            '[http]\nport = 0\n[journal]\nstorage = "volatile"\n[[stations]]\nmachine = "laser-1"\n'
            'reader = {kind = "simulated"}\nrelay = {kind = "simulated"}\n'
        )
        async with opened(configuration.load(file)) as gateway:
            running = asyncio.create_task(gateway.run())
            await until(lambda: gateway.roster.account(floor.ada, "robotics") is not None, "the roster")
            yield Space(floor, gateway, client)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    floor.db.close()


@pytest.mark.timeout(120)
async def test_the_account_that_was_chosen_at_the_station_is_billed_what_was_shown_there(
    space: Space,
) -> None:
    ada = space.floor.ada
    row = await space.use("robotics")
    assert (row.account, row.total_micro, space.shown) == ("robotics", 2_000_000, 2_000_000)
    assert space.owed() == {"robotics": 2_000_000}
    await until(lambda: space.gateway.roster.budgets.get("robotics") == 48_000_000, "what the team has left")
    team = space.gateway.roster.account(ada, "robotics")
    left = space.gateway.credit.left
    await until(lambda: left(team, {"robotics": 1}) == 1, "the hold given back, as the server has the end")
    again = await space.use("robotics")
    assert (again.total_micro, space.shown) == (0, 0), "the team has paid for the day"
    own = await space.use()
    assert (own.account, own.total_micro, space.shown) == (ada, 2_000_000, 2_000_000)
    assert space.owed() == {"robotics": 2_000_000, ada: 2_000_000}
