"""Without a mouse: a second factor, waiting, a hand-over, a class, a text to sign, an import of members."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from booking_api.courses import classes
from booking_api.courses.classes import ClassDetails
from booking_api.waivers import service as waivers
from booking_api.waivers.service import WaiverDetails
from floor.money import Commodity
from tests.kit.axe import grave
from tests.kit.reservations import TOMORROW, slot, with_policy
from tests.kit.served import Served, chromium, serving
from tests.kit.signing_in import House, build_house
from tests.kit.web import NOW_MS, PASSWORD

POLICY = """
[policy.all]
machines = "*"
certified = false
waiting = true
hand_over = true
"""
COURSES = """
valid_from = 2026-01-01
[[courses]]
id = "laser"
name = { en = "Laser cutting, basics", zh = "激光切割入门" }
price = 0
capacity = 4
"""
FILE = b"number,first name,last name\n70,Wren,Sedge\n"
TAKEN = "begin=2026-05-22T11:00&end=2026-05-22T12:00"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Served, Browser]]:
    house = build_house(tmp_path_factory.mktemp("keyboard"))
    asyncio.run(furnish(house))
    with serving(house.web) as served, chromium() as browser:
        yield house, served, browser


async def furnish(house: House) -> None:
    web = with_policy(house.web, POLICY)
    ines = web.people["ines"]
    with web.context.database.write() as session:
        classes.put_file(session, COURSES, "classes.toml", Commodity("EUR"), "test", NOW_MS)
        classes.plan(session, ClassDetails(course="laser", instructor=ines, starts_ms=TOMORROW), NOW_MS)
        text = WaiverDetails(kind="rules", names={"en": "Rules"}, texts={"en": "Be kind."}, grace_days=30)
        waivers.publish(session, text, "test", NOW_MS)
    for name, hour in (("otto", 10), ("mira", 14)):
        body = slot(hour)
        headers = {"Idempotency-Key": f"keyboard-{name}"}
        made = await web.program(name).post("/api/v1/reservations", json=body, headers=headers)
        assert made.status_code == 201, made.text
    await house.with_codes("olga")


@contextmanager
def person(place: tuple[House, Served, Browser], name: str, language: str) -> Iterator[Page]:
    """Somebody who signs in by keyboard, at a phone's width."""
    _, served, browser = place
    with browser.new_context(viewport={"width": 360, "height": 740}, base_url=served.url) as context:
        context.add_cookies([{"name": "language", "value": language, "url": served.url}])
        page = context.new_page()
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto("/sign-in")
        assert grave(page) == []
        page.keyboard.type(name)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda at: not at.endswith("/sign-in"))
        yield page


def reach(page: Page, selector: str) -> None:
    """Walk on with Tab until a thing has the focus, and shows it."""
    for _ in range(80):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", selector
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never reached {selector} on {page.url}")


def press(page: Page, selector: str, key: str = "Enter") -> None:
    reach(page, selector)
    page.keyboard.press(key)


def show(page: Page, path: str) -> None:
    """Open a page that nothing keeps anybody from reading."""
    page.goto(path)
    assert grave(page) == [], path


def test_a_member_waits_hands_over_signs_up_and_signs(place: tuple[House, Served, Browser]) -> None:
    with person(place, "mira", "en") as page:
        show(page, f"/machines/laser-1/reserve?{TAKEN}")
        expect(page.get_by_text("is taken from")).to_be_visible()
        press(page, "button[formaction$='/wait']")
        page.wait_for_url("**/reservations?notice=waits_for_slot")
        press(page, "summary:has(+ form[action$='/hand-over'])")
        press(page, "details[open] input[name=number]", "5")
        press(page, "form[action$='/hand-over'] button")
        page.wait_for_url("**/reservations?notice=*")
        expect(page.locator("section[aria-labelledby=over-title]")).to_contain_text("handed over")
        show(page, "/training")
        press(page, "form[action^='/training/classes/'] button")
        page.wait_for_url("**/training*")
        expect(page.get_by_text("you have a place", exact=True)).to_be_visible()
        show(page, "/me/details")
        press(page, "a[href^='/waivers/rules']")
        page.wait_for_url("**/waivers/rules*")
        assert grave(page) == []
        press(page, "input[name=agreed]", "Space")
        reach(page, "#name")
        page.keyboard.type("Mira Quince")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda at: "/waivers/" not in at)


def test_an_operator_signs_in_with_a_code_and_brings_members_in(
    place: tuple[House, Served, Browser], tmp_path: Path
) -> None:
    house, _, _ = place
    with person(place, "olga", "zh") as page:
        page.wait_for_url("**/sign-in/second")
        assert grave(page) == []
        page.keyboard.type(house.code("olga", 1))
        page.keyboard.press("Enter")
        page.wait_for_url(lambda at: "/sign-in" not in at)
        show(page, "/member-import")
        reach(page, "input[type=file]")
        page.locator("input[type=file]").set_input_files(
            {"name": "members.csv", "mimeType": "text/csv", "buffer": FILE}
        )
        press(page, "main form button:not(.quiet)")
        page.wait_for_url("**/member-import/*")
        assert grave(page) == []
        press(page, "form[action$='/apply'] button")
        page.wait_for_url(lambda at: "/member-import/" not in at)
        for path in (
            "/audit",
            "/webhooks",
            "/waivers",
            "/invitations",
            "/registrations",
            "/skills",
            "/classes",
        ):
            show(page, path)
