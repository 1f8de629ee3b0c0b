"""After any month, statements, invoices, the ledger and what machines recovered say the same, to the cent."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlmodel import Session, col, func, select

from booking_api import doctor
from booking_api.accounts.models import Fund
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.documents import service
from booking_api.documents.models import Invoice, InvoiceItem
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import ROUNDING, TAX, fund_account, machine_income, member_account
from booking_api.ledger.models import LedgerPosting
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.settings import Settings
from booking_api.tariffs import service as tariffs
from booking_api.web.formats import Formats
from booking_api.web.statement import month_of, read_account
from tests.kit.invoices import MONTH, issuer
from tests.kit.server import MINUTE_MS, NOW_MS, Floor, Writer

TARIFF = """
id = "shared"
name = "Shared laser"
commodity = "EUR"
valid_from = 2026-01-01
[tiers.member]
multiplier = 0.5
fund = "youth"
[[components]]
per = "machine_time"
unit = "min"
price = 0.7
free = "20 min"
free_per = "month"
[[caps]]
per = "month"
above = 12
rate = 0.5
[tax]
rate = 0.19
[rounding]
unit = 0.05
"""


def furnish(floor: Floor) -> list[str]:
    """Put a subsidised laser on the floor, and three people; returns their accounts."""
    with floor.db.write() as session:
        tariffs.add(session, TARIFF, "test", NOW_MS)
        session.add(Fund(id="youth", name="Youth fund", budget_micro=40_000_000, created_ms=NOW_MS))
        session.flush()
        machines.add(
            session,
            machines.MachineDetails(id="shared", name="Shared", gateway="gw", tariff="shared"),
            NOW_MS,
        )
        people = [
            members.add(session, members.MemberDetails(first_name=name, last_name="X"), NOW_MS).account
            for name in ("Ida", "Jon", "Kim")
        ]
    return people


def live(floor: Floor, people: list[str], settings: Settings, chance: random.Random) -> None:
    """Let a month pass: use, waivers, parts given back, payments, and runs in between."""
    writer, used = Writer(), []
    for step in range(40):
        now_ms = NOW_MS + step * 3 * 3_600_000
        who = chance.choice(people)
        match chance.choice(("use", "use", "use", "waive", "credit", "pay", "run")):
            case "use":
                writer.monotonic_ms = max(writer.monotonic_ms, now_ms - writer.start_ms)
                used.append(writer.session(who, chance.randint(1, 90), chance.choice(("shared", "laser-1"))))
                floor.apply(writer.batch(), now_ms + 90 * MINUTE_MS)
            case "run":
                with floor.db.write() as session:
                    service.run(session, MONTH, settings, "desk", now_ms)
            case "pay":
                with floor.db.write() as session:
                    ledger.take_payment(session, who, chance.randint(1, 20) * 500_000, "EUR", now_ms, "desk")
            case change if used:
                with floor.db.write() as session:
                    _change(session, change, chance.choice(used), now_ms, chance)


def _change(session: Session, change: str, used: str, now_ms: int, chance: random.Random) -> None:
    charges = [one for one in billing.charges_of(session, used) if one.entry and one.total_micro]
    if not charges:
        return
    left = charges[0].total_micro - billing.credited(session, charges[0])
    if change == "waive" and left == charges[0].total_micro:
        billing.reverse_charge(session, charges[0].id, "a broken belt", "olga", now_ms)
    elif left > 0:
        part = chance.randint(1, left // 10_000) * 10_000
        billing.credit(session, charges[0].id, part, "dust", "olga", now_ms)


def balance(session: Session, *accounts: str) -> int:
    return sum(ledger.balance(session, account, "EUR") for account in accounts)


@pytest.mark.parametrize("seed", [1, 3])
def test_everything_says_the_same(floor: Floor, tmp_path: Path, seed: int) -> None:
    settings, chance = issuer(tmp_path), random.Random(seed)
    people = furnish(floor)
    live(floor, people, settings, chance)
    with floor.db.write() as session:
        service.run(session, MONTH, settings, "desk", NOW_MS + 30 * 86_400_000)
    f = Formats("en", floor.db.zone)
    with floor.db.read() as session:
        for account in people:
            invoiced = session.exec(
                select(func.sum(Invoice.total_micro)).where(Invoice.account == account)
            ).one()
            view = read_account(session, account, "EUR", month_of(MONTH, NOW_MS, f), f)
            assert int(invoiced or 0) == view.charged_micro, (seed, account)
            assert balance(session, member_account(account)) == view.charged_micro - view.paid_micro
        asked = int(session.exec(select(func.sum(Invoice.total_micro))).one() or 0)
        tax = int(session.exec(select(func.sum(Invoice.tax_micro))).one() or 0)
        recovered = -balance(session, machine_income("shared"), machine_income("laser-1"))
        funds = balance(session, fund_account("youth"), "expense:unfunded:youth")
        assert tax == -balance(session, TAX), seed
        assert asked - tax + funds == recovered - balance(session, ROUNDING), seed
        live_funds = select(Charge).where(col(Charge.replaced_ms).is_(None))
        assert funds == sum(
            sum(one.funds.values()) + sum(one.unfunded.values()) for one in session.exec(live_funds)
        )
        on_members = col(LedgerPosting.account).startswith(member_account(""))
        posted = select(func.count(func.distinct(LedgerPosting.entry))).where(on_members)
        payments = col(LedgerPosting.entry).in_(
            select(LedgerPosting.entry).where(LedgerPosting.account == "assets:cash")
        )
        once = session.exec(select(func.count()).select_from(InvoiceItem)).one()
        assert once == session.exec(posted.where(~payments)).one()
    assert [one for one in doctor.examine(floor.db) if not one.where.startswith("fund")] == []
