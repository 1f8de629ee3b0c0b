"""The API: writes that are durable before they are answered, payments that post once, problems that say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session, select

from booking_api.ledger.models import LedgerEntry
from floor.ledger import EntryKind
from floor.wire.messages import Clear, LockOut, Stop
from tests.kit.web import GATEWAY, NOW_MS, PASSWORD, WebFloor, build

API = "/api/v1"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = build(tmp_path)
    yield made
    made.context.database.close()


def payments(web: WebFloor) -> int:
    with web.context.database.read() as session:
        paid = select(LedgerEntry).where(LedgerEntry.kind == EntryKind.PAYMENT)
        return len(session.exec(paid).all())


async def test_a_payment_sent_twice_posts_once(web: WebFloor) -> None:
    path = f"{API}/members/{web.people['mira']}/payments"
    details = {"amount_micro": 5_000_000, "commodity": "EUR", "memo": "cash"}
    key = {"Idempotency-Key": "key-0001"}
    async with web.program("olga") as client:
        many = await asyncio.gather(*(client.post(path, json=details, headers=key) for _ in range(5)))
        assert {answer.status_code for answer in many} == {201}
        assert len({answer.json()["entry"] for answer in many}) == 1
        other = await client.post(path, json=details | {"amount_micro": 1}, headers=key)
        assert (other.status_code, other.json()["code"]) == (409, "key_reused")
        assert (await client.post(path, json=details)).status_code == 422
        balances = (await client.get(f"{API}/members/{web.people['mira']}/balances")).json()
    assert payments(web) == 1
    assert balances == [{"commodity": "EUR", "amount_micro": 7_460_000 - 5_000_000}]


async def test_a_reversal_is_posted_once_with_its_reason(web: WebFloor) -> None:
    period = {"from_ms": NOW_MS - 10**9, "to_ms": NOW_MS + 10**9}
    async with web.program("olga") as client:
        statement = f"{API}/members/{web.people['otto']}/statement"
        charge = (await client.get(statement, params=period)).json()["items"][0]
        path = f"{API}/ledger/entries/{charge['entry']}/reverse"
        why = {"reason": "It was our fault."}
        assert (
            await client.post(path, json=why, headers={"Idempotency-Key": "one-key-1"})
        ).status_code == 201
        again = await client.post(path, json=why, headers={"Idempotency-Key": "one-key-2"})
        assert (again.status_code, again.json()["code"]) == (409, "posted_already")
        after = (await client.get(statement, params=period)).json()
    assert after["closing_micro"] == 0
    assert [item["kind"] for item in after["items"]] == ["reversal", "charge"]


async def test_a_statement_adds_up_and_says_how(web: WebFloor) -> None:
    async with web.program("mira") as client:
        answer = await client.get(
            f"{API}/members/{web.people['mira']}/statement",
            params={"from_ms": NOW_MS - 10**9, "to_ms": NOW_MS + 10**9},
        )
    told = answer.json()
    assert (
        told["opening_micro"] + sum(item["amount_micro"] for item in told["items"]) == told["closing_micro"]
    )
    laser = next(item for item in told["items"] if item["session"] == "use-1")
    assert [(line["metered"], line["billed"], line["amount_micro"]) for line in laser["lines"]] == [
        ("25", "3", 6_000_000)
    ]


async def test_nobody_is_told_that_it_happened_before_it_is_durable(
    web: WebFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_session: Session) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Session, "commit", full)
    async with web.program("olga") as client:
        with pytest.raises(OSError, match="no space left"):
            await client.post(f"{API}/badges/{web.badge['mira']}/lost")
    monkeypatch.undo()
    async with web.program("mira") as client:
        kept = (await client.get(f"{API}/members/{web.people['mira']}/badges")).json()
    assert kept[0]["lost_ms"] is None


@pytest.mark.parametrize(
    ("kind", "code"),
    [("phone", "badge_kind_invalid"), ("ntag424", "uid_malformed"), ("desfire", "uid_malformed")],
)
async def test_what_can_prove_nothing_is_not_enrolled_as_one_that_cannot_be_copied(
    web: WebFloor, kind: str, code: str
) -> None:
    path = f"{API}/members/{web.people['mira']}/badges"
    async with web.program("olga") as client:
        before = (await client.get(path)).json()
        answer = await client.post(path, json={"uid": "04A2B3C4", "kind": kind})
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert (await client.get(path)).json() == before


async def test_many_writers_wait_for_each_other_and_none_is_lost(web: WebFloor) -> None:
    async with web.program("olga") as client:
        answers = await asyncio.gather(
            *(
                client.post(f"{API}/members", json={"first_name": f"F{n}", "last_name": "L"})
                for n in range(60)
            )
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["number"] for answer in answers}) == 60


async def test_a_list_is_told_page_by_page(web: WebFloor) -> None:
    seen: list[str] = []
    cursor = ""
    async with web.program("ines") as client:
        while True:
            page = (await client.get(f"{API}/members", params={"limit": 4, "cursor": cursor})).json()
            seen += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            cursor = page["next"]
        assert (await client.get(f"{API}/members", params={"cursor": "%%"})).json()[
            "code"
        ] == "cursor_malformed"
    assert sorted(seen) == sorted(web.people.values())


async def test_a_lockout_is_recorded_even_when_the_gateway_is_away(web: WebFloor) -> None:
    web.link.reachable = False
    async with web.program("tomas") as client:
        answer = await client.post(f"{API}/machines/laser-1/lockout", json={"reason": "Lens cracked"})
        assert answer.json() == {
            "done": False, "recorded": True, "words": f"The gateway {GATEWAY} is not connected.",
        }  # fmt: skip
        assert (await client.get(f"{API}/machines/laser-1")).json()["lockout_reason"] == "Lens cracked"
        web.link.reachable = True
        assert (await client.post(f"{API}/machines/laser-1/clear", json={"reason": "New lens"})).json()[
            "done"
        ]
        gone = await client.post(f"{API}/machines/laser-1/stop")
        assert (gone.status_code, gone.json()["code"]) == (409, "no_session")
        web.shows(web.in_use("laser-1", "mira"))
        assert (await client.post(f"{API}/machines/laser-1/stop")).json()["done"]
    orders = [order for _, order, by in web.link.orders if by == web.people["tomas"]]
    assert orders == [
        LockOut(machine="laser-1", reason="Lens cracked"),
        Clear(machine="laser-1", reason="New lens"),
        Stop(machine="laser-1", session_id="now-laser-1"),
    ]


async def test_an_unreachable_machine_is_said_to_be(web: WebFloor) -> None:
    web.link.reachable = False
    async with web.program("tomas") as client:
        answer = await client.post(f"{API}/machines/laser-1/identify")
    assert (answer.status_code, answer.json()["code"]) == (504, "machine_unreachable")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", f"{API}/members/nobody", None, 404, "member_not_found"),
        ("GET", f"{API}/nothing", None, 404, "path_not_found"),
        ("PUT", f"{API}/machines", None, 405, "method_not_allowed"),
        ("POST", f"{API}/machines", {"id": "No Slug", "name": "x"}, 422, "request_invalid"),
        ("POST", f"{API}/machines", {"id": "laser-1", "name": "x"}, 409, "machine_exists"),
        ("POST", f"{API}/tariffs", {"text": "id = 1"}, 422, "tariff_invalid"),
        ("POST", f"{API}/members", {"last_name": "A"}, 422, "request_invalid"),
    ],
)
async def test_a_problem_says_what_is_wrong(
    web: WebFloor, method: str, path: str, body: object, status: int, code: str
) -> None:
    async with web.program("olga") as client:
        answer = await client.request(method, path, json=body)
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (answer.status_code, told["code"], bool(told["detail"])) == (status, code, True)


async def test_a_wrong_token_is_nobody(web: WebFloor) -> None:
    client = web.browser()
    for value in ("Bearer mf_nothing", "Basic bWlyYTp4", "Bearer"):
        answer = await client.get(f"{API}/members/me", headers={"authorization": value})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_browsers_write_carries_its_own_token(web: WebFloor) -> None:
    browser = await web.signed_in("mira")
    del browser.headers["x-csrf-token"]
    path = f"{API}/badges/{web.badge['mira']}/lost"
    assert (await browser.post(path)).json()["code"] == "csrf_failed"
    assert (await browser.post(path, headers={"x-csrf-token": "guess"})).json()["code"] == "csrf_failed"
    assert (await browser.post(f"/me/badges/{web.badge['mira']}/lost", data={"csrf": "x"})).status_code == 403
    assert (await browser.get(f"{API}/members/me")).status_code == 200


async def test_guessing_is_slowed_for_a_name_and_signing_in_makes_a_new_token(web: WebFloor) -> None:
    browser = await web.signed_in("mira")
    first = browser.cookies["makerfloor"]
    await browser.post("/sign-in", data={"login": " MIRA ", "password": PASSWORD})
    assert browser.cookies["makerfloor"] != first
    old = web.browser()
    old.cookies.set("makerfloor", first)
    assert (await old.get(f"{API}/members/me")).status_code == 401
    guesser = web.browser()
    tries = [await guesser.post("/sign-in", data={"login": "otto", "password": f"no {n}"}) for n in range(9)]
    assert [one.status_code for one in tries] == [401] * 8 + [429]
    right = await guesser.post("/sign-in", data={"login": "otto", "password": PASSWORD})
    assert right.status_code == 429
    other = await guesser.post("/sign-in", data={"login": "mira", "password": PASSWORD})
    assert other.status_code == 303


async def test_a_new_password_signs_everybody_out(web: WebFloor) -> None:
    browser = await web.signed_in("mira")
    async with web.program("olga") as client:
        details = {"login": "mira", "password": "a wholly new password"}
        await client.put(f"{API}/members/{web.people['mira']}/sign-in", json=details)
    assert (await browser.get(f"{API}/members/me")).status_code == 401
