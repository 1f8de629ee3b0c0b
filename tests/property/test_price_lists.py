"""Published price lists as files: their own figures, and a reckoning by hand for any other quantity."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import price_list_oracle as by_hand
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking_api.tariffs.quote import as_json, open_tariffs, quote_files
from floor.meter import Quantity, Reading
from floor.money import MICRO, round_to
from floor.tariff import History, Occasion, Tariff, Visit, bill, price_visit

CASES = Path(__file__).parent.parent / "cases"
FOLDERS = sorted(CASES.glob("P[0-9][0-9]"))
TARIFFS = {folder.name: open_tariffs(folder / "tariff") for folder in FOLDERS}
MIN_MS, H_MS = 60_000, 3_600_000
START_MS = round(datetime(2016, 3, 2, tzinfo=UTC).timestamp() * 1000)
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
Q = Quantity
ANY_MS = st.integers(1, 100 * H_MS) | st.integers(0, 300).map(lambda n: max(1, n * 5 * MIN_MS))
FEW_MS = st.lists(st.integers(1, 30 * H_MS), min_size=1, max_size=6)


def euros(micro: int) -> Decimal:
    return Decimal(micro) / MICRO


def versions(case: str, tariff: str = "") -> list[Tariff]:
    return TARIFFS[case][tariff or next(iter(TARIFFS[case]))]


def visit(used: dict[Quantity, int], tier: str = "", start_ms: int = START_MS, **more: Any) -> Visit:
    end_ms = start_ms + used.get(Q.MACHINE_TIME_MS, 1)
    return Visit("x", (Reading(start_ms, {}), Reading(end_ms, used)), tier, **more)


def cost(case: str, used: dict[Quantity, int], tier: str = "", tariff: str = "", **more: Any) -> Decimal:
    made, _ = price_visit(visit(used, tier, **more), versions(case, tariff))
    return euros(made.total_micro)


def costs(case: str, visits: list[Visit], tariff: str = "") -> tuple[list[Decimal], History]:
    history, found = History(), []
    for one in visits:
        made, history = price_visit(one, versions(case, tariff), history)
        found.append(euros(made.total_micro))
    return found, history


def test_there_is_a_folder_for_every_list() -> None:
    assert [folder.name for folder in FOLDERS] == [f"P{n:02}" for n in range(1, 23)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_list_costs_its_published_figures(folder: Path) -> None:
    quoted = quote_files(folder / "tariff", folder / "usage.toml")
    assert as_json(quoted)["unexpected"] == []
    expected = [use.expect_micro for use, _ in quoted.bills]
    assert None not in expected or folder.name == "P19"


@given(ms=ANY_MS, tier=st.sampled_from(["guest", "member", "volunteer"]))
def test_blocks_and_tiers(ms: int, tier: str) -> None:
    used = {Q.MACHINE_TIME_MS: ms, Q.JOB_TIME_MS: ms}
    assert cost("P01", used) == by_hand.p01(ms)
    assert cost("P02", used, tariff="plastic") == by_hand.p02(ms, "0.10")
    assert cost("P02", used, tariff="plaster") == by_hand.p02(ms, "1.00")
    assert cost("P03", used, tier, machine="laser") == by_hand.p03_laser(ms, tier)
    assert cost("P08", used, tariff="session") == by_hand.p08_session(ms)
    assert cost("P08", {Q.LASER_TIME_MS: ms}, tariff="tube") == by_hand.p08_tube(ms)
    assert cost("P10", used) == by_hand.p10(ms)


@given(amount=st.integers(1, 10**9) | st.integers(29_990, 30_010))
def test_materials(amount: int) -> None:
    assert cost("P04", {Q.FILAMENT_MG: amount}) == by_hand.p04(amount)
    assert cost("P05", {Q.FILAMENT_UM: amount}, "personal", "pla") == by_hand.p05(amount, "0.60")
    assert cost("P05", {Q.FILAMENT_UM: amount}, "academic", "pc") == by_hand.p05(amount, "0.55")
    assert cost("P06", {Q.VOLUME_MM3: amount}) == by_hand.p06(amount, 12)
    assert cost("P06", {Q.VOLUME_MM3: amount}, "undergraduate") == by_hand.p06(amount, 9)


@given(minutes=st.lists(st.integers(1, 90), min_size=1, max_size=8))
def test_minutes_in_a_membership(minutes: list[int]) -> None:
    since = datetime(2016, 2, 28, tzinfo=UTC).date()
    visits = [visit({Q.MACHINE_TIME_MS: m * MIN_MS}, "maker", since=since) for m in minutes]
    assert costs("P07", visits)[0] == by_hand.p07(minutes)


@given(hours=st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_caps_count_gross_charges(hours: list[int]) -> None:
    visits = [visit({Q.MACHINE_TIME_MS: h * H_MS}) for h in hours]
    at_once = [replace(v, readings=(v.readings[0], replace(v.readings[1], at_ms=START_MS))) for v in visits]
    for case, rate, steps in [
        ("P09", 100, [(20_000, "0.5")]),
        ("P13", 30, [(100, "0.75")]),
        ("P14", 100, [(500, "0.5"), (1250, "0.25")]),
    ]:
        expected = by_hand.capped([Decimal(h * rate) for h in hours], steps)
        assert costs(case, at_once)[0] == expected


@settings(max_examples=40, deadline=None)
@given(start=st.integers(0, 7 * 1440), minutes=st.integers(1, 5000))
def test_time_windows(start: int, minutes: int) -> None:
    monday_ms = round(datetime(2022, 1, 10, tzinfo=NEW_YORK).timestamp() * 1000)
    one = visit({Q.MACHINE_TIME_MS: minutes * MIN_MS}, start_ms=monday_ms + start * MIN_MS)
    made, _ = price_visit(one, versions("P11"), zone=NEW_YORK)
    assert euros(made.total_micro) == by_hand.p11(start, minutes)


@settings(max_examples=40, deadline=None)
@given(start=st.integers(0, 365 * 24 * 60), minutes=st.integers(1, 5000))
def test_elapsed_time_over_any_change_of_the_clock(start: int, minutes: int) -> None:
    begun = round(datetime(2022, 1, 1, tzinfo=NEW_YORK).timestamp() * 1000) + start * MIN_MS
    one = visit({Q.MACHINE_TIME_MS: minutes * MIN_MS}, start_ms=begun)
    made, _ = price_visit(one, versions("P12", "elapsed"), zone=NEW_YORK)
    assert sum(c.accrued_micro for c in made.charges) == minutes * MICRO
    night, _ = price_visit(one, versions("P12", "night"), zone=NEW_YORK)
    zoned = [datetime.fromtimestamp((begun // 1000) + m * 60, NEW_YORK) for m in range(minutes)]
    inside = sum(at.hour >= 22 or (at.hour, at.minute) < (1, 30) for at in zoned)
    assert sum(c.accrued_micro for c in night.charges) == (minutes - inside) * MICRO + inside * MICRO // 2


@given(events=st.lists(st.none() | st.integers(1, 900), min_size=1, max_size=8))
def test_packs(events: list[int | None]) -> None:
    visits = [
        visit({}, on=Occasion.PACK, pack="ten-hours") if m is None else visit({Q.MACHINE_TIME_MS: m * MIN_MS})
        for m in events
    ]
    expected, left = by_hand.p15(events)
    found, history = costs("P15", visits)
    assert found == expected
    assert sum(history.positions.values()) == left


@given(items=st.lists(st.integers(1, 10**6), min_size=2, max_size=2), coupon=st.integers(0, 100))
def test_coupon_and_vat(items: list[int], coupon: int) -> None:
    counts = dict(zip(("machine_cents", "training_cents"), items, strict=True))
    one = visit({}, counts=counts, coupon=Fraction(coupon, 100))
    made, _ = price_visit(one, versions("P16"))
    charge = made.charges[0]
    assert (charge.total_micro // 10_000, charge.tax_micro // 10_000) == by_hand.p16(items, coupon)


@pytest.mark.parametrize(("case", "total", "vat"), [("P16", 1295, 216), ("P17", 2336, 390)])
def test_the_vat_is_that_of_each_line(case: str, total: int, vat: int) -> None:
    quoted = quote_files(CASES / case / "tariff", CASES / case / "usage.toml")
    charge = quoted.bills[0][1].charges[0]
    assert (charge.total_micro, charge.tax_micro) == (total * 10_000, vat * 10_000)


@given(ms=ANY_MS, credit=st.integers(0, 50))
def test_the_order_of_discount_and_credit(ms: int, credit: int) -> None:
    used = {Q.MACHINE_TIME_MS: ms}
    first = cost("P18", used, "staff", "discount-first", credit_micro=credit * MICRO)
    assert first == by_hand.p18_discount_first(ms, credit)
    second = cost("P18", used, "staff", "credit-first", credit_micro=credit * MICRO)
    assert second == by_hand.p18_credit_first(ms, credit)


@given(lengths=FEW_MS)
def test_rounding_where_the_tariff_says(lengths: list[int]) -> None:
    visits = [visit({Q.MACHINE_TIME_MS: ms}) for ms in lengths]
    assert sum(costs("P19", visits, "session")[0]) == by_hand.p19_session(lengths)
    exact = sum(costs("P19", visits, "statement")[0])
    assert euros(round_to(int(exact * MICRO), 10_000)) == by_hand.p19_statement(lengths)


def test_a_hundred_sessions_of_61_s() -> None:
    assert by_hand.p19_session([61_000] * 100) == Decimal("17.00")
    assert by_hand.p19_statement([61_000] * 100) == Decimal("16.94")
    visits = [visit({Q.MACHINE_TIME_MS: 61_000})] * 100
    assert sum(costs("P19", visits, "session")[0]) == Decimal("17.00")


@given(before=st.integers(1, 20 * H_MS), after=st.integers(1, 20 * H_MS))
def test_a_month_edge_and_a_rate_change(before: int, after: int) -> None:
    edge = round(datetime(2026, 2, 1, tzinfo=BERLIN).timestamp() * 1000)
    one = visit({Q.MACHINE_TIME_MS: before + after}, start_ms=edge - before)
    made, _ = price_visit(one, versions("P20", "split"), zone=BERLIN)
    assert [charge.period for charge in made.charges] == ["2026-01", "2026-02"]
    assert tuple(euros(c.total_micro) for c in made.charges) == by_hand.p20(before, after)
    ends, _ = price_visit(one, versions("P20", "end"), zone=BERLIN)
    assert [charge.period for charge in ends.charges] == ["2026-02"]
    change = versions("P21")[1].valid_from_ms
    changed = visit({Q.MACHINE_TIME_MS: before + after}, start_ms=change - before)
    paid, _ = price_visit(changed, versions("P21"))
    assert euros(paid.total_micro) == by_hand.p21(before, after)


def test_a_member_pays_20_in_january_and_20_in_february() -> None:
    quoted = quote_files(CASES / "P20" / "tariff", CASES / "P20" / "usage.toml")
    assert [(o.account, o.period, o.total_micro) for o in quoted.owed] == [
        ("end", "2026-02", 40 * MICRO),
        ("split", "2026-01", 20 * MICRO),
        ("split", "2026-02", 20 * MICRO),
    ]


@settings(max_examples=60, deadline=None)
@given(hours=st.lists(st.integers(1, 9), min_size=2, max_size=7), order=st.randoms(use_true_random=False))
def test_a_bill_does_not_depend_on_the_order_of_arrival(hours: list[int], order: Random) -> None:
    visits = []
    for n, h in enumerate(hours):
        end_ms = START_MS + (n // 2) * 10 * H_MS
        readings = Reading(end_ms - h * H_MS, {}), Reading(end_ms, {Q.MACHINE_TIME_MS: h * H_MS})
        visits.append((Visit(f"s{n}", readings, account="lab"), versions("P13")))
    straight = bill(visits)
    shuffled = list(visits)
    order.shuffle(shuffled)
    assert bill(shuffled) == straight
