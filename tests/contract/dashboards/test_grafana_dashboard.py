"""The Grafana dashboard is well formed, and its panels give the known truth from a real Prometheus."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from booking_api.prometheus.process import PrometheusProcess, PrometheusSettings
from booking_api.prometheus.query import Prometheus, Vector
from tests.contract.dashboards.known_truth import ROOT, SPENT, debian, exporter

GRAFANA = ROOT / "dashboards" / "grafana"
WAIT_S = 90.0
VARIABLES = {"$__rate_interval": "1m", "$__range": "5m", "$machine": ".*"}
"""What Grafana puts in place of its variables."""


class Part(BaseModel):
    """Nothing beyond what Grafana's dashboard schema knows of the parts that are used here."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Source(Part):
    type: Literal["prometheus"]
    uid: Literal["${datasource}"]


class Place(Part):
    h: Annotated[int, Field(ge=1)]
    w: Annotated[int, Field(ge=1, le=24)]
    x: Annotated[int, Field(ge=0, le=23)]
    y: Annotated[int, Field(ge=0)]


class Target(Part):
    refId: Annotated[str, Field(pattern="^[A-Z]$")]
    datasource: Source
    expr: Annotated[str, Field(min_length=1)]
    legendFormat: str
    instant: bool = False
    range: bool = True
    format: Literal["table", "time_series"] = "time_series"


class Panel(Part):
    id: int
    type: Literal["stat", "timeseries", "table", "status-history", "state-timeline", "bargauge"]
    title: Annotated[str, Field(min_length=1)]
    description: str = ""
    datasource: Source
    gridPos: Place
    targets: Annotated[list[Target], Field(min_length=1)]
    fieldConfig: dict[str, Any]
    options: dict[str, Any]
    transformations: list[dict[str, Any]] = []


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((GRAFANA / "makerfloor.json").read_text())
    return read


def panels() -> list[Panel]:
    return [Panel.model_validate(panel) for panel in dashboard()["panels"] if panel["type"] != "row"]


def questions() -> Iterator[tuple[str, str]]:
    """Each panel's title and expressions, as Grafana would ask them."""
    for panel in panels():
        for target in panel.targets:
            expression = target.expr
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            assert "$" not in expression, expression
            yield f"{panel.title} {target.refId}", expression


def test_panels_are_well_formed_and_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for key in ("id", "title"):
        values = [panel[key] for panel in dashboard()["panels"]]
        assert len(values) == len(set(values)), key
    for panel in panels():
        place = panel.gridPos
        assert place.x + place.w <= 24, panel.title
        for cell in (
            (x, y) for x in range(place.x, place.x + place.w) for y in range(place.y, place.y + place.h)
        ):
            assert taken.setdefault(cell, panel.title) == panel.title


def test_the_data_source_is_the_readers_choice() -> None:
    variables = {variable["name"]: variable for variable in dashboard()["templating"]["list"]}
    assert set(variables) == {"datasource", "machine"}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["machine"]["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_provisioning_names_the_dashboard_and_prometheus() -> None:
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
    shares = {
        f"{machine} {state}": s / 10 for machine, by_state in SPENT.items() for state, s in by_state.items()
    }
    assert by(found["Utilisation by machine A"], "machine", "state") == shares
    floor = {state: (s + SPENT["saw"][state]) / 20 for state, s in SPENT["printer"].items()}
    assert by(found["Floor utilisation A"], "state") == floor
    assert list(by(found["Floor busy A"]).values()) == [0.3]
    assert by(found["Busy hours by machine A"], "machine") == {"printer": 0.4, "saw": 0.2}
    assert by(found["State by machine A"], "machine") == {"printer": 3, "saw": 4}
    assert by(found["Machines that answer A"]) == {"": 1}
    assert by(found["Machines that answer B"]) == {"": 2}
    assert by(found["Gateways online A"]) == {"": 1}
    assert by(found["Powered without a session A"]) == {"": 0}
    assert by(found["Sessions without a price A"]) == {"": 2}
    assert by(found["Ledger entries A"]) == {"": 1234}
    taps = by(found["Taps a minute A"], "outcome")
    assert taps["granted"] / taps["not_certified"] == pytest.approx(5, rel=0.01)
    # 98 of 100 taps take up to 1 ms, the rest up to 50 ms: half and 99 of them lie at these, evenly spread.
    assert by(found["From tap to relay A"]) == {"": round(0.001 * 50 / 98, 4)}
    assert by(found["From tap to relay B"]) == {"": 0.0255}
    stops = by(found["Sessions, by how they ended A"], "stop_type")
    assert round(stops["tap_out"] / stops["idle"], 4) == 3


def test_every_recorded_series_of_a_panel_is_recorded() -> None:
    rules = (ROOT / "dashboards" / "prometheus" / "rules" / "utilisation.yml").read_text()
    recorded = set(re.findall(r"record: (\S+)", rules))
    used = {
        name for _, expression in questions() for name in re.findall(r"\w+:makerfloor_\w+:\w+", expression)
    }
    assert used <= recorded
