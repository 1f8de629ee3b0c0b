"""The ways to a dispute: the statement's form, the operator's pages, the API and the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlmodel import col, select

from booking_api.accounts import teams
from booking_api.accounts.teams import PersonDetails, TeamDetails
from booking_api.auth import service as auth
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.billing.models import Charge
from booking_api.disputes import service
from booking_api.disputes.models import Dispute, DisputeState
from booking_api.members import service as members
from floor.meter import Quantity
from floor.wire.journal import SessionEnded, SessionStarted
from floor.words import StopType
from tests.kit.typed import typed
from tests.kit.web import NOW_MS, WebFloor, build

API = "/api/v1"
KEY = {"Idempotency-Key": "decision-1"}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = build(tmp_path)
    yield made
    made.context.database.close()


def charge_of(web: WebFloor, name: str, machine: str = "laser-1") -> Charge:
    with web.context.database.read() as session:
        query = select(Charge).where(Charge.member == web.people[name], Charge.machine == machine)
        return session.exec(query.where(col(Charge.replaced_ms).is_(None))).one()


def disputes(web: WebFloor) -> list[Dispute]:
    with web.context.database.read() as session:
        return list(session.exec(select(Dispute)))


async def dispute(web: WebFloor, name: str = "mira", reason: str = "The <laser> never cut.") -> str:
    browser = await web.signed_in(name)
    entry = charge_of(web, name).entry or ""
    sent = await browser.post("/disputes", data={"entry": entry, "reason": reason})
    assert sent.status_code == 303, sent.text
    return disputes(web)[-1].id


async def text_of(browser: httpx.AsyncClient, path: str) -> str:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_a_member_disputes_on_the_statement_and_reads_the_outcome_there(web: WebFloor) -> None:
    mira = await web.signed_in("mira")
    before = await text_of(mira, "/me?month=2026-05")
    assert before.count("Something is wrong with this charge") == 2  # laser and printer, not the free saw
    id = await dispute(web)
    waits = await text_of(mira, "/me?month=2026-05")
    assert "Staff look at it." in waits
    assert waits.count("Something is wrong with this charge") == 1
    assert "The &lt;laser&gt; never cut." in await text_of(mira, f"/disputes/{id}")
    olga = await web.signed_in("olga")
    assert f"/disputes/{id}" in await text_of(olga, "/disputes")
    form = {"words": "The lens was cracked.", "key": "adjust-0001", "amount": "2,50"}
    assert (await olga.post(f"/disputes/{id}/adjust", data=form)).status_code == 303
    again = await olga.post(f"/disputes/{id}/adjust", data=form)
    assert again.status_code == 303, "the same form sent twice decides once"
    assert "The lens was cracked." in await text_of(olga, "/disputes?state=adjusted")
    after = await text_of(mira, "/me?month=2026-05")
    assert "Adjusted" in after
    assert "The lens was cracked." in after
    assert disputes(web)[0].state is DisputeState.ADJUSTED


async def test_the_operator_sees_all_that_is_known_and_decides(web: WebFloor) -> None:
    id = await dispute(web)
    olga = await web.signed_in("olga")
    shown = await text_of(olga, f"/disputes/{id}")
    for words in (
        "The &lt;laser&gt; never cut.",
        "Laser cutter 60 W",
        "entry 1",
        "Give a part back",
        "Waive it",
    ):
        assert words in shown
    done = await olga.post(f"/disputes/{id}/waive", data={"words": "A fault.", "key": "waive-0001"})
    assert done.status_code == 303
    shown = await text_of(olga, f"/disputes/{id}")
    assert "This charge was taken back." in shown
    assert "Waive it" not in shown


async def test_a_member_sees_no_alarms_and_no_decision_and_withdraws(web: WebFloor) -> None:
    id = await dispute(web)
    mira = await web.signed_in("mira")
    shown = await text_of(mira, f"/disputes/{id}")
    assert "Withdraw it" in shown
    assert "Waive it" not in shown
    assert (await mira.post(f"/disputes/{id}/waive", data={"words": "x", "key": "k" * 8})).status_code == 403
    assert (await mira.post(f"/disputes/{id}/withdraw")).status_code == 303
    assert disputes(web)[0].state is DisputeState.WITHDRAWN


async def test_others_see_and_dispute_nothing_of_it(web: WebFloor) -> None:
    entry = charge_of(web, "mira").entry or ""
    id = await dispute(web)
    otto = await web.signed_in("otto")
    assert (await otto.get(f"/disputes/{id}")).status_code == 403
    assert (await otto.get("/disputes")).status_code == 403
    refused = await otto.post("/disputes", data={"entry": entry, "reason": "mine"})
    assert refused.status_code == 403
    missing = await otto.post("/disputes", data={"entry": "nothing", "reason": "mine"})
    assert missing.status_code == 404


async def test_an_owner_disputes_what_the_team_pays(web: WebFloor) -> None:
    with web.context.database.write() as session:
        teams.add(session, TeamDetails(id="robots", name="Robots"), NOW_MS, owner=web.people["mira"])
        teams.put_person(session, "robots", web.people["otto"], PersonDetails(), NOW_MS)
    used = {Quantity.MACHINE_TIME_MS: 600_000}
    begun = SessionStarted(
        session_id="team-1",
        machine="laser-2",
        member=web.people["otto"],
        account="robots",
        badge="ab" * 16,
        tier="member",
        max_duration_s=3_600,
    )
    ended = SessionEnded(session_id="team-1", stop_type=StopType.TAP_OUT, elapsed_ms=600_000, counters=used)
    web.journal((NOW_MS - 700_000, begun), (NOW_MS - 100_000, ended))
    mira = await web.signed_in("mira")
    assert "Something is wrong with this charge" in await text_of(mira, "/teams/robots?month=2026-05")
    entry = charge_of(web, "otto", "laser-2").entry or ""
    assert (await mira.post("/disputes", data={"entry": entry, "reason": "not for us"})).status_code == 303
    assert "Staff look at it." in await text_of(mira, "/teams/robots?month=2026-05")


async def test_the_pages_speak_chinese(web: WebFloor) -> None:
    id = await dispute(web)
    olga = await web.signed_in("olga")
    olga.cookies.set("language", "zh")
    for path, words in (("/disputes", "有争议"), (f"/disputes/{id}", "给会员的说明")):
        assert words in await text_of(olga, path)
    mira = await web.signed_in("mira")
    mira.cookies.set("language", "zh")
    assert "工作人员正在处理。" in await text_of(mira, "/me?month=2026-05")


async def test_programs_dispute_decide_and_read(web: WebFloor) -> None:
    charge = charge_of(web, "otto")
    async with web.program("otto") as otto, web.program("olga") as olga:
        made = await otto.post(f"{API}/charges/{charge.id}/disputes", json={"reason": "too long"})
        assert made.status_code == 201, made.text
        id = made.json()["id"]
        assert (made.json()["amount_micro"], made.json()["state"]) == (4_000_000, "open")
        assert [one["id"] for one in (await olga.get(f"{API}/disputes?state=open")).json()] == [id]
        mine = await otto.get(f"{API}/members/{web.people['otto']}/disputes")
        assert [one["id"] for one in mine.json()] == [id]
        adjust = {"amount_micro": 1_500_000, "words": "a part"}
        first = await olga.post(f"{API}/disputes/{id}/adjust", json=adjust, headers=KEY)
        second = await olga.post(f"{API}/disputes/{id}/adjust", json=adjust, headers=KEY)
        assert (first.status_code, first.json()) == (201, second.json())
        assert first.json()["events"][1]["entry"]
        closed = await olga.post(f"{API}/disputes/{id}/refuse", json={"words": "no"})
        assert (closed.status_code, closed.json()["code"]) == (409, "dispute_closed")
        assert (await otto.get(f"{API}/disputes/{id}")).json()["state"] == "adjusted"
        assert (await otto.get(f"{API}/disputes")).status_code == 403
    async with web.program("mira") as mira:
        assert (await mira.get(f"{API}/disputes/{id}")).status_code == 403
        other = await mira.post(f"{API}/charges/{charge.id}/disputes", json={"reason": "x"})
        assert other.status_code == 403


async def test_a_token_that_may_only_read_disputes_nothing(web: WebFloor) -> None:
    charge = charge_of(web, "otto")
    with web.context.database.write() as session:
        member = members.get(session, web.people["otto"])
        who = Who(member, frozenset({Permission.ME_READ}))
        secret = auth.issue_token(session, who, "reads", who.permissions, None, NOW_MS)[1]
    async with web.browser() as program:
        program.headers["authorization"] = f"Bearer {secret}"
        answer = await program.post(f"{API}/charges/{charge.id}/disputes", json={"reason": "x"})
    assert answer.status_code == 403


def test_the_desk_disputes_for_a_member_and_decides(
    web: WebFloor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = typed(monkeypatch, capsys, tmp_path / "makerfloor.toml")
    old, mira = charge_of(web, "mira"), web.people["mira"]
    web.session("use-now", "mira", "laser-2", web.context.wall.now_ms() - 60_000, 25)
    charge = charge_of(web, "mira", "laser-2")
    late = run("dispute", "open", old.id, mira, "--reason", "months later")
    assert (late.code, "60 days" in late.err) == (1, True)
    assert run("dispute", "open", charge.id, web.people["otto"], "--reason", "not mine").code == 1
    assert run("dispute", "open", charge.id, mira, "--reason", "said at the desk").code == 0
    (made,) = disputes(web)
    listed = run("dispute", "list").out
    assert made.id in listed
    assert "6.00 EUR" in listed
    assert "said at the desk" in listed
    assert run("dispute", "adjust", made.id, "much", "--words", "no").code == 1
    assert run("dispute", "waive", made.id, "--words", "the lens").code == 0
    assert run("dispute", "refuse", made.id, "--words", "no").code == 1
    with web.context.database.read() as session:
        outcome = service.get(session, made.id).outcome
    assert outcome is not None
    assert (outcome.state, outcome.author, outcome.words) == (DisputeState.WAIVED, "command-line", "the lens")
