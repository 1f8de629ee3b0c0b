"""The metrics of docs/metrics.md are those that the code exports, and those that rules and dashboard use."""

import json
import re
from collections.abc import Iterable
from importlib import import_module

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from gateway.metrics import Metrics
from tests.contract.dashboards.known_truth import ROOT, Documented, documented

SERVER = (
    "booking_api.metrics",
    "booking_api.metering.metrics",
    "booking_api.happenings.metrics",
    "booking_api.maintenance.metrics",
    "booking_api.prometheus.figures",
)
NAME = re.compile(r"(?<![\w:])makerfloor_\w+")
RECORDED = re.compile(r"\b\w+:makerfloor_\w+:\w+")
PART = re.compile(r"_(bucket|sum|count)$")


def exported(metrics: Iterable[object]) -> dict[str, Documented]:
    """What metric objects export: each is asked with the labels that are documented for it."""
    rows = documented("Gateway") | documented("Server")
    found: dict[str, Documented] = {}
    for metric in metrics:
        if not isinstance(metric, MetricWrapperBase):
            continue
        (family,) = metric.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        row = rows.get(name)
        assert row, f"{name} is exported and not documented"
        if row.labels:
            try:
                metric.labels(**dict.fromkeys(row.labels, "probe"))
            except ValueError:
                raise AssertionError(f"{name} has other labels than {row.labels}") from None
            metric.remove(*["probe"] * len(row.labels))
        found[name] = Documented(name, family.type, row.labels)
    return found


def test_the_gateway_exports_what_is_documented() -> None:
    metrics = Metrics("0.1.0")
    found = exported(vars(metrics).values())
    (info,) = (family for family in metrics.registry.collect() if family.name == "makerfloor_gateway_info")
    assert [set(sample.labels) for sample in info.samples] == [{"software"}]
    found[info.name] = Documented(info.name, info.type, ("software",))
    assert found == documented("Gateway")


def test_the_server_exports_what_is_documented() -> None:
    metrics = {id(value): value for module in SERVER for value in vars(import_module(module)).values()}
    found = exported(metrics.values())
    assert found == documented("Server")
    assert {f.name for f in REGISTRY.collect() if f.name.startswith("makerfloor_")} == {
        row.name.removesuffix("_total") for row in found.values()
    }


def used(text: str) -> set[str]:
    """The metrics that a text of PromQL names, without those that rules record."""
    names = set(NAME.findall(RECORDED.sub("", text)))
    return {PART.sub("", name) if name.endswith(("_bucket", "_sum", "_count")) else name for name in names}


def test_rules_and_dashboard_use_every_metric_and_no_other() -> None:
    rules = "".join(path.read_text() for path in sorted((ROOT / "dashboards/prometheus/rules").glob("*.yml")))
    expressions = "\n".join(
        target["expr"]
        for path in sorted((ROOT / "dashboards/grafana").glob("*.json"))
        for panel in json.loads(path.read_text())["panels"]
        for target in panel.get("targets", [])
    )
    known = {*documented("Gateway"), *documented("Server")}
    assert used(rules) | used(expressions) == known
    handbook = (ROOT / "docs" / "operations" / "prometheus.md").read_text()
    assert used(handbook) <= known


def test_no_metric_names_a_member_or_a_badge() -> None:
    for row in (documented("Gateway") | documented("Server")).values():
        assert not {"member", "badge", "account", "session"} & set(row.labels), row
