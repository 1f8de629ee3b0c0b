"""Grafana's dashboards are what the code makes; their panels give the known truth from a real Prometheus."""

import asyncio
import re
import time
from pathlib import Path

import promql_parser
import pytest
import yaml

from booking_api.prometheus.process import PrometheusProcess, PrometheusSettings, rules_directory
from booking_api.prometheus.query import Prometheus, Vector
from scripts.grafana_dashboards import DASHBOARDS, build
from scripts.grafana_floor import USES
from tests.contract.dashboards.known_truth import ROOT, SPENT, debian, exporter
from tests.kit.panels import GRAFANA, dashboard, panels, questions

WAIT_S = 90.0


def test_the_files_are_what_the_code_makes() -> None:
    assert {path.stem for path in GRAFANA.glob("*.json")} == set(DASHBOARDS)
    for name in DASHBOARDS:
        assert (GRAFANA / f"{name}.json").read_text() == build(name), "run `make docs`"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap_and_leave_the_source_to_the_reader(name: str) -> None:
    taken: dict[tuple[int, int], str] = {}
    for key in ("id", "title"):
        values = [panel[key] for panel in dashboard(name)["panels"]]
        assert len(values) == len(set(values)), key
    for panel in panels(name):
        place, title = panel["gridPos"], panel["title"]
        assert place["x"] + place["w"] <= 24, title
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), title) == title
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, title
    assert [one["name"] for one in dashboard(name)["templating"]["list"]] == ["datasource", "machine"]


def test_the_timeline_knows_each_state() -> None:
    assert set(USES) == set(next(iter(SPENT.values())))


def test_provisioning_names_the_folder_and_prometheus() -> None:
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "makerfloor.yml").read_text())
    assert [source["type"] for source in sources["datasources"]] == ["prometheus"]
    provided = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "makerfloor.yml").read_text())
    path = provided["providers"][0]["options"]["path"]
    assert path in (ROOT / "docs" / "operations" / "prometheus.md").read_text()


def by(vector: Vector, *names: str) -> dict[str, float]:
    """Values rounded to four digits, by some of their labels."""
    return {
        " ".join(dict(labels)[name] for name in names): round(value, 4) for labels, value in vector.items()
    }


async def answers(prometheus: Prometheus) -> dict[str, Vector]:
    """Ask every panel's questions until each has an answer; an error of any fails the test."""
    found: dict[str, Vector] = {}
    deadline = time.monotonic() + WAIT_S
    while True:
        for title, expression in questions():
            found[title] = await prometheus.instant(expression, time.time_ns() // 1_000_000)
        empty = [title for title, vector in found.items() if not vector]
        if not empty:
            return found
        assert time.monotonic() < deadline, f"no answer: {empty}"
        await asyncio.sleep(1)


async def test_every_panel_answers_and_key_panels_give_the_known_truth(tmp_path: Path) -> None:
    debian("prometheus")
    with exporter("Gateway") as gateway, exporter("Server") as server:
        settings = PrometheusSettings(tmp_path, {"gw1": gateway}, server, scrape_interval_s=1)
        async with PrometheusProcess(settings) as process:
            found = await answers(Prometheus(process.url))
    check_floor(found)
    check_queues(found)
    check_house(found)


def check_floor(found: dict[str, Vector]) -> None:
    shares = {
        f"{machine} {state}": s / 10 for machine, by_state in SPENT.items() for state, s in by_state.items()
    }
    assert by(found["Utilisation by machine A"], "machine", "state") == shares
    floor = {state: (s + SPENT["saw"][state]) / 20 for state, s in SPENT["printer"].items()}
    assert by(found["Floor utilisation A"], "state") == floor
    assert list(by(found["Floor busy A"]).values()) == [0.3]
    assert by(found["Busy hours by machine A"], "machine") == {"printer": 0.4, "saw": 0.2}
    assert by(found["State by machine A"], "machine") == {"printer": 3, "saw": 5}
    assert by(found["Busy by group A"], "group") == {"plastic": 0.4, "wood": 0.2}
    assert by(found["Busy by hour of the week A"], "day", "hour") == {"1 14": 0.3}
    assert by(found["Group in this hour of the week A"], "group") == {"plastic": 0.4, "wood": 0.2}
    assert by(found["Availability, the last day A"], "machine") == {"printer": 1, "saw": 0.2}
    assert by(found["Availability by group A"], "group") == {"plastic": 1, "wood": 0.2}
    assert by(found["Machines that answer A"]) == {"": 1}
    assert by(found["Machines that answer B"]) == {"": 2}
    assert by(found["Powered without a session A"]) == {"": 0}


def check_queues(found: dict[str, Vector]) -> None:
    taps = by(found["Taps a minute A"], "outcome")
    assert taps["granted"] / taps["not_certified"] == pytest.approx(5, rel=0.01)
    share = by(found["Sent away, of all who might have used it, the last day A"], "machine")
    assert share == {"printer": pytest.approx(2 / 7, abs=0.001)}
    assert by(found["Waiting for a slot A"]) == {"": 6}
    assert by(found["Who waits, by group A"], "group") == {"plastic": 3, "wood": 3}
    # 98 of 100 taps take up to 1 ms, the rest up to 50 ms: half and 99 of them lie at these, evenly spread.
    assert by(found["From tap to relay A"]) == {"": round(0.001 * 50 / 98, 4)}
    assert by(found["From tap to relay B"]) == {"": 0.0255}
    stops = by(found["Sessions, by how they ended A"], "stop_type")
    assert round(stops["tap_out"] / stops["idle"], 4) == 3


def check_house(found: dict[str, Vector]) -> None:
    assert by(found["This month: what came in and what it costs A"], "pool") == {"laser": 90, "prints": 50}
    assert by(found["This month: what came in and what it costs B"], "pool") == {"laser": 120, "prints": 40}
    assert by(found["What came in by what it costs A"], "pool") == {"laser": 0.75, "prints": 1.25}
    assert by(found["Missing (above 0) or left over A"], "pool") == {"laser": 30, "prints": -10}
    assert by(found["Gateways online A"]) == {"": 1}
    assert by(found["Sessions without a price A"]) == {"": 2}
    assert by(found["Ledger entries A"]) == {"": 1234}
    assert by(found["Journal entries that wait A"], "gateway") == {"gw1": 3}
    assert by(found["Free disk A"], "job") == {"gateway": 0.4, "server": 0.4}
    assert by(found["Error of the clock A"], "gateway") == {"gw1": 0.5}
    assert by(found["Hours until maintenance is due A"], "machine", "plan") == {"saw belt": 12}


def test_every_expression_is_one_and_every_recorded_series_is_recorded() -> None:
    rules = [
        rule
        for path in sorted(rules_directory().glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]
    expressions = [expression for _, expression in questions()] + [rule["expr"] for rule in rules]
    for expression in expressions:
        promql_parser.parse(expression)
    used = {name for one in expressions for name in re.findall(r"\w+:makerfloor_\w+:\w+", one)}
    assert used <= {rule.get("record") for rule in rules}
