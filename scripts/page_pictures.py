"""Make a picture of every page that links lead to, with a year of a large floor's data, into build/pages.

Each role's pages are found by following links, so a page that is missing here is one that nobody finds.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from playwright.sync_api import Browser, Error, Page
from sqlmodel import select

from booking_api.machines.models import Machine
from tests.kit import year
from tests.kit.crawl import crawl
from tests.kit.furnished import furnish
from tests.kit.served import Served, chromium, serving
from tests.kit.web import PASSWORD, WebFloor, build
from tests.kit.year_live import go_live

FOLDER = Path(__file__).resolve().parent.parent / "build" / "pages"
ROLES = {"anybody": "", "member": "mira", "instructor": "ines", "technician": "tomas", "operator": "olga"}
HEIGHT_MAX = 6_000
MEMBERS_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Screen:
    """How a page is looked at."""

    width: int
    height: int
    scheme: str
    language: str

    @property
    def name(self) -> str:
        """What files are named by."""
        return f"{self.width}-{self.scheme}-{self.language}"


SCREENS = (
    Screen(1280, 900, "light", "en"),
    Screen(360, 780, "dark", "zh"),
    Screen(1920, 1080, "dark", "en"),
)


def filled(folder: Path, size: year.Size) -> WebFloor:
    """Return a floor with a year in its books, one of each thing, and people at its machines."""

    async def furnished() -> WebFloor:
        floor = build(folder)
        async with floor.program("ada") as client:
            await furnish(floor, client)
        return floor

    floor = asyncio.run(furnished())
    year.fill(floor, size)
    halls: dict[str, list[str]] = {}
    with floor.context.database.read() as session:
        for machine in session.exec(select(Machine).where(Machine.id.like("%-y%")).order_by(Machine.id)):  # type: ignore[attr-defined] # a column
            halls.setdefault(machine.gateway or "", []).append(machine.id)
    go_live(floor, halls, [*floor.people.values(), *(f"member-{n:05}" for n in range(MEMBERS_SHOWN))])
    return floor


def pages_of(floor: WebFloor, name: str) -> dict[str, str]:
    """Return each route that links lead a person to, with the address."""

    async def walk() -> dict[str, str]:
        client = await floor.signed_in(name) if name else floor.browser()
        async with client:
            return {one.route: one.address for one in await crawl(client) if one.is_page}

    return asyncio.run(walk())


def person(browser: Browser, served: Served, name: str, screen: Screen) -> Page:
    """Return somebody's browser at a screen, signed in."""
    viewport = {"width": screen.width, "height": screen.height}
    context = browser.new_context(viewport=viewport, color_scheme=screen.scheme)  # type: ignore[arg-type] # literals
    context.add_cookies([{"name": "language", "value": screen.language, "url": served.url}])
    page = context.new_page()
    if name:
        page.goto(f"{served.url}/sign-in")
        page.locator("#login").fill(name)
        page.locator("#password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{served.url}/", wait_until="domcontentloaded")
    return page


def picture(page: Page, address: str, file: Path, width: int) -> None:
    """Save what a page shows, as high as it is up to a bound."""
    page.goto(address, wait_until="load")
    height = min(HEIGHT_MAX, page.evaluate("document.documentElement.scrollHeight"))
    clip = {"x": 0, "y": 0, "width": width, "height": height}
    page.screenshot(path=file, full_page=True, clip=clip, animations="disabled")  # type: ignore[arg-type] # a literal


def new_to_each(floor: WebFloor) -> dict[str, dict[str, str]]:
    """Return each role's pages that no role before has; two are another page to each."""
    taken: set[str] = set()
    found: dict[str, dict[str, str]] = {}
    for role, name in ROLES.items():
        found[role] = {route: at for route, at in pages_of(floor, name).items() if route not in taken}
        taken |= found[role].keys() - {"/", "/machines/{id}"}
    return found


def take(
    served: Served, browser: Browser, pages: dict[str, dict[str, str]], folder: Path
) -> Iterator[tuple[str, str, str]]:
    """Take pages on each screen; yield role, route and file."""
    for role, routes in pages.items():
        for screen in SCREENS:
            page = person(browser, served, ROLES[role], screen)
            for route, address in sorted(routes.items()):
                file = f"{role}-{re.sub('[^a-z0-9]+', '-', route).strip('-') or 'board'}-{screen.name}.png"
                try:
                    picture(page, served.url + address, folder / file, screen.width)
                except Error as error:
                    print(f"{route}: {error.message.splitlines()[0]}")
                    continue
                yield role, route, file
            page.context.close()


def main(size: year.Size | None = None) -> None:
    """Take all pictures, and write a page with all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as data:
        floor = filled(Path(data), size or year.Size())
        pages = new_to_each(floor)
        with serving(floor) as served, chromium() as browser:
            rows = list(take(served, browser, pages, FOLDER))
    shown = (
        f'<h2>{role} {escape(route)}</h2><img loading="lazy" src="{name}">' for role, route, name in rows
    )
    (FOLDER / "index.html").write_text("<!doctype html>" + "\n".join(shown), encoding="utf-8")
    print(f"{len(rows)} pictures in {FOLDER.relative_to(FOLDER.parent.parent)}, with index.html")


if __name__ == "__main__":
    main()
