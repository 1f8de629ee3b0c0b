"""What was posted stays as it was posted, and the doctor finds what was changed behind the triggers' back."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from booking_api import doctor
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.ledger import heads
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import CASH, member_account
from booking_api.migrations.guards import GUARDS
from booking_api.tariffs import service as tariffs
from floor.errors import Refused
from floor.ledger import Entry, EntryKind, Posting
from tests.kit.server import NOW_MS, TARIFF, Floor, Writer


def entry_of(floor: Floor) -> str:
    with floor.db.read() as session:
        return session.exec(select(Charge.entry)).first() or ""


def run(floor: Floor, statement: str) -> None:
    with floor.db.write() as session:
        session.connection().execute(text(statement))


def charge(floor: Floor, times: int = 3) -> None:
    journal = Writer()
    for _ in range(times):
        journal.session(floor.ada, 10)
    floor.apply(journal.batch())


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_entry",
        "UPDATE ledger_entry SET author = 'somebody'",
        "UPDATE ledger_entry SET hash = previous",
        "UPDATE ledger_entry SET memo = 'a nicer one'",
        "DELETE FROM ledger_posting",
        "UPDATE ledger_posting SET amount_micro = 0",
        "DELETE FROM charge_line",
        "UPDATE charge_line SET price_micro = '1'",
        "DELETE FROM charge",
        "UPDATE charge SET total_micro = 0",
        "UPDATE tariff_version SET text = ''",
        "DELETE FROM tariff_version",
    ],
)
def test_what_was_posted_cannot_be_changed(floor: Floor, statement: str) -> None:
    charge(floor)
    with pytest.raises(DBAPIError, match="never changed"):
        run(floor, statement)
    assert doctor.examine(floor.db) == []


def test_a_name_may_be_erased_and_the_chain_still_holds(floor: Floor) -> None:
    charge(floor)
    run(floor, "UPDATE ledger_entry SET memo = ''")
    assert doctor.examine(floor.db) == []


def test_a_new_tariff_changes_no_charge_and_an_edited_one_is_refused(floor: Floor) -> None:
    charge(floor)
    before = (floor.balances(), floor.sessions())
    with floor.db.write() as session:
        tariffs.add(
            session, TARIFF.replace("2026-01-01", "2026-02-01").replace("0.333333", "9"), "me", NOW_MS
        )
    with floor.db.write() as session, pytest.raises(Refused, match="later valid_from"):
        tariffs.add(session, TARIFF.replace("0.333333", "9"), "me", NOW_MS)
    assert (floor.balances(), floor.sessions()) == before


def test_a_tariff_that_nothing_used_may_be_taken_back(floor: Floor) -> None:
    run(floor, "DELETE FROM tariff_version")
    assert doctor.examine(floor.db) == []


def test_a_payment_and_a_reversal_keep_the_books_balanced(floor: Floor) -> None:
    charge(floor, 1)
    with floor.db.write() as session:
        ledger.take_payment(session, floor.ada, 5_000_000, "EUR", NOW_MS, "desk", source="till:1")
    with floor.db.write() as session:
        billing.reverse_entry(session, entry_of(floor), "the laser was broken", "operator", NOW_MS)
    assert floor.balances() == {
        (member_account(floor.ada), "EUR"): -5_000_000,
        (CASH, "EUR"): 5_000_000,
    }
    assert doctor.examine(floor.db) == []


@pytest.mark.parametrize("again", ["payment", "reversal"])
def test_the_same_cause_posts_once(floor: Floor, again: str) -> None:
    charge(floor, 1)
    entry = entry_of(floor)

    def act(session: Session) -> None:
        if again == "payment":
            ledger.take_payment(session, floor.ada, 1, "EUR", NOW_MS, "desk", source="till:1")
        else:
            billing.reverse_entry(session, entry, "a mistake", "operator", NOW_MS)

    with floor.db.write() as session:
        act(session)
    with pytest.raises(Refused, match="posted before"), floor.db.write() as session:
        act(session)
    assert doctor.examine(floor.db) == []


def test_a_failed_transaction_posts_nothing_and_publishes_no_head(floor: Floor) -> None:
    def pay_twice() -> None:
        with floor.db.write() as session:
            ledger.take_payment(session, floor.ada, 1, "EUR", NOW_MS, "desk", source="till:1")
            ledger.take_payment(session, floor.ada, 1, "EUR", NOW_MS, "desk", source="till:1")

    with pytest.raises(Refused):
        pay_twice()
    assert floor.entries() == 0
    assert list(heads.read(floor.db.data)) == []


def test_an_entry_that_does_not_balance_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="does not balance"):
        Entry("e", EntryKind.FEE, "s", 0, 0, (Posting("a", "EUR", 1), Posting("b", "EUR", -2)))


def unguard(floor: Floor) -> None:
    for name, table, _, _ in GUARDS:
        on = "" if floor.db.url.startswith("sqlite") else f" ON {table}"
        run(floor, f"DROP TRIGGER {name}{on}")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE ledger_entry SET author = 'x' WHERE seq = 2", "entry 2"),
        (
            "UPDATE ledger_posting SET amount_micro = amount_micro + 1 WHERE account LIKE 'assets%'",
            "not balance",
        ),
        (
            "UPDATE ledger_posting SET account = 'assets:member:x' WHERE account LIKE 'assets%'",
            "not what was sealed",
        ),
        (
            "UPDATE account_balance SET amount_micro = amount_micro - 1 WHERE account LIKE 'assets%'",
            "kept is",
        ),
        ("UPDATE charge_line SET metered = '9'", "its lines"),
        ("DELETE FROM charge_line", "its lines"),
        ("UPDATE machine_session SET total_micro = 0", "its charges say 3330000"),
        ("UPDATE charge SET total_micro = 0", "it says 0"),
        ("UPDATE charge SET account = 'x'", "the books say 0"),
        ("UPDATE charge SET entry = NULL", "the charge that it was posted for is gone"),
        ("UPDATE charge SET replaced_ms = 1", "it was never reversed"),
        ("DELETE FROM machine_session", "is gone"),
        ("UPDATE tariff_version SET text = text || ' '", "its text was changed"),
        ("UPDATE journal_record SET body = '{}' WHERE seq = 3", "entry 3"),
        ("DELETE FROM journal_record WHERE seq = 6", "6 were applied"),
        ("UPDATE book SET seq = 9", "9 were posted"),
    ],
)
def test_the_doctor_says_where_it_was_changed(floor: Floor, statement: str, words: str) -> None:
    charge(floor)
    unguard(floor)
    run(floor, statement)
    found = [f"{finding.where}: {finding.words}" for finding in doctor.examine(floor.db)]
    assert sum("trigger" in line for line in found) == len(GUARDS)
    assert any(words in line for line in found if "trigger" not in line), found


def test_a_book_that_was_cut_short_shows_by_the_heads_outside(floor: Floor) -> None:
    charge(floor)
    unguard(floor)
    with floor.db.read() as session:
        row = session.connection().execute(text("SELECT hash FROM ledger_entry WHERE seq = 2")).one()
    with floor.db.write() as session:
        ledger.take_payment(session, floor.ada, 1, "EUR", NOW_MS, "desk")
    entries = "SELECT id FROM ledger_entry WHERE seq > 2"
    run(floor, f"DELETE FROM charge_line WHERE charge IN (SELECT id FROM charge WHERE entry IN ({entries}))")
    for table, column in (("charge", "entry"), ("ledger_posting", "entry"), ("ledger_entry", "id")):
        run(floor, f"DELETE FROM {table} WHERE {column} IN ({entries})")
        if table == "ledger_posting":
            run(floor, f"UPDATE book SET seq = 2, hash = '{row[0]}'")
    assert any("it was posted and is gone" in finding.words for finding in doctor.examine(floor.db))
    with floor.db.write() as session:
        ledger.take_payment(session, floor.ada, 2, "EUR", NOW_MS, "desk")
    [finding] = [one for one in doctor.examine(floor.db) if "another entry" in one.words]
    assert 'set ledger-heads.log aside and keep it: see "Restore the server"' in finding.words
    floor.db.data.joinpath(heads.FILE).rename(floor.db.data / "old-heads.log")
    assert not any("entry 3" in one.where for one in doctor.examine(floor.db))
