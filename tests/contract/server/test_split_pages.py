"""A session is split over HTTP, on its page and by a command: by its member, by staff, and by nobody else."""

from __future__ import annotations

import pytest

from booking_api.accounts import service as accounts
from booking_api.accounts import teams
from booking_api.accounts.models import AccountKind
from tests.kit.web import MINUTE, NOW_MS, WebFloor, build

API = "/api/v1/sessions/cut/split"
KEY = {"idempotency-key": "split-0001"}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    web = build(tmp_path_factory.mktemp("splits"))
    with web.context.database.write() as session:
        accounts.open_account(session, "robots", AccountKind.TEAM, "Robots", NOW_MS)
        teams.put_person(session, "robots", web.people["mira"], teams.PersonDetails(), NOW_MS)
    web.session("cut", "mira", "laser-1", NOW_MS - 5 * MINUTE, 30)
    return web


def body(web: WebFloor, mine: str = "2", theirs: str = "1") -> dict[str, object]:
    shares = [{"account": web.people["mira"], "share": mine}, {"account": "robots", "share": theirs}]
    return {"shares": shares, "reason": "the robots' plates"}


async def test_a_program_splits_once_and_joins(web: WebFloor) -> None:
    async with web.program("mira") as program:
        answers = [await program.post(API, json=body(web), headers=KEY) for _ in range(2)]
        assert answers[0].status_code == 201, answers[0].text
        assert answers[0].json() == answers[1].json() == (await program.get(API)).json()
        paid = {one["account"]: one["total_micro"] for one in answers[0].json()["charges"]}
        assert paid == {web.people["mira"]: 4_000_000, "robots": 2_000_000}
        both = body(web) | {"instant_ms": NOW_MS, "after": "robots"}
        assert (await program.post(API, json=both, headers={"idempotency-key": "k" * 9})).status_code == 422
    async with web.program("otto") as other:
        assert (await other.get(API)).status_code == 404
        answer = await other.post(API, json=body(web), headers={"idempotency-key": "other-01"})
        assert answer.status_code == 404
    async with web.program("olga") as staff:
        key = {"idempotency-key": "join-0001"}
        answer = await staff.post(f"{API}/undo", json={"reason": "a mistake"}, headers=key)
        assert [one["total_micro"] for one in answer.json()["charges"]] == [6_000_000]
        assert (await staff.get(API)).status_code == 404


@pytest.mark.parametrize("name", ["mira", "olga"])
async def test_the_page_splits_and_the_statement_says_so(web: WebFloor, name: str) -> None:
    mine = f"share:{web.people['mira']}"
    async with await web.signed_in(name) as browser:
        page = await browser.get("/sessions/cut/split")
        assert "Robots" in page.text
        form = {mine: "75%", "share:robots": "25%", "reason": "for the robots"}
        assert (await browser.post("/sessions/cut/split", data=form)).status_code == 303
        page = await browser.get("/sessions/cut/split?notice=split")
        assert "The cost is split." in page.text
        assert "€1.50" in page.text
        statement = await browser.get("/me/month" if name == "mira" else f"/members/{web.people['mira']}")
        assert "3/4 of this use, split by" in statement.text
        assert "/sessions/cut/split" in statement.text
        instant = {"instant": "2026-05-21T10:40:00", "after": "robots", "reason": "changed"}
        answer = await browser.post("/sessions/cut/split", data=instant)
        assert answer.status_code == 303, answer.text
        assert (await browser.post("/sessions/cut/split/undo", data={"reason": "enough"})).status_code == 303


async def test_another_member_sees_no_page(web: WebFloor) -> None:
    async with await web.signed_in("otto") as browser:
        assert (await browser.get("/sessions/cut/split")).status_code == 404
