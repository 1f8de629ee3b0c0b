"""People sign in: with a second step, by letter, again where it matters, and out of one browser or all."""

from __future__ import annotations

from pathlib import Path

import pytest

from booking_api.auth import service
from booking_api.happenings.words import LetterKind
from tests.kit.signing_in import DAY_MS, House, build_house
from tests.kit.web import PASSWORD

API, SECURITY = "/api/v1", "/me/security"
NEW = "seven otters in a boat"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return build_house(tmp_path)


async def test_a_second_step_takes_each_code_once(house: House) -> None:
    await house.with_codes("mira")
    browser, first = await house.enter("mira")
    assert first.headers["location"] == "/sign-in/second"
    assert (await browser.get(f"{API}/members/me")).status_code == 401, "the first step alone opens nothing"
    used = house.code("mira")
    replayed = await browser.post("/sign-in/second", data={"code": used})
    assert replayed.status_code == 401, "the code of the set-up is used up"
    done = await browser.post("/sign-in/second", data={"code": house.code("mira", 1)})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert (await browser.get(f"{API}/members/me")).status_code == 200
    assert (await browser.post("/sign-in/second", data={"code": house.code("mira", 1)})).status_code == 409


async def test_a_recovery_code_opens_once_and_guesses_are_slowed(house: House) -> None:
    _, codes = await house.with_codes("mira")
    assert len(set(codes)) == 10
    browser, _ = await house.enter("mira")
    assert (await browser.post("/sign-in/second", data={"code": codes[0].upper()})).status_code == 303
    again, _ = await house.enter("mira")
    assert (await again.post("/sign-in/second", data={"code": codes[0]})).status_code == 401
    for number in range(7):
        assert (await again.post("/sign-in/second", data={"code": f"{number:06}"})).status_code == 401
    assert (await again.post("/sign-in/second", data={"code": codes[1]})).status_code == 401, "too often"
    house.wall.later_ms += 6 * 60_000
    assert (await again.post("/sign-in/second", data={"code": codes[1]})).status_code == 303


async def test_the_step_is_the_browsers_own_and_short(house: House) -> None:
    await house.with_codes("mira")
    browser, _ = await house.enter("mira")
    stranger = house.web.browser()
    assert (await stranger.post("/sign-in/second", data={"code": house.code("mira", 1)})).status_code == 409
    house.wall.later_ms += 11 * 60_000
    late = await browser.post("/sign-in/second", data={"code": house.code("mira")})
    assert late.status_code == 409
    assert "too long ago" in late.text


async def test_operators_are_led_to_a_second_factor_and_then_lose_their_rights(house: House) -> None:
    house.settle(second_factor="operators", second_factor_grace_days=7)
    browser, answer = await house.enter("olga")
    assert answer.headers["location"] == f"{SECURITY}?notice=second_factor"
    assert (await browser.get(f"{API}/members")).status_code == 200, "it may be put off for days"
    assert (await house.enter("tomas"))[1].headers["location"] == "/"
    house.wall.later_ms += 8 * DAY_MS
    late, _ = await house.enter("olga")
    assert (await late.get(f"{API}/members")).status_code == 403
    assert "rights only" in (await late.get(SECURITY)).text
    await late.post(f"{SECURITY}/codes/begin")
    await late.post(f"{SECURITY}/codes", data={"code": house.code("olga")})
    assert (await late.get(f"{API}/members")).status_code == 200
    await house.knows(late)
    kept = await late.post(f"{SECURITY}/codes/remove", follow_redirects=True)
    assert "Add a passkey first" in kept.text
    assert (await browser.get(f"{API}/members")).status_code == 401, "setting it up ended the other browser"


async def test_what_matters_asks_for_a_recent_sign_in(house: House) -> None:
    browser = await house.web.signed_in("ada")
    house.wall.later_ms += 16 * 60_000
    otto = house.web.people["otto"]
    refused = await browser.patch(f"{API}/members/{otto}", json={"role": "technician"})
    assert (refused.status_code, refused.json()["code"]) == (403, "sign_in_again")
    assert (await browser.patch(f"{API}/members/{otto}", json={"shown_name": "O"})).status_code == 200
    assert (await browser.post(f"{API}/tokens", json={"name": "x", "scopes": ["me:read"]})).status_code == 403
    page = await browser.post(f"{SECURITY}/codes/begin", headers={"referer": f"http://floor.test{SECURITY}"})
    assert page.headers["location"] == f"/sign-in?again=1&next={SECURITY}"
    assert "last 15 minutes" in (await browser.get(page.headers["location"])).text
    done = await browser.post("/sign-in", data={"login": "ada", "password": PASSWORD, "next": SECURITY})
    assert done.headers["location"] == SECURITY
    await house.knows(browser)
    assert (await browser.post(f"{SECURITY}/codes/begin")).headers["location"] == f"{SECURITY}/codes"
    image = await browser.get(f"{SECURITY}/codes.svg")
    assert image.headers["content-type"] == "image/svg+xml"
    assert image.text.startswith("<svg")


async def test_an_invitation_opens_once_and_admits(house: House) -> None:
    operator = await house.web.signed_in("olga")
    refused = await operator.post("/invitations", data={"email": "zoe@kelp.test", "role": "technician"})
    assert refused.status_code == 403
    sent = await operator.post("/invitations", data={"email": "zoe@kelp.test"})
    assert sent.headers["location"].endswith("notice=invited")
    link = house.link(LetterKind.INVITATION, "zoe@kelp.test")
    guest = house.web.browser()
    page = await guest.get(link)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert link not in page.text, "no form of the page carries its address elsewhere"
    form = {"first_name": "Zoë", "last_name": "Teal", "password": "zoe-teal-1"}
    poor = await guest.post(link, data=form)
    assert (poor.status_code, "name or address" in poor.text) == (422, True)
    done = await guest.post(link, data=form | {"password": NEW})
    assert done.headers["location"] == "/"
    me = (await guest.get(f"{API}/members/me")).json()
    assert (me["first_name"], me["email"], me["role"]) == ("Zoë", "zoe@kelp.test", "member")
    assert (await house.web.browser().post(link, data=form | {"password": NEW})).status_code == 404


async def test_an_admin_invites_staff_and_calls_back(house: House) -> None:
    async with house.web.program("ada") as admin:
        made = await admin.post(f"{API}/invitations", json={"email": "yan@kelp.test", "role": "technician"})
        assert made.status_code == 201
        taken = await admin.post(f"{API}/invitations", json={"email": "otto@kelp.test", "role": "admin"})
        assert taken.json()["code"] == "role_taken"
        listed = (await admin.get(f"{API}/invitations")).json()
        assert [one["email"] for one in listed] == ["yan@kelp.test"]
        assert (await admin.delete(f"{API}/invitations/{made.json()['id']}")).status_code == 204
    assert (
        await house.web.browser().get(house.link(LetterKind.INVITATION, "yan@kelp.test"))
    ).status_code == 404


async def test_a_forgotten_password_is_answered_alike_and_ends_every_session(house: House) -> None:
    before = await house.web.signed_in("mira")
    stranger = house.web.browser()
    asked = [
        (await stranger.post("/forgotten", data={"login": who})).text for who in ("mira", "nobody@x.test")
    ]
    assert asked[0] == asked[1]
    link = house.link(LetterKind.PASSWORD_RESET, "mira@kelp.test")
    for _ in range(4):
        await stranger.post("/forgotten", data={"login": "MIRA@kelp.test"})
    assert len(house.letters(LetterKind.PASSWORD_RESET, "mira@kelp.test")) == 3, "nobody is flooded"
    assert (await stranger.get(link)).status_code == 200
    assert (await stranger.post(link, data={"password": "password1234"})).status_code == 422
    done = await stranger.post(link, data={"password": NEW})
    assert done.headers["location"] == "/sign-in?notice=new_password"
    assert (await before.get(f"{API}/members/me")).status_code == 401
    assert (await stranger.post(link, data={"password": "another four word sentence"})).status_code == 404
    newest = house.link(LetterKind.PASSWORD_RESET, "mira@kelp.test")
    assert (await stranger.get(newest)).status_code == 404, "the other letters are dead too"
    assert (await house.enter("mira", NEW))[1].status_code == 303
    assert (await house.enter("mira"))[1].status_code == 401
    assert house.told("mira") == ["password"]


async def test_a_link_is_over_after_an_hour(house: House) -> None:
    stranger = house.web.browser()
    await stranger.post("/forgotten", data={"login": "mira"})
    link = house.link(LetterKind.PASSWORD_RESET, "mira@kelp.test")
    house.wall.later_ms += 61 * 60_000
    answer = await stranger.get(link)
    assert (answer.status_code, answer.headers["referrer-policy"]) == (404, "no-referrer")
    forged = link[:-4] + "AAAA"
    assert (await stranger.get(forged)).status_code == 404


async def test_a_new_address_is_confirmed_there_and_told_at_the_old_one(house: House) -> None:
    browser = await house.web.signed_in("mira")
    await browser.post(f"{SECURITY}/email", data={"email": "mira@new.test"})
    assert (await browser.get(f"{API}/members/me")).json()["email"] == "mira@kelp.test"
    link = house.link(LetterKind.EMAIL_CHANGED, "mira@new.test")
    await browser.get(link)
    assert (await browser.get(f"{API}/members/me")).json()["email"] == "mira@kelp.test", (
        "looking is not enough"
    )
    assert (await browser.post(link)).status_code == 303
    assert (await browser.get(f"{API}/members/me")).json()["email"] == "mira@new.test"
    told = house.letters(LetterKind.EMAIL_CHANGED, "mira@kelp.test")
    assert [(one.values["link"], one.values["new_address"]) for one in told] == [("", "mira@new.test")]
    await browser.post(f"{SECURITY}/email", data={"email": "otto@kelp.test"})
    taken = await browser.post(house.link(LetterKind.EMAIL_CHANGED, "otto@kelp.test"))
    assert taken.status_code == 409


async def test_one_sees_where_one_is_signed_in_and_ends_it(house: House) -> None:
    here, there = await house.web.signed_in("mira"), await house.web.signed_in("mira")
    other = await house.web.signed_in("otto")
    await there.get("/me", headers={"user-agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"})
    page = (await here.get(SECURITY)).text
    assert page.count("signed in ") == 2
    ids = [part.split("/end")[0] for part in page.split(f'action="{SECURITY}/browsers/')[1:]]
    assert (await other.post(f"{SECURITY}/browsers/{ids[0]}/end")).status_code == 404, "not theirs"
    await here.post(f"{SECURITY}/browsers/{ids[0]}/end")
    assert (await there.get(f"{API}/members/me")).status_code == 401
    third = await house.web.signed_in("mira")
    await third.post(f"{SECURITY}/browsers/end")
    assert [(await one.get(f"{API}/members/me")).status_code for one in (here, third)] == [401, 200]


async def test_staff_sign_somebody_out_and_take_a_lost_factor_away(house: House) -> None:
    mira, _ = await house.with_codes("mira")
    admin, operator = await house.web.signed_in("ada"), await house.web.signed_in("olga")
    at = f"/members/{house.web.people['mira']}/sign-in"
    assert "One-time codes" in (await operator.get(at)).text
    assert (await operator.post(f"{at}/reset", data={"reason": " "})).status_code == 422
    assert (await operator.post(f"{at}/reset", data={"reason": "seen in person"})).status_code == 303
    assert (await mira.get(f"{API}/members/me")).status_code == 401
    assert (await house.enter("mira"))[1].headers["location"] == "/"
    assert house.told("mira")[-1] == "second_factor_reset"
    ines = await house.web.signed_in("ines")
    staff = f"/members/{house.web.people['ines']}/sign-in"
    assert (await operator.post(f"{staff}/end")).status_code == 403, "staff are an admin's business"
    assert (await admin.post(f"{staff}/end")).status_code == 303
    assert (await ines.get(f"{API}/members/me")).status_code == 401


async def test_a_session_is_renewed_each_day_and_ends_when_idle_or_old(house: House) -> None:
    house.settle(idle_days=3, longest_days=5)
    browser = await house.web.signed_in("mira")
    first = browser.cookies["makerfloor"]
    house.wall.later_ms += DAY_MS + 1
    await browser.get("/me")
    fresh = browser.cookies["makerfloor"]
    assert fresh != first
    old = house.web.browser()
    old.cookies.set("makerfloor", first)
    assert (await old.get(f"{API}/members/me")).status_code == 200, "what is under way goes on"
    house.wall.later_ms += 61_000
    assert (await old.get(f"{API}/members/me")).status_code == 401
    house.wall.later_ms += 2 * DAY_MS
    await browser.get("/me")
    house.wall.later_ms += 2 * DAY_MS
    assert (await browser.get("/me")).headers["location"] == "/sign-in?next=/me", "five days are over"
    idle, _ = await house.enter("mira")
    house.wall.later_ms += 3 * DAY_MS + 1
    assert (await idle.get(f"{API}/members/me")).status_code == 401


async def test_another_role_asks_for_another_sign_in(house: House) -> None:
    otto = await house.web.signed_in("otto")
    async with house.web.program("ada") as admin:
        await admin.patch(f"{API}/members/{house.web.people['otto']}", json={"role": "technician"})
    assert (await otto.get(f"{API}/members/me")).status_code == 401
    again, _ = await house.enter("otto")
    assert (await again.get(f"{API}/gateways")).status_code == 200


async def test_an_operator_sends_no_letter_of_an_admin_to_themselves(house: House) -> None:
    async with house.web.program("olga") as operator:
        at = f"{API}/members/{house.web.people['ada']}"
        assert (await operator.patch(at, json={"email": "olga@else.test"})).status_code == 403
        mine = f"{API}/members/{house.web.people['mira']}"
        assert (await operator.patch(mine, json={"email": "mira@else.test"})).status_code == 200


async def test_tokens_end_are_counted_and_warn_before(house: House) -> None:
    house.settle(token_days=10, token_max_days=20)
    browser = await house.web.signed_in("mira")
    now_ms = house.wall.now_ms()
    made = (await browser.post(f"{API}/tokens", json={"name": "a", "scopes": ["me:read"]})).json()
    assert 10 * DAY_MS <= made["expires_ms"] - now_ms < 11 * DAY_MS
    late = {"name": "b", "scopes": ["me:read"], "expires_ms": now_ms + 900 * DAY_MS}
    longest = (await browser.post(f"{API}/tokens", json=late)).json()
    assert 20 * DAY_MS <= longest["expires_ms"] - now_ms < 21 * DAY_MS
    program = house.web.browser()
    program.headers["authorization"] = f"Bearer {made['secret']}"
    assert (await program.get(f"{API}/members/me")).status_code == 200
    listed = {one["name"]: one for one in (await browser.get(f"{API}/tokens")).json()}
    assert (listed["a"]["ends_soon"], listed["b"]["ends_soon"]) == (True, False)
    assert listed["a"]["used_ms"] >= now_ms
    assert house.told("mira") == ["token_ends_soon"]
    page = await browser.post(f"{SECURITY}/tokens", data={"name": "c", "scopes": ["me:read"], "until": ""})
    assert "mf_" in page.text
    assert "mf_" not in (await browser.get(SECURITY)).text
    past = await browser.post(
        f"{SECURITY}/tokens", data={"name": "d", "scopes": "me:read", "until": "2001-01-01"}
    )
    assert past.status_code == 422


async def test_a_password_is_changed_with_the_present_one(house: House) -> None:
    here, there = await house.web.signed_in("mira"), await house.web.signed_in("mira")
    wrong = await here.post(f"{SECURITY}/password", data={"current": "not it", "password": NEW})
    assert wrong.status_code == 422
    done = await here.post(f"{SECURITY}/password", data={"current": PASSWORD, "password": NEW})
    assert done.headers["location"].endswith("notice=new_password")
    assert [(await one.get(f"{API}/members/me")).status_code for one in (here, there)] == [200, 401]


async def test_well_known_addresses(house: House) -> None:
    browser = house.web.browser()
    assert (await browser.get("/.well-known/change-password")).headers["location"] == SECURITY
    assert (await browser.get("/.well-known/security.txt")).status_code == 404
    house.settle(security_contact="mailto:security@kelp.test")
    said = (await browser.get("/.well-known/security.txt")).text
    assert said.startswith("Contact: mailto:security@kelp.test\nExpires: 2")


async def test_nothing_is_left_of_who_is_erased(house: House) -> None:
    mira, _ = await house.with_codes("mira")
    with house.web.context.database.write() as session:
        service.forget(session, house.web.people["mira"], house.wall.now_ms())
    assert (await mira.get(f"{API}/members/me")).status_code == 401
    assert (await house.enter("mira"))[1].status_code == 401
    async with house.web.program("mira") as program:
        assert (await program.get(f"{API}/members/me")).status_code == 401
