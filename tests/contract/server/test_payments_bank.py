"""Lines of the bank on both databases: matched by what payers write, kept once, posted once."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlmodel import Session

from booking_api import doctor
from booking_api.documents.models import Invoice, InvoiceKind
from booking_api.members import service as members
from booking_api.members.service import MemberDetails
from booking_api.payments import bank, camt
from booking_api.payments.booking import Booking, trimmed
from booking_api.payments.models import BankLine, LineState
from booking_api.periods.models import Period
from floor.errors import Refused
from floor.money import Commodity
from tests.kit.camt import Detail, Line, statement
from tests.kit.server import NOW_MS, Floor

EUR = Commodity("EUR")
EURO = 1_000_000
DAY = datetime.fromtimestamp(NOW_MS / 1000, UTC).date()


def invoice(session: Session, number: str, account: str, total_micro: int, due: date = DAY) -> Invoice:
    made = Invoice(
        id=number, number=number, series="INV-", year=2026, n=int(number.rpartition("-")[2]),
        kind=InvoiceKind.INVOICE, account=account, month="2026-08", commodity="EUR", net_micro=total_micro,
        tax_micro=0, total_micro=total_micro, due_micro=total_micro, issued_ms=NOW_MS,
        due_ms=round(datetime(due.year, due.month, due.day, tzinfo=UTC).timestamp() * 1000),
        content="{}", sha256="", author="olga",
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def take(floor: Floor, data: bytes) -> bank.Imported:
    with floor.db.write() as session:
        return bank.take(session, camt.read(data), EUR, "olga", NOW_MS, "september.xml")


def owes(floor: Floor, account: str) -> int:
    return floor.balances().get((f"assets:member:{account}", "EUR"), 0)


@pytest.mark.parametrize(
    "remittance",
    [
        "INV-2026-00007",
        "invoice inv 2026 00007, thank you",
        "Rechnung INV-2026-0\n0007 danke",
        "INV202600007",
        "member 1",
        "Mitglied Nr. 1",
        "会员号：1",
    ],
)
def test_what_names_an_invoice_or_a_member_posts_by_itself(floor: Floor, remittance: str) -> None:
    with floor.db.write() as session:
        invoice(session, "INV-2026-00007", floor.ada, 30 * EURO)
    done = take(floor, statement(Line("30.00", details=(Detail(ustrd=(remittance,)),))))
    assert (done.new, done.posted, done.waiting) == (1, 1, 0)
    assert floor.balances() == {
        ("assets:bank", "EUR"): 30 * EURO,
        (f"assets:member:{floor.ada}", "EUR"): -30 * EURO,
    }
    assert done.lines[0].words.endswith("30.00 EUR in credit")


@pytest.mark.parametrize(
    "remittance", ["INV-2026-000071", "XINV-2026-00007", "thank you 1", "2026-00007", "member 77"]
)
def test_what_only_resembles_a_reference_waits(floor: Floor, remittance: str) -> None:
    with floor.db.write() as session:
        invoice(session, "INV-2026-00007", floor.ada, 30 * EURO)
    done = take(floor, statement(Line("30.00", details=(Detail(ustrd=(remittance,)),))))
    assert (done.posted, done.waiting) == (0, 1)
    assert floor.balances() == {}


def test_a_structured_reference_is_read(floor: Floor) -> None:
    with floor.db.write() as session:
        invoice(session, "INV-2026-00007", floor.ada, 30 * EURO)
    detail = Detail(document="INV-2026-00007", ustrd=("see above",))
    assert take(floor, statement(Line("30.00", details=(detail,)))).posted == 1


def test_two_accounts_in_one_remittance_wait_for_a_person(floor: Floor) -> None:
    with floor.db.write() as session:
        invoice(session, "INV-2026-00007", floor.ada, 30 * EURO)
        invoice(session, "INV-2026-00008", floor.ben, 30 * EURO)
    text = "INV-2026-00007 and INV-2026-00008"
    done = take(floor, statement(Line("60.00", details=(Detail(ustrd=(text,)),))))
    assert (done.posted, done.lines[0].words) == (0, "names several accounts")


def test_name_and_amount_are_a_suggestion_and_post_nothing(floor: Floor) -> None:
    done = take(floor, statement(Line("30.00", details=(Detail(name="BYRON, ADA", ustrd=("thanks",)),))))
    line = done.lines[0]
    assert (line.state, line.account, line.words) == (LineState.OPEN, floor.ada, "name")
    assert floor.balances() == {}


def test_the_same_file_again_changes_nothing_and_one_that_overlaps_adds_the_rest(floor: Floor) -> None:
    first = Line("10.00", reference="A1", details=(Detail(ustrd=("member 1",)),))
    second = Line("10.00", reference="", details=(Detail(ustrd=("member 1",)),))
    done = take(floor, statement(first, second, second))
    assert (done.new, done.known, done.posted) == (3, 0, 3)
    again = take(floor, statement(first, second, second))
    assert (again.new, again.known) == (0, 3)
    more = take(floor, statement(second, second, Line("5.00", reference="A2", details=())))
    assert (more.new, more.known) == (1, 2)
    assert owes(floor, floor.ada) == -30 * EURO
    assert doctor.examine(floor.db) == []


def test_one_reference_on_two_bookings_loses_neither(floor: Floor) -> None:
    same = [
        Line(amount, reference="BATCH", details=(Detail(ustrd=("member 1",)),))
        for amount in ("10.00", "20.00")
    ]
    for line in same:
        take(floor, statement(line))
    assert take(floor, statement(*same)).new == 0
    assert owes(floor, floor.ada) == -30 * EURO


def test_a_person_assigns_releases_and_assigns_anew(floor: Floor) -> None:
    line = take(floor, statement(Line("30.00", details=(Detail(ustrd=("hello",)),)))).lines[0]
    with floor.db.write() as session:
        assert bank.assign(session, line.id, "2", EUR, "olga", NOW_MS).account == floor.ben
    assert owes(floor, floor.ben) == -30 * EURO
    with pytest.raises(Refused, match="posted or ignored"), floor.db.write() as session:
        bank.assign(session, line.id, "1", EUR, "olga", NOW_MS)
    with floor.db.write() as session:
        bank.release(session, line.id, "it was Ada's", "olga", NOW_MS)
    with floor.db.write() as session:
        bank.assign(session, line.id, "1", EUR, "olga", NOW_MS)
    assert (owes(floor, floor.ben), owes(floor, floor.ada)) == (0, -30 * EURO)
    with pytest.raises(Refused, match="no such account"), floor.db.write() as session:
        bank.assign(session, take_one(floor), "nobody", EUR, "olga", NOW_MS)


def take_one(floor: Floor) -> str:
    return take(floor, statement(Line("1.00", details=()))).lines[0].id


def test_our_own_money_on_its_way_and_what_the_bank_takes(floor: Floor) -> None:
    done = take(floor, statement(Line("50.00", details=()), Line("-3.10", reference="F", details=())))
    with floor.db.write() as session:
        bank.assign(session, done.lines[0].id, "transit", EUR, "olga", NOW_MS)
        bank.assign(session, done.lines[1].id, "charges", EUR, "olga", NOW_MS)
    assert floor.balances() == {
        ("assets:bank", "EUR"): 46_900_000,
        ("assets:transit", "EUR"): -50 * EURO,
        ("expense:bank_charges", "EUR"): 3_100_000,
    }


def test_an_ignored_line_is_listed_no_more_and_posts_nothing(floor: Floor) -> None:
    line = take_one(floor)
    with pytest.raises(Refused, match="Say why"), floor.db.write() as session:
        bank.ignore(session, line, " ")
    with floor.db.write() as session:
        bank.ignore(session, line, "interest, booked elsewhere")
    with floor.db.read() as session:
        assert bank.waiting(session) == []
    assert floor.balances() == {}


def test_another_currency_waits_and_is_not_assigned(floor: Floor) -> None:
    line = take(floor, statement(Line("5.00", currency="USD", details=(Detail(ustrd=("member 1",)),)))).lines[
        0
    ]
    assert line.state is LineState.OPEN
    with pytest.raises(Refused, match="currency"), floor.db.write() as session:
        bank.assign(session, line.id, "1", EUR, "olga", NOW_MS)


def test_a_payment_of_a_closed_month_is_booked_where_the_open_ones_begin(floor: Floor) -> None:
    with floor.db.write() as session:
        session.add(Period(month="2026-09", to_ms=NOW_MS, closed_ms=NOW_MS, closed_by="olga"))
    done = take(floor, statement(Line("10.00", day="2026-09-01", details=(Detail(ustrd=("member 1",)),))))
    assert done.posted == 1


def test_a_part_leaves_the_rest_open(floor: Floor) -> None:
    take(floor, statement(Line("-20.00", reference="D", details=())))
    with floor.db.write() as session:
        owing = bank.waiting(session)[0]
        bank.assign(session, owing.id, "1", EUR, "olga", NOW_MS)
    assert owes(floor, floor.ada) == 20 * EURO
    line = take(floor, statement(Line("5.00", reference="E", details=(Detail(ustrd=("member 1",)),)))).lines[
        0
    ]
    assert line.words == "member 1; 15.00 EUR still open"


def test_two_members_of_one_name_are_no_suggestion(floor: Floor) -> None:
    with floor.db.write() as session:
        members.add(session, MemberDetails(first_name="Ada", last_name="Byron"), NOW_MS)
    line = take(floor, statement(Line("30.00", details=(Detail(name="Ada Byron"),)))).lines[0]
    assert (line.account, line.words) == (None, "several of that name")


def test_texts_that_no_database_keeps_are_cleaned(floor: Floor) -> None:
    bookings = [Booking("2026-09-01", EURO, "EUR", remittance="a\x00b", name="x" * 5_000)]
    with floor.db.write() as session:
        bank.take(session, [trimmed(one) for one in bookings], EUR, "olga", NOW_MS, "f" * 1_000)
    with floor.db.read() as session:
        kept = session.get(BankLine, bank.waiting(session)[0].id)
        assert kept is not None
        assert (kept.remittance, len(kept.name)) == ("ab", 200)
