"""The panels of Grafana's dashboards, and what Grafana would ask Prometheus for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.grafana_dashboards import DASHBOARDS

GRAFANA = Path(__file__).resolve().parents[2] / "dashboards" / "grafana"
VARIABLES = {"$__rate_interval": "1m", "$__range": "5m", "$machine": ".*"}
"""What Grafana puts in place of its variables."""


def dashboard(name: str) -> dict[str, Any]:
    """Return a dashboard as it is in the repository."""
    read: dict[str, Any] = json.loads((GRAFANA / f"{name}.json").read_text())
    return read


def panels(name: str) -> list[dict[str, Any]]:
    """Return its panels, without the titles of rows."""
    return [panel for panel in dashboard(name)["panels"] if panel["type"] != "row"]


def questions() -> Iterator[tuple[str, str]]:
    """Each panel's title and expressions, as Grafana would ask them."""
    for name in DASHBOARDS:
        for panel in panels(name):
            for target in panel["targets"]:
                expression = target["expr"]
                for variable, value in VARIABLES.items():
                    expression = expression.replace(variable, value)
                assert "$" not in expression, expression
                yield f"{panel['title']} {target['refId']}", expression
