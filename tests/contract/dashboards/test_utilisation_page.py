"""The utilisation page, its JSON and its CSV say what a real Prometheus holds, or that it is away."""

import asyncio
import csv
import dataclasses
import io
import re
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright

from booking_api.app import create_app
from booking_api.prometheus.process import PrometheusProcess, PrometheusSettings
from booking_api.reports.endpoints import ABSENCES, DAYS, PERIODS, USES, machine_rows
from booking_api.reports.utilisation import Period, Time, Use, Utilisation
from booking_api.web.language import catalogue
from tests.contract.dashboards.known_truth import debian, write_history
from tests.kit.web import PASSWORD, WebFloor, build

SHARES = {
    "laser-1": dict.fromkeys(Use, 0.0) | {Use.BUSY: 0.5, Use.POWERED_IDLE: 0.25, Use.FREE: 0.25},
    "saw-1": dict.fromkeys(Use, 0.0)
    | {Use.BUSY: 0.1, Use.RESERVED_UNUSED: 0.2, Use.LOCKED_OUT: 0.4, Use.OFFLINE: 0.3},
}
FLOOR = {use: (SHARES["laser-1"][use] + SHARES["saw-1"][use]) / 2 for use in Use}
PATH = "/api/v1/reports/utilisation"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


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
    (laser,) = re.findall(r'<th scope="row">Laser cutter 60 W</th>(.*?)</tr>', page, re.DOTALL)
    assert re.findall(r">(\d+ %)<", laser) == ["50 %", "25 %", "0 %", "0 %", "0 %", "25 %"]
    assert page.index("Laser cutter 60 W</strong>") < page.index("Table saw</strong>")
    assert 'data-level="3">30<' in page
    assert '<option value="saw-1" selected>' in month
    for text in ("Busiest machine", *USES.values(), *PERIODS.values(), *DAYS):
        assert text in page
        assert catalogue("zh").gettext(text) != text
        assert catalogue("zh").gettext(text) in chinese


async def test_who_may_not_see_reports_is_refused(floor: WebFloor) -> None:
    async with floor.program("mira") as member:
        assert (await member.get(PATH)).status_code == 403
        assert (await member.get(f"{PATH}.csv")).status_code == 403
    async with floor.browser() as nobody:
        answer = await nobody.get("/utilisation")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/utilisation")


@pytest.mark.parametrize("question", ["?period=9y", "?machine=" + "m" * 65])
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
    assert machine == ["m", "'=1+1", "0.00", "", "", "", "", "", ""]
    assert len(whole) == len(machine)


@asynccontextmanager
async def opened(floor: WebFloor, problems: list[str]) -> AsyncIterator[Page]:
    """The page in Chromium, signed in as the operator, with what its console complains of."""
    assert shutil.which(CHROMIUM), "Chromium is missing: apt-get install chromium (make test does, as root)"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(floor.app, log_level="warning"))
        serving = asyncio.create_task(server.serve([listener]))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with async_playwright() as play:
            chromium = await play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = await chromium.new_page(viewport={"width": 1000, "height": 900})
            page.on("console", lambda message: problems.append(message.text))
            page.on("pageerror", lambda error: problems.append(str(error)))
            await page.goto(f"{address}/sign-in?next=/utilisation")
            await page.fill("[name=login]", "olga")
            await page.fill("[name=password]", PASSWORD)
            await page.click("main button")
            await page.wait_for_selector(".chart canvas")
            yield page
            await chromium.close()
        server.should_exit = True
        await serving


async def test_the_bars_are_as_long_as_the_figures(floor: WebFloor) -> None:
    count = """() => {
        const canvas = document.querySelector('.chart canvas'), pen = canvas.getContext('2d');
        const seen = {}, pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
        for (let at = 0; at < pixels.length; at += 4) {
            const colour = `${pixels[at]},${pixels[at + 1]},${pixels[at + 2]}`;
            seen[colour] = (seen[colour] ?? 0) + 1;
        }
        const colour = (head) => getComputedStyle(head).getPropertyValue('--use').trim();
        const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)).join();
        return Object.fromEntries([...document.querySelectorAll('#machines th[data-use]')].map(
            (head) => [head.dataset.use, seen[rgb(colour(head))] ?? 0]));
    }"""
    fits = """() => {
        const chart = document.querySelector('.chart');
        return chart.querySelector('canvas')?.width <= chart.clientWidth;
    }"""
    problems: list[str] = []
    async with opened(floor, problems) as page:
        for width in (1000, 400):
            await page.set_viewport_size({"width": width, "height": 900})
            await page.wait_for_function(fits)
            pixels = await page.evaluate(count)
            whole = sum(pixels.values())
            assert {use: number / whole for use, number in pixels.items()} == pytest.approx(FLOOR, abs=0.03)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert problems == []
