"""The station's page: what it shows, in which language, and who may choose an account with it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest
from aiohttp import ClientSession

from floor.access import AccountStanding, MemberStanding
from floor.session_states import LockedOut
from floor.wire.journal import AccountChosen
from floor.wire.messages import LockOut, ReadBadge
from gateway.http import Http
from gateway.phone import PhoneCodes
from gateway.reading import HOLD
from gateway.station_page import preferred
from gateway.station_phone import Phones
from gateway.station_routes import StationPages
from gateway.wiring import AccountWanted, Ordered
from tests.kit.gateway import BADGE_KEY, Bench

TEAM = AccountStanding("team", "Robotics <3", 9_000_000)
POOR = AccountStanding("poor", "Poor club", 0)
ADA = MemberStanding(
    "ada", "Ada", "standard", "ada", spendable_micro=5_000_000, allowed={"laser": 0}, others=(TEAM, POOR)
)


class Pages:
    """A bench whose station runs, with its page on a port."""

    def __init__(self, bench: Bench, client: ClientSession, port: int) -> None:
        self.bench, self.client = bench, client
        self.origin = f"http://127.0.0.1:{port}"

    async def get(self, path: str = "/stations/laser", **headers: str) -> tuple[int, str]:
        async with self.client.get(self.origin + path, headers=headers) as answer:
            return answer.status, await answer.text()

    async def post(
        self, account: str, headers: dict[str, str] | None = None, **changes: str
    ) -> tuple[int, str]:
        _, page = await self.get()
        form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        form |= {"account": account} | changes
        sent = {"Origin": self.origin} if headers is None else headers
        url = f"{self.origin}/stations/laser"
        async with self.client.post(url, data=form, headers=sent, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    @property
    def account(self) -> str:
        return self.bench.station.state.lease.account


@pytest.fixture(params=[True])
async def pages(tmp_path, request):
    bench = Bench(tmp_path)
    bench.roster.take(bench.server.delta(1, 2, members={"ada": ADA}))
    stations = {"laser": bench.station}
    phones = Phones(PhoneCodes("gw", "https://floor.example", BADGE_KEY), lambda: True)
    made = StationPages(stations, "127.0.0.1", everybody=request.param, phones=phones)
    http = Http(bench.metrics, lambda: None, lambda: None, made)  # type: ignore[arg-type,return-value]
    running = asyncio.create_task(bench.station.run())
    async with http.serving("127.0.0.1", 0, "gateway.toml"), ClientSession() as client:
        yield Pages(bench, client, http.port)
    running.cancel()
    bench.journal.close()


async def test_a_free_station_asks_for_a_badge_in_the_browser_s_language(pages):
    status, page = await pages.get()
    assert (status, "Tap your badge" in page, "<form" in page) == (200, True, False)
    _, page = await pages.get(**{"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
    assert "请刷卡" in page
    assert '<html lang="zh-Hans">' in page


async def test_a_session_shows_who_what_it_costs_and_who_pays(pages):
    await pages.bench.tap()
    await pages.bench.pass_s(90)
    _, page = await pages.get()
    for shown in ("Ada", "1.50 EUR", "0:01", "Own account", "Robotics &lt;3", "nothing left", "Who pays?"):
        assert shown in page
    assert page.count(" disabled") == 2, "the one that pays, and the one with nothing left"


async def test_a_member_reads_their_own_language_whatever_the_browser_asks_for(pages):
    member = replace(ADA, language="zh")
    pages.bench.roster.take(pages.bench.server.delta(2, 3, members={"ada": member}))
    await pages.bench.tap()
    _, page = await pages.get(**{"Accept-Language": "en"})
    assert "由谁付款" in page


async def test_who_has_one_account_is_not_asked(pages):
    pages.bench.roster.take(pages.bench.server.delta(2, 3, members={"ada": replace(ADA, others=())}))
    await pages.bench.tap()
    assert "Who pays?" not in (await pages.get())[1]


async def test_an_account_is_chosen_recorded_and_shown(pages):
    await pages.bench.tap()
    assert await pages.post("team") == (303, "303: See Other")
    assert pages.account == "team"
    assert pages.bench.said == "Charged to Robotics <3"
    chosen = (await pages.bench.facts())[-1]
    assert chosen == AccountChosen(
        session_id=pages.bench.station.session_id, account="team", limit_micro=9_000_000
    )
    assert pages.bench.relay.is_on
    _, page = await pages.get()
    assert re.search(r'value="team" disabled aria-current="true"', page)


async def test_what_is_chosen_is_held_and_what_was_held_is_free(pages):
    bench = pages.bench
    await bench.tap()
    own = AccountStanding("ada", "", 5_000_000)
    assert bench.credit.left(own, {}) == 0
    await pages.post("team")
    assert (bench.credit.left(own, {}), bench.credit.left(TEAM, {})) == (5_000_000, 0)
    await bench.pass_s(60)
    await bench.tap()
    assert (bench.credit.left(own, {}), bench.credit.left(TEAM, {})) == (5_000_000, 8_000_000)


@pytest.mark.parametrize(
    ("account", "words"), [("poor", "Nothing is left on that account"), ("secret", "not yours to charge")]
)
async def test_an_account_that_may_not_pay_is_refused(pages, account, words):
    await pages.bench.tap()
    status, page = await pages.post(account)
    assert (status, words in page, pages.account) == (409, True, "ada")


async def test_the_account_must_cover_what_the_session_cost_already(pages):
    await pages.bench.tap()
    member = replace(ADA, others=(replace(TEAM, spendable_micro=1_000_000),))
    pages.bench.roster.take(pages.bench.server.delta(2, 3, members={"ada": member}))
    await pages.bench.pass_s(60)
    assert (await pages.post("team"))[0] == 409


async def test_a_page_of_an_earlier_session_chooses_for_nobody(pages):
    await pages.bench.tap()
    _, page = await pages.get()
    old = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    await pages.bench.tap()
    await pages.bench.tap()
    for form in (old, {"session": old["session"]}, {"nonce": old["nonce"]}, {"nonce": ""}):
        status, page = await pages.post("team", **form)
        assert (status, "That session is over" in page, pages.account) == (409, True, "ada")


async def test_a_choice_that_comes_after_the_end_changes_nothing(pages):
    await pages.bench.tap()
    answer = asyncio.get_running_loop().create_future()
    wanted = AccountWanted(pages.bench.station.session_id, "team", answer)
    await pages.bench.tap()
    await pages.bench.station.handle(wanted, 0.0)
    assert await answer == "over"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "null"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}],
)
async def test_another_page_cannot_choose(pages, headers):
    await pages.bench.tap()
    if "Sec-Fetch-Site" in headers:
        headers = headers | {"Origin": pages.origin}
    assert (await pages.post("team", headers))[0] == 403
    assert pages.account == "ada"


async def test_a_name_that_is_not_ours_is_not_answered(pages):
    """A page elsewhere may have its own name lead here: then its origin is what we are asked by."""
    status, _ = await pages.get(Host="evil.example:9780")
    assert status == 403
    headers = {"Host": "evil.example", "Origin": "http://evil.example"}
    assert (await pages.post("team", headers))[0] == 403


async def test_a_station_out_of_order_says_why(pages):
    await pages.bench.station.handle(Ordered(LockOut(machine="laser", reason="<b>belt</b>"), "tech"), 0.0)
    _, page = await pages.get()
    assert "&lt;b&gt;belt&lt;/b&gt;" in page
    assert "Out of order" in page


async def test_a_station_that_reads_a_badge_says_so_in_both_languages_and_shows_no_code(pages):
    _, page = await pages.get()
    assert "<svg" in page
    order = ReadBadge(machine="laser", reading="r1", for_s=45)
    assert pages.bench.station.reading.begin(order, lambda order, tap: None)
    _, page = await pages.get()
    assert all(words in page for words in HOLD)
    assert "<svg" not in page
    assert "Tap your badge" not in page


async def test_nothing_but_the_page_itself_is_allowed_in_it(pages):
    async with pages.client.get(f"{pages.origin}/stations/laser") as answer:
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert answer.headers["Cache-Control"] == "no-store"
        page = await answer.text()
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["/stations.js", "/stations.css", "?report"]
    assert re.findall(r"<script[^>]*>[^<]*", page) == ['<script src="/stations.js" defer>']
    assert re.findall(r"<noscript>(.*?)</noscript>", page) == ['<meta http-equiv="refresh" content="5">']
    assert "style=" not in page
    for path in ("/stations.css", "/stations.js"):
        assert (await pages.get(path))[0] == 200


async def test_the_list_and_what_is_not_here(pages):
    status, page = await pages.get("/stations")
    assert (status, 'href="stations/laser"' in page) == (200, True)
    assert (await pages.get("/stations/saw"))[0] == 404


@pytest.mark.parametrize("pages", [False], indirect=True)
async def test_unless_the_network_is_let_in_only_this_machine_may_see(pages, monkeypatch):
    assert (await pages.get())[0] == 200
    monkeypatch.setattr("aiohttp.web.BaseRequest.remote", "192.0.2.7")
    for path in ("/stations", "/stations/laser", "/stations.css", "/stations.js"):
        assert (await pages.get(path))[0] == 403


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("de-DE,zh-TW;q=0.7,en;q=0.3", "zh"),
        ("en;q=0.2, zh-Hans;q=0.9", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=nonsense,en", "en"),
        ("\x00;;;,,q=,zh;q=1e999", "zh"),
        ("x" * 10_000, "en"),
    ],
)
def test_any_accept_language_header_gives_a_language(accept, language):
    assert preferred(accept) == language


async def test_the_end_button_ends_the_session_that_the_page_shows(pages):
    await pages.bench.tap()
    _, page = await pages.get()
    assert "Time left" in page
    stale = re.findall(r'name="nonce" value="([^"]*)"', page)[-1]
    status, _ = await pages.post("", press="end")
    assert status == 303
    await ended(pages)
    await pages.bench.tap()
    assert (await pages.post("", press="end", nonce=stale))[0] == 409
    assert pages.bench.station.session_id is not None


async def test_a_fault_is_reported_after_it_was_asked_for(pages):
    _, page = await pages.get()
    assert 'href="?report"' in page
    _, page = await pages.get("/stations/laser?report")
    assert "loses its power at once" in page
    assert "http-equiv" not in page, "what is read is not taken away"
    nonce = re.findall(r'name="nonce" value="([^"]*)"', page)[0]
    assert (await pages.post("", press="oops", nonce=nonce))[0] == 303
    async with asyncio.timeout(5):
        while not isinstance(pages.bench.station.state, LockedOut):
            await asyncio.sleep(0.01)
    assert 'href="?report"' not in (await pages.get())[1]


async def test_a_session_is_offered_from_the_page_and_only_the_one_it_shows(pages):
    await pages.bench.tap()
    assert "Hand over to another member" in (await pages.get())[1]
    assert (await pages.post("", press="hand_over", nonce="old"))[0] == 409
    assert (await pages.post("", press="hand_over"))[0] == 303
    async with asyncio.timeout(5):
        while pages.bench.station.state.handing is None:
            await asyncio.sleep(0.01)
    _, page = await pages.get()
    assert "tap your badge within 30 s" in page
    assert "Hand over to another member" not in page


async def test_a_sign_off_begins_on_the_page_where_somebody_could(pages):
    assert "Sign somebody off" not in (await pages.get())[1]
    ivy = replace(ADA, id="ivy", supervisor=True, signs_off=True)
    pages.bench.roster.take(pages.bench.server.delta(2, 3, members={"ivy": ivy}))
    assert "Sign somebody off" in (await pages.get())[1]
    nonce = re.findall(r'name="nonce" value="([^"]*)"', (await pages.get())[1])[-1]
    assert (await pages.post("", press="sign_off", nonce=nonce))[0] == 303
    async with asyncio.timeout(5):
        while not pages.bench.station.signing.waits():
            await asyncio.sleep(0.01)
    _, page = await pages.get()
    assert "the instructor&#x27;s badge first" in page or "the instructor's badge first" in page
    assert "Sign somebody off" not in page


async def test_a_button_that_is_none_presses_nothing(pages):
    await pages.bench.tap()
    assert (await pages.post("", press="emergency_stop"))[0] == 409
    assert pages.bench.station.session_id is not None


async def ended(pages) -> None:
    async with asyncio.timeout(5):
        while pages.bench.station.session_id is not None:
            await asyncio.sleep(0.01)
