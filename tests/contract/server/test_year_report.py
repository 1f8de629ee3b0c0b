"""A report for funders: page, paper, table and JSON say the same, and nothing that nobody recorded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from fractions import Fraction

import pytest

from booking_api.accounts.models import Account, AccountKind
from booking_api.reports import counting, facts, people, spans, year_paper, yearly
from booking_api.reports.making import index_of
from booking_api.reports.models import FactKind
from booking_api.reports.yearly import Asked, Report
from booking_api.web.formats import Formats
from floor.errors import Refused
from floor.money import MICRO
from tests.kit.web import NOW_MS, WebFloor, build


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = build(tmp_path_factory.mktemp("year"))
    begun_ms = spans.read_span("2025-04", made.context.zone).from_ms
    with made.context.database.write() as session:
        for id in ("alive", "gone"):
            session.add(Account(id=id, kind=AccountKind.TEAM, name=id, created_ms=begun_ms))
    yield made
    made.context.database.close()


def report(floor: WebFloor, time: str = "2026") -> Report:
    counting.catch_up(floor.context.database)
    with floor.context.database.read() as session:
        return yearly.read(session, Asked(spans.read_span(time, floor.context.zone), "EUR", NOW_MS))


async def test_what_people_know_is_entered_counted_and_taken_back(floor: WebFloor) -> None:
    assert report(floor).total("events") is None
    browser = await floor.signed_in("olga")
    typed = {"kind": "events", "day": "2026-02-03", "number": "3", "note": "open days"}
    assert (await browser.post("/reports/facts", data=typed)).status_code == 303
    await browser.post("/reports/facts", data=typed | {"day": "2026-03-31", "number": "4"})
    found = report(floor).of("events")
    assert found is not None
    assert (found.total, found.months) == (7, {"2026-02": 3, "2026-03": 4})
    assert report(floor, "2025").total("events") is None
    with floor.context.database.read() as session:
        kept = [one.id for one in facts.listed(session)]
    for id in kept:
        assert (await browser.post(f"/reports/facts/{id}/withdraw")).status_code == 303
    assert report(floor).total("events") is None
    wrong = await browser.post("/reports/facts", data=typed | {"day": "yesterday"})
    assert wrong.status_code >= 400
    program, path = floor.program("olga"), "/api/v1/reports/facts"
    sent = {"kind": "events", "day": "2026-02-03", "amount_micro": 3 * MICRO, "note": "open days"}
    made = await program.post(path, json=sent)
    assert (made.status_code, {key: made.json()[key] for key in sent}) == (201, sent)
    assert (await program.post(path, json=sent | {"day": "yesterday"})).status_code == 422
    assert (await program.get(path)).json() == [made.json()]
    assert report(floor).total("events") == 3
    taken = [(await program.delete(f"{path}/{made.json()['id']}")).status_code for _ in range(2)]
    assert taken == [204, 404]
    assert (await program.get(path)).json() == []


def test_the_latest_of_what_lasts_holds(floor: WebFloor) -> None:
    with floor.context.database.write() as session:
        for day, metres in (("2025-06-01", 300), ("2026-03-01", 500)):
            facts.enter(session, FactKind.AREA_M2, day, metres * MICRO, "", "test", NOW_MS)
    areas = {time: report(floor, time).total("area_m2") for time in ("2024", "2025", "2026-02", "2026")}
    assert areas == {"2024": None, "2025": 300, "2026-02": 300, "2026": 500}


async def test_page_json_and_table_say_the_same(floor: WebFloor) -> None:
    program, browser = floor.program("olga"), await floor.signed_in("olga")
    seen = (await program.get("/api/v1/reports/year?time=2026")).json()
    assert (seen["version"], seen["time"], seen["from_month"], seen["to_month"]) == (
        1,
        "2026",
        "2026-01",
        "2026-12",
    )
    figures = {(one["id"], one["part"]): one for one in seen["figures"]}
    assert figures["sessions", ""]["value"] == "4"
    assert figures["members_served", ""]["value"] == "2"
    assert figures["minors_served", ""]["value"] == "0"
    tier = figures["served_by_tier", "member"]
    assert (tier["value"], tier["fewer_than"]) == (None, 5)
    assert figures["filament", ""]["value"] == "23.456"
    assert figures["staff", ""]["value"] is None
    text = (await program.get("/api/v1/reports/year.csv?time=2026")).text.lstrip("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    whole = [one for one in rows if not one["month"] and not one["machine"]]
    assert {(one["figure"], one["part"]): one["value"] or None for one in whole} == {
        key: one["value"] for key, one in figures.items()
    }
    assert {one["note"] for one in rows if one["figure"] == "staff"} == {"not recorded"}
    hours = [one for one in rows if one["figure"] == "machine_hours"]
    for by in ("month", "machine"):
        parts = sum(Fraction(one["value"]) for one in hours if one[by])
        assert abs(parts - Fraction(figures["machine_hours", ""]["value"])) < Fraction(1, 10_000)
    page = (await browser.get("/reports?time=2026")).text
    assert "fewer than 5" in page
    assert "not recorded" in page
    assert floor.people["mira"] not in page
    assert "Quince" not in page
    assert (await browser.get("/reports?time=2026-13")).status_code >= 400
    assert (await browser.get("/reports?time=2030")).status_code == 200


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_paper_is_set_in_both_languages(floor: WebFloor, language: str) -> None:
    found = report(floor)
    f = Formats(language, floor.context.zone)
    made = year_paper.pdf(f, "Kelp Street", found, index_of(found, floor.context.settings.reports.weights))
    assert made.startswith(b"%PDF")


def test_a_team_that_uses_nothing_does_not_survive(floor: WebFloor) -> None:
    row = {
        "machine": "saw-1", "member": floor.people["otto"], "tier": "member", "account": "alive",
        "ended_ms": NOW_MS - 60 * 86_400_000, "elapsed_ms": 60_000, "counters": {},
    }  # fmt: skip
    span = spans.read_span("2026", floor.context.zone)
    with floor.context.database.write() as session:
        counting.moved(session, [row])
        found = people.teams(session, span, NOW_MS)
        assert (found.resident, found.active) == (2, 1)
        assert found.survival[12] == (2, 1)
        assert found.survival[24] == (0, 0)
        session.rollback()


def test_a_time_is_whole_months(floor: WebFloor) -> None:
    zone = floor.context.zone
    names = ("2026", "2026-Q2", "2026-05", "2026-03..2026-08")
    assert tuple(spans.read_span(name, zone).name for name in names) == names
    assert spans.read_span("2026-Q2", zone).months == ("2026-04", "2026-05", "2026-06")
    for wrong in ("", "26", "2026-5", "2026-Q5", "2026-05..2026-04", "2020..2026"):
        with pytest.raises(Refused):
            spans.read_span(wrong, zone)
