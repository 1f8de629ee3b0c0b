"""Pools, rate study, funds and the billing run as pages; sums that are kept are those of the postings."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.accounts.models import Fund
from booking_api.documents.exceptions import Odd, find
from booking_api.documents.gather import waiting
from booking_api.documents.models import Invoice, InvoiceItem, InvoiceWaiting
from booking_api.documents.outlook import expected
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import fund_account, machine_income, member_account
from booking_api.ledger.models import LedgerEntry
from booking_api.payments import books, overdue
from booking_api.periods import kept
from floor.ledger import EntryKind, Posting
from floor.timescale import TimeScale
from tests.contract.server.test_closing_pages import COSTS, MONTH
from tests.kit.web import NOW_MS, WebFloor, build

EURO = 1_000_000


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = build(tmp_path_factory.mktemp("pools"))
    with made.context.database.write() as session:
        session.add(Fund(id="city", name="The city", budget_micro=100 * EURO, created_ms=0))
    yield made
    made.context.database.close()


def sell(web: WebFloor, name: str, euros: int, fund_euros: int = 0) -> str:
    postings = [
        Posting(member_account(web.people[name]), "EUR", euros * EURO),
        Posting(fund_account("city"), "EUR", fund_euros * EURO),
        Posting(machine_income("laser-1"), "EUR", -(euros + fund_euros) * EURO),
    ]
    kept = tuple(one for one in postings if one.amount_micro)
    with web.context.database.write() as session:
        return books.post(session, EntryKind.CHARGE, kept, "olga", NOW_MS).entry.id


def sums(session: Session) -> dict[str, tuple[int, int]]:
    rows = session.exec(
        select(
            InvoiceWaiting.account, func.sum(InvoiceWaiting.entries), func.sum(InvoiceWaiting.amount_micro)
        ).group_by(col(InvoiceWaiting.account))
    )
    return {account: (int(n), int(micro)) for account, n, micro in rows if n}


def counted(web: WebFloor, session: Session) -> dict[str, tuple[int, int]]:
    found = {id: waiting(session, id, 1 << 60) for id in web.people.values()}
    return {id: (len(rows), sum(one.amount_micro for one in rows)) for id, rows in found.items() if rows}


async def test_kept_sums_are_those_of_the_postings_and_a_run_takes_them_away(web: WebFloor) -> None:
    sell(web, "otto", 7)
    undone, back = sell(web, "otto", 5), sell(web, "ines", -3)
    sell(web, "mira", 4, fund_euros=2)
    with web.context.database.write() as session:
        ledger.reverse(session, undone, "wrong", "olga", NOW_MS)
    with web.context.database.read() as session:
        assert sums(session) == counted(web, session) != {}
        waits = expected(session, MONTH, "EUR")
        odd = {one.odd: one.accounts for one in find(session, MONTH, waits, waits)}
        assert [id for id, _ in odd[Odd.NEGATIVE]] == [web.people["ines"]], back
    browser = await web.signed_in("olga")
    page = (await browser.get(f"/billing-run?month={MONTH}")).text
    assert page.index("Look at these first") < page.index("Credit notes") < page.index("Account by account")
    answer = await browser.post("/billing-run", data={"month": MONTH})
    assert answer.headers["location"].endswith("notice=invoiced_some"), answer.text
    with web.context.database.read() as session:
        assert sums(session) == counted(web, session)
        assert expected(session, MONTH, "EUR") == []
        made = session.exec(select(func.count()).select_from(Invoice)).one()
    again = await browser.post("/billing-run", data={"month": MONTH})
    assert again.status_code == 303
    with web.context.database.read() as session:
        assert session.exec(select(func.count()).select_from(Invoice)).one() == made


async def test_pools_and_study_show_a_file_that_is_put_in_force(
    web: WebFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await web.signed_in("olga")
    assert "no pools" in (await browser.get(f"/pools?month={MONTH}")).text
    assert (await browser.post("/study", data={"text": "name ="})).status_code == 422
    answer = await browser.post("/study", data={"text": COSTS})
    assert answer.headers["location"].endswith("notice=kept"), answer.text
    pools, study = (await browser.get("/pools")).text, (await browser.get("/study?use=50")).text
    assert "Breaks even at" in pools
    assert 'role="img"' in pools
    assert "of the month that is over" in pools
    assert "€1.70" in study
    assert "€3.40" in study
    assert (await browser.get("/study?use=x")).status_code == 422
    assert "pool,what,name" in (await browser.get("/study.csv")).text
    assert (await browser.get("/study/1.toml")).text == COSTS
    assert f"{MONTH},laser" in (await browser.get("/pools.csv")).text
    monkeypatch.setattr(kept, "LARGE", 0)
    now_ms = web.context.clock.now_ms()
    for path in ("/pools", f"/closing/{MONTH}"):
        assert "Work it out now" not in (await browser.get(path)).text
        monkeypatch.setattr(
            web.context.clock, "scale", TimeScale(web.context.wall.now_ms(), now_ms + 770_000, 1)
        )
        late = (await browser.get(path)).text
        assert "12\N{NO-BREAK SPACE}min ago" in late
        assert "Work it out now" not in (await browser.get(f"{path}?month={MONTH}&anew=yes")).text
        now_ms += 770_000


async def test_a_funder_sees_what_was_paid_and_for_nobody_in_particular(web: WebFloor) -> None:
    sell(web, "otto", 1, fund_euros=10)
    browser = await web.signed_in("olga")
    page, table = (await browser.get("/funds/city")).text, (await browser.get("/funds/city.csv")).text
    assert "What it paid for" in page
    assert "laser-1" in table
    assert all(id not in table and id not in page for id in (web.people["otto"], web.people["mira"]))
    assert (await browser.get("/funds/none")).status_code == 404
    assert "The city" in (await browser.get("/funds")).text


def slowly(session: Session, account: str) -> list[tuple[str, int, int]]:
    """What of an account is unpaid, charge by charge: (entry, due, amount), by when it fell due."""
    name = member_account(account)
    left = ledger.balance(session, name, "EUR")
    undone = set(session.exec(select(LedgerEntry.reverses)))
    bills = {
        item.entry: item.invoice for item in session.exec(select(InvoiceItem)) if item.account == account
    }
    due = {one.id: one.due_ms for one in session.exec(select(Invoice))}
    billed = session.exec(select(Invoice.id).where(Invoice.account == account)).first() is not None
    charges = []
    for entry in session.exec(select(LedgerEntry).order_by(col(LedgerEntry.seq))):
        for posting in ledger.postings_of(session, [entry.id])[entry.id]:
            plain = entry.kind not in (EntryKind.REVERSAL, EntryKind.REFUND) and entry.id not in undone
            if posting.account == name and posting.amount_micro > 0 and plain:
                other = overdue.NEVER_MS if billed else entry.occurred_ms + overdue.TERM_MS
                at_ms = due[bills[entry.id]] if entry.id in bills else other
                charges.append((entry.id, at_ms, posting.amount_micro))
    found = []
    for id, at_ms, micro in sorted(charges, key=lambda one: -one[1]):
        if left > 0:
            found.append((id, at_ms, min(left, micro)))
        left -= micro
    return found[::-1]


def test_what_many_owe_is_what_each_owes(web: WebFloor) -> None:
    chance = random.Random(5)
    with web.context.database.write() as session:
        for n in range(60):
            who, sign = chance.choice(["otto", "mira", "tomas", "ada"]), chance.choice([3, 2, 1, -1])
            kind = EntryKind.CHARGE if sign > 0 else EntryKind.PAYMENT
            account, micro = member_account(web.people[who]), sign * chance.randrange(1, 9) * EURO
            postings = (Posting(account, "EUR", micro), Posting("assets:bank", "EUR", -micro))
            at_ms = NOW_MS - chance.randrange(5) * 86_400_000
            sealed = books.post(session, kind, postings, "olga", at_ms, source=f"many:{n}")
            if kind is EntryKind.CHARGE and n % 7 == 0:
                ledger.reverse(session, sealed.entry.id, "wrong", "olga", NOW_MS)
    with web.context.database.read() as session:
        found = {
            account: [(one.entry, one.due_ms, one.amount_micro) for one in rows]
            for account, rows in overdue.unpaid_of(session, "EUR").items()
        }
        slow = {id: slowly(session, id) for id in web.people.values()}
        assert found == {id: rows for id, rows in slow.items() if rows} != {}
        for days in (-10, 0, 27, 29, 60):
            at_ms = NOW_MS + days * 86_400_000
            late = overdue.late_accounts(session, "EUR", at_ms)
            assert late == sorted(late)
            assert {id for id, rows in found.items() if any(due <= at_ms for _, due, _ in rows)} <= set(late)
            assert days > 0 or not late, "all of it was bought within the last days"
