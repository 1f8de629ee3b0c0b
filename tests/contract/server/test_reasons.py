"""The chain covers the reason of a reversal: doctor sees another word in its place, also with no trigger."""

from __future__ import annotations

from sqlalchemy import text

from booking_api import doctor
from booking_api.ledger import service
from tests.kit.server import NOW_MS, Floor


def broken(floor: Floor) -> list[str]:
    return [finding.words for finding in doctor.examine(floor.db) if "reason" in finding.words]


def test_doctor_sees_a_reason_that_was_changed_and_not_one_that_was_erased(floor: Floor) -> None:
    with floor.db.write() as session:
        paid = service.take_payment(session, floor.ada, 5_000_000, "EUR", NOW_MS, "staff", "cash")
    with floor.db.write() as session:
        undone = service.reverse(session, paid.entry.id, "paid by Ben", "staff", NOW_MS)
    assert broken(floor) == []
    memo = text("UPDATE ledger_entry SET memo = :memo WHERE id = :id")
    with floor.db.write() as session:
        on = "" if session.get_bind().dialect.name == "sqlite" else " ON ledger_entry"
        session.connection().execute(text(f"DROP TRIGGER ledger_entry_memo_only_erased{on}"))
        session.connection().execute(memo, {"memo": "paid by Ann", "id": undone.entry.id})
    assert broken(floor) == ["its reason is not what was sealed"]
    with floor.db.write() as session:
        session.connection().execute(memo, {"memo": "", "id": undone.entry.id})
    assert broken(floor) == []
