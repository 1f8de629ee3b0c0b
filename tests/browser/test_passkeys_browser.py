"""Passkeys in a real browser with a virtual authenticator, and what is refused of their answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlmodel import select

from booking_api.auth.models import Passkey
from tests.kit.axe import grave
from tests.kit.served import Served, chromium, serving
from tests.kit.signing_in import House, build_house
from tests.kit.web import PASSWORD

expect.set_options(timeout=20_000)
SECURITY = "/me/security"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Served, str]]:
    house = build_house(tmp_path_factory.mktemp("passkeys"))
    with serving(house.web) as served:
        url = served.url.replace("127.0.0.1", "localhost")
        house.settle(url, second_factor="operators", second_factor_grace_days=30)
        yield house, served, url


@contextmanager
def person(browser: Browser, url: str, name: str, verified: bool = True) -> Iterator[Page]:
    """Somebody at a browser whose authenticator is empty."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, base_url=url)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": verified, "automaticPresenceSimulation": True,
    }  # fmt: skip
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto("/sign-in")
    page.locator("#login").fill(name)
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda at: "/sign-in" not in at)
    yield page
    context.close()


def register(page: Page, name: str) -> None:
    page.goto(SECURITY)
    page.locator("#passkey-name").fill(name)
    page.get_by_role("button", name="Add a passkey").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("The passkey is yours")


def begin(page: Page) -> dict[str, Any]:
    """Ask for a challenge as the page does."""
    asked = page.evaluate(
        """async () => (await fetch("/sign-in/passkey/begin", {
            method: "POST", headers: {"content-type": "application/json"}, body: "{}"})).json()"""
    )
    assert isinstance(asked, dict)
    return asked


ANSWER = """async (challenge) => {
  const bytes = (t) => Uint8Array.from(atob(t.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const publicKey = {challenge: bytes(challenge), rpId: "localhost", userVerification: "required"};
  return JSON.stringify((await navigator.credentials.get({publicKey})).toJSON());
}"""


def sent(page: Page, answer: str) -> int:
    """Send an answer as the page does, and return its status."""
    status = page.evaluate(
        """async (answer) => (await fetch("/sign-in/passkey", {method: "POST",
            headers: {"content-type": "application/json"}, body: JSON.stringify({answer})})).status""",
        answer,
    )
    assert isinstance(status, int)
    return status


def test_a_passkey_is_registered_named_used_and_removed(
    browser: Browser, place: tuple[House, Served, str]
) -> None:
    house, _, url = place
    with person(browser, url, "mira") as page:
        register(page, "Green phone")
        expect(page.locator("input[name=name][value='Green phone']")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert grave(page) == []
        page.get_by_role("button", name="Sign out", exact=True).first.click()
        page.goto("/sign-in?next=/me")
        page.get_by_role("button", name="Sign in with a passkey").press("Enter")
        page.wait_for_url("**/me")
        expect(page.get_by_role("heading", level=1)).to_have_text("Mira Quince")
        page.goto(SECURITY)
        expect(page.get_by_text("by passkey")).to_be_visible()
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_text("It is kept")).to_be_visible()
        page.get_by_role("button", name="Sign out", exact=True).first.click()
        page.goto("/sign-in")
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_text("This passkey opens nothing here.")).to_be_visible()
    assert house.told("mira") == ["passkey_added", "passkey_removed"]


def test_a_passkey_is_an_operators_second_factor(browser: Browser, place: tuple[House, Served, str]) -> None:
    _, _, url = place
    with person(browser, url, "olga") as page:
        expect(page.get_by_role("alert")).to_contain_text("needs a second factor")
        register(page, "Key")
        expect(page.get_by_role("alert")).to_have_count(0)
        page.get_by_role("button", name="Sign out", exact=True).first.click()
        page.goto("/sign-in?next=/members")
        page.locator("#login").fill("olga")
        page.locator("#password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/sign-in/second")
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url("**/members")


def test_answers_that_were_not_asked_for_here_open_nothing(
    browser: Browser, place: tuple[House, Served, str]
) -> None:
    house, _, url = place
    with person(browser, url, "otto") as page:
        register(page, "Key")
        page.context.clear_cookies()
        page.goto("/sign-in")
        answer = page.evaluate(ANSWER, begin(page)["challenge"])
        with httpx.Client(base_url=url) as elsewhere:
            elsewhere.post("/sign-in/passkey/begin", json={})
            stolen = elsewhere.post("/sign-in/passkey", json={"answer": answer})
            assert stolen.status_code == 401, "the challenge belongs to another browser"
        assert sent(page, answer) == 200
        page.context.clear_cookies()
        page.goto("/sign-in")
        assert sent(page, answer) == 401, "there is no challenge any more"
        begin(page)
        assert sent(page, answer) == 401, "an old answer to a new challenge"
        again = json.loads(page.evaluate(ANSWER, begin(page)["challenge"]))
        other = again | {"response": again["response"] | {"userHandle": "b3RoZXI"}}
        assert sent(page, json.dumps(other)) == 401, "another member's name on it"
        for nonsense in (
            "",
            "{}",
            "[" * 19_000,
            '{"id": "x", "rawId": "x", "type": "public-key", "response": {}}',
        ):
            begin(page)
            assert sent(page, nonsense) in {401, 422}
        house.settle(url.replace("localhost", "other.localhost"))
        begin_elsewhere = begin(page)["challenge"]
        assert sent(page, page.evaluate(ANSWER, begin_elsewhere)) == 401, "made for another origin"
        house.settle(url)


def test_a_counter_that_goes_back_and_a_holder_who_was_not_verified_are_refused(
    browser: Browser, place: tuple[House, Served, str]
) -> None:
    house, _, url = place
    with person(browser, url, "tomas") as page:
        register(page, "Key")
        with house.web.context.database.write() as session:
            kept = session.exec(select(Passkey).where(Passkey.member == house.web.people["tomas"])).one()
            kept.sign_count = 1_000
            session.add(kept)
        page.context.clear_cookies()
        page.goto("/sign-in")
        assert sent(page, page.evaluate(ANSWER, begin(page)["challenge"])) == 401, "a copy of the passkey"
    with person(browser, url, "tomas", verified=False) as page:
        page.goto(SECURITY)
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.get_by_text("That was called off")).to_be_visible()
