"""Journals become sessions and entries exactly once, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlmodel import select

from booking_api import doctor
from booking_api.billing.models import Charge
from booking_api.gateways.models import Gateway
from booking_api.ledger import chain
from booking_api.ledger.models import ChargeLine
from booking_api.machines import service as machines
from booking_api.metering.models import JournalRecord, Quarantined
from booking_api.sessions import service as sessions
from booking_api.sessions.models import Alarm, Refusal, SessionState
from booking_api.tariffs import service as tariffs
from floor.errors import PeerError, Refused
from floor.ids import uuid7
from floor.wire.journal import (
    AlarmRaised,
    JournalBatch,
    JournalEntry,
    MachineCleared,
    MachineLockedOut,
    TapRefused,
    UnreadFact,
)
from floor.words import DenialReason
from tests.kit.server import MINUTE_MS, NOW_MS, TARIFF, Floor, Writer, batch_of, ended, started


def test_a_session_is_priced_and_posted_with_its_rounding(floor: Floor) -> None:
    journal = Writer()
    id = journal.session(floor.ada, 10)
    done = floor.apply(journal.batch())
    assert (done.applied, done.ack.seq, done.ack.hash) == (2, 2, journal.entries[-1].hash)
    row = floor.sessions()[id]
    assert (row.state, row.total_micro, row.commodity) == (SessionState.PRICED, 3_330_000, "EUR")
    assert row.ended_ms == row.started_ms + 10 * MINUTE_MS
    assert floor.balances() == {
        (f"assets:member:{floor.ada}", "EUR"): 3_330_000,
        ("income:machine:laser-1", "EUR"): -3_333_330,
        ("income:rounding", "EUR"): 3_330,
    }
    with floor.db.read() as session:
        mark, broken = chain.follow(session, chain.Mark())
        assert (mark.seq, broken) == (1, [])
        (line,), (charge,) = session.exec(select(ChargeLine)), session.exec(select(Charge))
        assert (line.session, line.metered, line.amount_micro) == (id, "10", 3_333_330)
        assert (line.charge, charge.session, charge.total_micro) == (charge.id, id, 3_330_000)


def test_a_free_machine_costs_nothing_and_posts_nothing(floor: Floor) -> None:
    journal = Writer()
    id = journal.session(floor.ada, 10, machine="door")
    floor.apply(journal.batch())
    assert (floor.sessions()[id].state, floor.sessions()[id].total_micro) == (SessionState.PRICED, 0)
    assert floor.entries() == 0


def test_what_comes_twice_is_applied_once_and_a_gap_waits(floor: Floor) -> None:
    journal = Writer()
    for _ in range(3):
        journal.session(floor.ada, 10)
    assert floor.apply(journal.batch(1, 2)).applied == 2
    assert floor.apply(journal.batch(4, 6)).ack.seq == 2
    again = floor.apply(journal.batch())
    assert (again.duplicates, again.applied, again.ack.seq) == (2, 4, 6)
    assert floor.apply(journal.batch(3, 5)).duplicates == 3
    assert floor.entries() == 3


def test_a_cloned_card_is_quarantined_and_a_new_epoch_goes_on(floor: Floor) -> None:
    journal, clone = Writer(), Writer()
    journal.session(floor.ada, 10)
    floor.apply(journal.batch())
    clone.session(floor.ben, 30)
    done = floor.apply(clone.batch())
    assert (done.ack.quarantined, done.applied, done.quarantined) == (True, 0, 2)
    journal.session(floor.ada, 20)
    assert floor.apply(journal.batch()).ack.quarantined
    assert floor.entries() == 1
    anew = Writer(epoch=2)
    anew.session(floor.ada, 20)
    assert floor.apply(anew.batch()).applied == 2
    assert floor.entries() == 2
    with floor.db.read() as session:
        assert len(session.exec(select(Quarantined)).all()) == 4
        gateway = session.get(Gateway, "gw")
        assert gateway is not None
        assert gateway.quarantined_ms == NOW_MS


def test_an_entry_whose_content_was_changed_on_its_way_is_not_applied(floor: Floor) -> None:
    journal = Writer()
    journal.session(floor.ada, 10)
    last = journal.entries[-1]
    forged = last.model_copy(update={"fact": ended(str(getattr(last.fact, "session_id", "")), 1)})
    done = floor.apply(batch_of(journal, [journal.entries[0], forged]))
    assert (done.applied, done.quarantined, done.ack.seq) == (1, 1, 1)


def test_what_a_later_gateway_records_stalls_nothing(floor: Floor) -> None:
    """Facts that this version does not know, words, and keys: kept, told to staff; all else goes on."""
    journal = Writer()
    journal.session(floor.ada, 10)
    for fact in (
        UnreadFact.model_validate({"type": "tool_lent", "session_id": {"of": [1]}, "note": "\u0000☃\u2028"}),
        UnreadFact.model_validate({"type": "tool_lent", "tool": None}),
        UnreadFact.model_validate(
            {"type": "tap_refused", "machine": "laser-1", "reason": "bored", "badge": "b"}
        ),
        TapRefused.model_validate(
            {"machine": "laser-1", "reason": DenialReason.IN_USE, "badge": "b", "mood": {"bad": True}}
        ),
    ):
        journal.write(fact)
    journal.session(floor.ada, 20)
    sent = JournalBatch.decode(journal.batch().encode(), 1 << 18)
    assert type(sent.entries[2].fact) is type(sent.entries[4].fact) is UnreadFact
    done = floor.apply(sent)
    assert (done.applied, done.quarantined, done.ack.seq) == (8, 0, 8)
    assert floor.entries() == 2
    with floor.db.read() as session:
        alarms = session.exec(select(Alarm).where(Alarm.code == "fact_unread").order_by(Alarm.seq)).all()
        assert [one.words.split(",")[0] for one in alarms] == ["tool_lent", "tap_refused"]
        assert len(session.exec(select(Refusal)).all()) == 1
        kept = session.get(JournalRecord, ("gw", 1, 3))
        assert kept is not None
        assert JournalEntry.model_validate_json(kept.body) == sent.entries[2]


def test_a_journal_that_begins_anew_tells_again_and_is_charged_once(floor: Floor) -> None:
    journal, anew = Writer(), Writer(epoch=2)
    journal.session(floor.ada, 10)
    floor.apply(journal.batch())
    for entry in journal.entries:
        anew.write(entry.fact)
    assert floor.apply(anew.batch()).applied == 2
    assert floor.entries() == 1
    assert alarms(floor) == []


def test_a_session_told_twice_and_differently_keeps_its_bill_and_tells_staff(floor: Floor) -> None:
    journal, anew = Writer(), Writer(epoch=2)
    id = journal.session(floor.ada, 10)
    floor.apply(journal.batch())
    anew.write(started(id, floor.ben))
    anew.write(ended(id, MINUTE_MS))
    floor.apply(anew.batch())
    assert (floor.sessions()[id].member, floor.sessions()[id].total_micro) == (floor.ada, 3_330_000)
    assert alarms(floor) == ["session_contradicted"] * 2


@pytest.mark.parametrize(
    ("machine", "member", "account", "words"),
    [
        ("saw-9", "", "", "machine saw-9 is not known"),
        ("laser-1", "stranger", "", "member stranger is not known"),
        ("laser-1", "", "nobody", "account nobody is not known"),
    ],
)
def test_what_is_not_known_here_waits_for_an_operator(
    floor: Floor, machine: str, member: str, account: str, words: str
) -> None:
    journal = Writer()
    member = member or floor.ada
    id = journal.session(member, 10, machine, account or floor.ada)
    assert floor.apply(journal.batch()).applied == 2
    row = floor.sessions()[id]
    assert row.state is SessionState.EXCEPTION
    assert words in row.exception
    assert floor.entries() == 0


def test_an_end_that_overtakes_its_start_is_settled_when_the_start_comes(floor: Floor) -> None:
    old, new = Writer(epoch=1), Writer(epoch=2)
    id = uuid7(NOW_MS, bytes(10))
    old.write(started(id, floor.ada))
    new.write(ended(id, 10 * MINUTE_MS))
    floor.apply(new.batch())
    assert floor.sessions()[id].state is SessionState.EXCEPTION
    floor.apply(old.batch())
    assert floor.sessions()[id].total_micro == 3_330_000


def test_a_rate_that_changes_prices_what_came_before_and_after_apart(floor: Floor) -> None:
    journal = Writer()
    begin = journal.start_ms + journal.monotonic_ms + 1_000
    dearer = TARIFF.replace("0.333333", "2").replace("2026-01-01", f'"{_iso(begin + 4 * MINUTE_MS)}"')
    with floor.db.write() as session:
        tariffs.add(session, dearer, "test", NOW_MS)
    id = journal.session(floor.ada, 10, checkpoints=1)
    floor.apply(journal.batch())
    assert floor.sessions()[id].total_micro == 13_330_000  # 4 min at 0.333333, 6 at 2, rounded once
    with floor.db.read() as session:
        versions = [line.tariff_version for line in session.exec(select(ChargeLine))]
    assert len(set(versions)) == 2


def test_a_session_from_before_the_clock_was_known_is_dated_when_it_is(floor: Floor) -> None:
    journal = Writer(start_ms=0, clock_error_ms=None)
    id = journal.session(floor.ada, 10)
    began = journal.entries[0].monotonic_ms
    floor.apply(journal.batch())
    assert floor.sessions()[id].state is SessionState.EXCEPTION
    journal.start_ms, journal.clock_error_ms = NOW_MS, 50
    journal.write(AlarmRaised(machine=None, code="clock_learnt"))
    floor.apply(journal.batch())
    row = floor.sessions()[id]
    assert (row.state, row.started_ms, row.clock_error_ms) == (SessionState.PRICED, NOW_MS + began, 50)


def test_refusals_alarms_and_lockouts_are_kept(floor: Floor) -> None:
    journal = Writer()
    journal.write(
        TapRefused(machine="laser-1", reason=DenialReason.NOT_CERTIFIED, badge="b", member=floor.ben)
    )
    journal.write(AlarmRaised(machine="laser-1", code="relay_stuck", words="It did not open"))
    journal.write(MachineLockedOut(machine="laser-1", reason="lens broken", by=floor.ada))
    assert floor.apply(journal.batch()).machines == {"laser-1"}, "pages hear of it at once"
    with floor.db.read() as session:
        assert session.exec(select(Refusal)).one().reason is DenialReason.NOT_CERTIFIED
        assert {alarm.code for alarm in session.exec(select(Alarm))} == {"relay_stuck", "locked_out"}
        assert machines.get(session, "laser-1").lockout_reason == "lens broken"
    journal.write(MachineCleared(machine="laser-1", reason="new lens", by=floor.ben))
    floor.apply(journal.batch())
    with floor.db.read() as session:
        assert machines.get(session, "laser-1").lockout_reason is None


def test_a_clearing_older_than_the_lockout_clears_nothing(floor: Floor) -> None:
    journal = Writer()
    journal.write(MachineCleared(machine="laser-1", reason="fine", by=floor.ben))
    with floor.db.write() as session:
        machines.lock_out(session, "laser-1", "smoke", floor.ben, NOW_MS * 2)
    floor.apply(journal.batch())
    with floor.db.read() as session:
        assert machines.get(session, "laser-1").lockout_reason == "smoke"


def test_a_gateway_that_was_never_enrolled_is_not_believed(floor: Floor) -> None:
    journal = Writer(gateway="stranger")
    journal.session(floor.ada, 10)
    with pytest.raises(PeerError, match="not enrolled"):
        floor.apply(journal.batch())


def test_a_gateway_cannot_charge_for_a_machine_of_another(floor: Floor) -> None:
    with floor.db.write() as session:
        machines.change(session, "laser-1", machines.MachineChanges(gateway=None), NOW_MS)
    journal = Writer()
    id = journal.session(floor.ada, 10)
    floor.apply(journal.batch())
    assert "does not belong" in floor.sessions()[id].exception


def test_an_operator_settles_what_waited_once_it_is_put_right(floor: Floor) -> None:
    journal = Writer(clock_error_ms=None)
    undated, unknown = journal.session(floor.ada, 10), journal.session(floor.ada, 10, "saw-9")
    floor.apply(journal.batch())

    def resolve(id: str, started_ms: int | None = None) -> None:
        with floor.db.write() as session:
            sessions.resolve(session, id, NOW_MS, started_ms)

    with pytest.raises(Refused, match="did not know the time"):
        resolve(undated)
    resolve(undated, NOW_MS)
    with pytest.raises(Refused, match="saw-9 is not known"):
        resolve(unknown, NOW_MS)
    with floor.db.write() as session:
        details = machines.MachineDetails(id="saw-9", name="Saw", tariff="laser")
        machines.add(session, details, NOW_MS)
    resolve(unknown, NOW_MS)
    with pytest.raises(Refused, match="does not wait"):
        resolve(unknown)
    assert floor.balances()[(f"assets:member:{floor.ada}", "EUR")] == 6_660_000
    assert doctor.examine(floor.db) == []


def alarms(floor: Floor) -> list[str]:
    with floor.db.read() as session:
        return [alarm.code for alarm in session.exec(select(Alarm))]


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
