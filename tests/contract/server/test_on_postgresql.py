"""The floor of tests on PostgreSQL: writes that meet, sums made anew, and every page that links lead to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from booking_api import migrations
from booking_api.documents.models import InvoiceWaiting
from booking_api.members.models import Member
from booking_api.reports import counting
from booking_api.reports.models import MonthlyPerson, MonthlyUse
from tests.contract.server import test_api_common as common
from tests.kit.crawl import crawl
from tests.kit.furnished import furnish
from tests.kit.stepping import step_down_and_up
from tests.kit.web import WebFloor, build
from tests.peers.postgres import PostgresPeer

SUMS = (InvoiceWaiting, MonthlyUse, MonthlyPerson)
GONE_ON = (200, 303, 307)


@pytest.fixture(scope="module")
def beyond(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresPeer) -> Iterator[WebFloor]:
    url, folder = postgres.name(), tmp_path_factory.mktemp("beyond")
    made = build(folder, url)
    yield made
    made.context.database.close()
    postgres.drop(url)


async def test_every_page_answers(beyond: WebFloor) -> None:
    async with beyond.program("ada") as client:
        await furnish(beyond, client)
    for name, fewest in (("olga", 55), ("mira", 20)):
        async with await beyond.signed_in(name) as browser:
            found = await crawl(browser)
        assert [one for one in found if one.status not in GONE_ON] == []
        assert len(found) > fewest, "fewer pages than there were: links are lost"


def test_sums_are_the_same_when_they_are_made_of_what_is_there(beyond: WebFloor) -> None:
    database, before = beyond.context.database, sums(beyond)
    assert all(before), "there is nothing to sum up"
    migrations.downgrade(database.engine, "0028")
    migrations.upgrade(database.engine, zone=database.zone)
    counting.catch_up(database)
    assert sums(beyond) == before


def sums(beyond: WebFloor) -> list[list[str]]:
    with beyond.context.database.read() as session:
        rows = (session.connection().execute(text(f"SELECT * FROM {table.__tablename__}")) for table in SUMS)
        return [sorted(map(str, one)) for one in rows]


async def test_twins_and_lost_updates_are_kept_out_too(beyond: WebFloor) -> None:
    await common.test_twins_at_once_are_one(beyond)
    await common.test_nothing_is_changed_over_what_was_not_read(beyond)


async def test_a_page_or_command_does_not_write_between_if_match_and_its_write(beyond: WebFloor) -> None:
    """Such a write waits for all that are under way, whoever makes them, and compares after them."""
    database, mira = beyond.context.database, beyond.people["mira"]
    async with beyond.program("ada") as client:
        seen = await client.get(f"{common.API}/members/{mira}")
        with database.write() as command:
            member = command.get_one(Member, mira)
            member.shown_name = "Mira of the desk"
            command.add(member)
            command.flush()
            match = {"If-Match": seen.headers["etag"]}
            change = {"shown_name": "Mira of the API"}
            path = f"{common.API}/members/{mira}"
            writes = asyncio.create_task(client.patch(path, json=change, headers=match))
            await _waiting_for_a_lock(beyond)
        assert common.code(await writes) == (412, "changed_meanwhile")


async def _waiting_for_a_lock(web: WebFloor) -> None:
    waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    async with asyncio.timeout(30):
        while True:
            with web.context.database.read() as session:
                if session.connection().execute(waits).scalar_one():
                    return
            await asyncio.sleep(0.02)


def test_every_step_goes_down_and_up_with_data_in(beyond: WebFloor) -> None:
    """It takes the floor of this file apart, so it comes last."""
    step_down_and_up(beyond.context.database)
