"""Every page that links lead each role to: it fits every screen, in both languages, and keeps nobody out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page

from tests.kit.axe import grave
from tests.kit.crawl import crawl
from tests.kit.furnished import furnish
from tests.kit.served import Served, chromium, serving
from tests.kit.web import PASSWORD, WebFloor, build

ROLES = {"anybody": "", "member": "mira", "technician": "tomas", "operator": "olga"}
WIDTHS = {"phone": 360, "desk": 1000, "wall": 1920}
UNNAMED = (
    "[...document.querySelectorAll('input:not([type=hidden]),select,textarea,button,a')].filter("
    "e => !(e.labels?.length || e.textContent.trim() || e.ariaLabel || e.querySelector('img')?.alt))"
    ".map(e => e.outerHTML)"
)
TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"


@dataclass(frozen=True, slots=True)
class Everything:
    """A floor with one of each thing, served, and the addresses of each role's own pages."""

    served: Served
    pages: dict[str, dict[str, str]]


async def walked(floor: WebFloor) -> dict[str, dict[str, str]]:
    async with floor.program("ada") as client:
        await furnish(floor, client)
    found: dict[str, dict[str, str]] = {}
    for role, name in ROLES.items():
        client = await floor.signed_in(name) if name else floor.browser()
        async with client:
            found[role] = {one.route: one.address for one in await crawl(client) if one.is_page}
    return found


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    floor = build(tmp_path_factory.mktemp("every-page"))
    pages = asyncio.run(walked(floor))  # before Playwright, which has this thread's loop for itself
    with serving(floor) as served:
        yield Everything(served, pages)


@pytest.fixture(scope="module")
def browser(everything: Everything) -> Iterator[Browser]:
    with chromium() as one:
        yield one


def wrong_with(page: Page, language: str) -> list[str]:
    """Return what keeps people from reading or using a page, on any screen."""
    wrong = [f"wider than the {name}" for name, width in WIDTHS.items() if is_too_wide(page, width)]
    wrong += [f"no name: {one[:120]}" for one in page.evaluate(UNNAMED)]
    if page.locator("h1").count() != 1:
        wrong.append("not one h1")
    if language == "zh":
        page.set_viewport_size({"width": WIDTHS["phone"], "height": 780})
        wrong += grave(page)
    return wrong


def is_too_wide(page: Page, width: int) -> bool:
    page.set_viewport_size({"width": width, "height": 900})
    return bool(page.evaluate(TOO_WIDE))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_fits_every_screen_and_keeps_nobody_out(
    browser: Browser, everything: Everything, language: str
) -> None:
    url, seen, wrong = everything.served.url, set[str](), dict[str, list[str]]()
    for role, name in ROLES.items():
        context = browser.new_context(color_scheme="dark" if language == "zh" else "light")
        context.add_cookies([{"name": "language", "value": language, "url": url}])
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.setdefault("script", []).append(str(error)))
        if name:
            page.goto(f"{url}/sign-in")
            page.locator("#login").fill(name)
            page.locator("#password").fill(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{url}/")
        for route, address in everything.pages[role].items():
            if route in {"/", "/machines/{id}"} or route not in seen:
                seen.add(route)
                page.goto(url + address, wait_until="domcontentloaded")
                if found := wrong_with(page, language):
                    wrong[f"{role} {route}"] = found
        context.close()
    assert wrong == {}
    assert len(seen) > 50, "fewer pages than there were: links are lost"
