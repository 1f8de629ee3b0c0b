"""The utilisation report gives the truth that a real Prometheus was filled with, also when time runs fast."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from booking_api.health.timeline import Use as Line
from booking_api.health.timeline import totals
from booking_api.health.working import working
from booking_api.prometheus.process import PrometheusProcess, PrometheusSettings
from booking_api.prometheus.query import Absence, NoFigures, Prometheus
from booking_api.reports.utilisation import HOUR_MS, Period, Use, UtilisationReports
from floor.timescale import TimeScale
from tests.contract.dashboards.known_truth import debian, write_history

BERLIN = ZoneInfo("Europe/Berlin")
NOW_MS = int(datetime(2026, 3, 18, 16, 20, tzinfo=BERLIN).timestamp() * 1000)
"""A Wednesday, twenty minutes into an hour."""
REAL = TimeScale()
STEP_S = 60


def use_at(machine: str, at_ms: int) -> str:
    """The laser works on weekdays from 9 to 17 o'clock; the saw is down, but for an hour a week."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(BERLIN)
    if machine == "laser":
        if local.weekday() < 5 and 9 <= local.hour < 17:
            return "busy" if local.minute < 45 else "powered_idle"
        return "reserved_unused" if local.hour == 17 else "free"
    return "busy" if (local.weekday(), local.hour) == (1, 10) else "locked_out"


def counters(
    start_ms: int, end_ms: int, scale: TimeScale, step_s: int, off: range = range(0)
) -> Iterator[str]:
    """Samples between two real instants; in the hours `off` the gateway is off, and it restarts at 0."""
    spent = {(machine, use): 5000.0 for machine in ("laser", "saw") for use in Use}
    lines: dict[str, list[str]] = {}
    for at_ms in range(start_ms, end_ms + 1, step_s * 1000):
        if (at_ms - start_ms) // HOUR_MS in off:
            spent = dict.fromkeys(spent, 0.0)
            continue
        for machine in ("laser", "saw"):
            for minute in range(step_s * scale.speed // 60):
                spent[machine, Use(use_at(machine, scale.at(at_ms) - minute * 60_000 - 30_000))] += 60
            whole = sum(value for (name, _), value in spent.items() if name == machine)
            observed = f'makerfloor_station_observed_seconds_total{{machine="{machine}"}}'
            lines.setdefault(observed, []).append(f"{whole} {at_ms / 1000}")
            for use in Use:
                name = f'makerfloor_station_state_seconds_total{{machine="{machine}",state="{use}"}}'
                lines.setdefault(name, []).append(f"{spent[machine, use]} {at_ms / 1000}")
    for family in ("observed", "state"):
        yield f"# TYPE makerfloor_station_{family}_seconds counter"
        for name, values in lines.items():
            if family in name.split("{")[0]:
                yield from (f"{name} {value}" for value in values)


async def prometheus_with(directory: Path, samples: Iterator[str]) -> AsyncIterator[Prometheus]:
    debian("prometheus")
    await asyncio.to_thread(write_history, directory / "data", samples)
    async with PrometheusProcess(PrometheusSettings(directory)) as process:
        yield Prometheus(process.url)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty-one days of history, with a gateway that was off for ten hours on the first days."""
    directory = tmp_path_factory.mktemp("month")
    start_ms = (NOW_MS // HOUR_MS - 31 * 24) * HOUR_MS
    write_history(directory / "data", counters(start_ms, NOW_MS, REAL, STEP_S, off=range(100, 110)))
    return directory


@pytest.fixture
async def prometheus(month: Path) -> AsyncIterator[Prometheus]:
    async with PrometheusProcess(PrometheusSettings(month)) as process:
        yield Prometheus(process.url)


def truth(machine: str, start_ms: int, end_ms: int) -> dict[str, float]:
    """The share of each use, counted minute by minute."""
    minutes = [use_at(machine, at_ms + 30_000) for at_ms in range(start_ms, end_ms, 60_000)]
    return {use: minutes.count(use) / len(minutes) for use in Use}


@pytest.mark.parametrize("period", [Period.DAY, Period.WEEK, Period.MONTH])
async def test_shares_are_the_truth(prometheus: Prometheus, period: Period) -> None:
    report = await UtilisationReports(prometheus, BERLIN).read(period, NOW_MS, REAL)
    into_hour_ms = NOW_MS % HOUR_MS
    assert (report.from_ms, report.to_ms) == (NOW_MS - into_hour_ms - period.hours * HOUR_MS, NOW_MS)
    assert list(report.machines) == ["laser", "saw"]
    # The gateway's ten hours off lie in the month only; a restart loses what passed before its first sample.
    slack = 0.01 if period is Period.MONTH else 0.002
    for machine, time in report.machines.items():
        expected = truth(machine, report.from_ms, report.to_ms)
        assert {use: time.share(use) for use in Use} == pytest.approx(expected, abs=slack)
        assert sum(time.share(use) or 0 for use in Use) == pytest.approx(1, abs=1e-4)
        hours = period.hours + 1 / 3 - (10 if period is Period.MONTH else 0)
        assert time.observed_s / 3600 == pytest.approx(hours, rel=0.01)
    assert report.by_busy() == ["laser", "saw"]


async def test_a_time_line_tells_work_from_standing_by(prometheus: Prometheus) -> None:
    """From 16:20 to 16:20: seven whole hours of 45 minutes each, and the two parts of an eighth."""
    told = await working(prometheus.url, "laser", (NOW_MS - 24 * HOUR_MS, NOW_MS), REAL)
    assert told is not None
    minutes = {use: ms // 60_000 for use, ms in totals(told).items()}
    assert minutes == {Line.BUSY: 25 + 7 * 45 + 20, Line.POWERED_IDLE: 8 * 15}
    assert await working(prometheus.url, "saw", (NOW_MS - HOUR_MS, NOW_MS), REAL) == []


async def test_the_week_shows_when_machines_work(prometheus: Prometheus) -> None:
    reports = UtilisationReports(prometheus, BERLIN)
    week = (await reports.read(Period.WEEK, NOW_MS, REAL, machine="laser")).week
    assert week is not None
    for day in range(7):
        for hour in range(24):
            expected = 0.75 if day < 5 and 9 <= hour < 17 else 0
            assert week[day][hour].share(Use.BUSY) == pytest.approx(expected, abs=0.02), (day, hour)
    both = (await reports.read(Period.WEEK, NOW_MS, REAL)).week
    assert both is not None
    assert both[1][10].share(Use.BUSY) == pytest.approx((0.75 + 1) / 2, abs=0.02)
    assert both[1][10].observed_s == pytest.approx(2 * 3600, rel=0.02)


async def test_a_machine_that_is_not_there_has_an_empty_week(prometheus: Prometheus) -> None:
    week = (await UtilisationReports(prometheus).read(Period.DAY, NOW_MS, REAL, machine='la"ser\\')).week
    assert week is not None
    assert {time.share(Use.BUSY) for day in week for time in day} == {None}


@pytest.mark.parametrize(("speed", "hourly"), [(60, True), (600, False)])
async def test_fast_time_gives_the_same_shares(tmp_path: Path, speed: int, hourly: bool) -> None:
    """A demonstration begins at an odd instant, and eight days pass on its floor."""
    begin_ms = NOW_MS - 123_456
    scale = TimeScale(begin_ms, begin_ms, speed)
    end_ms = begin_ms + 8 * 24 * HOUR_MS // speed
    async for prometheus in prometheus_with(tmp_path, counters(begin_ms, end_ms, scale, 1)):
        now_ms = scale.at(end_ms)
        for period in (Period.DAY, Period.WEEK, Period.MONTH):
            report = await UtilisationReports(prometheus, BERLIN).read(period, now_ms, scale)
            assert begin_ms <= report.from_ms < report.to_ms == now_ms
            for machine, time in report.machines.items():
                expected = truth(machine, report.from_ms, now_ms)
                assert {use: time.share(use) for use in Use} == pytest.approx(expected, abs=0.02)
            assert (report.week is not None) == hourly
            if report.week and period is Period.WEEK:
                assert report.week[1][10].share(Use.BUSY) == pytest.approx((0.75 + 1) / 2, abs=0.05)


def first_minutes(begin_ms: int, speed: int) -> Iterator[str]:
    """A gateway is there 8 s after time began, and is scraped each 5 s; its machine works half the time."""
    instants = [begin_ms + 8_000 + 5_000 * n for n in range(40)]
    for name, share in (("observed_seconds_total{", 1.0), ('state_seconds_total{state="busy",', 0.5)):
        yield f"# TYPE makerfloor_station_{name.partition('_total')[0]} counter"
        for at_ms in instants:
            spent_s = (at_ms - instants[0]) / 1000 * speed * share
            yield f'makerfloor_station_{name}machine="saw"}} {spent_s} {at_ms / 1000}'


@pytest.mark.parametrize("speed", [1, 60, 600])
async def test_a_floor_is_shown_from_its_first_half_minute_on(tmp_path: Path, speed: int) -> None:
    """Wherever hours of the floor begin: one that has just begun holds no scrape."""
    begin_ms = NOW_MS // HOUR_MS * HOUR_MS - 40_000
    async for prometheus in prometheus_with(tmp_path, first_minutes(begin_ms, speed)):
        for minute in range(0, 60, 6):
            scale = REAL if speed == 1 else TimeScale(begin_ms, begin_ms + minute * 60_000, speed)
            for after_s in (30, 31, 37, 41, 43, 55, 61, 73, 101, 127):
                now_ms = scale.at(begin_ms + after_s * 1000)
                report = await UtilisationReports(prometheus).read(Period.DAY, now_ms, scale)
                assert list(report.machines) == ["saw"], (minute, after_s)
                assert report.machines["saw"].share(Use.BUSY) == pytest.approx(0.5)
                # Each hour that begins costs at most a scrape on either side; nothing is counted twice.
                assert 0 < report.machines["saw"].observed_s <= (after_s - 3) * speed


async def test_past_hours_are_asked_once(month: Path) -> None:
    async with PrometheusProcess(PrometheusSettings(month)) as process:
        reports = UtilisationReports(Prometheus(process.url), BERLIN)
        first = await reports.read(Period.MONTH, NOW_MS, REAL)
        assert await reports.read(Period.MONTH, NOW_MS, REAL) == first
        day = await reports.read(Period.DAY, NOW_MS - HOUR_MS, REAL)
        await reports.read_ahead(NOW_MS, REAL)
        at_ms = {one.to_ms: one.machines for one in day.stretches[:-1]}
        later = (await reports.read(Period.DAY, NOW_MS, REAL)).stretches[:-1]
        assert sum(at_ms.get(one.to_ms) is one.machines for one in later) == 23
    with pytest.raises(NoFigures, match="Prometheus does not answer") as caught:
        await reports.read(Period.MONTH, NOW_MS, REAL)
    assert caught.value.why is Absence.SILENT


async def test_without_prometheus_it_says_so() -> None:
    with pytest.raises(NoFigures, match="No Prometheus is configured") as caught:
        await UtilisationReports(Prometheus(None)).read(Period.DAY, NOW_MS, REAL)
    assert caught.value.why is Absence.NONE_CONFIGURED


async def test_a_refused_question_is_told_with_its_reason(prometheus: Prometheus) -> None:
    with pytest.raises(NoFigures, match=r"refused the question: .*parse error") as caught:
        await prometheus.instant("sum(", NOW_MS)
    assert caught.value.why is Absence.REFUSED


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"[]",
        b'{"status":"success","data":null}',
        b'{"status":"success","data":{"result":[{"metric":{}}]}}',
        b'{"status":"error"}',
        None,
    ],
)
async def test_what_is_not_prometheus_is_told_apart(body: bytes | None) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if body is None:
            await reader.read()  # it never answers
        else:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NoFigures) as caught:
            await Prometheus(f"http://127.0.0.1:{port}", deadline_s=0.5).instant("up", NOW_MS)
    assert caught.value.why is Absence.SILENT
