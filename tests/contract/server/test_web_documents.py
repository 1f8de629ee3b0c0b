"""Invoices and statements as pages, as PDF and over HTTP: who may see which, and what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from booking_api.accounts import teams
from booking_api.accounts.models import Fund
from booking_api.billing import service as billing
from booking_api.documents import content as contents
from booking_api.documents import service
from booking_api.documents.content import Content
from booking_api.ledger import service as ledger
from booking_api.ledger.statement import balances
from booking_api.machines import service as machines
from booking_api.settings import read_settings
from booking_api.tariffs import service as tariffs
from tests.kit.invoices import ISSUER
from tests.kit.web import GATEWAY, MINUTE, NOW_MS, WebFloor, build

RICH = """
id = "rich"
name = "Big laser"
commodity = "EUR"
valid_from = 2026-01-01
[tiers.member]
multiplier = 0.5
fund = "youth"
[[components]]
per = "machine_time"
unit = "h"
price = 24
free = { member = "30 min" }
free_per = "month"
[[adjustments]]
id = "rainy-day"
kind = "discount"
part = 0.1
[tax]
rate = 0.2
"""
KEY = {"Idempotency-Key": "invoice-run-1"}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = build(tmp_path)
    text = ISSUER.replace('name = "Kelp Street"\n', 'name = "Kelp Street"\ntimezone = "Europe/Dublin"\n', 1)
    (tmp_path / "makerfloor.toml").write_text(text)
    context = replace(made.context, settings=read_settings(tmp_path / "makerfloor.toml", {}))
    made.context = context
    made.app.state.context = context
    with context.database.write() as session:
        tariffs.add(session, RICH, "test", NOW_MS)
        session.add(Fund(id="youth", name="Youth fund", created_ms=NOW_MS))
        session.flush()
        details = machines.MachineDetails(id="big", name="Big laser", gateway=GATEWAY, tariff="rich")
        machines.add(session, details, NOW_MS)
    made.session("rich-1", "mira", "big", NOW_MS - 20 * MINUTE, 90)
    yield made
    context.database.close()


def text_of(answer: httpx.Response, tmp_path: Path) -> str:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf"), answer.text
    program = shutil.which("pdftotext")
    assert program, "no pdftotext: install it with `apt-get install poppler-utils`"
    file = tmp_path / "answer.pdf"
    file.write_bytes(answer.content)
    done = subprocess.run([program, "-layout", str(file), "-"], capture_output=True, check=True, timeout=60)
    return " ".join(done.stdout.decode().split())


def issue(web: WebFloor, name: str = "mira") -> list[Content]:
    with web.context.database.write() as session:
        settings = web.context.settings
        made = service.issue(session, web.people[name], "2026-05", settings, "desk", NOW_MS)
        return [contents.read(one.content) for one in made]


def says(text: str, *words: str) -> None:
    assert [each for each in words if each not in text] == []


async def test_the_statement_says_who_paid_the_rest(web: WebFloor, tmp_path: Path) -> None:
    browser = await web.signed_in("mira")
    page = (await browser.get("/me/month")).text
    says(
        page,
        "What your use really cost",
        "Paid by Youth fund",
        "Paid by the space",
        "VAT in what was charged",
    )
    says(page, "Free and in advance", "used 30 min of 30 min", "0 h left", "30 min a month are free")
    said = text_of(await browser.get("/me/statement.pdf?month=2026-05"), tmp_path)
    with web.context.database.read() as session:
        owed = balances(session, web.people["mira"])["EUR"]
    assert owed == 7_460_000 + 10_800_000
    # 90 min at 24.00 are 36.00; a member pays half, half an hour a month is free, a tenth comes off
    says(said, "Statement May 2026", "Big laser €36.00 €10.80", "Youth fund paid €24.00")
    says(
        said,
        "the space paid €1.20",
        "VAT 20 %: €1.80",
        "At the end €18.26",
        "billed: 1 h, €12.00 / h = €12.00",
    )


async def test_the_statement_in_chinese(web: WebFloor, tmp_path: Path) -> None:
    browser = await web.signed_in("mira")
    browser.cookies.set("language", "zh")
    page = (await browser.get("/me/month")).text
    assert "由Youth fund支付" in page
    said = text_of(await browser.get("/me/statement.pdf?month=2026-05"), tmp_path).replace(" ", "")
    says(said, "对账单2026年5月", "使用时间", "€10.80", "免费额度与预存量")


async def test_an_operator_looks_runs_and_runs_again(web: WebFloor) -> None:
    browser = await web.signed_in("olga")
    page = (await browser.get("/invoices")).text
    says(page, "What a run would issue now", "€18.26", "No invoices yet.")
    for _ in range(2):
        answer = await browser.post("/invoices/run", data={"month": "2026-05"})
        assert answer.headers["location"] == "/invoices?month=2026-05&notice=invoiced"
    page = (await browser.get("/invoices?month=2026-05&notice=invoiced")).text
    says(page, "The invoices of this month are issued.", "Nothing: everything until the end of this month")
    assert sorted(re.findall(r'href="/invoices/(INV-[0-9-]+)"', page)) == ["INV-2026-0001", "INV-2026-0002"]


async def test_the_page_of_an_invoice_is_what_its_pdf_says(web: WebFloor, tmp_path: Path) -> None:
    (content,) = issue(web)
    browser = await web.signed_in("mira")
    page = (await browser.get(f"/invoices/{content.number}")).text
    said = text_of(await browser.get(f"/invoices/{content.number}.pdf"), tmp_path)
    for text in (said, page.replace("\u00a0", " ")):
        says(
            text, "Invoice INV-2026-0001", "Kelp Street e.V.", "Mira Quince", "Paid by Youth fund", "-€24.00"
        )
        says(text, "€18.26", "DE89 3704 0044 0532 0130 00", "VAT 20", "€1.80")
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in page
    assert " style=" not in page


async def test_who_may_see_an_invoice(web: WebFloor) -> None:
    (content,) = issue(web)
    path = f"/invoices/{content.number}"
    for name, status in (("mira", 200), ("olga", 200), ("otto", 403), ("tomas", 403)):
        browser = await web.signed_in(name)
        assert [(await browser.get(path + tail)).status_code for tail in ("", ".pdf")] == [status] * 2, name
        api = web.program(name)
        assert [(await api.get("/api/v1" + path + tail)).status_code for tail in ("", "/pdf")] == [status] * 2
    assert (await web.browser().get(path)).headers["location"].startswith("/sign-in")
    otto = await web.signed_in("otto")
    assert (await otto.get(f"/statements/{web.people['mira']}.pdf")).status_code == 403
    assert (await otto.get("/invoices")).status_code == 403
    assert (await otto.post("/invoices/run", data={"month": "2026-05"})).status_code == 403
    assert (await (await web.signed_in("mira")).get("/invoices/INV-2026-0099")).status_code == 404


async def test_who_owns_a_team_sees_its_invoices(web: WebFloor) -> None:
    with web.context.database.write() as session:
        teams.add(session, teams.TeamDetails(id="boats", name="Boats"), NOW_MS, web.people["otto"])
    web.session("team-1", "otto", "laser-1", NOW_MS - 5 * MINUTE, 12)
    with web.context.database.write() as session:
        billing.move(session, "team-1", "boats", web.people["otto"], "for the boats", NOW_MS)
        (made,) = service.issue(session, "boats", "2026-05", web.context.settings, "desk", NOW_MS)
    assert made.total_micro == 4_000_000
    page = (await (await web.signed_in("otto")).get("/me/invoices")).text
    assert made.number in page
    assert made.number not in (await (await web.signed_in("mira")).get("/me/invoices")).text


async def test_a_member_says_who_invoices_are_made_out_to(web: WebFloor) -> None:
    browser = await web.signed_in("mira")
    form = {
        "name": "Quince <b>Ltd</b>",
        "lines": "Street 1\n\nDublin",
        "country": "ie",
        "vat_id": "IE1",
        "language": "zh",
    }
    assert (await browser.post("/me/address", data=form)).headers["location"] == "/me/invoices?notice=address"
    page = (await browser.get("/me/invoices?notice=address")).text
    assert "Quince &lt;b&gt;Ltd" in page
    (content,) = issue(web)
    assert content.recipient.lines == ("Street 1", "Dublin")
    assert (content.recipient.country, content.language) == ("IE", "zh")
    wrong = await browser.post("/me/address", data=form | {"country": "Ireland"})
    assert wrong.status_code == 422
    api = web.program("otto")
    path = f"/api/v1/accounts/{web.people['mira']}/billing-address"
    assert (await api.put(path, json={"name": "Otto"})).status_code == 403
    assert (await web.program("olga").put(path, json={"name": "Mira", "language": "xx"})).status_code == 409


async def test_invoices_over_http(web: WebFloor) -> None:
    api = web.program("olga")
    body = {"month": "2026-05", "dry_run": True}
    would = (await api.post("/api/v1/invoice-runs", json=body, headers=KEY)).json()
    assert would["totals_micro"] == {"EUR": 22_260_000}
    assert {one["number"] for one in would["documents"]} == {""}
    path = f"/api/v1/accounts/{web.people['mira']}/invoices"
    key = {"Idempotency-Key": "for-mira-0001"}
    answers = [await api.post(path, json={"month": "2026-05"}, headers=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    (one,) = answers[0].json()["invoices"]
    assert (one["number"], one["total_micro"], one["tax_micro"]) == ("INV-2026-0001", 18_260_000, 1_800_000)
    whole = (await api.get(f"/api/v1/invoices/{one['id']}")).json()
    assert contents.sha256(Content.model_validate(whole["content"]).frozen()) == whole["sha256"]
    real = await api.post(
        "/api/v1/invoice-runs", json={"month": "2026-05"}, headers={"Idempotency-Key": "real-run-1"}
    )
    assert [each["number"] for each in real.json()["documents"]] == ["INV-2026-0002"]
    assert len((await api.get("/api/v1/invoices?month=2026-05")).json()) == 2
    assert [row["number"] for row in (await web.program("mira").get("/api/v1/invoices")).json()] == [
        "INV-2026-0001"
    ]
    refused = await web.program("mira").post("/api/v1/invoice-runs", json=body, headers=KEY)
    assert refused.status_code == 403
    assert (
        await api.post(path, json={"month": "May"}, headers={"Idempotency-Key": "another-1"})
    ).status_code == 422


async def test_a_credit_note_names_what_it_corrects(web: WebFloor, tmp_path: Path) -> None:
    issue(web)
    with web.context.database.write() as session:
        charge = billing.charges_of(session, "rich-1")[0]
        billing.credit(session, charge.id, 1_200_000, "The lens was dirty", web.people["olga"], NOW_MS)
    (note,) = issue(web)
    assert (note.total_micro, note.tax_micro) == (-1_200_000, -200_000)
    browser = await web.signed_in("mira")
    said = text_of(await browser.get(f"/invoices/{note.number}.pdf"), tmp_path)
    says(said, "Credit note CN-2026-0001", "Corrects invoice INV-2026-0001", "Given back: Big laser")
    says(said, "The lens was dirty", "Total -€1.20", "VAT 20 % -€0.20", "Credited to your account €1.20")


async def test_what_is_paid_and_overpaid_is_said(web: WebFloor) -> None:
    with web.context.database.write() as session:
        ledger.take_payment(session, web.people["mira"], 50_000_000, "EUR", NOW_MS, "desk")
    (content,) = issue(web)
    page = (await (await web.signed_in("mira")).get(f"/invoices/{content.number}")).text
    assert content.due_micro == 0
    assert "Paid from your credit" in page
    assert "<svg xmlns" not in page


COINS = """
id = "solder"
name = "Soldering"
commodity = "coins"
decimals = 0
valid_from = 2026-01-01
[[components]]
per = "machine_time"
unit = "h"
block = "1 h"
price = 3
[worth]
amount = 0.10
commodity = "EUR"
"""


async def test_own_units_stand_on_the_statement_and_beside_the_invoice(web: WebFloor, tmp_path: Path) -> None:
    with web.context.database.write() as session:
        tariffs.add(session, COINS, "test", NOW_MS)
        session.flush()
        details = machines.MachineDetails(id="iron", name="Soldering iron", gateway=GATEWAY, tariff="solder")
        machines.add(session, details, NOW_MS)
    web.session("iron-1", "mira", "iron", NOW_MS - 3 * MINUTE, 10)
    browser = await web.signed_in("mira")
    says((await browser.get("/me/month")).text, "Soldering iron", "3 coins", "In other units")
    said = text_of(await browser.get("/me/statement.pdf?month=2026-05"), tmp_path)
    says(
        said, "Soldering iron 3 coins 3 coins", "In other units", "coins 0 coins 3 coins", "At the end €18.26"
    )
    (content,) = issue(web)
    page = (await browser.get(f"/invoices/{content.number}")).text
    says(page, "Paid in units of our own", "3 coins", "€0.30", "€18.26")


async def test_a_refused_pdf_says_what_to_install(web: WebFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    browser = await web.signed_in("mira")
    answer = await browser.get("/me/statement.pdf")
    assert answer.status_code == 409
    says(answer.text, "makerfloor[pdf]")
