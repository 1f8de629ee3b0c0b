"""Debts on both databases: reminders, blocks, direct debits and what the bank makes of them, openings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import Session, select

from booking_api.accounts import teams
from booking_api.badges import service as badges
from booking_api.documents.models import InvoiceItem
from booking_api.gateways.models import Gateway, RosterChange
from booking_api.gateways.roster import Writer
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account, sale_income
from booking_api.payments import bank, books, camt, debits, mandates, opening, overdue, reminders
from booking_api.payments.debits import SCHEMAS, Creditor
from booking_api.payments.levels import DEFAULT, read
from booking_api.payments.models import Debit, DebitState, LineState
from floor.access import MemberStanding
from floor.errors import ConfigError, PeerError, Refused
from floor.ledger import EntryKind, Posting
from floor.money import Commodity
from floor.wire.roster import RosterVersion
from floor.words import BadgeKind
from tests.contract.server.test_payments_bank import invoice
from tests.kit.camt import Detail, Line, statement
from tests.kit.server import NOW_MS, Floor

EUR = Commodity("EUR")
EURO = 1_000_000
DAY_MS = 86_400_000
TODAY = datetime.fromtimestamp(NOW_MS / 1000, UTC).date()
LATER = TODAY + timedelta(days=5)
IBAN = "DE89370400440532013000"
CREDITOR = Creditor("Kelp Street e. V.", "DE98ZZZ09999999999", IBAN, "COBADEFFXXX")
WITH_FEE = (
    '[[levels]]\ndays = 1\nfee = 2.50\nsubject_en = "Due"\ntext_en = "$name owes $amount since $due."\n'
)


def charge(floor: Floor, euros: int, days_ago: int, number: str = "", due_days_ago: int = 0) -> str:
    """Let Ada have bought something, on an invoice or not."""
    at_ms = NOW_MS - days_ago * DAY_MS
    postings = (
        Posting(member_account(floor.ada), "EUR", euros * EURO),
        Posting(sale_income("x"), "EUR", -euros * EURO),
    )
    with floor.db.write() as session:
        entry = books.post(session, EntryKind.SALE, postings, "olga", at_ms).entry.id
        if number:
            due = TODAY - timedelta(days=due_days_ago)
            made = invoice(session, number, floor.ada, euros * EURO, due)
            session.add(
                InvoiceItem(
                    entry=entry,
                    account=floor.ada,
                    commodity="EUR",
                    invoice=made.id,
                    amount_micro=euros * EURO,
                )
            )
    return entry


def pay(floor: Floor, euros: int) -> None:
    with floor.db.write() as session:
        ledger.take_payment(session, floor.ada, euros * EURO, "EUR", NOW_MS, "olga")


def late(floor: Floor) -> int:
    with floor.db.read() as session:
        return overdue.overdue_micro(session, floor.ada, "EUR", NOW_MS)


def remind(
    floor: Floor, block_after: int = 0, at_ms: int = NOW_MS, levels: str = ""
) -> list[tuple[int, bool]]:
    steps = read(levels, "reminders.toml") if levels else DEFAULT
    with floor.db.write() as session:
        dues = reminders.plan(session, steps, block_after, EUR, at_ms)
        reminders.run(session, dues, steps, block_after, EUR, "Kelp Street", "olga", at_ms)
    return [(due.level, due.blocks) for due in dues]


def standing(floor: Floor) -> MemberStanding:
    with floor.db.write() as session:
        gateway = session.get(Gateway, "gw")
        assert gateway is not None
        writer = Writer(session, floor.vault, "EUR", gateway, NOW_MS)
        return writer.whole(RosterVersion(epoch=1, n=1)).members[floor.ada]


def test_payments_settle_what_fell_due_first(floor: Floor) -> None:
    charge(floor, 30, 60, "INV-2026-00001", due_days_ago=40)
    charge(floor, 20, 30, "INV-2026-00002", due_days_ago=10)
    charge(floor, 10, 1)
    assert late(floor) == 50 * EURO
    pay(floor, 35)
    assert late(floor) == 15 * EURO
    pay(floor, 15)
    assert late(floor) == 0
    with floor.db.read() as session:
        left = overdue.unpaid(session, floor.ada, "EUR")
    assert [(one.amount_micro, one.due_ms) for one in left] == [(10 * EURO, overdue.NEVER_MS)]


def test_without_invoices_a_charge_is_due_after_thirty_days(floor: Floor) -> None:
    charge(floor, 30, 29)
    assert late(floor) == 0
    charge(floor, 20, 31)
    assert late(floor) == 20 * EURO


def test_what_was_taken_back_is_not_overdue(floor: Floor) -> None:
    entry = charge(floor, 30, 60)
    charge(floor, 20, 50)
    with floor.db.write() as session:
        ledger.reverse(session, entry, "a mistake", "olga", NOW_MS)
    assert late(floor) == 20 * EURO


def test_a_level_is_written_once_and_the_next_one_follows(floor: Floor) -> None:
    charge(floor, 30, 40, "INV-2026-00001", due_days_ago=8)
    assert remind(floor) == [(1, False)]
    assert remind(floor) == []
    assert remind(floor, at_ms=NOW_MS + 14 * DAY_MS) == [(2, False)]
    letters = sorted((floor.db.data / "outbox").glob("*.txt"))
    assert [letter.stat().st_mode & 0o777 for letter in letters] == [0o600, 0o600]
    text = letters[0].read_text()
    assert "Hello Ada Byron," in text
    assert "€30.00" in text
    assert "INV-2026-00001" in text


def test_a_fee_is_charged_once_with_its_reminder(floor: Floor) -> None:
    charge(floor, 30, 40, "INV-2026-00001", due_days_ago=8)
    remind(floor, levels=WITH_FEE)
    remind(floor, levels=WITH_FEE)
    assert floor.balances()[("income:fee:reminder", "EUR")] == -2_500_000
    assert late(floor) == 30 * EURO


def test_a_debt_blocks_at_every_gateway_and_its_payment_unblocks(floor: Floor) -> None:
    with floor.db.write() as session:
        badges.enrol(session, floor.vault, floor.ada, b"\x01\x02\x03\x04", BadgeKind.UID_13MHZ, "", NOW_MS)
    charge(floor, 30, 60, "INV-2026-00001", due_days_ago=20)
    charge(floor, 5, 1)
    assert not standing(floor).suspended
    assert remind(floor, block_after=21) == [(1, False)]
    assert remind(floor, block_after=14) == [(0, True)]
    assert standing(floor).suspended
    pay(floor, 10)
    assert standing(floor).suspended
    before = changes(floor)
    pay(floor, 20)
    assert not standing(floor).suspended
    assert changes(floor) > before
    assert remind(floor, block_after=14) == []


def changes(floor: Floor) -> int:
    with floor.db.read() as session:
        return len(session.exec(select(RosterChange.id).where(RosterChange.ref == floor.ada)).all())


def test_nobody_charges_to_a_team_that_is_overdue(floor: Floor) -> None:
    with floor.db.write() as session:
        badges.enrol(session, floor.vault, floor.ada, b"\x01\x02\x03\x04", BadgeKind.UID_13MHZ, "", NOW_MS)
        team = teams.add(session, teams.TeamDetails(id="robots", name="Robots"), NOW_MS, floor.ada)
    assert [other.id for other in standing(floor).others] == [team.id]
    with floor.db.write() as session:
        overdue.block(session, team.id, NOW_MS, "EUR", "olga", NOW_MS)
    assert (standing(floor).others, standing(floor).suspended) == ((), False)


def test_a_block_is_lifted_by_hand(floor: Floor) -> None:
    charge(floor, 30, 60, "INV-2026-00001", due_days_ago=20)
    remind(floor, block_after=14)
    with floor.db.write() as session:
        assert overdue.lift(session, floor.ada, NOW_MS)
        assert not overdue.lift(session, floor.ada, NOW_MS)
        assert overdue.blocked(session, {floor.ada}, NOW_MS) == set()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[levels]]\ndays = -1",
        '[[levels]]\ndays = 1\nsubject_en = "x"\ntext_en = "$nobody"',
        '[[levels]]\ndays = 1\nsubject_en = "x"\ntext_en = "y"\nfee = -1',
        '[[levels]]\ndays = 1\nsubject_en = "x"\ntext_en = "y"\ntext_zh = "y"',
        '[[levels]]\ndays = 1\nsubject_en = "x"\ntext_en = "y"\nwhat = 1',
    ],
)
def test_wrong_levels_name_the_file(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^reminders\.toml: "):
        read(text, "reminders.toml")


def mandate(floor: Floor, account: str = "", id: str = "M-1", recurring: bool = True) -> None:
    with floor.db.write() as session:
        mandates.add(
            session, floor.vault, id=id, account=account or floor.ada, holder="Ada Bärlon-李", iban=IBAN,
            bic="", signed=date(2026, 1, 2), recurring=recurring, now_ms=NOW_MS,
        )  # fmt: skip


def run(floor: Floor, schema: str = SCHEMAS[1]) -> tuple[list[Debit], bytes]:
    with floor.db.write() as session:
        _, sent, xml = debits.run(
            session, floor.vault, CREDITOR, LATER, "olga", NOW_MS, schema=schema, everything=True
        )
    return sent, xml


def take(floor: Floor, *lines: Line) -> list[LineState]:
    with floor.db.write() as session:
        done = bank.take(session, camt.read(statement(*lines)), EUR, "olga", NOW_MS, "x.xml")
        return [line.state for line in done.lines]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_run_is_valid_by_its_schema_and_posts_nothing(floor: Floor, schema: str) -> None:
    charge(floor, 30, 1)
    mandate(floor)
    sent, xml = run(floor, schema)
    text = xml.decode()
    assert f"urn:iso:std:iso:20022:tech:xsd:{schema}" in text
    for said in (
        "<SeqTp>FRST</SeqTp>",
        'Ccy="EUR">30.00<',
        f"<IBAN>{IBAN}</IBAN>",
        "Ada Barlon-Li",
        sent[0].id,
    ):
        assert said in text
    assert ("assets:bank", "EUR") not in floor.balances()
    with pytest.raises(Refused, match="Nothing is due"):
        run(floor)


def test_only_what_is_due_by_the_day_is_collected_unless_asked_for_all(floor: Floor) -> None:
    charge(floor, 30, 40, "INV-2026-00001", due_days_ago=-4)
    charge(floor, 20, 10, "INV-2026-00002", due_days_ago=-20)
    mandate(floor)
    with floor.db.read() as session:
        due = debits.plan(session, LATER)
        every = debits.plan(session, LATER, everything=True)
    assert [(one.amount_micro, one.invoices) for one in due] == [(30 * EURO, ("INV-2026-00001",))]
    assert every[0].amount_micro == 50 * EURO


def test_a_collected_debit_is_posted_when_the_bank_books_it_and_reversed_when_it_comes_back(
    floor: Floor,
) -> None:
    charge(floor, 30, 1)
    mandate(floor)
    (sent,), _ = run(floor)
    assert take(floor, Line("30.00", details=(Detail(end_to_end=sent.id),))) == [LineState.POSTED]
    assert floor.balances()[("assets:bank", "EUR")] == 30 * EURO
    assert (member_account(floor.ada), "EUR") not in floor.balances()
    back = Line("-33.50", reference="R", details=(Detail(end_to_end=sent.id, returned="AM04"),))
    assert take(floor, back) == [LineState.POSTED]
    assert take(floor, back) == []
    assert floor.balances()[(member_account(floor.ada), "EUR")] == 30 * EURO
    assert floor.balances()[("assets:bank", "EUR")] == -3_500_000
    assert floor.balances()[("expense:bank_charges", "EUR")] == 3_500_000
    with floor.db.read() as session:
        debit = session.get(Debit, sent.id)
        assert debit is not None
        assert (debit.state, debit.reason) == (DebitState.RETURNED, "returned by the bank: AM04")
    again, xml = run(floor)
    assert again[0].amount_micro == 30 * EURO
    assert b"<SeqTp>RCUR</SeqTp>" in xml


def test_a_sum_of_debits_is_posted_one_by_one(floor: Floor) -> None:
    charge(floor, 30, 1)
    with floor.db.write() as session:
        postings = (
            Posting(member_account(floor.ben), "EUR", 7 * EURO),
            Posting("income:sale:x", "EUR", -7 * EURO),
        )
        books.post(session, EntryKind.SALE, postings, "olga", NOW_MS)
    mandate(floor)
    mandate(floor, floor.ben, "M-2")
    sent, _ = run(floor)
    assert len({one.batch for one in sent}) == 1
    assert take(floor, Line("37.00", batch=sent[0].batch, details=())) == [LineState.POSTED]
    assert floor.balances()[("assets:bank", "EUR")] == 37 * EURO
    assert (member_account(floor.ben), "EUR") not in floor.balances()


def test_a_return_that_comes_too_early_waits_for_a_person(floor: Floor) -> None:
    charge(floor, 30, 1)
    mandate(floor)
    (sent,), _ = run(floor)
    assert take(floor, Line("-30.00", details=(Detail(end_to_end=sent.id, returned="AC04"),))) == [
        LineState.OPEN
    ]
    assert ("assets:bank", "EUR") not in floor.balances()


def test_a_dropped_run_may_be_asked_for_anew(floor: Floor) -> None:
    charge(floor, 30, 1)
    mandate(floor)
    (sent,), _ = run(floor)
    with floor.db.write() as session:
        assert debits.drop(session, sent.run) == 1
    assert run(floor)[0][0].id != sent.id


@pytest.mark.parametrize("iban", ["DE89370400440532013001", "", "nonsense", "DE00"])
def test_a_wrong_iban_is_refused_and_a_right_one_is_sealed(floor: Floor, iban: str) -> None:
    with pytest.raises(Refused, match="IBAN"), floor.db.write() as session:
        add_iban(session, floor, iban)
    mandate(floor)
    with floor.db.read() as session:
        kept = mandates.of_account(session, floor.ada)
        assert kept is not None
        assert IBAN not in kept.iban_sealed
        assert (kept.tail, mandates.iban_of(kept, floor.vault)) == ("3000", IBAN)


def add_iban(session: Session, floor: Floor, iban: str) -> None:
    mandates.add(
        session, floor.vault, id="M-1", account=floor.ada, holder="Ada", iban=iban, bic="",
        signed=date(2026, 1, 2), recurring=True, now_ms=NOW_MS,
    )  # fmt: skip


OPENINGS = (
    b"number,commodity,amount,as_of\n1,EUR,-12.50,2026-08-31\n2,EUR,7.25,2026-08-31\n2,COIN,-40,2026-08-31\n"
)


def test_opening_balances_are_imported_once(floor: Floor) -> None:
    for expected in (3, 0):
        with floor.db.write() as session:
            rows = opening.read(session, OPENINGS, NOW_MS)
            assert opening.post(session, rows, "olga", NOW_MS) == expected
    assert floor.balances() == {
        (member_account(floor.ada), "EUR"): -12_500_000,
        (member_account(floor.ben), "EUR"): 7_250_000,
        (member_account(floor.ben), "COIN"): -40 * EURO,
        ("equity:opening", "EUR"): 5_250_000,
        ("equity:opening", "COIN"): 40 * EURO,
    }
    assert late(floor) == 0


def test_each_wrong_line_is_named_and_nothing_is_imported(floor: Floor) -> None:
    text = (
        b"number,commodity,amount,as_of\n1,EUR,5,2026-08-31\n9,EUR,5,2026-08-31\n2,E R,5,2026-08-31\n"
        b'2,EUR,"5,00",2026-08-31\n2,EUR,5,31.8.2026\n2,EUR,5,2999-01-01\n1,EUR,6,2026-08-31\n'
    )
    with floor.db.write() as session:
        rows = opening.read(session, text, NOW_MS)
        assert [(row.line, bool(row.problem), bool(row.remedy)) for row in rows if row.problem] == [
            (n, True, True) for n in (3, 4, 5, 6, 7, 8)
        ]
        with pytest.raises(PeerError, match=r"^Line 3: .*Nothing was imported"):
            opening.post(session, rows, "olga", NOW_MS)
    assert floor.balances() == {}
