"""A month begins while gateways are connected: they are told at once, and once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from booking_api.accounts import service
from booking_api.badges import service as badges
from booking_api.broker.plan import Identity, IdentityKind
from booking_api.broker.process import BrokerSettings, Engine, find_mosquitto, run_broker
from booking_api.broker.settings import BrokerSettings as Reach
from booking_api.clock import Clock
from booking_api.gateways.keys import open_signer
from booking_api.gateways.office import Office
from booking_api.link import Link
from booking_api.live import LiveFloor
from floor.wire.roster import Roster
from floor.words import BadgeKind
from tests.contract.server.test_account_limits import MONTH, NEXT_MONTH_MS, charge
from tests.contract.server.test_link import Pi, Server, greet, pi_at
from tests.kit.engine import url_in
from tests.kit.server import NOW_MS, Floor

EUR = 1_000_000


class Calendar(Clock):
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        super().__init__()
        self.at_ms = NEXT_MONTH_MS - 1

    def now_ms(self) -> int:
        return self.at_ms


@pytest.fixture
def url(tmp_path: Path) -> str:
    return url_in(tmp_path)


async def told(pi: Pi) -> Roster:
    roster = await pi.hear_signed()
    assert isinstance(roster, Roster)
    return roster


async def test_gateways_hear_that_a_month_began(floor: Floor, tmp_path: Path) -> None:
    assert find_mosquitto(), "Mosquitto is missing: apt-get install mosquitto (make setup does, as root)"
    with floor.db.write() as session:
        service.set_limits(session, floor.ada, {"monthly_limit_micro": 40 * EUR}, NOW_MS)
        badges.enrol(session, floor.vault, floor.ada, b"\1\2\3\4", BadgeKind.UID_13MHZ, "", NOW_MS)
    charge(floor.db, floor.ada, floor.ada, 33 * EUR, MONTH)
    identities = (Identity("server", "s", IdentityKind.SERVER), Identity("gw", "g", IdentityKind.GATEWAY))
    settings, clock = BrokerSettings(tmp_path / "broker", identities, engine=Engine.MOSQUITTO), Calendar()
    async with run_broker(settings) as broker:
        live, reach = LiveFloor(), Reach(broker.host, broker.port, "server", "s", None)
        link = Link(reach, floor.db, clock, open_signer(tmp_path), Office(floor.vault, "EUR"), live)
        running = asyncio.create_task(link.run())
        async with pi_at(broker) as pi:
            before = await greet(Server(floor, link, live, broker), pi)
            assert before.members[floor.ada].spendable_micro == 7 * EUR
            clock.at_ms = NEXT_MONTH_MS
            after = await told(pi)
            assert after.members[floor.ada].spendable_micro == 40 * EUR
            assert after.version > before.version
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
