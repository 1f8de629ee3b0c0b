"""What upkeep says of itself to Prometheus: by machine and plan, at most so many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import Gauge

from booking_api.machines.models import Machine
from booking_api.maintenance.plans import Standing
from floor.maintenance import HOUR_MS

PAIRS_MAX = 1_000
"""Machines and plans that are shown at most, the most urgent first."""
DUE_HOURS = Gauge(
    "makerfloor_maintenance_due_hours",
    "Hours until work is due at the present rate of use, 0 or less when it is; absent while unknown",
    ["machine", "plan"],
)
OPEN_ORDERS = Gauge("makerfloor_work_orders_open", "Work orders that are not closed", ["machine"])
_shown: dict[Gauge, set[tuple[str, ...]]] = {}


def show(
    standings: Sequence[Standing], machines: Iterable[Machine], orders: Mapping[str, int], now_ms: int
) -> None:
    """Show how things stand; what is no more is shown no more."""
    due: dict[tuple[str, ...], float] = {
        (one.machine.id, one.plan.id): (one.due.due_ms - now_ms) / HOUR_MS
        for one in standings[:PAIRS_MAX]
        if one.due.due_ms is not None
    }
    _set(DUE_HOURS, due)
    _set(OPEN_ORDERS, {(one.id,): orders.get(one.id, 0) for one in machines})


def _set(gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
    for gone in _shown.get(gauge, set()) - values.keys():
        gauge.remove(*gone)
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
    _shown[gauge] = set(values)
