"""A station of the gateway is used by a known schedule: rules, panels and the page's report say just that."""

import time
from datetime import UTC
from pathlib import Path

import pytest
import yaml

from booking_api.prometheus.process import PrometheusProcess, PrometheusSettings, rules_directory
from booking_api.prometheus.query import Prometheus
from booking_api.reports import timeline
from booking_api.reports.utilisation import HOUR_MS, Period, Use, UtilisationReports
from floor.timescale import TimeScale
from gateway.wiring import Tick
from tests.contract.dashboards.known_truth import debian, write_history
from tests.contract.dashboards.test_grafana_dashboard import questions
from tests.kit.gateway import Bench

HOURS = 6
OFF = 3
"""In this hour the gateway's figures reach nobody."""
BUSY = 0.3
STEP_S = 10


async def samples(bench: Bench, end_s: int) -> list[str]:
    """What Prometheus would have scraped each minute: someone taps in each hour and uses 30 % of it."""
    families: dict[str, list[str]] = {}
    begin_s = end_s - HOURS * 3600
    for at_s in range(begin_s, end_s + 1, STEP_S):
        into_hour = (at_s - begin_s) % 3600
        if into_hour in {1200, 1200 + round(3600 * BUSY)}:
            await bench.tap()
        if at_s % 60 == 0 and (at_s - begin_s) // 3600 != OFF:
            for line in bench.metrics.exposition().decode().splitlines():
                if line.startswith("makerfloor_station_"):
                    families.setdefault(line.partition("_total")[0], []).append(f"{line} {at_s}")
        bench.clock.pass_s(STEP_S)
        await bench.station.handle(Tick(), 0.0)
    return [line for name, lines in families.items() for line in (f"# TYPE {name} counter", *lines)]


async def test_a_known_schedule_is_what_is_shown(tmp_path: Path) -> None:
    debian("prometheus")
    end_s = int(time.time()) // 3600 * 3600
    write_history(tmp_path / "data", sorted_by_series(await samples(Bench(tmp_path), end_s)))
    async with PrometheusProcess(PrometheusSettings(tmp_path)) as process:
        await check_report(Prometheus(process.url), end_s * 1000)
        await check_rules_and_panels(Prometheus(process.url), end_s * 1000)


def sorted_by_series(lines: list[str]) -> list[str]:
    """Samples of a series stand together, each family behind its type, as OpenMetrics wants them."""
    families: list[list[str]] = []
    for line in lines:
        if line.startswith("#"):
            families.append([line])
        else:
            families[-1].append(line)
    return [
        line for head, *rest in families for line in (head, *sorted(rest, key=lambda one: one.split()[0]))
    ]


async def check_report(prometheus: Prometheus, end_ms: int) -> None:
    """The schedule is shown, and the hour of which nothing is known."""
    report = await UtilisationReports(prometheus).read(Period.DAY, end_ms, TimeScale())
    assert report.machines["laser"].share(Use.BUSY) == pytest.approx(BUSY, abs=0.01)
    assert report.machines["laser"].share(Use.FREE) == pytest.approx(1 - BUSY, abs=0.01)
    (row,) = timeline.rows(report, {"machine:laser": ("Laser", ("laser",))})
    shares = [time.share(Use.BUSY) for time in row.times][-HOURS:]
    assert shares.pop(OFF) is None
    assert shares == [pytest.approx(BUSY, abs=0.02)] * (HOURS - 1)
    assert timeline.unobserved(report, ["laser"]) == pytest.approx(1 / HOURS, abs=0.02)
    assert timeline.trend(report, ["laser"]) is None
    # An hour that was not recorded is drawn by no use, and each of the others in two.
    assert {use: path.count("M") for use, path in timeline.draw(report.stretches, row).items()} == {
        Use.BUSY: HOURS - 1,
        Use.FREE: HOURS - 1,
    }
    written = [line[3:5] for line in timeline.timeline_rows(report, [row], UTC)][-HOURS:]
    assert written[OFF] == ["0.00", ""]


async def check_rules_and_panels(prometheus: Prometheus, end_ms: int) -> None:
    """A rule's own expression stands for what it records: its record would begin only now."""
    groups = yaml.safe_load((rules_directory() / "utilisation.yml").read_text())["groups"]
    rules = {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}
    asks = {
        "machine": rules["machine:makerfloor_utilisation:ratio_1h"],
        "floor": rules["floor:makerfloor_utilisation:ratio_1h"],
        "a day": rules["machine:makerfloor_utilisation:ratio_1d"],
        "panel": dict(questions())["Utilisation by machine A"].replace("[5m]", f"[{HOUR_MS}ms]"),
    }
    for name, expression in asks.items():
        found = await prometheus.instant(expression, end_ms)
        shares = {dict(labels)["state"]: share for labels, share in found.items() if share}
        assert shares == {
            "busy": pytest.approx(BUSY, abs=0.015),
            "free": pytest.approx(1 - BUSY, abs=0.015),
        }, name
