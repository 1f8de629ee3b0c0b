"""Who may ask what: every route of the application × every role, and whose things they are.

`-` nobody signed in, `m` the member whose things are asked for, `o` another member, `i` instructor,
`t` technician, `p` operator, `a` admin. A route that is missing here fails the test.
"""

from __future__ import annotations

import httpx
import pytest
from starlette.routing import Route

from booking_api.auth.permissions import GRANTS, Permission
from booking_api.rooms import API as API_ROOMS
from booking_api.rooms import PAGES
from booking_api.web import live
from floor.words import Role
from tests.kit.access_accounts import ACCOUNTS
from tests.kit.access_api import API_PAGES
from tests.kit.access_books import BOOKS
from tests.kit.access_disputes import DISPUTES
from tests.kit.access_health import HEALTH
from tests.kit.access_me import ME
from tests.kit.access_memberships import MEMBERSHIPS
from tests.kit.access_payments import PAYMENTS
from tests.kit.access_people import PEOPLE
from tests.kit.access_prints import PRINTS
from tests.kit.access_rates import RATES
from tests.kit.access_reports import REPORTS
from tests.kit.access_reservations import RESERVATIONS
from tests.kit.access_signin import SIGN_INS
from tests.kit.access_training import TRAINING
from tests.kit.access_upkeep import UPKEEP
from tests.kit.access_watch import WATCH
from tests.kit.web import WebFloor, build

NAMES = {"-": "", "m": "mira", "o": "otto", "i": "ines", "t": "tomas", "p": "olga", "a": "ada"}
ALL, SIGNED_IN, STAFF = "-moitpa", "moitpa", "itpa"
API = "/api/v1"
MAY: dict[tuple[str, str], str] = {
    ("GET", "/"): ALL,
    ("GET", "/live/board"): ALL,
    ("POST", "/language"): ALL,
    ("GET", "/me"): SIGNED_IN,
    ("GET", "/live/me"): SIGNED_IN,
    ("POST", "/me/badges/{id}/lost"): "mpa",
    ("GET", "/b"): ALL,
    ("GET", "/machines/{id}"): ALL,
    ("GET", "/machines/{id}/live"): ALL,
    ("POST", "/machines/{id}/lockout"): "tpa",
    ("POST", "/machines/{id}/manual"): "pa",
    ("GET", "/wall"): ALL,
    ("GET", "/live/wall"): ALL,
    ("POST", "/machines/{id}/clear"): "tpa",
    ("POST", "/machines/{id}/stop"): "tpa",
    ("POST", "/machines/{id}/identify"): "tpa",
    ("GET", "/members"): STAFF,
    ("GET", "/members/{id}"): STAFF,
    ("POST", "/members/{id}/payments"): "pa",
    ("POST", "/members/{id}/badges/{badge}/{state}"): "pa",
    ("POST", "/members/{id}/reading"): "pa",
    ("POST", "/members/{id}/reading/cancel"): "pa",
    ("GET", "/live/members/{id}/badges"): "pa",
    ("GET", "/tap"): SIGNED_IN,
    ("POST", "/tap"): "",  # only a signed-in browser: see the test of taps
    ("GET", "/workshop"): "tpa",
    ("POST", "/workshop/alarms/{gateway}/{epoch}/{seq}/seen"): "tpa",
    ("GET", "/utilisation"): SIGNED_IN,
    ("GET", "/metrics"): ALL,
    ("GET", "/healthz"): ALL,
    ("GET", "/healthz/live"): ALL,
    ("GET", "/api/v1/openapi.json"): ALL,
    ("GET", f"{API}/tokens"): SIGNED_IN,
    ("POST", f"{API}/tokens"): "",  # only a signed-in browser: see the test of tokens
    ("DELETE", f"{API}/tokens/{{id}}"): SIGNED_IN,
    ("GET", f"{API}/members"): STAFF,
    ("GET", f"{API}/members/me"): SIGNED_IN,
    ("GET", f"{API}/members/{{id}}"): "mitpa",
    ("POST", f"{API}/members"): "pa",
    ("PATCH", f"{API}/members/{{id}}"): "pa",
    ("POST", f"{API}/members/{{id}}/suspend"): "pa",
    ("POST", f"{API}/members/{{id}}/restore"): "pa",
    ("PUT", f"{API}/members/{{id}}/sign-in"): "pa",
    ("GET", f"{API}/members/{{member}}/badges"): "mpa",
    ("POST", f"{API}/members/{{member}}/badges"): "pa",
    ("GET", f"{API}/members/{{member}}/badge-events"): "pa",
    ("POST", f"{API}/badges/{{id}}/lost"): "mpa",
    ("POST", f"{API}/badges/{{id}}/found"): "pa",
    ("POST", f"{API}/badges/{{id}}/keys"): "pa",
    ("GET", f"{API}/badges/{{id}}/keys"): "pa",
    ("DELETE", f"{API}/badges/{{id}}"): "pa",
    ("GET", f"{API}/machines"): SIGNED_IN,
    ("GET", f"{API}/machines/{{id}}"): SIGNED_IN,
    ("POST", f"{API}/machines"): "pa",
    ("PATCH", f"{API}/machines/{{id}}"): "pa",
    ("DELETE", f"{API}/machines/{{id}}"): "pa",
    ("POST", f"{API}/machines/{{id}}/lockout"): "tpa",
    ("POST", f"{API}/machines/{{id}}/clear"): "tpa",
    ("POST", f"{API}/machines/{{id}}/stop"): "tpa",
    ("POST", f"{API}/machines/{{id}}/identify"): "tpa",
    ("GET", f"{API}/sessions"): SIGNED_IN,
    ("GET", f"{API}/sessions/{{id}}"): "mtpa",
    ("GET", f"{API}/members/{{member}}/balances"): "mpa",
    ("GET", f"{API}/members/{{member}}/statement"): "mpa",
    ("POST", f"{API}/members/{{member}}/payments"): "pa",
    ("POST", f"{API}/ledger/entries/{{entry}}/reverse"): "pa",
    ("GET", f"{API}/tariffs"): SIGNED_IN,
    ("POST", f"{API}/tariffs"): "pa",
    ("GET", f"{API}/gateways"): "tpa",
    ("GET", f"{API}/reports/utilisation"): SIGNED_IN,
    ("GET", f"{API}/reports/utilisation.csv"): SIGNED_IN,
    ("GET", f"{API}/reports/what-if"): SIGNED_IN,
    ("GET", f"{API}/reports/what-if.csv"): SIGNED_IN,
}
MONEY = PAYMENTS | ACCOUNTS | DISPUTES | BOOKS | RATES | REPORTS
PERSONAL = PEOPLE | SIGN_INS | TRAINING | RESERVATIONS | MEMBERSHIPS | ME
MAY |= API_PAGES | PERSONAL | MONEY | PRINTS | WATCH | UPKEEP | HEALTH
BODIES = {("POST", f"{API}/tokens"): {"name": "x", "scopes": ["me:read"]}}
HIDDEN = frozenset({("GET", f"{API}/sessions/{{id}}")})
"""What is not theirs does not exist for them: 404."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    return build(tmp_path_factory.mktemp("access"))


def routes(web: WebFloor) -> set[tuple[str, str]]:
    rooms = [room.router.routes for room in (*API_ROOMS, *PAGES)]
    return {
        (method, route.path)
        for route in (*web.app.routes, *(route for room in rooms for route in room))
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }


def address(web: WebFloor, path: str) -> str:
    """Fill a path with what is Mira's."""
    machine = path.startswith(("/machines/", f"{API}/machines/"))
    id = "laser-1" if machine else web.badge["mira"] if "badges/{id}" in path else web.people["mira"]
    id = "use-1" if "/sessions/" in path else id
    filled = path.replace("{id}", id).replace("{member}", web.people["mira"]).replace("{machine}", "laser-1")
    filled = filled.replace("{skill}", "laser-1")
    filled = (
        filled.replace("{badge}", web.badge["mira"]).replace("{state}", "lost").replace("{entry}", "none")
    )
    return filled.replace("{gateway}", "north").replace("{epoch}", "1").replace("{seq}", "1")


def refused(answer: httpx.Response, route: tuple[str, str]) -> bool:
    to_sign_in = answer.headers.get("location", "").startswith("/sign-in")
    return answer.status_code in {401, 403} or to_sign_in or (route in HIDDEN and answer.status_code == 404)


def test_the_table_names_every_route(web: WebFloor) -> None:
    assert routes(web) == set(MAY)


@pytest.mark.parametrize("letter", NAMES)
async def test_each_role_may_ask_what_the_table_says(
    web: WebFloor, letter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LIFE_S", 0.0)  # streams end at once
    wrong: list[str] = []
    async with web.program(NAMES[letter]) as client:
        for route, allowed in MAY.items():
            answer = await client.request(
                route[0],
                address(web, route[1]),
                params={"from_ms": 0, "to_ms": 1, "next": "/"},
                json=BODIES.get(route),
            )
            is_refused = refused(answer, route) and not route[1].startswith("/sign-in")
            if is_refused == (letter in allowed) or answer.status_code in {500, 502, 504}:
                wrong.append(f"{route[0]} {route[1]}: {answer.status_code}")
    assert wrong == []


async def test_a_scope_is_a_limit(web: WebFloor) -> None:
    browser = await web.signed_in("olga")
    made = await browser.post(f"{API}/tokens", json={"name": "wall", "scopes": ["machines:read"]})
    assert made.status_code == 201
    program = web.browser()
    program.headers["authorization"] = f"Bearer {made.json()['secret']}"
    assert (await program.get(f"{API}/machines")).status_code == 200
    assert (await program.get(f"{API}/members")).status_code == 403
    assert (await program.get(f"{API}/members/me")).status_code == 403
    await browser.delete(f"{API}/tokens/{made.json()['id']}")
    assert (await program.get(f"{API}/machines")).status_code == 401


async def test_a_token_taps_for_nobody(web: WebFloor) -> None:
    code = {"s": "laser-1", "n": "A" * 16, "e": 1, "m": "x"}
    async with web.program("mira") as program:
        assert (await program.post("/tap", data=code)).status_code == 403
    browser = await web.signed_in("mira")
    assert "No station here shows this code." in (await browser.post("/tap", data=code)).text


@pytest.mark.parametrize("scope", [Permission.BADGES_WRITE, Permission.BADGES_KEYS, None])
async def test_badges_and_their_keys_take_a_scope_each(web: WebFloor, scope: Permission | None) -> None:
    """`None` is a token of all else that an operator may."""
    mira, keys = web.people["mira"], f"{API}/badges/{web.badge['mira']}/keys"
    needs = {
        ("GET", f"{API}/members/{mira}/badges"): Permission.BADGES_WRITE,
        ("GET", f"{API}/members/{mira}/badge-events"): Permission.BADGES_WRITE,
        ("POST", f"{API}/badges/{web.badge['mira']}/found"): Permission.BADGES_WRITE,
        ("POST", f"/members/{mira}/reading/cancel"): Permission.BADGES_WRITE,
        ("GET", keys): Permission.BADGES_WRITE,
        ("POST", keys): Permission.BADGES_KEYS,
    }
    scopes = [scope] if scope else sorted(GRANTS[Role.OPERATOR] - set(needs.values()))
    browser, program = await web.signed_in("olga"), web.browser()
    made = (await browser.post(f"{API}/tokens", json={"name": "x", "scopes": scopes})).json()
    program.headers["authorization"] = f"Bearer {made['secret']}"
    for asked, needed in needs.items():
        assert ((await program.request(*asked)).status_code == 403) == (needed is not scope), asked


async def test_nobody_gives_away_more_than_they_have(web: WebFloor) -> None:
    browser = await web.signed_in("mira")
    answer = await browser.post(f"{API}/tokens", json={"name": "x", "scopes": ["ledger:read"]})
    assert answer.json()["code"] == "scope_refused"


async def test_only_an_admin_gives_roles_or_signs_staff_in(web: WebFloor) -> None:
    for name, status in (("olga", 403), ("ada", 200)):
        async with web.program(name) as client:
            made = await client.patch(f"{API}/members/{web.people['otto']}", json={"role": "member"})
            assert made.status_code == 200
            raised = await client.patch(f"{API}/members/{web.people['ines']}", json={"role": "admin"})
            assert raised.status_code == status
            taken = await client.put(
                f"{API}/members/{web.people['tomas']}/sign-in",
                json={"login": "tomas", "password": "quite another password"},
            )
            assert taken.status_code == (403 if status == 403 else 204)


async def test_technicians_see_sessions_without_their_money(web: WebFloor) -> None:
    async with web.program("tomas") as client:
        used = (await client.get(f"{API}/sessions/use-1")).json()
        listed = (await client.get(f"{API}/sessions")).json()["items"]
    assert (used["total_micro"], used["lines"], used["tariff_version"]) == (None, None, None)
    assert {one["total_micro"] for one in listed} == {None}
    async with web.program("mira") as client:
        mine = (await client.get(f"{API}/sessions")).json()["items"]
    assert {one["member"] for one in mine} == {web.people["mira"]}
    assert {one["id"]: one["total_micro"] for one in mine}["use-1"] == 6_000_000


async def test_staff_without_the_right_see_no_addresses(web: WebFloor) -> None:
    async with web.program("ines") as client:
        assert "email" not in (await client.get(f"{API}/members/{web.people['mira']}")).json()
    async with web.program("mira") as client:
        assert (await client.get(f"{API}/members/me")).json()["email"] == "mira@kelp.test"
