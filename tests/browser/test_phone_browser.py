"""A phone's way from the code at a station to the question: the code is read from what the screen shows."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import async_playwright
from playwright.sync_api import Browser, expect

from booking_api.gateways.models import Gateway
from floor.gateway_keys import PhoneCode
from gateway.http import Http
from gateway.phone import PhoneCodes
from gateway.station_phone import Phones
from gateway.station_routes import StationPages
from tests.browser.test_web_browser import reader
from tests.kit.axe import RUN, grave, graves, script
from tests.kit.gateway import BADGE_KEY, Bench
from tests.kit.served import CHROMIUM, Served, chromium, chromium_path, serving
from tests.kit.web import GATEWAY, build

SERVER = "https://makerspace.example"


async def test_the_code_on_the_station_s_screen_is_read_by_a_camera(tmp_path: Path) -> None:
    zbarimg = shutil.which("zbarimg")
    assert zbarimg, "no zbarimg: install it with `apt-get install zbar-tools`"
    bench = Bench(tmp_path)
    codes = PhoneCodes("gw", SERVER, BADGE_KEY)
    phones = Phones(codes, lambda: True)
    pages = StationPages({"laser": bench.station}, "127.0.0.1", everybody=False, phones=phones)
    http = Http(bench.metrics, lambda: None, lambda: None, pages)  # type: ignore[arg-type,return-value]
    async with http.serving("127.0.0.1", 0, ""), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM)
        for light, language, width in (("light", "en", 800), ("dark", "zh-CN", 360)):
            context = await browser.new_context(
                viewport={"width": width, "height": 740}, color_scheme=light, locale=language
            )  # type: ignore[call-overload]
            page = await context.new_page()
            said: list[str] = []
            page.on("console", lambda message, said=said: said.append(message.text))
            await page.goto(f"http://127.0.0.1:{http.port}/stations/laser")
            picture = tmp_path / f"station-{language}.png"
            await page.screenshot(path=picture)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            assert said == [], "the browser blocked something"
            await page.evaluate(script())
            assert graves(await page.evaluate(RUN)) == []
            command = [zbarimg, "--raw", "-q", str(picture)]
            read = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, check=True, timeout=60
            )
            assert read.stdout.decode().strip() == codes.show("laser")
            await context.close()
        await browser.close()
    asked = {key: value[0] for key, value in parse_qs(urlsplit(codes.show("laser")).query).items()}
    code = PhoneCode("gw", "laser", asked["n"], int(asked["e"]))
    assert code.proven_by(asked["m"], BADGE_KEY)
    bench.journal.close()


def scan(zbarimg: str, picture: Path) -> str:
    read = subprocess.run([zbarimg, "--raw", "-q", str(picture)], capture_output=True, check=True, timeout=60)
    return read.stdout.decode().strip()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    web = build(tmp_path_factory.mktemp("phone"))
    with web.context.database.write() as session:
        row = session.get_one(Gateway, GATEWAY)
        row.badge_key_sealed = web.context.vault.seal(BADGE_KEY)
        session.add(row)
    with serving(web) as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


def test_a_member_confirms_on_a_small_screen_in_their_language(browser: Browser, served: Served) -> None:
    words = {
        "en": ("Unlock Laser cutter 60 W?", "Unlock", "The station does not take this code any more."),
        "zh": ("解锁Laser cutter 60 W吗？", "解锁", "站点不再接受此二维码。"),
    }
    refused = "the server responded with a status of 409"
    with reader(browser, served, "mira", 360, noted=refused) as page:
        for language, (question, button, answer) in words.items():
            page.context.add_cookies([{"name": "language", "value": language, "url": served.url}])
            page.goto(PhoneCodes(GATEWAY, served.url, BADGE_KEY).show("laser-1"))
            expect(page.get_by_role("heading", level=1)).to_have_text(question)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            confirm = page.get_by_role("button", name=button, exact=True)
            box = confirm.bounding_box()
            assert box
            assert box["height"] >= 40, "a thumb must hit it"
            assert grave(page) == []
            confirm.click()
            expect(page.get_by_role("status")).to_have_text(answer)
