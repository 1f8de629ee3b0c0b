"""Sessions that a gateway's disk lost before the power failed, but that the server had from its memory."""

from __future__ import annotations

import pytest

from booking_api.sessions.models import SessionState
from floor.meter import Quantity
from floor.wire.journal import GatewayBooted, SessionEnded, SessionMetered
from floor.words import StopType
from tests.kit.server import MINUTE_MS, NOW_MS, Floor, Writer, started


def booted(journal: Writer, *keeps: str) -> GatewayBooted:
    return GatewayBooted(boot_id=journal.boot_id, software="test", keeps=list(keeps))


def half(id: str) -> SessionMetered:
    return SessionMetered(
        session_id=id, elapsed_ms=5 * MINUTE_MS, counters={Quantity.MACHINE_TIME_MS: 5 * MINUTE_MS}
    )


@pytest.fixture
def open_session(floor: Floor) -> str:
    """One that is open on the server; the next process of its gateway has never heard of it."""
    journal = Writer()
    journal.write(booted(journal))
    journal.write(started("s-1", floor.ada))
    journal.write(half("s-1"), 5 * MINUTE_MS)
    floor.apply(journal.batch())
    assert floor.sessions()["s-1"].state is SessionState.OPEN
    return "s-1"


def test_a_session_that_no_journal_knows_any_more_ends_at_its_last_reading(
    floor: Floor, open_session: str
) -> None:
    again = Writer(epoch=2, boot_id="boot-2", start_ms=NOW_MS + 3_600_000)
    again.write(booted(again))
    floor.apply(again.batch())
    row = floor.sessions()[open_session]
    assert (row.state, row.stop_type, row.elapsed_ms) == (
        SessionState.PRICED,
        StopType.POWER_LOST,
        5 * MINUTE_MS,
    )
    assert row.total_micro == 1_670_000
    assert row.ended_ms == row.started_ms + 5 * MINUTE_MS


def test_its_end_by_the_gateway_is_the_same_end(floor: Floor, open_session: str) -> None:
    again = Writer(epoch=2, boot_id="boot-2", start_ms=NOW_MS + 3_600_000)
    again.write(booted(again))
    counters = {Quantity.MACHINE_TIME_MS: 5 * MINUTE_MS}
    again.write(
        SessionEnded(
            session_id=open_session,
            stop_type=StopType.POWER_LOST,
            elapsed_ms=5 * MINUTE_MS,
            counters=counters,
        )
    )
    floor.apply(again.batch(1, 1))
    before = floor.balances()
    floor.apply(again.batch())
    assert floor.balances() == before
    assert floor.entries() == 1


def test_a_start_of_the_gateway_that_a_new_epoch_tells_again_ends_nothing(
    floor: Floor, open_session: str
) -> None:
    again = Writer(epoch=2)
    again.write(booted(again))
    again.write(started(open_session, floor.ada))
    floor.apply(again.batch())
    assert floor.sessions()[open_session].state is SessionState.OPEN


def test_a_session_that_goes_on_after_a_restart_is_one_session_and_billed_once(
    floor: Floor, open_session: str
) -> None:
    again = Writer(epoch=2, boot_id="boot-2", start_ms=NOW_MS + 3_600_000)
    again.write(booted(again, open_session))
    floor.apply(again.batch())
    assert floor.sessions()[open_session].state is SessionState.OPEN
    for elapsed_ms, fact in ((60, SessionMetered), (65, SessionEnded)):
        counters = {Quantity.MACHINE_TIME_MS: elapsed_ms * MINUTE_MS}
        ends = {"stop_type": StopType.TAP_OUT} if fact is SessionEnded else {}
        again.write(
            fact(session_id=open_session, elapsed_ms=elapsed_ms * MINUTE_MS, counters=counters, **ends)
        )
    floor.apply(again.batch())
    row = floor.sessions()[open_session]
    assert (row.state, row.stop_type, row.elapsed_ms) == (
        SessionState.PRICED,
        StopType.TAP_OUT,
        65 * MINUTE_MS,
    )
    before = floor.balances()
    told_again = Writer(epoch=3, boot_id="boot-3", start_ms=NOW_MS + 9_600_000)
    told_again.write(booted(told_again, open_session))
    floor.apply(told_again.batch())
    floor.apply(again.batch())
    assert floor.balances() == before
    assert floor.entries() == 1
    assert len(floor.sessions()) == 1


def test_what_may_have_gone_on_and_did_not_ends_where_its_gateway_says(
    floor: Floor, open_session: str
) -> None:
    again = Writer(epoch=2, boot_id="boot-2", start_ms=NOW_MS + 3_600_000)
    again.write(booted(again, open_session))
    floor.apply(again.batch())
    last = Writer(epoch=3, boot_id="boot-3", start_ms=NOW_MS + 4_600_000)
    last.write(booted(last))
    floor.apply(last.batch())
    row = floor.sessions()[open_session]
    assert (row.stop_type, row.elapsed_ms) == (StopType.POWER_LOST, 5 * MINUTE_MS)


def test_entries_without_what_is_new_are_hashed_as_they_were() -> None:
    """A journal that an older gateway wrote is verified by its hashes."""
    assert "keeps" not in booted(Writer()).model_dump_json()
    plain = started("s-1", "ada").model_dump_json()
    assert "purpose" not in plain
    assert "supervisor" not in plain
    assert "job" not in half("s-1").model_dump_json()
