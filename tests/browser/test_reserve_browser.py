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


def pull(page: Page, machine: str, begin: float, end: float) -> None:
    """Drag over a machine's row from a part of the day's width to another, and let go."""
    box = page.locator(f".track[data-machine='{machine}']").bounding_box()
    assert box is not None
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * begin, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (begin + end) / 2, height)
    page.mouse.move(box["x"] + box["width"] * end, height)


def resize_by_finger(page: Page, part: float) -> None:
    """Hold a finger on the right edge of one's reservation, and pull it by a part of the day's width."""
    fingers = page.context.new_cdp_session(page)
    track = page.locator(".track[data-machine='laser-1']").bounding_box()
    edge = page.locator(".mark.mine .edge").bounding_box()
    assert track is not None
    assert edge is not None
    x, y = edge["x"] + edge["width"] / 2, edge["y"] + edge["height"] / 2
    fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    expect(page.locator(".ghost")).to_be_visible()
    for step in (0.25, 0.5, 0.75, 1):
        to = [{"x": x + track["width"] * part * step, "y": y}]
        fingers.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": to})
    expect(page.locator(".ghost")).to_contain_text("12:00–15:00")
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def drag(page: Page, served: Served) -> None:
    """On a wide screen: one drag is allowed, one refused while it goes on, and keys do what a drag does."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{served.url}/reservations/day?day=2026-05-22")
    assert fits(page)
    assert grave(page) == []
    ghost = page.locator(".ghost")
    pull(page, "laser-1", 0.501, 0.9)
    expect(ghost).to_contain_text("At most 4")
    expect(ghost).to_contain_class("no")
    page.mouse.up()
    expect(page.locator("dialog[open]")).to_have_count(0)
    pull(page, "laser-1", 0.501, 0.582)
    expect(ghost).to_contain_text("12:00–14:00 · 2 h")
    expect(ghost).to_contain_text("€")
    page.mouse.up()
    expect(page.locator("dialog #end")).to_have_value("2026-05-22T14:00")
    assert grave(page) == []
    page.locator("dialog button.button:not(.quiet)").click()
    page.wait_for_url("**/reservations/day?day=2026-05-22&notice=reserved")
    mine = page.locator(".track[data-machine='laser-1'] .mark.mine")
    expect(mine).to_contain_text("12:00–14:00")
    pull(page, "laser-1", 0.53, 0.53 + 1 / 24)
    page.mouse.up()
    page.wait_for_url("**moved=*")
    expect(mine).to_contain_text("13:00–15:00")
    page.locator(".undo button").click()
    expect(mine).to_contain_text("12:00–14:00")
    page.wait_for_load_state()
    resize_by_finger(page, 1 / 24)
    page.wait_for_url("**moved=*")
    expect(mine).to_contain_text("12:00–15:00")
    page.locator(".undo button").click()
    expect(mine).to_contain_text("12:00–14:00")
    page.wait_for_load_state()
    page.locator(".track[data-machine='laser-1'] .cell").nth(9).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    expect(ghost).to_contain_text("10:00–11:00")
    page.keyboard.press("Enter")
    expect(page.locator("dialog #begin")).to_have_value("2026-05-22T10:00")
    page.locator("dialog #end").press("Enter")
    page.wait_for_url("**/reservations/day?day=2026-05-22&notice=reserved")
    expect(mine.first).to_contain_text("10:00–11:00")


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
        page.context.add_cookies([{"name": "language", "value": "en", "url": served.url}])
        drag(page, served)
