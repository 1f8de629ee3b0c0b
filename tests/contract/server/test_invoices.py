"""Invoices on both databases: numbers without gaps, frozen, equal to the books, corrected by credit notes."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, func, select

from booking_api import doctor
from booking_api.accounts import service as accounts
from booking_api.accounts.models import AccountKind
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.documents import service
from booking_api.documents.addresses import AddressDetails, set_address
from booking_api.documents.models import InvoiceItem, InvoiceKind
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import machine_income, member_account
from booking_api.members import service as members
from booking_api.settings import Settings
from booking_api.tariffs.quote import quote_files
from floor.errors import Refused
from floor.tariff import Occasion
from tests.kit.billing import Till, texts_of
from tests.kit.invoices import ISSUER, MONTH, issue, issued, issuer, use
from tests.kit.server import MINUTE_MS, NOW_MS, Floor, Writer

CASES = Path(__file__).parent.parent.parent / "cases"
DAY_MS = 86_400_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return issuer(tmp_path)


def charge_of(floor: Floor, used: str) -> Charge:
    with floor.db.read() as session:
        return billing.charges_of(session, used)[0]


def owed(floor: Floor, account: str) -> int:
    return floor.balances().get((member_account(account), "EUR"), 0)


def test_an_invoice_says_what_the_books_say_and_is_issued_once(floor: Floor, settings: Settings) -> None:
    use(floor, 10, 25)
    (one,) = issue(floor, floor.ada, settings)
    assert one.number == "INV-2026-0001"
    assert (one.total_micro, one.due_micro) == (owed(floor, floor.ada), 11_660_000)
    assert [item.amount_micro for item in one.items] == [3_330_000, 8_330_000]
    assert one.items[0].what == "Laser-1"
    assert one.items[0].details[0].startswith("machine time: 10 min, €0.333333 / min = ")
    assert one.recipient.name == "Ada Byron"
    assert issue(floor, floor.ada, settings) == []
    (kept,) = issued(floor)
    assert kept.sha256 == hashlib.sha256(kept.content.encode()).hexdigest()


def test_what_was_paid_before_is_not_asked_for_again(floor: Floor, settings: Settings) -> None:
    with floor.db.write() as session:
        ledger.take_payment(session, floor.ada, 5_000_000, "EUR", NOW_MS - DAY_MS, "desk")
    use(floor, 30)
    (one,) = issue(floor, floor.ada, settings)
    assert (one.total_micro, one.due_micro) == (10_000_000, 5_000_000)


def issue_and_fail(floor: Floor, account: str, settings: Settings) -> None:
    """Fail after a number was taken: it goes to whoever comes next."""
    with floor.db.write() as session:
        assert service.issue(session, account, MONTH, settings, "desk", NOW_MS)
        raise RuntimeError


def test_twenty_at_once_leave_no_gap_and_share_no_number(floor: Floor, settings: Settings) -> None:
    with floor.db.write() as session:
        people = [
            members.add(session, members.MemberDetails(first_name=f"P{n}", last_name="Q"), NOW_MS).account
            for n in range(20)
        ]
    writer = Writer()
    for account in people:
        writer.session(floor.ada, 10, account=account)
    floor.apply(writer.batch())

    def work(n: int) -> int:
        if n % 4 == 3:
            with pytest.raises(RuntimeError):
                issue_and_fail(floor, people[n], settings)
        return len(issue(floor, people[n], settings)) + len(issue(floor, people[n], settings))

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(work, range(20))) == [1] * 20
    assert [one.number for one in issued(floor)] == [f"INV-2026-{n:04}" for n in range(1, 21)]


def test_two_who_issue_for_one_account_issue_one_invoice(floor: Floor, settings: Settings) -> None:
    use(floor, 10)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: issue(floor, floor.ada, settings), range(4)))
    assert sum(len(one) for one in made) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoice SET total_micro = 1",
        "DELETE FROM invoice",
        "UPDATE invoice_item SET amount_micro = 1",
        "DELETE FROM invoice_item",
        "DELETE FROM invoice_series",
        "UPDATE invoice_series SET n = n + 2",
        "UPDATE invoice_series SET n = n - 1",
    ],
)
def test_the_database_refuses_to_change_what_was_issued(
    floor: Floor, settings: Settings, statement: str
) -> None:
    use(floor, 10)
    issue(floor, floor.ada, settings)
    with pytest.raises(DBAPIError, match="never changed"), floor.db.write() as session:
        session.execute(text(statement))
    assert doctor.examine(floor.db) == []


def test_a_year_begins_with_one(floor: Floor, settings: Settings) -> None:
    use(floor, 10)
    issue(floor, floor.ada, settings)
    use(floor, 10, gateway=Writer(epoch=2, start_ms=NOW_MS + 110 * DAY_MS, boot_id="boot-2"))
    (one,) = issue(floor, floor.ada, settings, NOW_MS + 120 * DAY_MS, "2027-01")
    assert one.number == "INV-2027-0001"


@pytest.mark.parametrize(
    ("case", "total", "tax", "net"), [("P16", 1295, 216, 1079), ("P17", 2336, 390, 1946)]
)
def test_the_vat_of_the_published_examples(
    floor: Floor, settings: Settings, case: str, total: int, tax: int, net: int
) -> None:
    quoted = quote_files(CASES / case / "tariff", CASES / case / "usage.toml")
    floor.db.zone = quoted.usage.zone
    till = Till(floor, texts_of(CASES / case / "tariff"))
    (use, _) = quoted.bills[0]
    till.take(use.visit, use.versions[0].id)
    with floor.db.read() as session:
        charge = session.exec(select(Charge)).one()
    (one,) = issue(floor, charge.account, settings, month=charge.month)
    assert (one.total_micro, one.tax_micro, one.net_micro) == (total * 10_000, tax * 10_000, net * 10_000)
    assert [(part.rate, part.net_micro, part.tax_micro) for part in one.taxes] == [
        ("1/5", net * 10_000, tax * 10_000)
    ]
    assert one.items[0].rates == ("1/5",)


def test_what_is_given_back_after_an_invoice_is_a_credit_note_of_it(floor: Floor, settings: Settings) -> None:
    first, second = use(floor, 30, 30)
    (invoice,) = issue(floor, floor.ada, settings)
    with floor.db.write() as session:
        billing.credit(session, charge_of(floor, first).id, 1_000_000, "the filter was full", "olga", NOW_MS)
    (part,) = issue(floor, floor.ada, settings)
    assert (part.kind, part.number, part.corrects) == (
        InvoiceKind.CREDIT_NOTE,
        "CN-2026-0001",
        invoice.number,
    )
    assert (part.total_micro, part.due_micro) == (-1_000_000, 0)
    assert part.items[0].what == "Given back: Laser-1"
    assert part.items[0].details == ("the filter was full",)
    with floor.db.write() as session:
        billing.reverse_charge(session, charge_of(floor, second).id, "wrong machine", "olga", NOW_MS)
    (whole,) = issue(floor, floor.ada, settings)
    assert (whole.number, whole.total_micro) == ("CN-2026-0002", -10_000_000)
    assert sum(one.total_micro for one in issued(floor)) == owed(floor, floor.ada)


def test_what_was_undone_before_any_invoice_stands_on_none(floor: Floor, settings: Settings) -> None:
    first, _ = use(floor, 30, 10)
    with floor.db.write() as session:
        billing.reverse_charge(session, charge_of(floor, first).id, "a test cut", "olga", NOW_MS)
    (one,) = issue(floor, floor.ada, settings)
    assert [item.amount_micro for item in one.items] == [3_330_000]
    with floor.db.read() as session:
        entries = session.exec(select(func.count()).select_from(InvoiceItem)).one()
    assert entries == 3  # the charge, and the pair that came to nothing, so that it is not looked at again


def test_a_team_has_one_invoice_with_its_cost_centres(floor: Floor, settings: Settings) -> None:
    with floor.db.write() as session:
        accounts.open_account(session, "team", AccountKind.TEAM, "Boat club", NOW_MS)
        accounts.open_account(session, "hull", AccountKind.TEAM, "Hull", NOW_MS, parent="team")
        address = AddressDetails(name="Boat club e.V.", lines=["Pier 1"], country="DE", language="zh")
        set_address(session, "team", address, NOW_MS)
    writer = Writer()
    writer.session(floor.ada, 10, account="team")
    writer.session(floor.ben, 20, account="hull")
    floor.apply(writer.batch())
    (one,) = issue(floor, "hull", settings)
    assert (one.account, one.language) == ("team", "zh")
    assert one.recipient.name == "Boat club e.V."
    assert [(item.group, item.amount_micro) for item in one.items] == [("", 3_330_000), ("Hull", 6_670_000)]
    assert one.total_micro == owed(floor, "team") + owed(floor, "hull")


COINS = """
id = "coins"
name = "Soldering"
commodity = "coins"
decimals = 0
valid_from = 2026-01-01
[[components]]
per = "machine_time"
unit = "h"
price = 3
[worth]
amount = 0.10
commodity = "EUR"
"""


def test_own_units_are_listed_with_their_worth(floor: Floor, settings: Settings) -> None:
    Till(floor, [COINS])
    details = billing.FeeDetails(
        occasion=Occasion.SESSION, member=floor.ada, tariff="coins", from_ms=NOW_MS - 3_600_000, to_ms=NOW_MS,
        used={"machine_time_ms": 3_600_000},
    )  # fmt: skip
    with floor.db.write() as session:
        billing.charge_fee(session, details, "desk", NOW_MS)
    assert issue(floor, floor.ada, settings) == []  # coins alone ask for no invoice; they wait
    use(floor, 10)
    (one,) = issue(floor, floor.ada, settings)
    assert [(i.commodity, i.amount_micro, i.worth_micro) for i in one.own_units] == [
        ("coins", 3_000_000, 300_000)
    ]
    assert one.total_micro == 3_330_000


EXACT = """
id = "exact"
name = "Lathe"
commodity = "EUR"
valid_from = 2026-01-01
[[components]]
per = "machine_time"
unit = "h"
price = 10
[rounding]
where = "statement"
"""


def test_parts_of_a_cent_wait_until_they_are_rounded(floor: Floor, settings: Settings) -> None:
    Till(floor, [EXACT])
    details = billing.FeeDetails(
        occasion=Occasion.SESSION, member=floor.ada, tariff="exact", from_ms=NOW_MS - 61_000, to_ms=NOW_MS,
        used={"machine_time_ms": 61_000},
    )  # fmt: skip
    with floor.db.write() as session:
        billing.charge_fee(session, details, "desk", NOW_MS)
    with floor.db.write() as session:
        done = service.run(session, MONTH, settings, "desk", NOW_MS)
    assert (done.issued, [account for account, _ in done.waiting]) == ([], [floor.ada])
    with floor.db.write() as session:
        billing.round_statements(session, MONTH, "desk", NOW_MS)
    (one,) = issue(floor, floor.ada, settings)
    assert one.total_micro == 170_000
    assert one.items[-1].what == "Rounding of the month"


def test_a_run_issues_for_all_what_statements_books_and_machines_say(
    floor: Floor, settings: Settings
) -> None:
    use(floor, 10, 25)
    use(floor, 14, member=floor.ben, gateway=Writer(epoch=2, start_ms=NOW_MS + MINUTE_MS * 60, boot_id="two"))
    with floor.db.write() as session:
        would = service.run(session, MONTH, settings, "desk", NOW_MS, dry=True)
    assert issued(floor) == []
    with floor.db.write() as session:
        done = service.run(session, MONTH, settings, "desk", NOW_MS)
    assert [one.total_micro for one in would.issued] == [one.total_micro for one in done.issued]
    asked = done.totals["EUR"]
    with floor.db.read() as session:
        rounding = ledger.balance(session, "income:rounding", "EUR")
        earned = ledger.balance(session, machine_income("laser-1"), "EUR")
        charged = session.exec(
            select(func.sum(Charge.total_micro)).where(col(Charge.replaced_ms).is_(None))
        ).one()
    assert asked == owed(floor, floor.ada) + owed(floor, floor.ben) == int(charged) == -(earned + rounding)
    with floor.db.write() as session:
        assert service.run(session, MONTH, settings, "desk", NOW_MS).issued == []


def test_a_month_that_is_none_is_refused(floor: Floor, settings: Settings) -> None:
    for month in ("2026-13", "2027-12"):
        with pytest.raises(Refused):
            issue(floor, floor.ada, settings, month=month)


def test_a_series_of_its_own_name(floor: Floor, tmp_path: Path) -> None:
    use(floor, 10)
    settings = issuer(tmp_path, ISSUER + 'prefix = "2026.KS."\nterm_days = 30\n')
    (one,) = issue(floor, floor.ada, settings)
    assert one.number == "2026.KS.2026-0001"
    assert (one.due_ms - one.issued_ms) // DAY_MS == 30


def test_a_check_says_what_was_tampered_with(floor: Floor, settings: Settings) -> None:
    use(floor, 10)
    issue(floor, floor.ada, settings)
    on = "" if floor.db.url.startswith("sqlite") else " ON invoice"
    with floor.db.write() as session:
        session.execute(text(f"DROP TRIGGER invoice_no_update{on}"))
        session.execute(text("UPDATE invoice SET content = replace(content, 'Ada', 'Eve')"))
    found = [(one.where, one.words) for one in doctor.examine(floor.db) if "trigger" not in one.words]
    assert found == [("invoice INV-2026-0001", "its content is not what was issued")]
