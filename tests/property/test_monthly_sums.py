"""What is kept by month equals a count of everything, however and in whatever order it came."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from booking_api.ledger.models import AccountBalance
from booking_api.reports import counting, spans, yearly
from booking_api.reports.models import MonthlyMoney, MonthlyPerson, MonthlyUse
from booking_api.sessions.ending import end_lost
from floor.money import MICRO
from floor.wire.journal import Fact, JobFinished, SessionStarted, TapRefused
from floor.words import DenialReason, JobOutcome
from tests.kit.web import MINUTE, NOW_MS, WebFloor, build

DAY_MS = 24 * 60 * MINUTE
ACTS = st.lists(
    st.tuples(
        st.sampled_from(("use", "refuse", "job", "lose", "count")),
        st.sampled_from(("mira", "otto")),
        st.sampled_from(("laser-1", "saw-1")),
        st.integers(-70 * 24, 0),
        st.integers(1, 300),
    ),
    max_size=8,
)
seen = iter(range(10**9))


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = build(tmp_path_factory.mktemp("monthly"))
    yield made
    made.context.database.close()


def kept(session: Session) -> list[set[tuple[object, ...]]]:
    rows = (session.exec(select(table)).all() for table in (MonthlyUse, MonthlyPerson, MonthlyMoney))
    return [{tuple(row.model_dump().values()) for row in some} for some in rows]


def act(floor: WebFloor, what: str, name: str, machine: str, hour: int, minutes: int) -> None:
    at_ms, id = NOW_MS + hour * 60 * MINUTE, f"m-{next(seen)}"
    facts: list[tuple[int, Fact]] = []
    if what == "use":
        floor.session(id, name, machine, at_ms, minutes, energy_mwh=minutes)
    elif what == "refuse":
        facts.append((at_ms, refused(machine)))
    elif what == "job":
        facts.append((at_ms, job(machine, minutes)))
    elif what == "lose":
        lose(floor, id, name, machine, at_ms)
    else:
        counting.catch_up(floor.context.database)
    if facts:
        floor.journal(*facts)


def refused(machine: str) -> TapRefused:
    return TapRefused(machine=machine, badge="ab" * 16, member=None, reason=DenialReason.IN_USE)


def job(machine: str, minutes: int) -> JobFinished:
    return JobFinished(
        machine=machine, session_id=None, name="part.gcode", outcome=JobOutcome.DONE,
        job_time_ms=minutes * MINUTE, counters={},
    )  # fmt: skip


def lose(floor: WebFloor, id: str, name: str, machine: str, at_ms: int) -> None:
    person = floor.people[name]
    started = SessionStarted(
        session_id=id, machine=machine, member=person, account=person, badge="ab" * 16, tier="member",
        max_duration_s=36_000,
    )  # fmt: skip
    floor.journal((at_ms, started))
    with floor.context.database.write() as session:
        end_lost(session, id, "the card broke", "test", NOW_MS)


@given(ACTS)
@settings(max_examples=4)
def test_kept_sums_are_a_recount(floor: WebFloor, acts: list[tuple[str, str, str, int, int]]) -> None:
    for one in acts:
        act(floor, *one)
    counting.catch_up(floor.context.database)
    with floor.context.database.write(alone=True) as session:
        before = kept(session)
        counting.recount(session)
        assert kept(session) == before


def test_money_is_that_of_the_books(floor: WebFloor) -> None:
    counting.catch_up(floor.context.database)
    with floor.context.database.read() as session:
        report = yearly.read(
            session, yearly.Asked(spans.read_span("2026", floor.context.zone), "EUR", NOW_MS)
        )
        booked = select(AccountBalance.amount_micro).where(col(AccountBalance.account).startswith("income:"))
        assert report.total("income") == Fraction(-sum(session.exec(booked)), MICRO)


def test_months_add_up_to_the_year_and_people_count_once(floor: WebFloor) -> None:
    for days in (70, 35, 1):
        floor.session(f"y-{days}", "mira", "saw-1", NOW_MS - days * DAY_MS, 30)
    floor.session("new-year", "mira", "saw-1", 1_767_225_600_000 + 30 * MINUTE, 60)
    counting.catch_up(floor.context.database)
    zone = floor.context.zone
    with floor.context.database.read() as session:
        report = yearly.read(session, yearly.Asked(spans.read_span("2026", zone), "EUR", NOW_MS))
        last = yearly.read(session, yearly.Asked(spans.read_span("2025", zone), "EUR", NOW_MS))
    for figure in report.figures:
        if figure.adds and figure.months is not None:
            assert sum(figure.months.values()) == figure.total, figure.id
    served = report.of("members_served")
    assert served is not None
    assert served.months is not None
    assert served.total is not None
    assert sum(served.months.values()) > served.total
    assert last.figures
    assert last.total("sessions") is None
    hours = report.of("machine_hours")
    assert hours is not None
    assert hours.months is not None
    assert hours.months["2026-01"] >= 1
