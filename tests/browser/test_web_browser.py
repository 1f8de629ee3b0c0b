"""People in a real browser: members watch a session run and read its bill, staff do their work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from booking_api.certifications import service as certifications
from floor.wire.journal import SessionEnded, SessionStarted
from floor.words import StopType
from tests.kit.prints import GCODE
from tests.kit.served import Served, chromium, serving
from tests.kit.web import MINUTE, NOW_MS, PASSWORD, build

expect.set_options(timeout=20_000)
REFUSED = "the server responded with a status of 422"
"""What a browser notes of a form that is refused in words on a page."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(build(tmp_path_factory.mktemp("browser"))) as one:
        yield one


@contextmanager
def reader(
    browser: Browser,
    served: Served,
    name: str = "",
    width: int = 1000,
    light: str = "light",
    language: str = "en",
    noted: str = REFUSED,
) -> Iterator[Page]:
    """A person at a screen; whatever their browser complains of fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=light)  # type: ignore[arg-type] # a literal
    context.add_cookies([{"name": "language", "value": language, "url": served.url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    if name:
        page.goto(f"{served.url}/sign-in")
        page.locator("#login").fill(name)
        page.locator("#password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{served.url}/")
    yield page
    assert [one for one in complaints if noted not in one] == []
    context.close()


def test_a_member_watches_a_session_run_and_reads_its_bill(browser: Browser, served: Served) -> None:
    web = served.web
    with reader(browser, served, "mira") as page:
        card = page.locator("#machine-laser-1")
        expect(card).to_contain_text("Free")
        expect(page.locator("body[data-live=yes]")).to_be_attached()
        page.evaluate("document.body.dataset.sameDocument = 'yes'")
        served.tell(lambda: web.shows(web.in_use("laser-1", "mira", 1, price_micro=2_000_000)))
        expect(card).to_contain_text("In use")
        expect(card.locator(".price")).to_have_text("€2.00")
        served.tell(lambda: web.shows(web.in_use("laser-1", "mira", 11, progress=0.5, job="box.svg")))
        expect(card.locator(".price")).to_have_text("€4.00")
        expect(card.locator("progress")).to_have_attribute("value", "50")

        started = SessionStarted(
            session_id="live-1", machine="laser-1", member=web.people["mira"], account=web.people["mira"],
            badge="ab" * 16, tier="member", max_duration_s=3600,
        )  # fmt: skip
        minutes = {"machine_time_ms": 12 * MINUTE}
        ended = SessionEnded.model_validate(
            {
                "session_id": "live-1",
                "stop_type": StopType.TAP_OUT,
                "elapsed_ms": 12 * MINUTE,
                "counters": minutes,
            },
            strict=False,
        )
        web.journal((NOW_MS, started), (NOW_MS + 12 * MINUTE, ended))
        served.tell(lambda: web.shows(web.free("laser-1")))
        expect(card).to_contain_text("Free")
        expect(page.locator("#charge-live-1")).to_contain_text("€4.00")
        assert page.evaluate("document.body.dataset.sameDocument") == "yes"

        page.get_by_role("link", name="My page").first.click()
        expect(page.locator(".balance .figure")).to_have_text("€11.46")
        page.locator("a[href='/sessions/live-1/receipt']").first.click()
        expect(page.locator("main")).to_contain_text("2 × €2.00 = €4.00")


def test_a_gateway_that_is_gone_shows_its_machines_offline(browser: Browser, served: Served) -> None:
    with reader(browser, served, "tomas") as page:
        expect(page.locator("#machine-saw-1")).to_contain_text("Free")
        served.tell(lambda: served.web.context.live.presence("north", False, NOW_MS))
        expect(page.locator("#machine-saw-1")).to_contain_text("Offline")
        expect(page.locator("#gateways")).to_contain_text("Out of touch: north")


def test_a_wrong_password_says_so_and_a_page_leads_back_after_sign_in(
    browser: Browser, served: Served
) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{served.url}/me")
        page.locator("#login").fill("mira")
        page.locator("#password").fill("not the password")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("do not belong together")
        page.locator("#password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{served.url}/me")


def gcode(text: str) -> FilePayload:
    return {"name": "gear.gcode", "mimeType": "", "buffer": text.encode()}


def test_a_member_sends_a_file_and_queues_it_at_its_price(browser: Browser, served: Served) -> None:
    with reader(browser, served, "mira", 390) as page:
        page.goto(f"{served.url}/prints")
        page.get_by_label("File of G-code").set_input_files(gcode(GCODE))
        page.get_by_role("button", name="Send, and see the price").click()
        expect(page.locator("h1")).to_have_text("gear.gcode")
        expect(page.locator("tfoot")).to_contain_text("€0.71")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("button", name="Put it in the queue").click()
        expect(page.get_by_role("status")).to_contain_text("it begins at your next tap")


def test_a_file_that_is_too_large_is_refused_on_a_page(browser: Browser, served: Served) -> None:
    web = served.web
    object.__setattr__(web.context.settings.prints, "max_file_bytes", 1 << 20)
    with web.context.database.write() as session:
        certifications.grant(session, web.people["olga"], "printer-1", "test", NOW_MS)
    with reader(browser, served, "olga") as page:
        page.goto(f"{served.url}/prints")
        page.get_by_label("File of G-code").set_input_files(gcode("G1 X1 E1\n" * 200_000))
        with page.expect_response("**/prints") as answer:
            page.get_by_role("button", name="Send, and see the price").click()
        assert answer.value.status == 422
        expect(page.locator("main")).to_contain_text("larger than the space takes")


@pytest.mark.parametrize("script", ["**/hx-sse.min.js", "**/app.js"])
def test_live_news_open_at_once_though_a_script_comes_late(
    browser: Browser, served: Served, script: str
) -> None:
    def late(route: Route) -> None:
        time.sleep(0.3)
        route.continue_()

    page, visits = browser.new_page(), []
    page.on("domcontentloaded", lambda loaded: visits.append(loaded.url))
    page.route(script, late)
    for path in ("/", "/wall"):
        page.goto(f"{served.url}{path}")
        expect(page.locator("body[data-live=yes]")).to_be_attached(timeout=40_000)
    assert len(visits) == 2, "a page that heard nothing was asked for anew"
    page.close()


def test_a_board_whose_stream_never_opened_asks_for_the_page_anew(browser: Browser, served: Served) -> None:
    refused = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort()

    page = browser.new_page()
    page.clock.install()
    page.route("**/live/board", refuse_once)
    with page.expect_event("requestfailed"):
        page.goto(served.url)
    page.clock.fast_forward(10_000)
    expect(page.locator("body[data-live=yes]")).to_be_attached(timeout=40_000)
    assert refused
    page.close()
