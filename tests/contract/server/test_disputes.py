"""Disputes in both databases: who may, what each end posts, and that no step is ever changed."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from booking_api import doctor
from booking_api.accounts import teams
from booking_api.accounts.models import TeamRole
from booking_api.accounts.teams import PersonDetails, TeamDetails
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.disputes import service
from booking_api.disputes.evidence import gather
from booking_api.disputes.models import DisputeEvent, DisputeState
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import LedgerEntry
from booking_api.payments import overdue
from floor.errors import Refused
from floor.ledger import EntryKind
from floor.wire.journal import AlarmRaised, JobFinished
from floor.words import JobOutcome
from tests.kit.server import NOW_MS, Floor, Writer

LATER_MS = NOW_MS + 3_600_000
DAY_MS = 86_400_000
STAFF = "staff"


@pytest.fixture
def charge(floor: Floor) -> Charge:
    """What Ada owes for ten minutes: 3.33 EUR."""
    journal = Writer()
    journal.session(floor.ada, 10, checkpoints=2)
    floor.apply(journal.batch())
    return charges(floor)[0]


def charges(floor: Floor) -> list[Charge]:
    with floor.db.read() as session:
        return list(session.exec(select(Charge).order_by(Charge.id)))


def owed(floor: Floor) -> int:
    return floor.balances().get((f"assets:member:{floor.ada}", "EUR"), 0)


def opened(floor: Floor, charge: Charge, reason: str = "It never cut.") -> str:
    with floor.db.write() as session:
        return service.open_dispute(session, charge.id, reason, floor.ada, LATER_MS).dispute.id


def not_asked_for(session: Session, account: str) -> int:
    """Return what an account owes and nobody is reminded of."""
    asked = sum(one.amount_micro for one in overdue.unpaid(session, account, "EUR"))
    return max(0, ledger.balance(session, member_account(account), "EUR")) - asked


def disputed(floor: Floor) -> int:
    with floor.db.read() as session:
        return not_asked_for(session, floor.ada)


def test_a_waiver_reverses_the_charge_and_the_ledger_says_who_and_why(floor: Floor, charge: Charge) -> None:
    id = opened(floor, charge)
    assert (owed(floor), disputed(floor)) == (3_330_000, 3_330_000)
    with floor.db.write() as session:
        closed = service.waive(session, id, "The lens was cracked.", STAFF, LATER_MS)
    assert (owed(floor), disputed(floor)) == (0, 0)
    assert closed.dispute.state is DisputeState.WAIVED
    assert closed.outcome is not None
    with floor.db.read() as session:
        entry = session.get(LedgerEntry, closed.outcome.entry)
    assert entry is not None
    assert (entry.kind, entry.reverses, entry.author) == (EntryKind.REVERSAL, charge.entry, STAFF)
    assert entry.memo == "The lens was cracked."
    assert [(e.n, e.state, e.author) for e in closed.events] == [
        (1, DisputeState.OPEN, floor.ada),
        (2, DisputeState.WAIVED, STAFF),
    ]
    assert doctor.examine(floor.db) == []


def test_an_adjustment_credits_a_part_and_the_charge_stands(floor: Floor, charge: Charge) -> None:
    id = opened(floor, charge)
    with floor.db.write() as session:
        closed = service.adjust(session, id, 1_000_000, "Two minutes of warming up.", STAFF, LATER_MS)
    assert owed(floor) == 2_330_000
    assert closed.outcome is not None
    assert (closed.outcome.state, closed.outcome.amount_micro) == (DisputeState.ADJUSTED, 1_000_000)
    with floor.db.read() as session:
        entry = session.get(LedgerEntry, closed.outcome.entry)
    assert entry is not None
    assert (entry.kind, entry.author, entry.memo) == (EntryKind.CREDIT, STAFF, "Two minutes of warming up.")
    assert charges(floor)[0].replaced_ms is None


def test_more_than_is_owed_is_not_given_back(floor: Floor, charge: Charge) -> None:
    id = opened(floor, charge)
    with floor.db.write() as session, pytest.raises(Refused):
        service.adjust(session, id, 3_330_001, "all of it", STAFF, LATER_MS)


def test_a_waiver_after_a_credit_gives_back_the_rest(floor: Floor, charge: Charge) -> None:
    with floor.db.write() as session:
        billing.credit(session, charge.id, 1_000_000, "at the desk", STAFF, LATER_MS)
    id = opened(floor, charge)
    assert disputed(floor) == 2_330_000
    with floor.db.write() as session:
        service.waive(session, id, "and the rest", STAFF, LATER_MS)
    assert owed(floor) == 0


def test_a_refusal_posts_nothing_and_says_why(floor: Floor, charge: Charge) -> None:
    id = opened(floor, charge)
    before = floor.entries()
    with floor.db.write() as session:
        closed = service.refuse(session, id, "The meter ran for ten minutes.", STAFF, LATER_MS)
    assert (floor.entries(), owed(floor), disputed(floor)) == (before, 3_330_000, 0)
    assert closed.outcome is not None
    assert (closed.outcome.words, closed.outcome.entry) == ("The meter ran for ten minutes.", None)


def test_one_dispute_of_a_charge_is_open_and_a_decision_stands(floor: Floor, charge: Charge) -> None:
    id = opened(floor, charge)
    with pytest.raises(Refused, match="disputed already"):
        opened(floor, charge)
    with floor.db.write() as session:
        service.withdraw(session, id, floor.ada, LATER_MS)
    again = opened(floor, charge, "on second thoughts")
    with floor.db.write() as session:
        service.refuse(session, again, "no", STAFF, LATER_MS)
    with pytest.raises(Refused, match="decided already"):
        opened(floor, charge)
    with floor.db.write() as session, pytest.raises(Refused, match="closed already"):
        service.waive(session, again, "after all", STAFF, LATER_MS)


def test_the_database_itself_keeps_two_from_being_open(floor: Floor, charge: Charge) -> None:
    id = opened(floor, charge)
    insert = "INSERT INTO dispute SELECT 'other', visit, period, charge, account, member, state, commodity, "
    with pytest.raises(DBAPIError), floor.db.write() as session:
        session.connection().execute(
            text(f"{insert} amount_micro, opened_ms, closed_ms FROM dispute WHERE id = :id"), {"id": id}
        )


@pytest.mark.parametrize(("days", "refused"), [(0, False), (59, False), (95, True)])
def test_a_charge_can_be_disputed_for_sixty_days_after_its_month(
    floor: Floor, charge: Charge, days: int, refused: bool
) -> None:
    with floor.db.read() as session:
        end_ms = service.deadline_ms(session, charge) - service.DAYS * DAY_MS
    with floor.db.write() as session:
        at_ms = min(end_ms, LATER_MS) + days * DAY_MS
        if refused:
            with pytest.raises(Refused, match="60 days"):
                service.open_dispute(session, charge.id, "late", floor.ada, end_ms + 60 * DAY_MS)
        else:
            service.open_dispute(session, charge.id, "in time", floor.ada, at_ms)


def test_a_reason_is_needed_and_is_bounded(floor: Floor, charge: Charge) -> None:
    for reason in ("", "  ", "x" * 1_001):
        with floor.db.write() as session, pytest.raises(Refused):
            service.open_dispute(session, charge.id, reason, floor.ada, LATER_MS)
    id = opened(floor, charge)
    with floor.db.write() as session, pytest.raises(Refused, match="Say why"):
        service.waive(session, id, " ", STAFF, LATER_MS)


def test_a_charge_is_disputed_by_its_member_and_by_owners_of_the_team_that_pays(floor: Floor) -> None:
    with floor.db.write() as session:
        teams.add(session, TeamDetails(id="robots", name="Robots"), NOW_MS, owner=floor.ben)
        teams.put_person(session, "robots", floor.ada, PersonDetails(role=TeamRole.MEMBER), NOW_MS)
    journal = Writer()
    journal.session(floor.ada, 10, account="robots")
    journal.session(floor.ben, 10)
    floor.apply(journal.batch())
    team, own = sorted(charges(floor), key=lambda one: one.account != "robots")
    with floor.db.read() as session:
        assert service.may_dispute(session, team, floor.ada)
        assert service.may_dispute(session, team, floor.ben)
        assert service.may_dispute(session, own, floor.ben)
        assert not service.may_dispute(session, own, floor.ada)
        assert not service.may_dispute(session, team, "nobody")
    with floor.db.write() as session, pytest.raises(Refused, match="another member"):
        service.for_member(session, own.id, "not mine", floor.ada, LATER_MS)


def test_nobody_decides_on_their_own_charge(floor: Floor, charge: Charge) -> None:
    id = opened(floor, charge)
    for decide in (service.waive, service.refuse):
        with floor.db.write() as session, pytest.raises(Refused, match="Somebody else decides"):
            decide(session, id, "mine", floor.ada, LATER_MS)
    with floor.db.write() as session, pytest.raises(Refused, match="who disputed it"):
        service.withdraw(session, id, floor.ben, LATER_MS)


def test_a_charge_that_moved_meanwhile_is_the_one_that_is_decided(floor: Floor, charge: Charge) -> None:
    with floor.db.write() as session:
        teams.add(session, TeamDetails(id="robots", name="Robots"), NOW_MS, owner=floor.ada)
    id = opened(floor, charge)
    with floor.db.write() as session:
        billing.move(session, charge.session or "", "robots", STAFF, "for the team", LATER_MS)
    with floor.db.read() as session:
        assert not_asked_for(session, floor.ada) == 0
        assert not_asked_for(session, "robots") == 3_330_000
    with floor.db.write() as session:
        service.waive(session, id, "a fault", STAFF, LATER_MS)
    assert floor.balances() == {}


def test_a_charge_that_was_taken_back_meanwhile_cannot_be_decided(floor: Floor, charge: Charge) -> None:
    id = opened(floor, charge)
    with floor.db.write() as session:
        billing.reverse_charge(session, charge.id, "at the desk", STAFF, LATER_MS)
    with floor.db.write() as session, pytest.raises(Refused, match="taken back already"):
        service.waive(session, id, "again", STAFF, LATER_MS)
    with floor.db.write() as session:
        service.withdraw(session, id, floor.ada, LATER_MS)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM dispute_event",
        "UPDATE dispute_event SET author = 'somebody'",
        "UPDATE dispute_event SET words = 'nicer'",
        "UPDATE dispute_event SET state = 'waived'",
    ],
)
def test_no_step_is_changed_afterwards(floor: Floor, charge: Charge, statement: str) -> None:
    opened(floor, charge)
    with pytest.raises(DBAPIError, match="never changed"), floor.db.write() as session:
        session.connection().execute(text(statement))


def test_words_may_be_erased(floor: Floor, charge: Charge) -> None:
    opened(floor, charge)
    with floor.db.write() as session:
        session.connection().execute(text("UPDATE dispute_event SET words = ''"))
    with floor.db.read() as session:
        assert [event.words for event in session.exec(select(DisputeEvent))] == [""]


def test_the_evidence_is_what_the_meters_jobs_and_alarms_say(floor: Floor) -> None:
    journal = Writer()
    id = journal.session(floor.ada, 10, checkpoints=2)
    job = JobFinished(
        session_id=id,
        machine="laser-1",
        name="box.gcode",
        outcome=JobOutcome.FAILED,
        job_time_ms=60_000,
        counters={},
    )
    journal.write(job)
    journal.write(AlarmRaised(machine="laser-1", code="temperature", words="too hot"))
    journal.write(AlarmRaised(machine="door", code="forced", words="not here"))
    floor.apply(journal.batch())
    opened(floor, charges(floor)[0])
    with floor.db.read() as session:
        found = gather(session, service.listed(session, DisputeState.OPEN)[0])
    assert [reading.elapsed_ms for reading in found.readings] == [200_000, 400_000]
    assert [(job.name, job.outcome) for job in found.jobs] == [("box.gcode", JobOutcome.FAILED)]
    assert [alarm.words for alarm in found.alarms] == ["too hot"]
    assert [entry.id for entry in found.entries] == [charges(floor)[0].entry]
    assert found.stands


def test_a_statement_knows_what_is_and_what_may_be_disputed(floor: Floor, charge: Charge) -> None:
    entry = charge.entry or ""
    with floor.db.read() as session:
        before = service.on_statement(session, [entry, "other"])
        until_ms = service.deadline_ms(session, charge)
    assert (before.by_entry, before.until_ms) == ({}, {entry: until_ms})
    id = opened(floor, charge)
    with floor.db.read() as session:
        found = service.on_statement(session, [entry])
        assert [one.dispute.id for one in service.of_member(session, floor.ada)] == [id]
    assert (found.by_entry[entry].dispute.id, found.until_ms) == (id, {})
    with floor.db.write() as session:
        service.withdraw(session, id, floor.ada, LATER_MS)
        assert service.on_statement(session, [entry]).until_ms == {entry: until_ms}
