"""Pages and API of accounts: who may manage a team, what its page shows, and which account pays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from booking_api.accounts import teams
from booking_api.accounts.models import AccountMember, TeamRole
from booking_api.accounts.service import charged_in
from booking_api.accounts.teams import PersonDetails, TeamDetails
from booking_api.members import service as members
from booking_api.sessions.models import MachineSession
from tests.kit.web import NOW_MS, WebFloor, build

API = "/api/v1"
EUR = 1_000_000


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = build(tmp_path)
    with made.context.database.write() as session:
        details = TeamDetails(id="bots", name="Robots & friends", monthly_limit_micro=120 * EUR)
        teams.add(session, details, NOW_MS, made.people["mira"])
        teams.add(session, TeamDetails(id="arm", name="Arm", parent="bots"), NOW_MS)
        person = PersonDetails(monthly_limit_micro=25 * EUR)
        teams.put_person(session, "bots", made.people["otto"], person, NOW_MS)
    yield made
    made.context.database.close()


def person(web: WebFloor, name: str, team: str = "bots") -> AccountMember | None:
    with web.context.database.read() as session:
        return session.get(AccountMember, (team, web.people[name]))


def limits(web: WebFloor, team: str) -> tuple[int | None, int | None]:
    with web.context.database.read() as session:
        kept = teams.get(session, team)
        return kept.credit_limit_micro, kept.monthly_limit_micro


async def test_an_owner_manages_the_team_and_nobody_else_does(web: WebFloor) -> None:
    mira, otto = await web.signed_in("mira"), await web.signed_in("otto")
    ines = {"person": "ines@kelp.test", "role": "member", "monthly": "12,50"}
    assert (await otto.post("/teams/bots/people", data=ines)).status_code == 403
    assert (await otto.get("/teams/bots")).status_code == 403
    assert (await mira.post("/teams/bots/people", data=ines)).status_code == 303
    added = person(web, "ines")
    assert added is not None
    assert (added.role, added.monthly_limit_micro) == (TeamRole.MEMBER, 12_500_000)
    page = (await mira.get("/teams/bots")).text
    for seen in ("Robots &amp; friends", "Ines Fern", "€12.50", "€120.00", 'href="/teams/arm"'):
        assert seen in page
    assert "May owe" not in page, "what a team may owe is the operator's word"
    assert (await mira.post("/teams/bots/limits", data={"monthly": "", "credit": "1000"})).status_code == 403
    assert (await mira.post("/teams/bots/limits", data={"monthly": "80"})).status_code == 303
    removed = f"/teams/bots/people/{web.people['ines']}/remove"
    assert (await mira.post(removed)).status_code == 303
    assert person(web, "ines") is None
    assert (await mira.post("/teams/bots/archive")).status_code == 403
    assert (await mira.post("/teams/arm/archive")).status_code == 303


async def test_a_form_of_another_site_changes_nothing(web: WebFloor) -> None:
    mira = await web.signed_in("mira")
    del mira.headers["x-csrf-token"]
    for path, form in (
        ("/teams/bots/limits", {"monthly": "1"}),
        ("/me/account", {"account": "bots"}),
        ("/me/sessions/use-1/account", {"account": "bots"}),
    ):
        assert (await mira.post(path, data=form)).status_code == 403, path


async def test_operators_make_teams_and_see_all_accounts(web: WebFloor) -> None:
    olga = await web.signed_in("olga")
    made = await olga.post("/teams", data={"id": "chess", "name": "Chess", "owner": "otto@kelp.test"})
    assert (made.status_code, made.headers["location"]) == (303, "/teams/chess")
    chess = "/teams/chess/limits"
    assert (await olga.post(chess, data={"monthly": "", "credit": "5", "both": "1"})).status_code == 303
    assert limits(web, "chess") == (5 * EUR, None)
    assert (await olga.post(chess, data={"monthly": "9", "credit": "", "both": "1"})).status_code == 303
    assert limits(web, "chess") == (None, 9 * EUR)
    page = (await olga.get("/accounts")).text
    for seen in ("Chess", "Robots &amp; friends", "Mira Quince", "€7.46", "€9.00"):
        assert seen in page
    rows = (await olga.get("/accounts?text=otto", headers={"hx-request": "true"})).text
    assert ("Otto Basalt" in rows, "Mira Quince" in rows, "<h1>" in rows) == (True, False, False)
    assert "Nobody." in (await olga.get("/accounts?at=50")).text
    wrong = await olga.post("/teams", data={"id": "No Good", "name": "X", "owner": "otto@kelp.test"})
    assert (wrong.status_code, "short name" in wrong.text) == (422, True)
    assert (await (await web.signed_in("mira")).get("/accounts")).status_code == 403


async def test_a_member_chooses_which_account_pays(web: WebFloor) -> None:
    mira = await web.signed_in("mira")
    page = (await mira.get("/me/month")).text
    assert 'action="/me/sessions/use-1/account"' in page
    assert (await mira.post("/me/account", data={"account": "arm"})).status_code == 303
    with web.context.database.read() as session:
        assert members.get(session, web.people["mira"]).charges_to == "arm"
    assert '<option value="arm" selected>' in (await mira.get("/me/month")).text
    assert (await mira.post("/me/account", data={"account": web.people["otto"]})).status_code == 409
    ines = await web.signed_in("ines")
    assert "Which account pays" not in (await ines.get("/me/month")).text, "who has one account has no choice"


async def test_a_session_is_charged_to_another_account_afterwards(web: WebFloor) -> None:
    mira, otto = await web.signed_in("mira"), await web.signed_in("otto")
    to_arm = {"account": "arm", "month": "2026-05"}
    assert (await otto.post("/me/sessions/use-1/account", data=to_arm)).status_code == 404
    moved = await mira.post("/me/sessions/use-1/account", data=to_arm)
    assert moved.headers["location"] == "/me/month?month=2026-05&notice=moved"
    with web.context.database.read() as session:
        used = session.get(MachineSession, "use-1")
        assert used is not None
        assert used.account == "arm"
        sums = charged_in(session, ["bots", "arm", web.people["mira"]], "2026-05", "EUR")
    assert (sums["arm", ""], sums["bots", web.people["mira"]]) == (6 * EUR, 6 * EUR)
    assert sums[web.people["mira"], ""] == 1_460_000
    page = (await mira.get("/me/month")).text
    assert "Charged to a team in this month" in page
    assert "€1.46" in page
    back = {"account": web.people["mira"], "month": "x"}
    assert (await mira.post("/me/sessions/use-1/account", data=back)).status_code == 303
    assert "Charged to a team in this month" not in (await mira.get("/me/month")).text


async def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_the_api_of_teams_for_owners_and_operators(web: WebFloor) -> None:
    async with web.program("mira") as mira, web.program("otto") as otto, web.program("olga") as olga:
        assert await problem(await otto.get(f"{API}/teams/bots")) == (403, "forbidden")
        assert await problem(await mira.post(f"{API}/teams", json={"id": "x", "name": "X"})) == (
            403,
            "forbidden",
        )
        leg = {"id": "leg", "name": "Leg", "parent": "bots", "monthly_limit_micro": 5 * EUR}
        assert (await mira.post(f"{API}/teams", json=leg)).status_code == 201
        owed = leg | {"id": "toe", "credit_limit_micro": 1}
        assert await problem(await mira.post(f"{API}/teams", json=owed)) == (403, "forbidden")
        tomas = {"who": "tomas@kelp.test", "role": "owner"}
        assert (await mira.post(f"{API}/teams/bots/people", json=tomas)).status_code == 204
        team = (await mira.get(f"{API}/teams/bots")).json()
        assert [(one["name"], one["role"]) for one in team["people"]][:2] == [
            ("Tomás Flint", "owner"),
            ("Mira Quince", "owner"),
        ]
        assert [one["id"] for one in team["centres"]] == ["arm", "leg"]
        gone = await mira.delete(f"{API}/teams/bots/people/{web.people['otto']}")
        assert gone.status_code == 204
        assert (await olga.patch(f"{API}/accounts/bots", json={"credit_limit_micro": 7})).json()[
            "monthly_limit_micro"
        ] == 120 * EUR
        assert [one["id"] for one in (await mira.get(f"{API}/teams")).json()] == ["bots", "arm", "leg"]


async def test_the_api_of_choices_guests_and_funds(web: WebFloor) -> None:
    me = web.people["otto"]
    async with web.program("otto") as otto, web.program("olga") as olga:
        chosen = await otto.put(f"{API}/members/{me}/default-account", json={"account": "arm"})
        assert chosen.status_code == 204
        choices = (await otto.get(f"{API}/members/{me}/accounts")).json()
        assert [(one["id"], one["default"]) for one in choices] == [
            (me, False), ("arm", True), ("bots", False)
        ]  # fmt: skip
        other = f"{API}/members/{web.people['mira']}/default-account"
        assert await problem(await otto.put(other, json={"account": "arm"})) == (403, "forbidden")
        guest = await olga.post(f"{API}/guests", json={"first_name": "Gus", "last_name": "Day"})
        assert guest.json()["valid_until_ms"] == 1_779_404_400_000, "2026-05-22 00:00 in Dublin"
        city = {"id": "city", "name": "City", "budget_micro": 9, "machines": ["laser-1"]}
        assert (await olga.post(f"{API}/funds", json=city)).status_code == 201
        assert await problem(await olga.post(f"{API}/funds", json=city)) == (409, "fund_taken")
        changed = await olga.patch(f"{API}/funds/city", json={"budget_micro": None})
        assert (changed.json()["budget_micro"], changed.json()["machines"]) == (None, ["laser-1"])
        assert await problem(await otto.get(f"{API}/funds")) == (403, "forbidden")
