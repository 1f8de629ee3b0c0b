"""The utilisation page, its JSON and its CSV say what a real Prometheus holds, or that it is away."""

import csv
import dataclasses
import io
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import UTC
from pathlib import Path

import pytest

from booking_api.app import create_app
from booking_api.exports import sheet
from booking_api.exports.table import BOM
from booking_api.prometheus.process import PrometheusProcess, PrometheusSettings
from booking_api.reports import timeline
from booking_api.reports.endpoints import ABSENCES, DAYS, PERIODS, USES, machine_rows
from booking_api.reports.utilisation import Period, Stretch, Time, Use, Utilisation
from booking_api.sessions.models import MachineSession, Refusal, SessionState
from booking_api.web.language import catalogue
from floor.words import DenialReason
from tests.contract.dashboards.known_truth import debian, write_history
from tests.kit.web import WebFloor, build

SHARES = {
    "laser-1": dict.fromkeys(Use, 0.0) | {Use.BUSY: 0.5, Use.POWERED_IDLE: 0.25, Use.FREE: 0.25},
    "saw-1": dict.fromkeys(Use, 0.0)
    | {Use.BUSY: 0.1, Use.RESERVED_UNUSED: 0.2, Use.LOCKED_OUT: 0.4, Use.OFFLINE: 0.3},
}
FLOOR = {use: (SHARES["laser-1"][use] + SHARES["saw-1"][use]) / 2 for use in Use}
PATH = "/api/v1/reports/utilisation"


def history(end_ms: int) -> Iterator[str]:
    """A day and two hours before an instant, a sample a minute."""
    instants = range(end_ms - 26 * 3_600_000, end_ms + 1, 60_000)
    for family in ("observed", "state"):
        yield f"# TYPE makerfloor_station_{family}_seconds counter"
        for machine, shares in SHARES.items():
            series = (
                {"": 1.0} if family == "observed" else {f',state="{use}"': s for use, s in shares.items()}
            )
            for label, share in series.items():
                name = f'makerfloor_station_{family}_seconds_total{{machine="{machine}"{label}}}'
                for number, at_ms in enumerate(instants):
                    yield f"{name} {(1000 + number) * 60 * share} {at_ms / 1000}"


def pointed_at(floor: WebFloor, url: str | None) -> WebFloor:
    """The same floor with another Prometheus."""
    settings = dataclasses.replace(floor.context.settings, prometheus_url=url)
    context = dataclasses.replace(floor.context, settings=settings)
    return dataclasses.replace(floor, context=context, app=create_app(context))


@pytest.fixture(scope="module")
def history_and_floor(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WebFloor]:
    debian("prometheus")
    directory = tmp_path_factory.mktemp("page")
    (directory / "floor").mkdir()
    floor = build(directory / "floor")
    write_history(directory / "data", history(floor.context.clock.scale.real_ms))
    return directory, floor


@pytest.fixture
async def floor(history_and_floor: tuple[Path, WebFloor]) -> AsyncIterator[WebFloor]:
    directory, built = history_and_floor
    async with PrometheusProcess(PrometheusSettings(directory)) as process:
        yield pointed_at(built, process.url)


async def test_the_json_is_the_truth(floor: WebFloor) -> None:
    async with floor.program("olga") as olga:
        seen = (await olga.get(PATH)).json()
    assert {machine["machine"]: machine["shares"] for machine in seen["machines"]} == {
        machine: pytest.approx(shares, abs=0.001) for machine, shares in SHARES.items()
    }
    assert [machine["name"] for machine in seen["machines"]] == ["Laser cutter 60 W", "Table saw"]
    assert seen["floor"]["shares"] == pytest.approx(FLOOR, abs=0.001)
    assert seen["floor"]["observed_s"] == pytest.approx(2 * 24 * 3600, rel=0.01)
    assert seen["timezone"] == "Europe/Dublin"
    assert (len(seen["week"]), {len(day) for day in seen["week"]}) == (7, {24})
    hours = [hour["shares"]["busy"] for day in seen["week"] for hour in day if hour["shares"]]
    assert hours == [pytest.approx(0.3, abs=0.001)] * 24


async def test_both_csv_are_the_truth(floor: WebFloor) -> None:
    async with floor.program("tomas") as technician:
        answer = await technician.get(f"{PATH}.csv")
        week = await technician.get(f"{PATH}.csv", params={"table": "week", "machine": "laser-1"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="utilisation-machines-24h.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["machine"] for row in rows] == ["laser-1", "saw-1", ""]
    for row, shares in zip(rows, [*SHARES.values(), FLOOR], strict=True):
        assert {use: float(row[use]) for use in Use} == pytest.approx(shares, abs=0.001)
    hours = list(csv.DictReader(io.StringIO(week.text.removeprefix("\ufeff"))))
    assert len(hours) == 7 * 24
    assert [float(hour["busy"]) for hour in hours if hour["busy"]] == [pytest.approx(0.5, abs=0.001)] * 24


async def test_the_page_shows_the_truth_in_both_languages(floor: WebFloor) -> None:
    async with aclosing(await floor.signed_in("olga")) as browser:
        page = (await browser.get("/utilisation")).text
        browser.cookies.set("language", "zh")
        chinese = (await browser.get("/utilisation")).text
        month = (await browser.get("/utilisation", params={"period": "30d", "machine": "saw-1"})).text
    (laser,) = re.findall(
        r'<th scope="row">Laser cutter 60 W</th>(.*?)</tr>', page.partition('id="machines"')[2], re.DOTALL
    )
    assert re.findall(r">(\d+ %)<", laser) == ["50 %", "25 %", "0 %", "0 %", "0 %", "25 %"]
    assert page.index("Laser cutter 60 W</strong>") < page.index("Table saw</strong>")
    assert 'data-level="3">30<' in page
    assert '<option value="machine:saw-1" selected>' in month
    for text in ("Busiest machine", *USES.values(), *PERIODS.values(), *DAYS):
        assert text in page
        assert catalogue("zh").gettext(text) != text
        assert catalogue("zh").gettext(text) in chinese


async def test_a_member_sees_it_and_a_stranger_does_not(floor: WebFloor) -> None:
    async with floor.program("mira") as member:
        assert (await member.get(PATH)).status_code == 200
    async with floor.browser() as nobody:
        answer = await nobody.get("/utilisation")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/utilisation")


@pytest.mark.parametrize("question", ["?period=9y", "?machine=" + "m" * 65, "?from=yesterday"])
async def test_a_wrong_question_is_told(floor: WebFloor, question: str) -> None:
    async with floor.program("olga") as olga:
        assert (await olga.get(PATH + question)).status_code == 422
    async with aclosing(await floor.signed_in("olga")) as browser:
        assert (await browser.get("/utilisation" + question)).status_code == 422


@pytest.mark.parametrize(
    ("url", "words"), [(None, "No Prometheus is set up"), ("http://127.0.0.1:9", "does not answer")]
)
async def test_without_prometheus_everything_says_so(
    history_and_floor: tuple[Path, WebFloor], url: str | None, words: str
) -> None:
    floor = pointed_at(history_and_floor[1], url)
    async with floor.program("olga") as olga:
        for path in (PATH, f"{PATH}.csv"):
            answer = await olga.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "no_figures")
    async with aclosing(await floor.signed_in("olga")) as browser:
        page = await browser.get("/utilisation", params={"period": "7d"})
        assert page.status_code == 200
        assert words in page.text
        assert 'href="/utilisation?period=30d"' in page.text
        browser.cookies.set("language", "zh")
        chinese = (await browser.get("/utilisation")).text
    assert any(catalogue("zh").gettext(text) in chinese for text in ABSENCES.values())


async def test_prometheus_that_comes_back_is_asked_again(history_and_floor: tuple[Path, WebFloor]) -> None:
    directory, built = history_and_floor
    async with PrometheusProcess(PrometheusSettings(directory)) as process:
        port = process.port
    floor = pointed_at(built, f"http://127.0.0.1:{port}")
    async with floor.program("olga") as olga:
        assert (await olga.get(PATH)).status_code == 503
        async with PrometheusProcess(PrometheusSettings(directory, port=port)):
            assert (await olga.get(PATH)).status_code == 200


def test_a_name_is_no_formula_in_a_spreadsheet() -> None:
    report = Utilisation(Period.DAY, 0, 1, {"m": Time()}, Time(), None)
    _head, machine, whole = machine_rows(report, {"m": "=1+1"})
    assert len(whole) == len(machine)
    assert sheet.written([machine]) == BOM + "m,'=1+1,0.00,,,,,,\r\n"


def test_parts_are_drawn_as_long_as_they_are_and_no_more_than_was_observed() -> None:
    half = Time(1800.0, dict.fromkeys(Use, 0.0) | {Use.BUSY: 1350.0, Use.FREE: 450.0})
    assert timeline.bar(half) == {Use.BUSY: "M0.0 0H750.0V24H0.0z", Use.FREE: "M750.0 0H1000.0V24H750.0z"}
    stretches = [Stretch(0, 3_600_000, {"m": half}), Stretch(3_600_000, 7_200_000, {})]
    report = Utilisation(Period.DAY, 0, 7_200_000, {"m": half}, half, None, stretches, {"m": half})
    (row,) = timeline.rows(report, {"machine:m": ("M", ("m",))})
    assert timeline.draw(stretches, row) == {
        Use.BUSY: "M0.0 15.0H500.0V24.0H0.0z",
        Use.FREE: "M0.0 12.0H500.0V15.0H0.0z",
    }
    assert timeline.unobserved(report, ["m"]) == 0.75
    assert timeline.unobserved(report, ["other"]) == 1
    assert timeline.trend(report, ["m"]) == 0
    assert list(timeline.timeline_rows(report, [row], UTC))[2][3:] == ["0.00", *[""] * 6]


async def test_a_kind_is_chosen_and_days(floor: WebFloor) -> None:
    async with aclosing(await floor.signed_in("mira")) as browser:
        page = (await browser.get("/utilisation", params={"of": "kind:saw", "period": "7d"})).text
        today = re.findall(r'max="([\d-]+)"', page)[0]
        answer = await browser.get("/utilisation", params={"from": today, "to": "1999-01-01", "of": "area:x"})
    assert "There is too little to tell from." in page
    assert 'href="/utilisation?of=kind%3Asaw&amp;period=30d"' in page
    assert re.search(r'role="img" aria-label="Table saw: working 10 %, reserved, not used 20 %', page)
    assert "not recorded" in page
    # Days in the wrong order are turned, and cut to those that Prometheus keeps.
    assert (answer.status_code, f'value="{today}"' in answer.text) == (200, True)
    assert "No machine was observed" in answer.text


async def test_what_if_needs_no_prometheus(history_and_floor: tuple[Path, WebFloor]) -> None:
    floor = history_and_floor[1]
    add_visits(floor)
    async with floor.program("mira") as member:
        seen = (await member.get("/api/v1/reports/what-if", params={"kind": "saw"})).json()
        answer = await member.get("/api/v1/reports/what-if.csv", params={"kind": "saw"})
        assert (await member.get("/api/v1/reports/what-if", params={"kind": "boat"})).status_code == 404
    assert (seen["machines"], seen["days"], seen["arrivals"]) == (1, 20, 160)
    assert (seen["turned_away"], seen["modelled"]) == (40, 40)
    assert [one["change"]["value"] for one in seen["options"]] == [0, -1]
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [(row["machines"], row["refused"]) for row in rows] == [("1", "0.2500"), ("2", "0.0000")]
    async with aclosing(await floor.signed_in("mira")) as browser:
        page = (await browser.get("/utilisation", params={"of": "machine:saw-1"})).text
    assert "Saws: 2 instead of 1 would turn away about 100 % fewer (100 % to 100 %)." in page
    assert "It rests on 20 days with 160 visits, of which 40 got no machine." in page


def add_visits(floor: WebFloor) -> None:
    """Twenty days of six uses of an hour; two a day find the saw in use and go."""
    hour, mira = 3_600_000, floor.people["mira"]
    midnight_ms = floor.context.clock.now_ms() // (24 * hour) * 24 * hour - 20 * 24 * hour
    with floor.context.database.write() as session:
        for day in range(20):
            for n in range(6):
                at_ms = midnight_ms + (day * 24 + 2 * n + 3) * hour
                session.add(
                    MachineSession(
                        id=f"saw-{day}-{n}", gateway="north", machine="saw-1", member=mira, account=mira,
                        tier="member", badge="b", state=SessionState.PRICED, started_ms=at_ms,
                        ended_ms=at_ms + hour, elapsed_ms=hour,
                    )
                )  # fmt: skip
                if n in {1, 4}:
                    session.add(
                        Refusal(
                            gateway="north", epoch=99, seq=day * 6 + n, machine="saw-1", badge="b",
                            member=floor.people["olga"], reason=DenialReason.IN_USE, at_ms=at_ms + hour // 2,
                        )
                    )  # fmt: skip
