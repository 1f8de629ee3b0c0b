"""Somebody's day in a real browser: they find things by role, id and name, in any language, on any screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Locator, Page, expect

from tests.kit.axe import grave
from tests.kit.served import Served
from tests.kit.web import PASSWORD, WebFloor

HEIGHT: Final = 900
WIDTHS: Final = (360, 1000, 1920)
SUBMIT = "button:not([type=button])"
TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"


@dataclass
class Day:
    """One person at one screen; whatever their browser complains of is kept."""

    page: Page
    served: Served
    name: str
    width: int
    language: str
    number: int
    wrong: list[str] = field(default_factory=list)

    @property
    def web(self) -> WebFloor:
        return self.served.web

    @property
    def id(self) -> str:
        """What tells the things of this day from those of the others."""
        return f"{self.language}-{self.width}"

    def listen(self) -> None:
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self.page.url}: {error}"))
        self.page.on(
            "console",
            lambda said: self.wrong.append(f"{self.page.url}: {said.text}") if said.type == "error" else None,
        )
        self.page.on("dialog", lambda dialog: dialog.accept())

    def sign_in(self) -> None:
        self.page.goto(f"{self.served.url}/sign-in")
        self.page.locator("#login").fill(self.name)
        self.page.locator("#password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.served.url}/")

    def sign_out(self) -> None:
        self.look()
        assert grave(self.page) == []
        self.find("form[action='/sign-out'] button").click()
        expect(self.find("a[href='/sign-in'], #login").first).to_be_visible()

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def look(self) -> None:
        """Hold what is true of each page: it fits every screen, and has one title."""
        for width in (*(one for one in WIDTHS if one != self.width), self.width):
            self.page.set_viewport_size({"width": width, "height": HEIGHT})
            if self.page.evaluate(TOO_WIDE):
                self.wrong.append(f"{self.page.url}: wider than {width}")
        expect(self.find("h1")).to_have_count(1)

    def hears(self) -> None:
        """The page hears live news; one whose stream did not open is asked for anew."""
        expect(self.find("body[data-live=yes]")).to_be_attached(timeout=40_000)

    def show(self, path: str) -> None:
        """Open a page."""
        answer = self.page.goto(f"{self.served.url}{path}", wait_until="domcontentloaded")
        assert answer is not None
        assert answer.ok, f"{path}: {answer.status}"
        self.look()

    def follow(self, selector: str) -> None:
        """Follow a link to another page; a menu that it stands in is opened first."""
        link = self.find(selector).first
        unfold(link)
        with self.page.expect_navigation(wait_until="domcontentloaded"):
            link.click()
        self.look()

    def send(self, form: str, button: str = SUBMIT, **values: str) -> None:
        """Fill in a form by its fields' names, and send it; what it is folded into is opened first."""
        found = self.find(form).first
        unfold(found)
        for name, value in values.items():
            enter(found.locator(f"[name='{name}']"), value)
        with self.page.expect_navigation(wait_until="domcontentloaded") as sent:
            found.locator(button).first.click()
        answer = sent.value
        assert answer is None or answer.ok, f"{form}: {answer.status} {self.find('main').inner_text()[:300]}"
        self.look()

    def attach(self, form: str, name: str, content: bytes, kind: str) -> None:
        """Choose a file in a form."""
        unfold(self.find(form).first)
        self.find(f"{form} input[type=file]").set_input_files(
            {"name": name, "mimeType": kind, "buffer": content}
        )

    def done(self) -> None:
        """The page says that what was asked for is done."""
        expect(self.find("main > .notice[role=status]")).to_have_attribute("data-tone", "good")

    def take(self, selector: str) -> bytes:
        """Download what a link or a button gives."""
        found = self.find(selector).first
        unfold(found)
        with self.page.expect_download() as waited:
            found.click()
        return Path(waited.value.path()).read_bytes()


def enter(fields: Locator, value: str) -> None:
    """Fill in a field, choose an option, or tick the box or button of a value."""
    one = fields.first
    unfold(one)
    kind = one.evaluate("e => e.type")
    if kind in {"radio", "checkbox"}:
        fields.and_(fields.page.locator(f"[value='{value}']")).check()
    elif kind.startswith("select"):
        one.select_option(value)
    else:
        one.fill(value)


def unfold(found: Locator) -> None:
    """Open what a thing is folded into, from the outermost on."""
    folds = found.locator("xpath=ancestor::details")
    for at in range(folds.count()):
        if folds.nth(at).get_attribute("open") is None:
            folds.nth(at).locator("> summary").click()


@contextmanager
def day(browser: Browser, served: Served, name: str, width: int, language: str, number: int) -> Iterator[Day]:
    """Somebody's day, from signing in to signing out; a complaint of the browser fails it."""
    light = "dark" if language == "zh" else "light"
    with browser.new_context(
        viewport={"width": width, "height": HEIGHT}, color_scheme=light, reduced_motion="reduce"
    ) as context:
        context.set_default_timeout(20_000)
        context.add_cookies([{"name": "language", "value": language, "url": served.url}])
        lived = Day(context.new_page(), served, name, width, language, number)
        lived.listen()
        lived.sign_in()
        yield lived
        lived.sign_out()
        assert lived.wrong == []
