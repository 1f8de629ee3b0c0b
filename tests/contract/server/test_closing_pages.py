"""Costs and closing as pages and over HTTP: who may, what is shown, and what a form posts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from booking_api.clock import Clock
from booking_api.periods.calendar import bounds
from floor.timescale import TimeScale
from tests.kit.months import cost_file
from tests.kit.web import WebFloor, build

MONTH = "2026-05"
COSTS = cost_file(goes="refunded").replace('"2027-01"', f'"{MONTH}"')


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = build(tmp_path)
    yield made
    made.context.database.close()


def let_it_be_over(web: WebFloor) -> None:
    """Set the floor's clock to an hour after the month."""
    _, end_ms = bounds(MONTH, web.context.database.zone)
    web.context.clock.scale = TimeScale(Clock().now_ms(), end_ms + 3_600_000, 1)


async def test_only_who_sees_the_books_sees_costs(web: WebFloor) -> None:
    for name, status in (("mira", 403), ("tomas", 403), ("olga", 200)):
        assert (await (await web.signed_in(name)).get("/closing")).status_code == status
        assert (await web.program(name).get("/api/v1/periods")).status_code == status


async def test_an_invoice_typed_on_the_page_is_owed_and_paid(web: WebFloor) -> None:
    program, browser = web.program("olga"), await web.signed_in("olga")
    added = await program.post("/api/v1/costs/versions", json={"text": COSTS})
    assert (added.status_code, added.json()["valid_from"]) == (201, MONTH), added.text
    form = {"supplier": "Acme", "number": "7", "day": "2026-05-20", "cost": "laser/upkeep", "amount": "4,00"}
    answer = await browser.post("/closing/invoices/new", data=form)
    assert answer.headers["location"] == "/closing?notice=invoice_entered", answer.text
    (one,) = (await program.get("/api/v1/costs/invoices")).json()
    assert (one["supplier"], one["total_micro"], one["paid"]) == ("Acme", 4_000_000, False)
    assert "Paid by bank" in (await browser.get("/closing")).text
    await browser.post(f"/closing/invoices/{one['id']}/pay", data={})
    assert (await program.get("/api/v1/costs/invoices")).json()[0]["paid"]
    wrong = await browser.post("/closing/invoices/new", data=form | {"number": "8", "cost": "laser/capital"})
    assert (wrong.status_code, "capital of laser comes from plan" in wrong.text) == (409, True)


async def test_a_file_over_http_is_entered_whole_or_not(web: WebFloor) -> None:
    program = web.program("olga")
    await program.post("/api/v1/costs/versions", json={"text": COSTS})
    header = "date,supplier,number,pool,kind,amount\n"
    bad = {"text": f"{header}2026-05-20,Acme,7,laser,upkeep,1\n2026-05-20,Acme,8,laser,upkeep,x\n"}
    told = (await program.post("/api/v1/costs/import", json=bad)).json()
    assert [problem[:6] for problem in told["problems"]] == ["line 3"]
    assert (await program.get("/api/v1/costs/invoices")).json() == []
    good = {"text": f"{header}2026-05-20,Acme,7,laser,upkeep,1\n"}
    assert len((await program.post("/api/v1/costs/import", json=good | {"dry_run": True})).json()["new"]) == 1
    assert (await program.get("/api/v1/costs/invoices")).json() == []
    await program.post("/api/v1/costs/import", json=good)
    assert (await program.post("/api/v1/costs/import", json=good)).json()["known"] == 1


async def test_a_month_that_is_not_over_says_so(web: WebFloor) -> None:
    program = web.program("olga")
    answer = await program.post(f"/api/v1/periods/{MONTH}/close", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "month_not_over")
    page = await (await web.signed_in("olga")).get(f"/closing/{MONTH}")
    assert (page.status_code, "is not over yet" in page.text) == (200, True)
    assert f"/closing/{MONTH}/close" not in page.text
    assert "not over yet" in (await (await web.signed_in("olga")).get("/closing")).text


async def test_a_month_is_read_closed_and_opened_again_on_its_page(web: WebFloor) -> None:
    program, browser = web.program("olga"), await web.signed_in("olga")
    await program.post("/api/v1/costs/versions", json={"text": COSTS})
    let_it_be_over(web)
    dry = (await program.post(f"/api/v1/periods/{MONTH}/close", json={"dry_run": True})).json()
    (pool,) = dry["statement"]["pools"]
    assert (dry["posted"], pool["machines"], pool["cost_micro"]) == (
        False,
        {"laser-1": 10_000_000},
        12_000_000,
    )
    page = (await browser.get(f"/closing/{MONTH}")).text
    for seen in (
        "Nothing is posted yet",
        "Lasers",
        "€12.00",
        "€10.00",
        "€2.00",
        "Deficit carried on",
        "Printer 1 · Mercury",
    ):
        assert seen in page, seen
    closed = await browser.post(f"/closing/{MONTH}/close", data={})
    assert closed.headers["location"] == f"/closing/{MONTH}?notice=month_closed", closed.text
    assert [one["month"] for one in (await program.get("/api/v1/periods")).json()] == [MONTH]
    again = (await program.post(f"/api/v1/periods/{MONTH}/close", json={})).json()
    assert (again["posted"], again["statement"]) == (False, dry["statement"])
    assert "Nothing occurs in it any more" in (await browser.get(f"/closing/{MONTH}")).text
    unsaid = await browser.post(f"/closing/{MONTH}/reopen", data={"reason": " "})
    assert (unsaid.status_code, "Say why" in unsaid.text) == (422, True)
    opened = await program.post(f"/api/v1/periods/{MONTH}/reopen", json={"reason": "an invoice came late"})
    assert opened.status_code == 204
    assert (await program.get("/api/v1/periods")).json() == []


async def test_the_pages_speak_chinese(web: WebFloor) -> None:
    browser = await web.signed_in("olga")
    await web.program("olga").post("/api/v1/costs/versions", json={"text": COSTS})
    let_it_be_over(web)
    browser.cookies.set("language", "zh")
    assert "成本与结账" in (await browser.get("/closing")).text
    page = (await browser.get(f"/closing/{MONTH}")).text
    assert "结转下期的亏损" in page
    assert "Deficit" not in page
