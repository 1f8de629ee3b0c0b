"""Pages of other sites: a member asks, staff answer, the courier carries it; what was settled is on paper."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlmodel import Session, select

from booking_api.app import create_app
from booking_api.auth import service as auth
from booking_api.badges.reading import Readings
from booking_api.clock import Clock
from booking_api.context import Context
from booking_api.live import LiveFloor
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.members.service import MemberDetails
from booking_api.sites import asking, known, paper, uses
from booking_api.sites.courier import Open
from booking_api.sites.models import SitePass
from booking_api.web.formats import Formats
from floor.errors import Refused
from floor.timescale import TimeScale
from floor.words import Role
from tests.kit.sites import Two, two_sites
from tests.kit.web import FakeLink

MONTH = "2026-09"


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Two]:
    with two_sites(tmp_path, third=True) as made:
        made.look()
        yield made


@asynccontextmanager
async def browser(net: Two, site: Open, member: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is signed in at a site's server."""
    clock, live = Clock(TimeScale(Clock().now_ms(), net.now_ms, 1)), LiveFloor()
    readings = Readings(site.db, site.vault, clock, live)
    context = Context(site.settings, site.db, clock, site.vault, live, readings, FakeLink())
    real_ms = context.wall.now_ms()
    with site.db.write() as session:
        token = auth.begin_session(session, member, None, real_ms).token
        who = auth.by_cookie(session, token, real_ms)
    assert who is not None
    transport = httpx.ASGITransport(app=create_app(context))
    async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
        client.cookies.set("makerfloor", token, domain="site.test")
        client.headers["x-csrf-token"] = who.csrf
        yield client


def operator(site: Open, now_ms: int) -> str:
    with site.db.write() as session:
        details = MemberDetails(first_name="Olga", last_name="Maple", role=Role.OPERATOR)
        return members.add(session, details, now_ms).id


def passed(site: Open, member: str, host: str) -> SitePass | None:
    with site.db.read() as session:
        return session.get(SitePass, (member, host))


async def test_a_member_asks_staff_answer_and_the_badge_travels(net: Two) -> None:
    olga = operator(net.berlin, net.now_ms)
    async with browser(net, net.berlin, net.ada) as ada, browser(net, net.berlin, olga) as staff:
        page = (await ada.get("/me/sites")).text
        assert "Lisboa" in page
        assert "Staff let you use it: ask at the desk." in page  # Shanghai
        assert (await ada.post("/me/sites/shanghai/ask")).status_code == 409
        assert (await ada.post("/me/sites/lisbon/ask")).headers["location"].endswith("notice=asked")
        net.look()
        asked = passed(net.berlin, net.ada, "lisbon")
        assert (asked and asked.given_ms, asked and asked.allowed_micro) == (0, 0)
        assert "asked for" in (await staff.get("/sites")).text
        form = {"site": "lisbon", "member": net.ada, "limit": "120,00"}
        assert (await staff.post("/sites/passes", data=form)).status_code == 303
        net.look()
        with net.courier.sites["lisbon"].db.read() as session:
            numbers = session.exec(select(Member.number)).all()
            assert [number for number in numbers if number.startswith("berlin-")]
        page = (await ada.get("/me/sites")).text
        assert "€120.00" in page
        assert "you may go" in page
        form = {"site": "shanghai", "member": net.ada, "limit": "nothing"}
        assert "Write the amount like 12.50." in (await staff.post("/sites/passes", data=form)).text
        nothing = await staff.post("/sites/passes", data=form | {"limit": "0"})
        assert "Write an amount of more than 0, like 12.50." in nothing.text
        assert (await ada.post("/me/sites/lisbon/back")).status_code == 303
        assert (await ada.post("/me/sites/lisbon/back")).status_code == 404
    net.look()
    given = passed(net.berlin, net.ada, "lisbon")
    assert given is not None
    assert given.allowed_micro == given.used_micro == 0


async def test_visitors_are_told_where_they_belong(net: Two) -> None:
    rui = net.people["lisbon"]
    lisbon = net.courier.sites["lisbon"]
    async with browser(net, lisbon, rui) as member:
        taken = await member.post("/me/sites/berlin/ask")
        assert taken.headers["location"].endswith("notice=pass_taken")
    net.look()
    with net.berlin.db.read() as session:
        (visitor,) = session.exec(select(Member).where(Member.number.startswith("lisbon-"))).all()
    async with browser(net, net.berlin, visitor.id) as guest:
        assert "You visit us from Lisboa." in (await guest.get("/me/sites")).text
        assert (await guest.post("/me/sites/lisbon/ask")).status_code == 409
    async with browser(net, net.berlin, operator(net.berlin, net.now_ms)) as staff:
        page = (await staff.get("/sites")).text
        assert visitor.number in page
        assert "€300.00</td>" in page
    async with browser(net, lisbon, operator(lisbon, net.now_ms)) as staff:
        assert (await staff.post(f"/sites/berlin/passes/{rui}/end")).status_code == 303
    async with browser(net, lisbon, rui) as member:
        assert "Ask to use it" in (await member.get("/me/sites")).text  # what staff took, nobody takes back
        assert (await member.post("/me/sites/berlin/ask")).headers["location"].endswith("notice=asked")

    def refused(session: Session) -> str:
        with pytest.raises(Refused) as refusal:
            asking.grant(session, visitor, "shanghai", None, "test", net.now_ms)
        return refusal.value.code

    with net.berlin.db.write() as session:
        assert refused(session) == "pass_of_visitor"


async def test_what_was_settled_is_on_paper_in_each_sites_words(net: Two) -> None:
    net.courier.give("berlin", net.ada, "shanghai", None, net.now_ms)
    net.use(90)
    net.look()
    net.look()
    net.courier.settle(MONTH, net.now_ms)
    for site, other, words in (
        (
            net.berlin,
            "shanghai",
            ("What our members used at 上海", "We owe 上海", "-CN¥30.00", "0.1281", "€3.84"),
        ),
        (net.shanghai, "berlin", ("Berlin会员在本站的使用", "Berlin应付我方", "¥30.00", "0.1281", "€3.84")),
    ):
        with site.db.read() as session:
            found = uses.of_month(session, other, MONTH)
            f = Formats(site.settings.language, site.db.zone)
            laid = paper.settlement_paper(found, known.named(session, other), MONTH, site.settings, f)
        text = repr(laid.data())
        assert [word for word in (*words, "0.1281", "€3.84") if word not in text] == [], text
        async with browser(net, site, operator(site, net.now_ms)) as staff:
            page = (await staff.get("/settlements")).text
            assert f"/settlements/{other}/{MONTH}.pdf" in page
            made = await staff.get(f"/settlements/{other}/{MONTH}.pdf")
            assert made.content.startswith(b"%PDF-")
            rows = (await staff.get(f"/settlements/{other}/{MONTH}.csv")).text.splitlines()
            assert rows[1].endswith(",30,CNY,0.1281,3.84,EUR")
            assert rows[-1].startswith(f"{MONTH}:berlin:shanghai:CNY,balance,")
            assert rows[-1].split(",")[5] == ("-30" if site is net.berlin else "30")
            assert (await staff.get(f"/settlements/{other}/2026-08.pdf")).status_code == 404
