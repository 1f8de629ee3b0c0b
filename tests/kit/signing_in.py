"""What tests of sign-in share: settings of one's own, the time, codes, and the letters that went out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlmodel import col, select

from booking_api.auth import second
from booking_api.auth.settings import SignInSettings
from booking_api.clock import Clock
from booking_api.happenings.models import Happened, Letter
from booking_api.happenings.words import Happening, LetterKind
from floor.timescale import TimeScale
from tests.kit.web import PASSWORD, WebFloor, build

DAY_MS = 86_400_000


class Wall(Clock):
    """Real time that tests can put forward."""

    def __init__(self) -> None:
        super().__init__(TimeScale())
        self.later_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.later_ms


@dataclass
class House:
    """A floor whose wall clock and settings of sign-in a test may change."""

    web: WebFloor
    wall: Wall

    def settle(self, address: str = "", **values: object) -> None:
        """Change settings of sign-in, and the server's address."""
        context = self.web.context
        sign_in = replace(SignInSettings(), **values)  # type: ignore[arg-type] # named by the test
        settings = replace(context.settings, sign_in=sign_in, address=address or context.settings.address)
        self.web.context = replace(context, settings=settings)
        self.web.app.state.context = self.web.context

    async def enter(self, name: str, password: str = PASSWORD) -> tuple[httpx.AsyncClient, httpx.Response]:
        """A browser that signed in on the page; its forms carry its token by header."""
        browser = self.web.browser()
        answer = await browser.post("/sign-in", data={"login": name, "password": password})
        await self.knows(browser)
        return browser, answer

    async def knows(self, browser: httpx.AsyncClient) -> None:
        """Let a browser read the token of its forms off a page."""
        page = (await browser.get("/me/security")).text
        if 'name="csrf" value="' in page:
            browser.headers["x-csrf-token"] = page.split('name="csrf" value="', 1)[1].split('"', 1)[0]

    def letters(self, kind: LetterKind, address: str) -> list[Letter]:
        """The letters of a kind to an address, the oldest first."""
        with self.web.context.database.read() as session:
            query = select(Letter).where(Letter.kind == kind, Letter.address == address)
            return list(session.exec(query.order_by(col(Letter.id))))

    def link(self, kind: LetterKind, address: str) -> str:
        """The path of the link in the last such letter."""
        link: str = self.letters(kind, address)[-1].values["link"]
        return link.removeprefix(self.web.context.settings.address)

    def told(self, name: str) -> list[str]:
        """What was told of the changes of somebody's sign-in, in order."""
        with self.web.context.database.read() as session:
            query = select(Happened).where(
                Happened.what == Happening.SIGN_IN_CHANGED, Happened.member == self.web.people[name]
            )
            return [str(one.data["change"]) for one in session.exec(query.order_by(col(Happened.id)))]

    def code(self, name: str, step: int = 0) -> str:
        """The code that somebody's authenticator shows now, or so many steps later."""
        context = self.web.context
        with context.database.read() as session:
            kept = session.get(second.SecondFactor, self.web.people[name])
            assert kept is not None
            secret = context.vault.open(kept.pending or kept.sealed or "")
        at_s = self.wall.now_ms() // 1000 + step * 30
        return TOTP(secret, 6, SHA1(), 30).generate(at_s).decode()

    async def with_codes(self, name: str) -> tuple[httpx.AsyncClient, list[str]]:
        """A signed-in browser of somebody who has set up one-time codes, and the recovery codes."""
        browser = await self.web.signed_in(name)
        await browser.post("/me/security/codes/begin")
        page = await browser.post("/me/security/codes", data={"code": self.code(name)})
        assert page.status_code == 200, page.text
        codes = [line.split("</li>")[0] for line in page.text.split("<li>")[1:] if "-" in line[:8]]
        await self.knows(browser)
        return browser, codes


def build_house(folder: Path) -> House:
    """Build a floor in a folder, whose passkeys and links are of http://localhost."""
    web, wall = build(folder), Wall()
    web.context = replace(web.context, wall=wall)
    house = House(web, wall)
    house.settle("http://floor.localhost")
    return house
