"""A member reserves a machine on a phone, by keyboard alone, finds it among their own and gives it up."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.kit.axe import grave
from tests.kit.reservations import with_policy
from tests.kit.served import Served, chromium, serving
from tests.kit.web import PASSWORD, build

NAMES = {"en": "My reservations", "zh": "我的预约"}


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def press(page: Page, selector: str) -> None:
    """Walk on with Tab until a thing has the focus, and press it."""
    for _ in range(60):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never reached {selector}")


def walk(page: Page, served: Served, title: str) -> None:
    page.goto(f"{served.url}/machines/laser-1")
    press(page, "a[href='/machines/laser-1/reserve']")
    page.wait_for_url("**/laser-1/reserve")
    assert fits(page)
    press(page, ".week > div:nth-child(2) a")
    page.wait_for_url("**/reserve?begin=*")
    assert page.locator("main h2").first.get_attribute("id") == "book-title", "what was asked stands first"
    press(page, "form[action$='/reserve'] button.button:not(.quiet)")
    page.wait_for_url("**/reservations?notice=reserved")
    assert fits(page)
    expect(page.locator("h1")).to_have_text(title)
    assert grave(page) == []
    line = page.locator("section[aria-labelledby=coming-title] li", has_text="Laser cutter 60 W")
    expect(line.first).to_be_visible()
    press(page, "form[action$='/cancel'] button")
    page.wait_for_url("**/reservations?notice=reservation_cancelled")
    expect(page.locator("section[aria-labelledby=over-title]")).to_contain_text("Laser cutter 60 W")


def test_a_member_reserves_and_gives_up_by_keyboard_on_a_phone(tmp_path: Path) -> None:
    web = with_policy(build(tmp_path))
    with serving(web) as served, chromium() as browser:
        page = browser.new_page(viewport={"width": 360, "height": 740})
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"{served.url}/sign-in")
        page.keyboard.type("mira")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{served.url}/")
        for language, title in NAMES.items():
            page.context.add_cookies([{"name": "language", "value": language, "url": served.url}])
            walk(page, served, title)
