"""Single sign-on with a real provider: who comes in, who is linked, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from tests.kit.oidc import Provider, at_provider, provider, through
from tests.kit.signing_in import House, build_house

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib"),  # the provider's own library
    pytest.mark.filterwarnings("ignore::DeprecationWarning:oidc_provider_mock"),
]
API, AT = "/api/v1", "/sign-in/with/club?next=/me"
SECURITY = "/me/security"


@pytest.fixture(scope="module")
def shared() -> Iterator[Provider]:
    with provider() as one:
        one.person("mira-at-club", email="Mira@kelp.test", email_verified=True, name="Mira Quince")
        one.person("alike", email="mira@\u212aelp.test", email_verified=True)
        one.person("unproven", email="mira@kelp.test", email_verified=False)
        names = {"given_name": "Nobo", "family_name": "Dy"}
        one.person("nobody", email="nobody@else.test", email_verified=True, **names)
        yield one


@pytest.fixture
def club(shared: Provider) -> Provider:
    shared.down, shared.change, shared.published = False, None, []
    return shared


@pytest.fixture
def house(tmp_path: Path, club: Provider) -> House:
    made = build_house(tmp_path)
    made.settle(providers=(club.settings(),))
    return made


async def test_a_verified_address_signs_in_and_links_for_good(house: House, club: Provider) -> None:
    browser = house.web.browser()
    done = await through(house, browser, AT, "mira-at-club")
    assert (done.status_code, done.headers["location"]) == (303, "/me")
    assert (await browser.get(f"{API}/members/me")).json()["email"] == "mira@kelp.test"
    assert house.told("mira") == ["link_added"]
    house.settle(providers=(club.settings(match_email=False),))
    again = house.web.browser()
    assert (await through(house, again, AT, "mira-at-club")).headers["location"] == "/me", "linked by subject"
    assert club.asked.count("/.well-known/openid-configuration") == 1, "what it says of itself is kept"


async def test_an_unverified_address_and_a_stranger_open_nothing(house: House, club: Provider) -> None:
    browser = house.web.browser()
    for sub in ("unproven", "nobody", "alike"):
        refused = await through(house, browser, AT, sub)
        assert (refused.status_code, "Nobody here is known" in refused.text) == (403, True)
    assert (await browser.get(f"{API}/members/me")).status_code == 401


async def test_a_stranger_may_be_admitted_and_waits_for_staff(house: House, club: Provider) -> None:
    house.settle(providers=(club.settings(create=True),))
    browser = house.web.browser()
    assert (await through(house, browser, AT, "nobody")).headers["location"] == "/me"
    me = (await browser.get(f"{API}/members/me")).json()
    assert (me["first_name"], me["last_name"], me["role"]) == ("Nobo", "Dy", "member")
    assert me["suspended_reason"] == "waits for approval"


async def test_a_signed_in_page_links_and_unlinks(house: House, club: Provider) -> None:
    otto = await house.web.signed_in("otto")
    done = await through(house, otto, f"{SECURITY}/links/club", "nobody")
    assert done.headers["location"] == f"{SECURITY}?notice=link_added"
    browser = house.web.browser()
    await through(house, browser, AT, "nobody")
    assert (await browser.get(f"{API}/members/me")).json()["email"] == "otto@kelp.test"
    mira = await house.web.signed_in("mira")
    taken = await through(house, mira, f"{SECURITY}/links/club", "nobody")
    assert (taken.status_code, "Another member" in taken.text) == (409, True)
    assert (await otto.post(f"{SECURITY}/links/club/remove")).status_code == 303
    assert (await through(house, house.web.browser(), AT, "nobody")).status_code == 403


async def test_a_link_belongs_to_who_began_it(house: House) -> None:
    otto = await house.web.signed_in("otto")
    sent = await otto.get(f"{SECURITY}/links/club")
    back = await at_provider(sent.headers["location"], "nobody")
    mira = await house.web.signed_in("mira")
    mira.cookies.set("makerfloor-provider", otto.cookies["makerfloor-provider"])
    refused = await mira.get(back.removeprefix("http://floor.localhost"))
    assert (refused.status_code, "not begun here" in refused.text) == (422, True)


async def test_a_second_factor_is_asked_for_after_the_provider_too(house: House) -> None:
    await house.with_codes("mira")
    browser = house.web.browser()
    assert (await through(house, browser, AT, "mira-at-club")).headers["location"] == "/sign-in/second"
    done = await browser.post("/sign-in/second", data={"code": house.code("mira", 1)})
    assert done.headers["location"] == "/me"


async def test_a_state_is_the_browsers_own_and_used_once(house: House) -> None:
    victim, attacker = house.web.browser(), house.web.browser()
    sent = await attacker.get(AT)
    back = (await at_provider(sent.headers["location"], "mira-at-club")).removeprefix(
        "http://floor.localhost"
    )
    assert (await victim.get(back)).status_code == 422, "nobody is signed in as somebody else by a link"
    wrong = back.split("state=")[0] + "state=" + "A" * 43
    assert (await attacker.get(wrong)).status_code == 422
    assert (await attacker.get(back)).status_code == 422, "the wrong answer used it up"
    assert (await attacker.get(f"{API}/members/me")).status_code == 401


WRONG: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "nonce": lambda claims: claims | {"nonce": "another"},
    "no nonce": lambda claims: {key: value for key, value in claims.items() if key != "nonce"},
    "audience": lambda claims: claims | {"aud": "another-client"},
    "audience beside ours": lambda claims: claims | {"aud": ["floor", "another"], "azp": "another"},
    "issuer": lambda claims: claims | {"iss": "http://localhost:1"},
    "expired": lambda claims: claims | {"exp": int(time.time()) - 120},
    "issued long ago": lambda claims: claims | {"iat": int(time.time()) - 3600},
    "no subject": lambda claims: claims | {"sub": ""},
}


async def test_a_token_that_does_not_fit_is_refused(house: House, club: Provider) -> None:
    club.published, browser = [club.key], house.web.browser()
    for what, club.change in WRONG.items():
        refused = await through(house, browser, AT, "mira-at-club")
        told = (refused.status_code, "did not confirm who you are" in refused.text)
        assert told == (422, True), what
    assert (await browser.get(f"{API}/members/me")).status_code == 401


async def test_keys_are_rotated_and_a_strangers_signature_is_refused(house: House, club: Provider) -> None:
    club.change, club.published = (lambda claims: claims), [club.key]
    assert (await through(house, house.web.browser(), AT, "mira-at-club")).status_code == 303
    old, club.key = club.key, RSAKey.generate_key(2048, {"kid": "next"})
    assert (await through(house, house.web.browser(), AT, "mira-at-club")).status_code == 422, "not published"
    club.published = [old, club.key]
    assert (await through(house, house.web.browser(), AT, "mira-at-club")).status_code == 303
    club.key = RSAKey.generate_key(2048, {"kid": "next"})
    borrowed = await through(house, house.web.browser(), AT, "mira-at-club")
    assert borrowed.status_code == 422, "a key that has another's name"


async def test_a_provider_that_is_down_leaves_the_password(house: House, club: Provider) -> None:
    club.down = True
    browser = house.web.browser()
    refused = await browser.get(AT)
    assert (refused.status_code, "cannot be reached" in refused.text) == (503, True)
    assert 'name="password"' in refused.text, "the other ways stand on the page"
    assert (await house.enter("mira"))[1].headers["location"] == "/"
    club.down = False
    sent = await browser.get(AT)
    back = (await at_provider(sent.headers["location"], "mira-at-club")).removeprefix(
        "http://floor.localhost"
    )
    club.down = True
    assert (await browser.get(back)).status_code == 503


async def test_a_provider_of_another_name_is_not_believed(house: House, club: Provider) -> None:
    house.settle(providers=(club.settings(issuer=f"{club.issuer}/"),))
    refused = await house.web.browser().get(AT)
    assert (refused.status_code, "does not answer as it should" in refused.text) == (503, True)
    unknown = await house.web.browser().get("/sign-in/with/nobody")
    assert unknown.status_code == 404


async def test_the_way_back_leads_nowhere_else(house: House) -> None:
    browser = house.web.browser()
    done = await through(house, browser, "/sign-in/with/club?next=https://evil.test/", "mira-at-club")
    assert done.headers["location"] == "/"
    other = house.web.browser()
    other.headers["sec-fetch-site"] = "cross-site"
    assert (await other.get(AT)).status_code == 403, "no other site begins a sign-in here"
