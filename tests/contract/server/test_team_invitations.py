"""An owner invites into a team by letter: members are in at once, others when they have joined the space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlmodel import select

from booking_api.accounts import teams
from booking_api.accounts.teams import TeamDetails
from booking_api.auth.models import MailedLink
from booking_api.happenings.models import Letter
from booking_api.happenings.words import LetterKind
from booking_api.members.settings import PeopleSettings
from tests.kit.web import NOW_MS, WebFloor, build

API = "/api/v1/teams/bots/invitations"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = build(tmp_path_factory.mktemp("invitations"))
    with made.context.database.write() as session:
        teams.add(session, TeamDetails(id="bots", name="The bots"), NOW_MS, made.people["mira"])
    yield made
    made.context.database.close()


def joining(web: WebFloor, how: str) -> None:
    """Have strangers join in one way from now on."""
    settings = replace(web.context.settings, people=PeopleSettings(join=how))
    object.__setattr__(web.context, "settings", settings)


def letters(web: WebFloor, address: str, kind: LetterKind = LetterKind.TEAM_INVITATION) -> list[str]:
    query = select(Letter).where(Letter.address == address, Letter.kind == kind).order_by(Letter.id)
    with web.context.database.read() as session:
        return [
            str(one.values["link"]).removeprefix(web.context.settings.address) for one in session.exec(query)
        ]


def people(web: WebFloor, team: str = "bots") -> list[str]:
    with web.context.database.read() as session:
        return [person.email or "" for _, person in teams.people(session, team)]


def token_of(link: str) -> str:
    return link.rpartition("/")[2]


def wish(link: str, **more: str) -> dict[str, str]:
    return {"first_name": "Wren", "last_name": "Loam", "email": "x@else.test", "team": token_of(link)} | more


async def test_who_is_no_member_joins_the_space_and_is_in_the_team(web: WebFloor) -> None:
    joining(web, "open")
    mira, stranger = await web.signed_in("mira"), web.browser()
    assert (
        await (await web.signed_in("otto")).post("/teams/bots/invitations", data={"email": "a@b.test"})
    ).status_code == 403
    asked = await mira.post("/teams/bots/invitations", data={"email": " Wren@kelp.test "})
    assert asked.status_code == 303, asked.text
    assert "Wren@kelp.test" in (await mira.get("/teams/bots")).text
    again = await mira.post("/teams/bots/invitations", data={"email": "wren@KELP.test"})
    assert "invited already" in again.text
    (link,) = letters(web, "Wren@kelp.test")
    opened = await stranger.get(link)
    assert (opened.status_code, opened.headers["referrer-policy"]) == (303, "no-referrer")
    form = await stranger.get(opened.headers["location"])
    assert "You are invited into the team The bots" in form.text
    assert 'value="Wren@kelp.test" readonly' in form.text
    done = await stranger.post("/join", data=wish(link))
    assert "you are a member now" in done.text, done.text
    assert people(web) == ["mira@kelp.test", "Wren@kelp.test"], "the letter's address, not what was typed"
    assert letters(web, "Wren@kelp.test", LetterKind.INVITATION), "a letter says how they sign in"
    assert (await stranger.post("/join", data=wish(link, first_name="Eve"))).status_code == 404, (
        "it opens once"
    )
    assert "Wren@kelp.test" not in (await mira.get("/teams/bots")).text.partition("Invited by letter")[2]


async def test_with_approval_they_are_in_the_team_once_they_are_admitted(web: WebFloor) -> None:
    joining(web, "approval")
    stranger = web.browser()
    async with web.program("mira") as mira, web.program("olga") as olga:
        for name in ("kit", "pip", "sol"):
            body = {"email": f"{name}@kelp.test", "language": "zh"}
            assert (await mira.post(API, json=body)).status_code == 201
            (link,) = letters(web, body["email"])
            sent = await stranger.post("/join", data=wish(link, first_name=name))
            assert "Staff will answer" in sent.text, sent.text
        listed = (await mira.get(API)).json()
        assert [one["email"] for one in listed if one["used_ms"]] == [
            "sol@kelp.test",
            "pip@kelp.test",
            "kit@kelp.test",
        ]
        assert (await mira.delete(f"{API}/{listed[1]['id']}")).status_code == 204
        asking = {one["email"]: one["id"] for one in (await olga.get("/api/v1/registrations")).json()}
        for name in ("kit", "pip"):
            answer = await olga.post(f"/api/v1/registrations/{asking[f'{name}@kelp.test']}/approve", json={})
            assert answer.status_code == 200, answer.text
        reason = {"reason": "no room"}
        answer = await olga.post(f"/api/v1/registrations/{asking['sol@kelp.test']}/decline", json=reason)
        assert answer.status_code == 200
        assert "kit@kelp.test" in people(web)
        assert "pip@kelp.test" not in people(web), "its invitation was withdrawn while staff looked at it"
        assert (await mira.get(API)).json() == []


async def test_a_member_is_in_the_team_at_once_and_nobody_learns_who_is_one(web: WebFloor) -> None:
    joining(web, "approval")
    async with web.program("mira") as mira:
        made = await mira.post(API, json={"email": "otto@kelp.test"})
        assert made.status_code == 201
        browser, (link,) = web.browser(), letters(web, "otto@kelp.test")
        assert "Join the team The bots" in (await browser.get(link)).text
        assert (await browser.post(link)).headers["location"] == "/me?notice=in_team"
        assert "otto@kelp.test" in people(web)
        assert (await browser.post(link)).status_code == 404
        away = (await mira.post(API, json={"email": "gone@kelp.test"})).json()
        assert (await mira.delete(f"{API}/{away['id']}")).status_code == 204
        (link,) = letters(web, "gone@kelp.test")
        assert (await browser.get(link)).status_code == 404
        late = (await mira.post(API, json={"email": "late@kelp.test"})).json()
        with web.context.database.write() as session:
            session.get_one(MailedLink, late["id"]).expires_ms = web.context.wall.now_ms()
        (link,) = letters(web, "late@kelp.test")
        assert (await browser.get(link)).status_code == 404
        assert (await mira.get(API)).json() == []
        assert (await mira.post(API, json={"email": "no address"})).status_code == 422
        joining(web, "off")
        assert (await mira.post(API, json={"email": "new@kelp.test"})).json()["code"] == "join_not_found"
