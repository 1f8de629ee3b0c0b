"""The pages: what each reader may read, figures that are those of the books, markup that holds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markupsafe import Markup

from booking_api.ledger.statement import balances
from booking_api.live import READERS_MAX
from booking_api.members import service as members
from booking_api.members.service import MemberChanges
from booking_api.web import live
from booking_api.web.formats import Formats
from booking_api.web.render import Page
from floor.wire.journal import AlarmRaised
from tests.kit.web import GATEWAY, NOW_MS, WebFloor, build


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = build(tmp_path)
    yield made
    made.context.database.close()


def owed(web: WebFloor, name: str) -> int:
    with web.context.database.read() as session:
        return balances(session, web.people[name]).get("EUR", 0)


async def test_the_open_board_says_states_and_keeps_people_to_themselves(web: WebFloor) -> None:
    web.shows(web.in_use("laser-1", "mira", job="secret-gift.svg", progress=0.5))
    page = (await web.browser().get("/")).text
    assert "In use" in page
    assert "12\u00a0min" in page
    for kept in ("Mira", "secret-gift", "4.00</span>", web.people["mira"]):
        assert kept not in page


async def test_a_member_sees_names_and_only_their_own_cost_and_job(web: WebFloor) -> None:
    web.shows(
        web.in_use("laser-1", "mira", job="mine.svg", progress=0.5),
        web.in_use("printer-1", "otto", job="theirs.gcode", progress=0.2, price_micro=9_990_000),
    )
    page = (await (await web.signed_in("mira")).get("/")).text
    for seen in ("Mira", "Otto", "mine.svg", "€4.00", "My latest charges"):
        assert seen in page
    for kept in ("theirs.gcode", "€9.99"):
        assert kept not in page
    assert "€9.99" in (await (await web.signed_in("olga")).get("/")).text


async def test_the_statement_shows_what_the_books_say(web: WebFloor) -> None:
    page = (await (await web.signed_in("mira")).get("/me/month")).text
    assert owed(web, "mira") == 7_460_000
    assert "€7.46" in page
    assert "billed: 3 × 10 min" in page
    assert "-€0.00096" in page  # the rounding of the print, a line of its own
    assert "Laser cutting, in force since 1 Jan 2026, as member" in page
    charges = re.findall(r'<span class="money">€([0-9.]+)</span>\s*</summary>', page)
    assert sum(int(charge.replace(".", "")) for charge in charges) == 746


async def test_another_month_is_another_statement(web: WebFloor) -> None:
    browser = await web.signed_in("mira")
    page = (await browser.get("/me?month=2026-04")).text
    assert "April 2026" in page
    assert "Nothing was charged in this month." in page


async def test_an_operator_records_a_payment_once(web: WebFloor) -> None:
    browser = await web.signed_in("olga")
    path = f"/members/{web.people['mira']}"
    key = re.search(r'name="key" value="([^"]+)"', (await browser.get(path)).text)
    assert key is not None
    form = {"amount": "5,00", "memo": "cash", "key": key[1]}
    for _ in range(2):
        assert (await browser.post(f"{path}/payments", data=form)).headers[
            "location"
        ] == f"{path}?notice=paid"
    assert owed(web, "mira") == 2_460_000
    assert "€2.46" in (await browser.get(path)).text
    wrong = await browser.post(f"{path}/payments", data=form | {"amount": "a lot", "key": "another-key"})
    assert wrong.status_code == 422
    assert "Write the amount like 12.50." in wrong.text


async def test_an_instructor_certifies_and_revokes(web: WebFloor) -> None:
    browser = await web.signed_in("ines")
    path = f"/members/{web.people['otto']}"
    await browser.post(f"{path}/certify", data={"machine": "saw-1", "until": "2026-12-31"})
    page = (await browser.get(path)).text
    assert "Table saw" in page
    assert "until 1 Jan 2027" in page
    assert "€" not in page
    await browser.post(f"{path}/certifications/saw-1/revoke")
    assert "No training yet." in (await browser.get(path)).text


async def test_a_lost_badge_and_who_may_say_so(web: WebFloor) -> None:
    mira, otto = await web.signed_in("mira"), await web.signed_in("otto")
    path = f"/me/badges/{web.badge['mira']}/lost"
    assert (await otto.post(path)).status_code == 403
    assert (await mira.post(path)).status_code == 303
    assert '<span class="chip" data-tone="bad">Lost</span>' in (await mira.get("/me/badges")).text


async def test_technicians_see_alarms_and_gateways(web: WebFloor) -> None:
    web.journal((NOW_MS, AlarmRaised(machine="laser-1", code="relay_mismatch", words="It did not open.")))
    browser = await web.signed_in("tomas")
    page = (await browser.get("/workshop")).text
    assert "It did not open." in page
    assert "In touch" in page
    action = re.search(r'action="(/workshop/alarms/[^"]+)"', page)
    assert action is not None
    await browser.post(action[1])
    assert "It did not open." not in (await browser.get("/workshop")).text
    web.context.live.presence(GATEWAY, False, NOW_MS)
    assert f"Out of touch: {GATEWAY}" in (await browser.get("/")).text
    assert "Out of touch" not in (await web.browser().get("/")).text


async def test_what_people_write_is_text(web: WebFloor) -> None:
    evil = "<script>alert(1)</script>"
    with web.context.database.write() as session:
        changes = MemberChanges(shown_name=evil, first_name='"><img src=x>')
        members.change(session, web.people["mira"], changes, NOW_MS)
    web.shows(web.in_use("laser-1", "mira", job=evil, progress=0.1))
    browser = await web.signed_in("olga")
    for path in ("/", "/members", f"/members/{web.people['mira']}", "/machines/laser-1"):
        page = (await browser.get(path)).text
        assert evil not in page
        assert "<img" not in page


async def test_every_answer_forbids_what_is_not_ours(web: WebFloor) -> None:
    browser = await web.signed_in("mira")
    for path in ("/", "/me", "/nope", "/static/app.js", "/api/v1/members/me"):
        headers = (await browser.get(path)).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    for path in ("/", "/me", "/machines/laser-1"):
        page = (await browser.get(path)).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|(src|href)=\"https?:", page)


async def test_the_board_streams_what_changed_and_only_that(
    web: WebFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSE_S", 0.01)
    monkeypatch.setattr(live, "QUIET_S", 0.05)
    monkeypatch.setattr(live, "LIFE_S", 1.0)
    browser = await web.signed_in("mira")
    whole = (await browser.get("/live/board")).text
    assert whole.count('hx-swap-oob="outerMorph"') == 8 + 3
    assert whole.startswith("data: ")
    assert ": still here" in whole
    told = live.Told()
    one, two, three = Markup("1"), Markup("2"), Markup("3")
    assert told.news({"a": one, "b": two}) == [one, two]
    assert told.news({"a": one, "b": three}) == [three]


async def test_a_change_while_the_first_picture_is_drawn_is_told_at_once(
    web: WebFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSE_S", 0.01)
    monkeypatch.setattr(live, "QUIET_S", 3600.0)
    pictures, loop = iter(("first", "second")), asyncio.get_running_loop()

    def draw(_page: Page) -> dict[str, Markup]:
        picture = next(pictures)
        if picture == "first":
            loop.call_soon_threadsafe(web.context.live.touch, "laser-1")
        return {"picture": Markup(picture)}

    page = Page(web.context, None, Formats("en", web.context.zone), "/")
    stream = live.events(page, draw, web.context.live.subscribe())
    told = [await asyncio.wait_for(anext(stream), 30) for _ in range(2)]
    assert told == [b"data: first\n\n", b"data: second\n\n"]
    await stream.aclose()


async def test_one_page_too_many_is_told_so_instead_of_a_stream(
    web: WebFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LIFE_S", 0.0)
    browser = await web.signed_in("mira")
    others = [web.context.live.subscribe() for _ in range(READERS_MAX)]
    for path in ("/live/board", "/live/me", "/machines/laser-1/live"):
        answer = await browser.get(path)
        assert (answer.status_code, "Too many pages" in answer.text) == (503, True)
    others.pop()
    for _ in range(2):
        answer = await browser.get("/live/board")
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "text/event-stream; charset=utf-8",
        )


async def test_language_and_way_back(web: WebFloor) -> None:
    browser = web.browser()
    answer = await browser.post("/language", data={"language": "zh", "back": "https://evil.test"})
    assert answer.headers["location"] == "/"
    page = await browser.get("/")
    assert "车间" in page.text
    assert 'lang="zh-Hans"' in page.text
    cross = await browser.post("/language", data={"language": "en"}, headers={"sec-fetch-site": "cross-site"})
    assert cross.status_code == 403


async def test_signing_out_ends_it(web: WebFloor) -> None:
    browser = await web.signed_in("mira")
    token = browser.cookies["makerfloor"]
    assert (await browser.post("/sign-out")).status_code == 303
    old = web.browser()
    old.cookies.set("makerfloor", token)
    assert (await old.get("/me")).headers["location"] == "/sign-in?next=/me"


async def test_health_and_metrics(web: WebFloor) -> None:
    client = web.browser()
    assert (await client.get("/healthz")).text == "ok\n"
    assert "makerfloor_http_request_seconds_bucket" in (await client.get("/metrics")).text
    assert web.people["mira"] not in (await client.get("/metrics")).text
