"""No machine is booked twice, on either database, whoever asks at once or writes past the service."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from booking_api import migrations
from booking_api.app import create_app
from booking_api.auth import service as auth
from booking_api.auth.permissions import GRANTS
from booking_api.auth.who import Who
from booking_api.badges.reading import Readings
from booking_api.certifications import service as certifications
from booking_api.clock import Clock
from booking_api.context import Context
from booking_api.db import Database
from booking_api.ledger.accounts import member_account
from booking_api.live import LiveFloor
from booking_api.members.models import Member
from booking_api.reservations import policies, waiting
from booking_api.reservations.booking import BookingDetails, accept, book
from booking_api.reservations.diary import Diary
from booking_api.reservations.models import Offer, Reserved
from booking_api.reservations.release import sweep
from booking_api.reservations.waiting import WaitDetails
from booking_api.settings import read_settings
from floor.errors import ConfigError, Refused
from floor.reservation.terms import Standing
from floor.timescale import TimeScale
from tests.kit.reservations import API, HOUR, POLICY
from tests.kit.server import MINUTE_MS, NOW_MS, Floor
from tests.peers.postgres import PostgresPeer

ASKED = 50


def worker(floor: Floor) -> Context:
    """One of several server processes on the same database."""
    file = floor.db.data / "makerfloor.toml"
    file.write_text('[space]\nname = "Kelp Street"\ntimezone = "Europe/Dublin"\n')
    clock, live = Clock(TimeScale(Clock().now_ms(), NOW_MS, 1)), LiveFloor()
    database = Database(floor.db.url, floor.db.data, ZoneInfo("Europe/Dublin"))
    readings = Readings(database, floor.vault, clock, live)
    return Context(read_settings(file, {}), database, clock, floor.vault, live, readings)


def token(floor: Floor, member: str) -> str:
    real_ms = Clock().now_ms()
    with floor.db.write() as session:
        who = Who(session.get_one(Member, member), GRANTS[session.get_one(Member, member).role])
        return auth.issue_token(session, who, "test", who.permissions, None, real_ms)[1]


def row(machine: str, begins_ms: int, ends_ms: int, **more: object) -> Reserved:
    values = {"made_ms": NOW_MS, "made_by": "x", "changed_ms": NOW_MS, "id": f"r{begins_ms}-{ends_ms}"} | more
    blocks = {"blocks_from_ms": begins_ms, "blocks_to_ms": ends_ms}
    return Reserved(machine=machine, begins_ms=begins_ms, ends_ms=ends_ms, **(blocks | values))


async def test_of_fifty_who_ask_at_once_one_has_the_slot(floor: Floor) -> None:
    with floor.db.write() as session:
        policies.put(session, POLICY, "test", NOW_MS)
        certifications.grant(session, floor.ben, "laser-1", floor.ada, NOW_MS)
    workers = [worker(floor), worker(floor)]
    clients = [
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_app(context)),
            base_url="http://floor.test",
            headers={"authorization": f"Bearer {token(floor, member)}"},
        )
        for context, member in zip(workers, (floor.ada, floor.ben), strict=True)
    ]
    begins = NOW_MS // HOUR * HOUR + 30 * HOUR
    slot = {"machine": "laser-1", "begins_ms": begins, "ends_ms": begins + HOUR}
    asked = (clients[n % 2].post(f"{API}/reservations", json=slot) for n in range(ASKED))
    answers = await asyncio.gather(*asked)
    refused = [answer.json() for answer in answers if answer.status_code != 201]
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: ASKED - 1}
    assert {one["code"] for one in refused} == {"reservation_overlap"}
    for client, context in zip(clients, workers, strict=True):
        await client.aclose()
        context.database.close()
    with floor.db.read() as session:
        assert len(session.exec(select(Reserved)).all()) == 1


def test_what_is_written_past_the_service_is_refused_too(floor: Floor) -> None:
    begins = NOW_MS + HOUR

    def insert(n: int) -> bool:
        try:
            with floor.db.write() as session:
                session.add(row("laser-1", begins + n, begins + HOUR + n))
        except DBAPIError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(insert, range(16))) == 1
    with floor.db.read() as session:
        (kept,) = session.exec(select(Reserved)).all()
    for other in (
        row("laser-1", kept.ends_ms - 1, kept.ends_ms + HOUR),
        row("laser-1", kept.begins_ms - HOUR, kept.begins_ms + 1),
        row("laser-1", kept.begins_ms + 5, kept.begins_ms + 6, standing=Standing.BEGUN),
        row("laser-1", kept.ends_ms + 1, kept.ends_ms + 2, blocks_from_ms=kept.ends_ms - 1),
    ):
        with pytest.raises(DBAPIError), floor.db.write() as session:
            session.add(other)
    with floor.db.write() as session:
        session.add(row("laser-1", kept.ends_ms, kept.ends_ms + HOUR))
        session.add(row("door", kept.begins_ms, kept.ends_ms, id="elsewhere"))
        session.add(row("laser-1", kept.begins_ms, kept.ends_ms, id="over", standing=Standing.CANCELLED))


@pytest.mark.parametrize(
    "change",
    [
        "blocks_to_ms = blocks_to_ms + 1, ends_ms = ends_ms + 1 WHERE id = 'first'",
        "machine = 'laser-1' WHERE id = 'elsewhere'",
        "standing = 'booked' WHERE id = 'over'",
    ],
)
def test_a_change_past_the_service_is_refused_too(floor: Floor, change: str) -> None:
    begins, ends = NOW_MS + HOUR, NOW_MS + 2 * HOUR
    with floor.db.write() as session:
        session.add(row("laser-1", begins, ends, id="first"))
        session.add(row("laser-1", ends, ends + HOUR, id="second"))
        session.add(row("door", begins, ends, id="elsewhere"))
        session.add(row("laser-1", begins, ends, id="over", standing=Standing.RELEASED))
    with pytest.raises(DBAPIError), floor.db.write() as session:
        session.connection().execute(text(f"UPDATE reservation SET {change}"))
    with floor.db.write() as session:
        session.connection().execute(text("UPDATE reservation SET standing = 'ended' WHERE id = 'first'"))
        session.connection().execute(text("UPDATE reservation SET standing = 'begun' WHERE id = 'over'"))


def test_the_service_says_clearly_what_the_database_refused(floor: Floor) -> None:
    begins, ends = NOW_MS + HOUR, NOW_MS + 2 * HOUR
    with floor.db.write() as session:
        session.add(row("laser-1", begins, ends))
    with pytest.raises(Refused, match="taken") as refused, floor.db.write() as session:
        Diary(session, NOW_MS, floor.ada, "EUR").write(row("laser-1", begins + 1, ends))
    assert refused.value.code == "reservation_overlap"


def test_a_no_show_is_charged_and_its_slot_offered_and_taken(floor: Floor) -> None:
    hour = NOW_MS // HOUR * HOUR + 2 * HOUR

    def at(minutes: int, member: str) -> Diary:
        return Diary(session, hour + minutes * MINUTE_MS, member, "EUR")

    with floor.db.write() as session:
        policies.put(session, POLICY, "test", NOW_MS)
        certifications.grant(session, floor.ben, "laser-1", floor.ada, NOW_MS)
    with floor.db.write() as session:
        slot = BookingDetails(machine="laser-1", begins_ms=hour, ends_ms=hour + 2 * HOUR)
        missed = book(at(-60, floor.ada), slot).id
        wish = {"machine": "laser-1", "from_ms": hour, "to_ms": hour + 2 * HOUR, "length_ms": HOUR}
        waiting.join(at(-50, floor.ben), WaitDetails.model_validate(wish))
    with floor.db.write() as session:
        assert sweep(at(20, "")) == 1
    with floor.db.write() as session:
        (offer,) = session.exec(select(Offer)).all()
        assert (offer.member, offer.begins_ms, offer.until_ms) == (
            floor.ben, hour + 15 * MINUTE_MS, hour + 45 * MINUTE_MS,
        )  # fmt: skip
        made = accept(at(21, floor.ben), offer.id)  # an hour, from when it was accepted
        assert (made.begins_ms, made.ends_ms) == (hour + 21 * MINUTE_MS, hour + 81 * MINUTE_MS)
        assert session.get_one(Reserved, missed).standing is Standing.RELEASED
    assert floor.balances()[member_account(floor.ada), "EUR"] == 5_000_000


def test_without_the_right_to_an_extension_the_migration_says_what_to_do(
    postgres: PostgresPeer, tmp_path: Path
) -> None:
    url = postgres.make()
    owner = Database(url, tmp_path)
    name = url.rpartition("/")[2]
    with owner.engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS plain"))
        connection.execute(text("CREATE ROLE plain LOGIN"))
        connection.execute(text("GRANT ALL ON SCHEMA public TO plain"))
    plain = Database(url.replace("floor@", "plain@"), tmp_path)
    with pytest.raises(ConfigError, match=f"in the database {name}: CREATE EXTENSION btree_gist"):
        migrations.upgrade(plain.engine)
    with owner.engine.begin() as connection:
        connection.execute(text("CREATE EXTENSION btree_gist"))
    migrations.upgrade(plain.engine)
    assert migrations.current(plain.engine) == migrations.newest()
    plain.close()
    owner.close()
    postgres.drop(url)
