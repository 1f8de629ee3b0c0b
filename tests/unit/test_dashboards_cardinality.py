"""Two hundred machines stay under 20,000 series over gateways and server; no label names a person."""

from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from booking_api.metrics import HTTP_BUCKETS_S
from booking_api.rooms import API, PAGES
from floor.meter import Quantity
from gateway.metrics import Metrics
from tests.contract.dashboards.known_truth import documented

MACHINES, GATEWAYS, GROUPS, POOLS = 200, 20, 20, 40
SERIES_MAX = 20_000
QUANTITIES = 5
"""So many things are metered at one machine, at most: of a printer time, jobs, two of filament, energy."""
ALARMS = 4
"""So many kinds of alarms a machine has raised since its gateway began."""
STATUSES = 2
"""So many answers a route has given: what is right, and one refusal."""
VALUES = {"machine": MACHINES, "gateway": GATEWAYS, "group": 1, "plan": 3, "pool": POOLS, "commodity": 1}
SMALL = 6
"""Of the closed lists, outcome, kind and source, none is longer."""
PEOPLE = {"member", "badge", "session", "account", "name", "user", "email", "reservation"}


def samples(registry: CollectorRegistry) -> int:
    return sum(len(family.samples) for family in registry.collect())


def of_gateways() -> int:
    metrics = Metrics("0.1.0")
    alone = samples(metrics.registry)
    for number in range(MACHINES):
        machine = f"machine-{number}"
        metrics.begin(machine)
        for gauge in (metrics.reachable, metrics.mismatch, metrics.roster_ages):
            gauge.labels(machine)
        for quantity in list(Quantity)[:QUANTITIES]:
            metrics.metered.labels(machine, quantity)
        for code in range(ALARMS):
            metrics.alarms.labels(machine, f"code_{code}")
    return samples(metrics.registry) + alone * (GATEWAYS - 1)


def of_requests() -> int:
    """What each route of the server makes once it has been asked."""
    routes = [
        (route.path, method)
        for room in (*API, *PAGES)
        for route in room.router.routes
        if isinstance(route, APIRoute | Route)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]
    each = len(HTTP_BUCKETS_S) + len(("inf", "sum", "count"))
    return len(set(routes)) * (each + STATUSES)


def of_the_rest() -> int:
    """What the server's other metrics make: each combination of their labels."""
    total = 0
    for row in documented("Server").values():
        if row.name.startswith("makerfloor_http_request"):
            continue
        series = 1
        for label in row.labels:
            series *= VALUES.get(label, SMALL)
        total += series * (15 if row.kind == "histogram" else 1)
    return total


def test_two_hundred_machines_stay_under_the_limit() -> None:
    parts = {"gateways": of_gateways(), "requests": of_requests(), "rest": of_the_rest()}
    assert sum(parts.values()) < SERIES_MAX, parts
    assert parts["gateways"] > MACHINES * 40, "what a machine shows from its beginning is counted"


def test_no_label_names_a_person_or_a_session() -> None:
    for row in (documented("Gateway") | documented("Server")).values():
        assert not PEOPLE & set(row.labels), row
