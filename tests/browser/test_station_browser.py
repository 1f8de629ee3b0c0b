"""The station's page in a real browser: what protects it lets the member's own choice through."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import async_playwright

from gateway.http import Http
from gateway.station_routes import StationPages
from tests.kit.axe import RUN, graves, script
from tests.kit.gateway import Bench
from tests.kit.served import CHROMIUM, chromium_path
from tests.unit.test_gateway_pages import ADA


@contextlib.asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    task = asyncio.create_task(bench.station.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_member_chooses_who_pays_on_a_small_screen(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.roster.take(bench.server.delta(1, 2, members={"ada": ADA}))
    pages = StationPages({"laser": bench.station}, "127.0.0.1", everybody=False)
    http = Http(bench.metrics, lambda: None, lambda: None, pages)  # type: ignore[arg-type,return-value]
    async with running(bench), http.serving("127.0.0.1", 0, ""), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM)
        page = await browser.new_page(viewport={"width": 360, "height": 740})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        await bench.tap()
        await page.goto(f"http://127.0.0.1:{http.port}/stations/laser")
        assert await page.evaluate("getComputedStyle(document.querySelector('form')).display") == "grid"
        await page.get_by_role("button", name="Robotics").click()
        await page.locator("button[aria-current=true]", has_text="Robotics").wait_for()
        assert bench.station.state.lease.account == "team"  # type: ignore[union-attr]
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        await page.get_by_role("link", name="Report a fault").focus()
        await bench.pass_s(150)
        await page.get_by_text("0:02").wait_for()
        assert await page.evaluate("document.activeElement.textContent") == "Report a fault"
        assert await page.get_by_role("alert").count() == 0
        assert said == [], "the browser blocked something"
        await page.evaluate(script())
        assert graves(await page.evaluate(RUN)) == []
        await browser.close()
    bench.journal.close()
