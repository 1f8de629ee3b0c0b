"""A floor whose figures are known: exporters of every documented metric, and history written as blocks."""

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

ROOT = Path(__file__).resolve().parents[3]
ROW = re.compile(r"^\| `(makerfloor_\w+)` \| (counter|gauge|histogram) \| ([a-z_, ]*)\| [^|]+ \| [^|]+ \|$")

SPENT = {
    "printer": {"busy": 4, "powered_idle": 2, "reserved_unused": 2, "locked_out": 0, "offline": 0, "free": 2},
    "saw": {"busy": 2, "powered_idle": 0, "reserved_unused": 0, "locked_out": 5, "offline": 3, "free": 0},
}
"""Seconds in each state, of the ten that pass with each scrape."""
PASSED = 10
VALUES = {
    "outcome": {"granted": 5, "not_certified": 1, "in_use": 2, "applied": 4, "quarantined": 0},
    "stop_type": {"tap_out": 3, "idle": 1},
    "quantity": {"busy_time_ms": 7000, "filament_mg": 90},
    "reason": {"refused": 0},
    "code": {"relay_mismatch": 0, "journal_degraded": 1},
    "source": {"broker": 1},
    "kind": {"letters": 0, "webhooks": 2},
    "software": {"0.1.0": 1},
    "gateway": {"gw1": 1, "gw2": 0},
    "route": {"/": 1},
    "method": {"GET": 1},
    "status": {"200": 1},
}
"""Values of labels, and what a series with them gains at each scrape (a gauge: shows)."""
GAUGES = {
    "makerfloor_journal_lag_entries": 3,
    "makerfloor_journal_degraded": 0,
    "makerfloor_roster_age_seconds": 42,
    "makerfloor_broker_connected": 1,
    "makerfloor_ledger_entries": 1234,
    "makerfloor_ledger_chain_ok": 1,
    "makerfloor_sessions_unpriced": 2,
    "makerfloor_waiting_list_entries": 3,
    "makerfloor_hour_of_week": 38,
    "makerfloor_disk_free_ratio": 0.4,
    "makerfloor_backup_last_success_timestamp_seconds": 0,
    "makerfloor_clock_known": 1,
    "makerfloor_clock_error_seconds": 0.5,
}
SERIES: dict[str, dict[tuple[str, ...], float]] = {
    "makerfloor_machine_info": {("printer", "plastic"): 1, ("saw", "wood"): 1},
    "makerfloor_pool_revenue_micro": {("laser", "EUR"): 90_000_000, ("prints", "EUR"): 50_000_000},
    "makerfloor_pool_cost_micro": {("laser", "EUR"): 120_000_000, ("prints", "EUR"): 40_000_000},
    "makerfloor_maintenance_due_hours": {("saw", "belt"): 12},
}
"""What gauges with several labels show."""
REACHABLE = {"printer": 1, "saw": 0}
BUCKETS = {"0.001": 98, "0.05": 100, "+Inf": 100}


@dataclass(frozen=True)
class Documented:
    """A row of docs/metrics.md."""

    name: str
    kind: str
    labels: tuple[str, ...]


def documented(chapter: str) -> dict[str, Documented]:
    """What docs/metrics.md says that the gateway, or the server, exports."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    lines = text.split(f"\n## {chapter}\n")[1].split("\n## ")[0].splitlines()
    rows = [match for line in lines if (match := ROW.match(line))]
    assert len(rows) == sum(line.startswith("| `") for line in lines), "a row that is not understood"
    return {
        row[1]: Documented(
            row[1], row[2], tuple(label.strip() for label in row[3].split(",") if label.strip())
        )
        for row in rows
    }


class Floor(Collector):
    """Exports the documented metrics; each scrape finds ten more seconds passed."""

    def __init__(self, chapter: str) -> None:
        self._rows = documented(chapter)
        self._scrapes = 1000

    def collect(self) -> Iterable[Metric]:
        self._scrapes += 1
        for row in self._rows.values():
            family = _family(row)
            for labels, step in _series(row):
                if isinstance(family, HistogramMetricFamily):
                    buckets = [(edge, count * self._scrapes) for edge, count in BUCKETS.items()]
                    family.add_metric(labels, buckets, sum_value=self._scrapes)
                elif isinstance(family, CounterMetricFamily):
                    family.add_metric(labels, step * self._scrapes)
                else:
                    assert isinstance(family, GaugeMetricFamily)
                    family.add_metric(labels, step)
            yield family


def _family(row: Documented) -> Metric:
    makers = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
    family: Metric = makers[row.kind](row.name, row.name, labels=row.labels)
    return family


def _series(row: Documented) -> Iterator[tuple[list[str], float]]:
    """The label values of each series of a metric, and its step or level."""
    if row.name == "makerfloor_station_observed_seconds_total":
        yield from (([machine], PASSED) for machine in SPENT)
    elif row.name == "makerfloor_station_state_seconds_total":
        yield from (([machine, state], step) for machine, by in SPENT.items() for state, step in by.items())
    elif row.name == "makerfloor_machine_reachable":
        yield from (([machine], up) for machine, up in REACHABLE.items())
    elif row.name in SERIES:
        yield from ((list(labels), level) for labels, level in SERIES[row.name].items())
    elif row.labels in {(), ("machine",)}:
        level = GAUGES.get(row.name, 0)
        yield from (([machine] if row.labels else [], level) for machine in (SPENT if row.labels else [""]))
    else:
        own = [label for label in row.labels if label != "machine"]
        head = ["printer"] if "machine" in row.labels else []
        rest = [next(iter(VALUES[label])) for label in own[1:]]
        yield from (([*head, value, *rest], step) for value, step in VALUES[own[0]].items())


@contextlib.contextmanager
def exporter(chapter: str) -> Iterator[str]:
    """Serve one chapter's metrics on a free port; gives "host:port"."""
    registry = CollectorRegistry()
    registry.register(Floor(chapter))
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def debian(program: str) -> str:
    """The program, or a failure that says where to get it."""
    found = shutil.which(program)
    assert found, f"{program} is missing: apt-get install prometheus (make test does, as root)"
    return found


def write_history(storage: Path, samples: Iterable[str]) -> None:
    """Write OpenMetrics lines ("name{labels} value seconds") as blocks below Prometheus' storage."""
    source = storage.with_suffix(".openmetrics")
    storage.parent.mkdir(parents=True, exist_ok=True)
    with source.open("w") as file:
        for line in samples:
            file.write(line + "\n")
        file.write("# EOF\n")
    # Blocks of two hours, the default, would take a minute for a month.
    command = [debian("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=750h"]
    command += [str(source), str(storage)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
