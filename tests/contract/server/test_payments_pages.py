"""The cash desk, the bank and the shop on pages and over HTTP: what is clicked ends in the books, once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from booking_api.ledger.models import AccountBalance
from booking_api.tariffs import service as tariffs
from tests.kit.camt import Detail, Line, statement
from tests.kit.web import NOW_MS, WebFloor, build

EURO = 1_000_000
SHEET = {
    "id": "ply-4", "name": "Plywood <4 mm>", "name_zh": "胶合板", "unit": "sheet", "price_micro": 5_950_000,
    "tax_rate": "19 %", "stock_milli": 3_000, "minimum_milli": 2_000,
}  # fmt: skip


COINS = """
id = "arcade"
name = "Coins"
commodity = "COIN"
valid_from = 2026-01-01
[worth]
amount = 0.10
commodity = "EUR"
[[components]]
per = "machine_time"
unit = "min"
price = 1
"""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = build(tmp_path)
    yield made
    made.context.database.close()


def balances(web: WebFloor) -> dict[str, int]:
    with web.context.database.read() as session:
        return {row.account: row.amount_micro for row in session.exec(select(AccountBalance))}


def owed(web: WebFloor, name: str) -> int:
    return balances(web).get(f"assets:member:{web.people[name]}", 0)


async def stocked(web: WebFloor) -> httpx.AsyncClient:
    """Olga's browser, with plywood for sale and the drawer open."""
    browser = await web.signed_in("olga")
    assert (await browser.put("/api/v1/items/ply-4", json=SHEET)).status_code == 200
    assert (await browser.post("/desk/drawer/open", data={"amount": "100"})).status_code == 303
    return browser


def key(page: str, after: str) -> str:
    found = re.search(rf'action="{re.escape(after)}.*?name="key" value="([^"]+)"', page, re.DOTALL)
    assert found, after
    return found[1]


async def test_money_is_taken_once_and_leads_to_a_receipt(web: WebFloor) -> None:
    browser, otto = await stocked(web), web.people["otto"]
    before = owed(web, "otto")
    page = (await browser.get("/desk?text=Basalt")).text
    assert "Otto Basalt" in page
    action = f"/desk/accounts/{otto}/top-up"
    form = {"amount": "20,50", "means": "cash", "memo": "for May", "key": key(page, action)}
    places = {(await browser.post(action, data=form)).headers["location"] for _ in range(2)}
    assert len(places) == 1
    assert owed(web, "otto") == before - 20_500_000
    receipt = (await browser.get(places.pop())).text
    for said in ("Receipt", "€20.50", "Otto Basalt", "for May", "Taken by Olga", "Kelp Street"):
        assert said in receipt


async def test_no_more_credit_is_given_back_than_there_is(web: WebFloor) -> None:
    browser, otto = await stocked(web), web.people["otto"]
    await browser.post(
        f"/desk/accounts/{otto}/top-up", data={"amount": "20", "means": "card", "key": "key-00001"}
    )
    credit = -owed(web, "otto")
    form = {"amount": "20", "means": "cash", "key": "key-00002"}
    assert credit < 20 * EURO
    answer = await browser.post(f"/desk/accounts/{otto}/refund", data=form)
    assert (answer.status_code, "not so much in credit" in answer.text) == (409, True)
    form = {"amount": f"{credit / EURO:.2f}", "means": "cash", "key": "key-00003"}
    assert (await browser.post(f"/desk/accounts/{otto}/refund", data=form)).status_code == 303
    assert owed(web, "otto") == 0


async def test_cash_needs_an_open_drawer_and_a_difference_a_reason(web: WebFloor) -> None:
    browser, otto = await stocked(web), web.people["otto"]
    wrong = await browser.post("/desk/drawer/close", data={"amount": "90"})
    assert "Say why" in wrong.text
    done = await browser.post("/desk/drawer/close", data={"amount": "90", "memo": "change was wrong"})
    assert done.headers["location"] == "/desk?notice=closed"
    assert balances(web)["expense:cash_difference"] == 10 * EURO
    form = {"amount": "5", "means": "cash", "key": "key-00001"}
    assert "Open it with its float" in (await browser.post(f"/desk/accounts/{otto}/top-up", data=form)).text


async def test_the_spaces_own_units_are_sold_for_money(web: WebFloor) -> None:
    browser, otto = await stocked(web), web.people["otto"]
    with web.context.database.write() as session:
        tariffs.add(session, COINS, "test", NOW_MS)
    page = (await browser.get(f"/desk?account={otto}")).text
    assert "COIN · €0.10" in page
    form = {"unit": "COIN", "count": "30", "means": "cash", "key": "key-00001"}
    place = (await browser.post(f"/desk/accounts/{otto}/units", data=form)).headers["location"]
    assert balances(web)["assets:cash"] == 3 * EURO
    assert "30 COIN" in (await browser.get(place)).text
    assert "30 COIN" in (await (await web.signed_in("otto")).get(place)).text


async def test_a_sale_at_the_desk_and_its_cancellation(web: WebFloor) -> None:
    browser, otto = await stocked(web), web.people["otto"]
    before = owed(web, "otto")
    form = {"item": "ply-4", "quantity": "2", "means": "account", "account": otto, "key": "key-00001"}
    place = (await browser.post("/desk/sales", data=form)).headers["location"]
    assert owed(web, "otto") == before + 11_900_000
    page = (await browser.get(f"/desk?account={otto}")).text
    assert "Running low" in page
    assert "Plywood &lt;4 mm&gt;" in page
    entry = place.split("/")[-1].split("?")[0]
    await browser.post(f"/desk/sales/{entry}/cancel", data={"memo": "wrong sheet"})
    assert owed(web, "otto") == before
    assert "This was taken back." in (await browser.get(place)).text
    cash = {"item": "ply-4", "quantity": "1", "means": "cash", "key": "key-00002"}
    assert (await browser.post("/desk/sales", data=cash)).status_code == 303
    assert balances(web)["assets:cash"] == 5_950_000


async def test_a_member_takes_something_once_and_sees_it_on_the_statement(web: WebFloor) -> None:
    await stocked(web)
    browser, before = await web.signed_in("otto"), owed(web, "otto")
    page = (await browser.get("/shop")).text
    assert "3 left" in page
    form = {"item": "ply-4", "quantity": "2", "key": key(page, "/shop/items")}
    for _ in range(2):
        assert (await browser.post("/shop/items", data=form)).headers["location"] == "/shop?notice=sold"
    assert owed(web, "otto") == before + 11_900_000
    shop = (await browser.get("/shop")).text
    assert "1 left" in shop
    receipt = re.search(r'href="(/desk/receipts/[^"]+)"', shop)
    assert receipt is not None
    assert "€11.90" in (await browser.get(receipt[1])).text
    assert (await (await web.signed_in("mira")).get(receipt[1])).status_code == 403
    assert "2 sheet Plywood" in (await browser.get("/me/month")).text


async def test_a_quantity_that_is_none_is_refused(web: WebFloor) -> None:
    await stocked(web)
    browser = await web.signed_in("otto")
    for quantity in ("0", "-1", "a lot", "1.2345", "99999999"):
        form = {"item": "ply-4", "quantity": quantity, "key": "key-00001"}
        assert (await browser.post("/shop/items", data=form)).status_code == 422


async def test_a_statement_is_uploaded_and_what_waits_is_assigned(web: WebFloor) -> None:
    browser, before = await stocked(web), owed(web, "otto")
    lines = (
        Line("19.00", reference="A", details=(Detail(name="X", ustrd=("member 2",)),)),
        Line("7.00", reference="B", details=(Detail(name="Otto Basalt <b>", ustrd=("thanks",)),)),
    )
    for _ in range(2):
        upload = {"file": ("may.xml", statement(*lines), "text/xml")}
        answer = await browser.post("/desk/bank", data={"preset": "plain"}, files=upload)
        assert answer.headers["location"] == "/desk/bank?notice=imported"
    assert owed(web, "otto") == before - 19 * EURO
    page = (await browser.get("/desk/bank")).text
    assert "Otto Basalt &lt;b&gt;" in page
    assert "Post to Otto Basalt" in page
    action = re.search(r'action="(/desk/bank/[^/"]+/assign)"', page)
    assert action is not None
    await browser.post(action[1], data={"target": "2"})
    assert owed(web, "otto") == before - 26 * EURO
    assert "All is posted." in (await browser.get("/desk/bank")).text


async def test_a_file_that_is_none_is_a_sentence_on_the_page(web: WebFloor) -> None:
    browser = await web.signed_in("olga")
    for data in (b"<a>", b"\x00\xff", b"", b"a;b\n1;2\n"):
        answer = await browser.post("/desk/bank", data={"preset": "plain"}, files={"file": ("x", data)})
        assert answer.status_code == 422
        assert "The file" in answer.text


async def test_programs_do_the_same_with_a_key(web: WebFloor) -> None:
    await stocked(web)
    program, before = web.program("olga"), owed(web, "otto")
    headers = {"idempotency-key": "till-0001"}
    body = {"item": "ply-4", "quantity_milli": 1_000, "account": "2"}
    sold = [(await program.post("/api/v1/sales", json=body, headers=headers)).json() for _ in range(2)]
    assert sold[0] == sold[1]
    assert (sold[0]["tax_rate"], sold[0]["net_micro"], sold[0]["tax_micro"]) == ("19/100", 5 * EURO, 950_000)
    assert owed(web, "otto") == before + 5_950_000
    topped = await program.post("/api/v1/accounts/2/top-ups", json={"amount_micro": EURO}, headers=headers)
    assert topped.json()["code"] == "key_reused"
    own = web.program("otto")
    path = f"/api/v1/members/{web.people['otto']}/sales"
    bought = await own.post(path, json={"item": "ply-4", "quantity_milli": 500}, headers=headers)
    assert bought.status_code == 201
    other = f"/api/v1/members/{web.people['mira']}/sales"
    assert (await own.post(other, json=body, headers=headers)).status_code == 403
    drawer = (await program.get("/api/v1/desk/drawer")).json()
    assert drawer["expected_micro"] == 100 * EURO
    file = statement(Line("1.00", details=(Detail(ustrd=("member 2",)),)))
    read = (await program.post("/api/v1/bank/files", content=file)).json()
    assert (read["new"], read["posted"]) == (1, 1)
    low = (await program.get("/api/v1/items?low=true")).json()
    assert [(item["id"], item["stock_milli"]) for item in low] == [("ply-4", 1_500)]
