"""A member's own pages: what matters now, past uses, the year, and receipts that add up to the books."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest
from sqlmodel import Session, col, select

from booking_api.billing.ahead import Running, look_ahead
from booking_api.billing.models import Charge
from booking_api.billing.visits import counters, price_lists
from booking_api.certifications import service as certifications
from booking_api.disputes import service as disputes
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import LedgerPosting
from booking_api.members import service as members
from booking_api.notices import service as notices
from booking_api.sessions.models import MachineSession
from booking_api.web.use_receipt import SOURCES
from floor.errors import Refused
from floor.meter import Quantity, Reading
from tests.kit.web import GATEWAY, MINUTE, NOW_MS, WebFloor, build

HOUR = 60 * MINUTE
DAY = 24 * HOUR
METERS = {
    Quantity.MACHINE_TIME_MS: 30 * MINUTE,
    Quantity.JOB_TIME_MS: 30 * MINUTE,
    Quantity.FILAMENT_MG: 12_000,
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = build(tmp_path_factory.mktemp("mine"))
    for n in range(28):
        made.session(f"past-{n:02}", "otto", "laser-1", NOW_MS - (n + 2) * 8 * HOUR, 10)
    yield made
    made.context.database.close()


async def text(web: WebFloor, name: str, path: str, language: str = "en") -> str:
    browser = await web.signed_in(name)
    browser.cookies.set("language", language)
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(answer.text).replace("\xa0", " ").split())


async def test_what_runs_shows_meters_cost_and_the_next_hour(web: WebFloor) -> None:
    web.shows(web.in_use("printer-1", "mira", 30, counters=METERS, price_micro=620_000))
    page = await text(web, "mira", "/me")
    # 20 of 30 minutes at 0.60 an hour, and 12 g: 0.62; an hour more at this rate is 0.60 and 24 g more
    for said in ("€0.62", "12 g", "about €1.44 more", "since 10:30", "hold your badge to the reader"):
        assert said in page, said
    web.context.live.presence(GATEWAY, False, NOW_MS)
    lost = await text(web, "mira", "/me")
    assert "The machine is out of touch since 21 May 2026" in lost
    assert "€0.62" in lost, "what was known last stays"
    assert "失去联系" in await text(web, "mira", "/me", "zh")
    web.shows(*(web.free(one) for one in ("printer-1", "laser-1")))
    assert "Running now" not in await text(web, "mira", "/me")


def test_a_running_use_costs_what_its_bill_will_say(web: WebFloor) -> None:
    with web.context.database.read() as session:
        for id in ("use-1", "use-2", "use-3"):
            row = session.get(MachineSession, id)
            assert row is not None
            ended = Reading(row.started_ms + row.elapsed_ms, counters(row.counters))
            readings = (Reading(row.started_ms, {}), ended)
            used = Running(id, row.account, row.member, row.tier, row.machine, readings)
            tariff = "printer" if row.machine.startswith("printer") else "laser"
            prices = price_lists(session, {tariff})[tariff]
            ahead = look_ahead(session, used, prices, web.context.zone)
            assert ahead is not None
            assert ahead.now_micro == row.total_micro
            assert ahead.hour_micro is not None
            assert ahead.hour_micro > 0
            fresh = replace(used, readings=(readings[0], Reading(row.started_ms + 1000, {})))
            young = look_ahead(session, fresh, prices, web.context.zone)
            assert young is not None
            assert young.hour_micro is None, "a second says nothing of an hour"


async def test_what_wants_attention_is_said_first(web: WebFloor) -> None:
    with web.context.database.write() as session:
        ines, mira = web.people["ines"], web.people["mira"]
        certifications.grant(session, mira, "saw-1", ines, NOW_MS, NOW_MS + 5 * DAY)
        charge = session.exec(select(Charge).where(Charge.session == "use-1")).one()
        made = disputes.open_dispute(session, charge.id, "too long", mira, NOW_MS)
        disputes.adjust(session, made.dispute.id, 1_000_000, "the fan ran on", web.people["olga"], NOW_MS)
    page = await text(web, "mira", "/me")
    assert "Table saw ends on 26 May 2026. Renew it before then." in page
    assert "Your objection was answered: €1.00 was given back." in page
    assert "is due on 20 Jun 2026" in page
    assert "prepaid" not in page
    assert "Nothing is reserved." in page
    ada = await text(web, "ada", "/me")
    assert "You have used no machine yet." in ada
    assert "Nothing is due." in ada


async def test_past_uses_come_in_pages_and_by_month_and_machine(web: WebFloor) -> None:
    browser = await web.signed_in("otto")
    first = unescape((await browser.get("/me/uses")).text)
    assert first.count('href="/sessions/') == 25
    later = first.split('href="')
    more = next(one.split('"')[0] for one in later if "cursor=" in one)
    assert unescape((await browser.get(more)).text).count('href="/sessions/') == 4
    laser = (await browser.get("/me/uses?month=2026-05&machine=laser-1")).text
    assert "month=2026-05&amp;machine=laser-1&amp;cursor=" in laser
    assert "No use of yours fits." in (await browser.get("/me/uses?month=2026-04")).text
    assert "No use of yours fits." in (await browser.get("/me/uses?machine=saw-1")).text
    assert (await browser.get("/me/uses?cursor=bm9wZQ==")).status_code == 422


async def test_the_year_adds_up(web: WebFloor) -> None:
    page = await text(web, "otto", "/me/year")
    assert "29 uses" in page
    assert "4 h 54 min" in page  # 28 × 10 min and 14 min
    assert "€60.00" in page  # 28 × 2.00, and two blocks of 2.00
    rows = list(csv.DictReader(io.StringIO((await (await web.signed_in("otto")).get("/me/year.csv")).text)))
    assert len(rows) == 29
    assert sum(float(row["cost"]) for row in rows) == 60
    assert "You used no machine in 2024." in await text(web, "otto", "/me/year?year=2024")


def owed(session: Session, account: str, entries: list[str]) -> int:
    mine = select(LedgerPosting.amount_micro).where(
        LedgerPosting.account == member_account(account), col(LedgerPosting.entry).in_(entries)
    )
    return sum(session.exec(mine))


async def test_a_receipt_explains_every_line_and_adds_up_to_the_books(web: WebFloor) -> None:
    page = await text(web, "mira", "/sessions/use-2/receipt")
    for said in (
        "74 min − 10 min = 64 min; 64 min ÷ 60 × €0.60 = €0.64",
        "23.456 × €0.035 = €0.82096",
        "-€0.00096",
        "the printer's own count",
        "in force since 1 Jan 2026",
        "the first 10 min are free",
        "€1.46",
    ):
        assert said in page, said
    with web.context.database.read() as session:
        entry = session.exec(select(Charge.entry).where(Charge.session == "use-2")).one()
        assert owed(session, web.people["mira"], [entry or ""]) == 1_460_000
    assert "25 min → 3 begun steps of 10 min; 3 × €2.00 = €6.00" in await text(
        web, "mira", "/sessions/use-1/receipt"
    )
    assert "10 分钟" in await text(web, "mira", "/sessions/use-1/receipt", "zh")


async def test_a_receipt_shows_corrections_and_to_whom(web: WebFloor) -> None:
    with web.context.database.write() as session:
        charge = session.exec(select(Charge).where(Charge.session == "use-3")).one()
        otto, olga = web.people["otto"], web.people["olga"]
        made = disputes.open_dispute(session, charge.id, "too much", otto, NOW_MS)
        disputes.adjust(session, made.dispute.id, 1_500_000, "half of it", olga, NOW_MS)
    page = await text(web, "otto", "/sessions/use-3/receipt")
    assert "What is left" in page
    assert "half of it" in page
    assert '<p class="figure">€2.50</p>' in page
    mira = await web.signed_in("mira")
    assert (await mira.get("/sessions/use-3/receipt")).status_code == 403
    assert (await mira.get("/sessions/nope/receipt")).status_code == 404
    assert (await (await web.signed_in("olga")).get("/sessions/use-3/receipt")).status_code == 200
    assert "Nothing was metered" not in await text(web, "mira", "/sessions/use-4/receipt")
    paper = await mira.get("/sessions/use-2/receipt.pdf")
    assert paper.headers["content-type"] == "application/pdf"


async def test_a_test_message_goes_out_once_a_minute(web: WebFloor) -> None:
    browser = await web.signed_in("ines")
    assert (await browser.post("/me/notices/test")).headers["location"] == "/me/notices?notice=nowhere"
    mailing = replace(web.context.settings.notices, mail="mailtos://mail.kelp.test")
    with web.context.database.write() as session:
        ines = members.get(session, web.people["ines"])
        assert notices.test(session, ines, "Test", "Hello", mailing, NOW_MS) == 1
        session.flush()
        with pytest.raises(Refused, match="a moment ago"):
            notices.test(session, ines, "Test", "Hello", mailing, NOW_MS + 59_000)
        assert notices.test(session, ines, "Test", "Hello", mailing, NOW_MS + 60_000) == 1


def test_each_quantity_says_where_it_comes_from() -> None:
    assert set(SOURCES) == set(Quantity)
