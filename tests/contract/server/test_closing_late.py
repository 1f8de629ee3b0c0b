"""Sessions that arrive after their month was closed: nothing is lost, and the closed month stays."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import Session, col, select

from booking_api import doctor
from booking_api.billing.models import Charge
from booking_api.costing import versions
from booking_api.ledger.models import LedgerEntry
from booking_api.periods import service
from booking_api.periods.calendar import bounds, month_at
from booking_api.periods.models import Period
from booking_api.periods.statement import CloseStated, PoolStated
from floor.money import Commodity
from tests.kit.engine import url_in
from tests.kit.months import cost_file
from tests.kit.server import MINUTE_MS, NOW_MS, Floor, Writer, make_floor

EUR = Commodity("EUR")
COSTS = cost_file(goes="rate").replace("2027", "2026").replace('"laser-1", "laser-2"', '"laser-1"')


def month_of(floor: Floor) -> tuple[str, int, str]:
    """The month in which the journal is written, its end, and the month after."""
    month = month_at(NOW_MS, floor.db.zone)
    end_ms = bounds(month, floor.db.zone)[1]
    return month, end_ms, month_at(end_ms, floor.db.zone)


def prepare(floor: Floor) -> Writer:
    """Add the costs, and write a journal of five sessions of two members."""
    with floor.db.write() as session:
        versions.add(session, COSTS, "ada", NOW_MS)
    journal = Writer()
    for minutes, member in (
        (31, floor.ada),
        (7, floor.ben),
        (60, floor.ada),
        (13, floor.ben),
        (1, floor.ada),
    ):
        journal.session(member, minutes, checkpoints=1)
    return journal


def close(floor: Floor, month: str) -> CloseStated:
    end_ms = bounds(month, floor.db.zone)[1]
    with floor.db.write() as session:
        return service.close(session, month, EUR, "ada", end_ms + 1).statement


def both(one: CloseStated, two: CloseStated) -> tuple[int, int, int, int, dict[str, int]]:
    """What two months are together: sessions, recovered, cost, carried on, and what each paid."""
    pools: list[PoolStated] = [*one.pools, *two.pools]
    paid: dict[str, int] = {}
    for payer in (payer for pool in pools for payer in pool.payers):
        paid[payer.account] = paid.get(payer.account, 0) + payer.paid_micro
    recovered, cost = sum(p.recovered_micro for p in pools), sum(p.cost_micro for p in pools)
    return one.sessions + two.sessions, recovered, cost, pools[-1].carried_out_micro, paid


def units(*months: CloseStated) -> int:
    return sum(round(month.pools[0].units_exact * 3_600_000) for month in months)


def test_late_sessions_are_booked_in_the_open_month_and_the_totals_are_the_same(
    floor: Floor, tmp_path: Path
) -> None:
    journal = prepare(floor)
    month, end_ms, following = month_of(floor)
    floor.apply(journal.batch(1, 6))
    first = close(floor, month)
    assert first.sessions == 2
    kept = stated(floor, month)
    floor.apply(journal.batch(7), end_ms + 2 * MINUTE_MS)
    floor.apply(journal.batch(7), end_ms + 3 * MINUTE_MS)  # and once more: nothing is booked twice
    assert stated(floor, month) == kept
    with floor.db.read() as session:
        late = session.exec(select(Charge).where(Charge.month == following)).all()
        assert {(charge.period, charge.ended_ms < end_ms) for charge in late} == {(month, True)}
        assert occurred(session, [charge.entry or "" for charge in late]) == {following}
    second = close(floor, following)
    assert second.sessions == 3
    assert doctor.examine(floor.db) == []

    (tmp_path / "punctual").mkdir()
    punctual = make_floor(url_in(tmp_path / "punctual"), tmp_path / "punctual")
    other = prepare(punctual)
    punctual.apply(other.batch())
    in_time = close(punctual, month), close(punctual, following)
    names = {floor.ada: punctual.ada, floor.ben: punctual.ben}
    *sums, paid = both(first, second)
    *expected, expected_paid = both(*in_time)
    assert sums == expected
    assert {f"assets:member:{names[id]}": paid[f"assets:member:{id}"] for id in names} == expected_paid
    assert units(first, second) == units(*in_time) == 112 * MINUTE_MS
    punctual.db.close()


def test_opened_again_the_month_keeps_what_was_booked_later(floor: Floor) -> None:
    journal = prepare(floor)
    month, end_ms, following = month_of(floor)
    floor.apply(journal.batch(1, 6))
    first = close(floor, month)
    floor.apply(journal.batch(7, 9), end_ms + MINUTE_MS)
    with floor.db.write() as session:
        service.reopen(session, month, "an invoice came late", "ben", end_ms + 2 * MINUTE_MS)
    assert close(floor, month) == first
    second = close(floor, following)
    assert (first.sessions, second.sessions) == (2, 1)
    assert units(first, second) == 98 * MINUTE_MS


def stated(floor: Floor, month: str) -> dict[str, object]:
    with floor.db.read() as session:
        period = session.get(Period, month)
        assert period is not None
        return dict(period.statement)


def occurred(session: Session, entries: list[str]) -> set[str]:
    rows = session.exec(select(LedgerEntry.occurred_ms).where(col(LedgerEntry.id).in_(entries)))
    zone = session.info["zone"]
    return {month_at(at_ms, zone) for at_ms in rows}
