"""Sessions that a lost card leaves open are ended by hand; what comes after all is not billed again."""

from __future__ import annotations

import pytest
from sqlmodel import select

from booking_api import doctor
from booking_api.sessions.ending import end_lost
from booking_api.sessions.models import Alarm, MachineSession
from floor.errors import Refused
from floor.words import StopType
from tests.kit.server import MINUTE_MS, NOW_MS, Floor, Writer


@pytest.fixture
def journal(floor: Floor) -> tuple[Writer, str]:
    """A session of 30 minutes with checkpoints after 10 and 20, of which all but the end has come."""
    writer = Writer()
    id = writer.session(floor.ada, 30, checkpoints=2)
    floor.apply(writer.batch(1, 3))
    return writer, id


def end(
    floor: Floor, id: str, after_min: int | None = None, reason: str = "its card is lost"
) -> MachineSession:
    at_ms = None if after_min is None else floor.sessions()[id].started_ms + after_min * MINUTE_MS
    with floor.db.write() as session:
        end_lost(session, id, reason, "op", NOW_MS + 90 * MINUTE_MS, at_ms)
    return floor.sessions()[id]


@pytest.mark.parametrize(("after_min", "minutes", "cost"), [(None, 20, 6_670_000), (15, 15, 3_330_000)])
def test_it_costs_what_was_proven(
    floor: Floor, journal: tuple[Writer, str], after_min: int | None, minutes: int, cost: int
) -> None:
    writer, id = journal
    ended = end(floor, id, after_min)
    assert (ended.stop_type, ended.elapsed_ms) == (StopType.POWER_LOST, minutes * MINUTE_MS)
    assert (ended.total_micro, "its card is lost" in ended.words) == (cost, True)
    floor.apply(writer.batch(4))
    assert floor.sessions()[id].total_micro == cost, "what comes after all is not billed"
    with floor.db.read() as session:
        (alarm,) = session.exec(select(Alarm)).all()
    assert (alarm.code, id in alarm.words) == ("session_contradicted", True)
    assert floor.entries() == 1
    assert doctor.examine(floor.db) == []


def test_only_what_is_open_is_ended_and_not_later_than_was_proven(
    floor: Floor, journal: tuple[Writer, str]
) -> None:
    _, id = journal
    for after_min, reason, words in (
        (21, "x", "only between"),
        (-1, "x", "only between"),
        (5, " ", "Say why"),
    ):
        with pytest.raises(Refused, match=words):
            end(floor, id, after_min, reason)
    end(floor, id)
    with pytest.raises(Refused, match="not open"):
        end(floor, id)
