"""One badge at two sites: each with a Mosquitto, a server's link and a whole gateway of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlmodel import select

from booking_api.badges import service as badges
from booking_api.broker.plan import Identity, IdentityKind
from booking_api.broker.process import BrokerSettings, Engine, find_mosquitto, run_broker
from booking_api.broker.settings import BrokerSettings as Reach
from booking_api.clock import Clock
from booking_api.gateways import enrol
from booking_api.gateways.keys import open_signer
from booking_api.gateways.office import Office
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account, site_receivable
from booking_api.link import Link
from booking_api.live import LiveFloor
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.sites import asking, known
from booking_api.sites.carrying import Carrying
from booking_api.sites.courier import Open
from booking_api.sites.models import SiteBill
from booking_api.tariffs import service as tariffs
from floor.wire.journal import TapRefused
from floor.words import BadgeKind, DenialReason
from gateway import config as configuration
from gateway.app import Gateway, opened
from hardware.events import BadgeTapped
from tests.kit.sites import UID, Two, two_sites

PATIENCE_S = 60
TARIFF = """
id = "day"
name = "By the day"
commodity = "{code}"
valid_from = 2020-01-01
[[components]]
per = "day"
price = 30.00
"""
GATEWAY = """
name = "gw"
data = "gw"
badge_key = "{badge_key}"
server_key = "{server_key}"
[broker]
port = {port}
password = "{password}"
[http]
port = 0
[journal]
storage = "volatile"
[[stations]]
machine = "laser-1"
reader = {{kind = "simulated"}}
relay = {{kind = "simulated"}}
"""


async def until(holds: Callable[[], object], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {PATIENCE_S} s: {what}") from None


@asynccontextmanager
async def running(site: Open) -> AsyncIterator[Gateway]:
    """Run a site's broker, its server's link, and its gateway."""
    clock, folder = Clock(), site.settings.data
    with site.db.write() as session:
        tariffs.add(session, TARIFF.format(code=site.code), "test", clock.now_ms())
        session.flush()
        machines.change(session, "laser-1", machines.MachineChanges(tariff="day"), clock.now_ms())
        gw, signer = enrol.recall(session, site.vault, "gw"), open_signer(folder)
    identities = (
        Identity("server", "s", IdentityKind.SERVER),
        Identity("gw", gw.password, IdentityKind.GATEWAY),
    )
    settings = BrokerSettings(folder / "broker", identities, engine=Engine.MOSQUITTO)
    async with run_broker(settings) as broker, asyncio.TaskGroup() as group:
        reach = Reach(broker.host, broker.port, "server", "s", None)
        link = Link(reach, site.db, clock, signer, Office(site.vault, site.code), LiveFloor())
        tasks = [group.create_task(link.run())]
        file = folder / "gateway.toml"
        secrets = {"badge_key": gw.badge_key.hex(), "server_key": signer.public_key, "password": gw.password}
        file.write_text(GATEWAY.format(port=broker.port, **secrets))
        async with opened(configuration.load(file)) as gateway:
            tasks.append(group.create_task(gateway.run()))
            yield gateway
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def tap(gateway: Gateway) -> None:
    await gateway.stations["laser-1"].put(BadgeTapped(UID, BadgeKind.UID_13MHZ))


async def use(gateway: Gateway) -> None:
    station = gateway.stations["laser-1"]
    await tap(gateway)
    await until(lambda: station.session_id is not None, "a session")
    await tap(gateway)
    await until(lambda: station.session_id is None, "its end")


def owed(site: Open, account: str) -> int:
    with site.db.read() as session:
        return ledger.balance(session, account, site.code)


@pytest.mark.timeout(180)
async def test_a_visitor_taps_and_their_home_charges_them(tmp_path: Path) -> None:
    assert find_mosquitto(), "Mosquitto is missing: apt-get install mosquitto (make setup does, as root)"
    with two_sites(tmp_path) as two:
        carrying = Carrying(two.courier, Clock().now_ms)
        carrying.start()
        try:
            async with running(two.berlin) as home, running(two.shanghai) as host:
                await _roam(two, home, host)
        finally:
            assert carrying.stop() == []
        assert two.courier.compare() == []


async def _roam(two: Two, home: Gateway, host: Gateway) -> None:
    await until(lambda: _listed(two.berlin), "what Berlin knows of Shanghai")
    await until(lambda: home.roster.version and host.roster.version, "the first rosters")
    with two.berlin.db.write() as session:
        asking.grant(session, members.get(session, two.ada), "shanghai", None, "staff", Clock().now_ms())
    await until(lambda: _knows(host), "Ada's badge at Shanghai's gateway")
    await use(host)
    await until(lambda: _bills(two.berlin), "the charge at home")
    assert owed(two.shanghai, site_receivable("berlin")) == 30_000_000  # CNY, and 3.84 + 2.5 % EUR:
    assert owed(two.berlin, member_account(two.ada)) == 3_940_000
    await use(home)
    await until(lambda: owed(two.berlin, member_account(two.ada)) == 33_940_000, "the use at home")
    with two.berlin.db.write() as session:
        (badge,) = badges.of_member(session, two.ada)
        badges.report_lost(session, badge.id, Clock().now_ms())
    await until(lambda: not _knows(host), "the lost badge at Shanghai's gateway")
    journalled = host.journal.next_seq
    await tap(host)
    await until(lambda: host.journal.durable >= journalled, "what the gateway made of it")
    last = (await host.journal.to_send(0, 200))[-1].fact
    assert isinstance(last, TapRefused)
    assert last.reason is DenialReason.BADGE_LOST


def _knows(gateway: Gateway) -> bool:
    _, badge, member = gateway.roster.look_up(UID)
    return badge is not None and not badge.lost and member is not None and "laser-1" in member.allowed


def _listed(site: Open) -> bool:
    with site.db.read() as session:
        return bool(known.listed(session))


def _bills(site: Open) -> bool:
    with site.db.read() as session:
        return bool(session.exec(select(SiteBill)).all())
