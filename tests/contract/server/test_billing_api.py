"""Fees, packs, allowances and changes of charges over HTTP and from the command line, each once."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from booking_api import cli, doctor
from booking_api.accounts import teams
from booking_api.tariffs import service as tariffs
from tests.kit.histories import LISTS, PACKED
from tests.kit.initialised import initialised
from tests.kit.web import NOW_MS, WebFloor, build

API = "/api/v1"
FEES = """id = "fees"
name = "Fees"
commodity = "EUR"
valid_from = 2026-01-01
counts = ["sheet"]
[[components]]
per = "sheet"
price = 4
on = "damage"
"""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = build(tmp_path)
    with made.context.database.write() as session:
        for text in (FEES, LISTS[PACKED].replace("price = 20\n", "price = 20\ntransferable = true\n")):
            tariffs.add(session, text, "test", NOW_MS)
    yield made
    assert doctor.examine(made.context.database) == []
    made.context.database.close()


def key(text: str) -> dict[str, str]:
    return {"Idempotency-Key": f"key-of-{text}"}


async def post(client: httpx.AsyncClient, path: str, body: object, name: str) -> httpx.Response:
    return await client.post(f"{API}{path}", json=body, headers=key(name))


async def test_a_fee_sent_twice_is_charged_once(web: WebFloor) -> None:
    fee = {"occasion": "damage", "member": web.people["mira"], "tariff": "fees", "counts": {"sheet": 2}}
    async with web.program("olga") as client:
        answers = [await post(client, "/fees", fee, "fee") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        (charge,) = answers[0].json()["charges"]
        assert answers[1].json()["charges"] == [charge]
        assert (charge["total_micro"], charge["occasion"]) == (8_000_000, "damage")
        wrong = await post(client, "/fees", fee | {"counts": {"tube": 1}}, "wrong")
        assert wrong.json()["code"] == "fee_count_invalid"
        half = await post(client, f"/charges/{charge['id']}/credit", credit(3_000_000), "credit")
        assert half.status_code == 201
        more = await post(client, f"/charges/{charge['id']}/credit", credit(5_000_001), "more")
        assert more.json()["code"] == "credit_amount"
        seen = await client.get(f"{API}/charges/{charge['id']}")
        assert seen.json() == charge
    async with web.program("otto") as other:
        assert (await post(other, "/fees", fee, "mine")).status_code == 403
        assert (await other.get(f"{API}/charges/{charge['id']}")).status_code == 404


def credit(amount: int) -> dict[str, object]:
    return {"amount_micro": amount, "reason": "a sheet was whole"}


async def test_a_pack_is_sold_shown_and_given_on(web: WebFloor) -> None:
    mira, otto = web.people["mira"], web.people["otto"]
    sale = {"occasion": "pack", "member": mira, "tariff": "packed", "pack": "hour"}
    async with web.program("olga") as client:
        assert (await post(client, "/fees", sale, "pack")).status_code == 201
        given = {"commodity": "packed/machine_time", "amount": "12.5", "origin": "welcome"}
        lots = [await post(client, f"/accounts/{mira}/allowances", given, f"grant{n}") for n in range(2)]
        assert lots[0].json() == lots[1].json(), "the same origin is granted once"
        assert (await client.post(f"{API}/allowances/expire")).json() == {"lots": 0}
    async with web.program("mira") as client:
        held = (await client.get(f"{API}/members/{mira}/allowances")).json()
        assert sorted(lot["left"] for lot in held) == ["25/2", "60"]
        pack = next(lot["id"] for lot in held if lot["transferable"])
        body = {"account": otto, "amount": "20"}
        assert (await post(client, f"/allowances/{pack}/transfer", body, "give")).status_code == 201
    async with web.program("otto") as client:
        held = (await client.get(f"{API}/members/{otto}/allowances")).json()
        assert [lot["left"] for lot in held] == ["20"]
        assert (await client.get(f"{API}/members/{mira}/allowances")).status_code == 403
        theirs = await post(client, f"/allowances/{pack}/transfer", body, "take")
        assert (theirs.status_code, theirs.json()["code"]) == (404, "allowance_not_found")


async def test_a_member_moves_their_own_session_and_no_other(web: WebFloor) -> None:
    mira = web.people["mira"]
    with web.context.database.write() as session:
        details = teams.TeamDetails(id="robots", name="Robots")
        teams.add(session, details, NOW_MS)
        teams.put_person(session, "robots", mira, teams.PersonDetails(), NOW_MS)
    async with web.program("otto") as client:
        moved = await post(client, "/sessions/use-1/account", {"account": web.people["otto"]}, "steal")
        assert moved.json()["code"] == "session_not_found"
    async with web.program("mira") as client:
        before = (await client.get(f"{API}/members/{mira}/balances")).json()[0]["amount_micro"]
        moved = await post(client, "/sessions/use-1/account", {"account": "robots"}, "move")
        (charge,) = moved.json()["charges"]
        assert (charge["account"], charge["total_micro"]) == ("robots", 6_000_000)
        after = (await client.get(f"{API}/members/{mira}/balances")).json()[0]["amount_micro"]
        assert before - after == 6_000_000
    async with web.program("olga") as client:
        why = {"reason": "The laser was misaligned."}
        waived = await post(client, f"/charges/{charge['id']}/waive", why, "waive")
        assert waived.json()["entry"]
        again = await post(client, f"/charges/{charge['id']}/waive", why, "again")
        assert again.json()["code"] == "charge_replaced"


Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setenv("MAKERFLOOR_CONFIG", str(tmp_path / "makerfloor.toml"))

    def type_in(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["makerfloor", *arguments])
        with pytest.raises(SystemExit):
            cli.main()
        written = capsys.readouterr()
        return written.out + written.err

    return type_in


def test_fees_packs_and_allowances_from_the_command_line(run: Run, tmp_path: Path) -> None:
    initialised(tmp_path, run, "--name", "Space", "--timezone", "Europe/Berlin")
    for n, text in enumerate((FEES, LISTS[PACKED])):
        file = tmp_path / f"{n}.toml"
        file.write_text(text)
        run("tariff", "add", str(file))
    for name in ("Ada", "Ben"):
        run("member", "add", name, "Maple")
    said = run("fee", "add", "1", "fees", "--on", "damage", "--count", "sheet=2", "--source", "case 7")
    assert said.strip().endswith("8.00 EUR")
    run("fee", "add", "1", "fees", "--on", "damage", "--count", "sheet=2", "--source", "case 7")
    assert run("pack", "sell", "1", "packed", "hour").strip().endswith("20.00 EUR")
    assert "sells no pack" in run("pack", "sell", "1", "packed", "day")
    assert "is not NAME=NUMBER" in run("fee", "add", "1", "fees", "--on", "damage", "--count", "sheet")
    more = ("--transferable", "--until", "2099-01-01")
    granted = run("allowance", "grant", "1", "packed/machine_time", "30", *more)
    lot = granted.split()[0]
    run("allowance", "transfer", lot, "2", "12.5")
    listed = run("allowance", "list", "1").splitlines()
    left = [re.findall(r"([0-9.]+) of +([0-9.]+)", line)[0] for line in listed]
    assert left == [("17.5", "30"), ("60", "60")]
    assert "12.5 of" in run("allowance", "list", "2")
    assert run("allowance", "expire") == "0 allowances expired.\n"
    assert "28.00 EUR" in run("statement", "1")
    assert run("doctor").endswith("The books are sound.\n")
