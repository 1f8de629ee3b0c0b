"""The board and a machine's page to their reader: what they may use, when it is free, what they asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlmodel import Session, select

from booking_api.gateways import may_use
from booking_api.gateways.models import CreditSlice, Gateway
from booking_api.gateways.roster import Writer
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.members import service as members
from booking_api.reservations import booking, policies
from booking_api.reservations.booking import BookingDetails
from booking_api.reservations.diary import Diary
from booking_api.web.board import Card
from booking_api.web.wall import COLUMNS, paged
from floor.wire.roster import RosterVersion
from floor.words import StationState
from tests.kit.web import GATEWAY, MINUTE, NOW_MS, WebFloor, build

HOUR = 60 * MINUTE
RULES = """
[policy.lasers]
machines = ["laser-*"]
length_max = "4 h"
ahead = "14 days"
no_show = "15 min"
certified = false
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = build(tmp_path_factory.mktemp("board"))
    with made.context.database.write() as session:
        policies.put(session, RULES, "", NOW_MS)
        _reserve(made, session, "otto", "laser-2", 1)
    made.shows(made.in_use("printer-1", "otto", left_s=1_500), made.in_use("printer-2", "otto"))
    yield made
    made.context.database.close()


def _reserve(web: WebFloor, session: Session, name: str, machine: str, hour: int) -> None:
    diary = Diary(session, NOW_MS, web.people[name], "EUR")
    begins = NOW_MS + hour * HOUR
    booking.book(diary, BookingDetails(machine=machine, begins_ms=begins, ends_ms=begins + HOUR))


def card(page: str, machine: str) -> str:
    found = re.search(rf'<article [^>]*id="machine-{machine}".*?</article>', page, re.DOTALL)
    return found[0] if found else ""


async def test_a_card_says_whether_its_reader_may_use_the_machine_and_when(web: WebFloor) -> None:
    page = (await (await web.signed_in("mira")).get("/")).text
    assert "You may use it" in card(page, "laser-1")
    assert "Free until 12:00, then reserved" in card(page, "laser-2")
    assert "You need to be shown how it works first" in card(page, "laser-2")
    assert 'href="/machines/laser-2#training"' in card(page, "laser-2")
    assert "Free at about 11:25" in card(page, "printer-1") or "Free at about 11:30" in card(
        page, "printer-1"
    )
    assert "at the latest" in card(page, "printer-2")
    public = (await web.browser().get("/")).text
    assert "You may use it" not in public
    assert "Free until 12:00, then reserved" in card(public, "laser-2")


@pytest.mark.parametrize("name", ["mira", "otto", "ines"])
def test_a_member_stands_on_the_board_as_in_a_roster(web: WebFloor, name: str) -> None:
    """What a roster says of credit is a gateway's share; nothing of it is given by looking."""
    with web.context.database.write() as session:
        there, member = machines.listed(session), members.get(session, web.people[name])
        looked = may_use.asker(session, member, there, NOW_MS, "EUR").standing
        assert session.exec(select(CreditSlice)).all() == []
        writer = Writer(session, web.context.vault, "EUR", session.get_one(Gateway, GATEWAY), NOW_MS)
        told = writer.whole(RosterVersion(epoch=1, n=1)).members[member.id]
        session.rollback()
    assert replace(looked, spendable_micro=None) == replace(told, spendable_micro=None, positions={})


async def test_what_a_member_lacks_first_is_said_as_a_station_would(web: WebFloor) -> None:
    with web.context.database.write() as session:
        members.suspend(session, web.people["mira"], "Owes an apology.", NOW_MS)
    page = (await (await web.signed_in("mira")).get("/")).text
    assert "You are suspended" in card(page, "laser-1")
    with web.context.database.write() as session:
        members.restore(session, web.people["mira"], NOW_MS)
    reads = (await (await web.signed_in("mira")).get("/?may=1")).text
    assert "You may use it" in card(reads, "laser-1")


async def test_chips_and_search_stay_in_the_address(web: WebFloor) -> None:
    browser = await web.signed_in("mira")
    page = (await browser.get("/?may=1&free=1&kind=laser")).text
    assert card(page, "laser-1")
    assert not card(page, "laser-2")
    assert not card(page, "printer-1")
    assert 'hx-sse:connect="/live/board?may=1&amp;free=1&amp;kind=laser"' in page
    assert 'href="/?may=1&amp;free=1"' in page  # the chip takes itself back
    assert card((await browser.get("/?q=table+work")).text, "saw-1")
    assert "No machine is like that now." in (await browser.get("/?q=nothing")).text
    by_kind = (await browser.get("/?by=kind&view=small")).text
    assert "3D printer" in by_kind
    assert "dense" in by_kind
    assert card((await browser.get("/?area=-&kind=%22%3E")).text, "door-1") == ""


async def test_a_machines_page_has_the_next_free_time_and_its_notes(web: WebFloor) -> None:
    operator, mira = await web.signed_in("olga"), await web.signed_in("mira")
    page = (await mira.get("/machines/laser-1")).text
    slot = re.search(r'href="(/machines/laser-1/reserve\?begin=[^"]+)"', page)
    assert slot is not None
    assert 'value="2026-05-21T11:' in (await mira.get(slot[1].replace("&amp;", "&"))).text
    assert "A reservation lasts 4" in page
    assert "If you have not come 15" in page
    form = {"manual": "javascript:alert(1)", "notes_en": "Wear <goggles>."}
    path = "/machines/laser-1/manual"
    assert (await operator.post(path, data=form)).status_code == 422
    assert (
        await operator.post(path, data=form | {"manual": "https://kelp.test/laser.pdf"})
    ).status_code == 303
    page = (await mira.get("/machines/laser-1")).text
    assert "Wear &lt;goggles&gt;." in page
    assert 'href="https://kelp.test/laser.pdf"' in page
    mira.cookies.set("language", "zh", domain="floor.test")
    chinese = (await mira.get("/machines/laser-1")).text
    assert '<div class="notes" lang="en">Wear' in chinese
    assert "激光切割机" in chinese


async def test_a_member_chooses_what_others_see(web: WebFloor) -> None:
    otto, mira = await web.signed_in("otto"), await web.signed_in("mira")
    assert "Otto" in card((await mira.get("/")).text, "printer-2")
    assert (await web.browser().get("/wall")).text.count("Otto") == 0  # he never chose
    await otto.post("/me/shown", data={"how": "nickname", "nickname": "Basalt cat"})
    assert "Basalt cat" in card((await mira.get("/")).text, "printer-2")
    assert "Basalt cat" in (await web.browser().get("/wall")).text
    assert (await otto.post("/me/shown", data={"how": "nickname", "nickname": " "})).status_code == 422
    assert (await otto.post("/me/shown", data={"how": "nothing"})).status_code == 303
    seen = card((await mira.get("/")).text, "printer-2")
    assert "Otto" not in seen
    assert "Basalt cat" not in seen
    assert ">Otto<" in (await otto.get("/me/details")).text
    assert "Otto" in (await (await web.signed_in("olga")).get("/machines/laser-1")).text


async def test_the_wall_is_for_anybody_and_shows_nobody(web: WebFloor) -> None:
    page = (await web.browser().get("/wall?lang=zh&rows=12")).text
    assert 'lang="zh-Hans"' in page
    assert "使用中" in page
    signed_in = (await (await web.signed_in("olga")).get("/wall?rows=12")).text
    for kept in ("€", "<nav", web.people["otto"], "/members"):
        assert kept not in signed_in
    object.__setattr__(web.context.settings, "wall", False)
    assert (await web.browser().get("/wall")).status_code == 404
    assert (await web.browser().get("/live/wall")).status_code == 404
    object.__setattr__(web.context.settings, "wall", True)


@pytest.mark.parametrize("most", [2, 3, 6])
def test_pages_of_a_wall_hold_each_machine_once_and_no_more_than_fits(most: int) -> None:
    rows = [
        Machine(id=f"{area}-{n}", name="x", location=area)
        for area, count in (("a", 1), ("b", 17), ("c", 4), ("d", 9), ("e", 30))
        for n in range(count)
    ]
    cards = {row.id: Card(row.id, row.name, "machine", StationState.FREE, "") for row in rows}
    pages = paged(rows, cards, most)
    assert [one.machine for page in pages for part in page for one in part.cards] == [row.id for row in rows]
    for page in pages:
        assert sum(-(-len(part.cards) // COLUMNS) + 0.5 for part in page) <= most
