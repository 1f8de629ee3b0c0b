"""Write Grafana's dashboards: `python -m scripts.grafana_dashboards`, or `make docs`. A test compares."""

from collections.abc import Callable
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from scripts.grafana_floor import MACHINE, Section, floor, of_machine, timeline
from scripts.grafana_panels import (
    BAD,
    SECONDS,
    SHARE,
    SOURCE,
    YES_NO,
    Panel,
    bars,
    figure,
    graph,
    listed,
    matrix,
    only,
    states,
)

FOLDER = Path(__file__).resolve().parent.parent / "dashboards" / "grafana"


def _p(quantile: float, metric: str, by: str) -> str:
    return f"histogram_quantile({quantile}, sum by ({by}) (rate({metric}_bucket[$__rate_interval])))"


def health() -> list[Section]:
    """Which machines are well, and what is due."""
    answers = {0: ("silent", "red"), 1: ("answers", "green")}
    obeys = {0: ("obeys", "green"), 1: ("did not obey", "red")}
    soon = {0: ("as it should be", "green"), 1: ("refuses everybody soon", "red")}
    low = (("red", None), ("orange", 0.8), ("green", 0.95))
    powered = f"increase(makerfloor_station_powered_without_session_seconds_total{{{MACHINE}}}[1h])"
    alarms = f"sum by (code) (increase(makerfloor_alarms_total{{{MACHINE}}}[1h]))"
    now = [
        states("Which machines answer", of_machine("machine_reachable"), texts=answers),
        timeline(),
        states("Relays that did not obey", of_machine("relay_mismatch"), texts=obeys),
        states("Machines whose roster is nearly too old", of_machine("roster_ages"), texts=soon),
    ]
    days = [
        bars(
            "Availability, the last day",
            (f"machine:makerfloor_availability:ratio_1d{{{MACHINE}}}", "{{machine}}"),
            unit=SHARE,
            steps=low,
        ),
        bars(
            "Availability by group",
            ("group:makerfloor_availability:ratio_1d", "{{group}}"),
            unit=SHARE,
            steps=low,
        ),
        bars(
            "Hours until maintenance is due",
            of_machine("maintenance_due_hours", "{{machine}} {{plan}}"),
            steps=(("red", None), ("orange", 0), ("green", 10)),
        ),
        bars("Open work orders", of_machine("work_orders_open", "{{machine}}")),
        graph("Alarms an hour", (alarms, "{{code}}")),
        graph("Seconds with power and no session, an hour", (powered, "{{machine}}"), unit=SECONDS),
    ]
    return [("Now", now), ("Days and weeks", days)]


def costs() -> list[Section]:
    """Whether pools pay for themselves, and whether the books hold."""
    even = (("red", None), ("orange", 0.9), ("green", 1))
    pool = "pool:makerfloor_pool_"
    holds = {0: ("BROKEN", "red"), 1: ("yes", "green")}
    metered = f"sum by (machine, quantity) (increase(makerfloor_metered_total{{{MACHINE}}}[$__range]))"
    pools = [
        graph(
            "This month: what came in and what it costs",
            (f"{pool}revenue:money", "{{pool}} came in"),
            (f"{pool}cost:money", "{{pool}} costs"),
            width=12,
        ),
        bars(
            "What came in by what it costs",
            (f"{pool}recovery:ratio", "{{pool}}"),
            unit=SHARE,
            width=12,
            steps=even,
        ).description(
            "100 % breaks even. The month that runs, as its close would state it now; looked at each hour."
        ),
        graph(
            "Missing (above 0) or left over",
            (f"{pool}cost:money - {pool}revenue:money", "{{pool}} {{commodity}}"),
            width=24,
        ),
    ]
    books = [
        figure("Sessions without a price", ("makerfloor_sessions_unpriced", ""), steps=BAD),
        figure("Ledger entries", ("makerfloor_ledger_entries", "")),
        figure(
            "The ledger's chain holds",
            ("makerfloor_ledger_chain_ok", ""),
            steps=(("red", None), ("green", 1)),
            texts=holds,
        ),
        listed(
            "Metered, in the base unit that ends each name",
            metered,
            matrix("machine", "quantity"),
            unit="short",
        ),
    ]
    return [("Cost pools", pools), ("Books and meters", books)]


def _gateways() -> list[Panel]:
    append = "makerfloor_journal_append_seconds"
    tap = "makerfloor_tap_to_relay_seconds"
    online, gateway = "makerfloor_gateway_online", "{{gateway}}"
    return [
        figure("Gateways online", (f"sum({online})", "online"), (f"count({online})", "all")),
        graph(
            "From tap to relay",
            (f"floor:{tap}:p50_1h", "p50"),
            (f"floor:{tap}:p99_1h", "p99"),
            (f"gateway:{tap}:p99_1h", "p99 {{gateway}}"),
            unit=SECONDS,
            width=10,
            log=True,
        ),
        graph(
            "Journal entries that wait",
            ("makerfloor_journal_lag_entries", gateway),
            ("gateway:makerfloor_journal_lag_entries:max_1h", "most in an hour {{gateway}}"),
            width=10,
        ),
        graph(
            "Journal append, p99",
            (_p(0.99, append, "gateway, le"), gateway),
            (f"gateway:{append}:p99_1h", "of an hour {{gateway}}"),
            unit=SECONDS,
        ),
        graph("Roster age", ("makerfloor_roster_age_seconds", gateway), unit=SECONDS),
        graph("Error of the clock", ("makerfloor_clock_error_seconds", gateway), unit=SECONDS),
        states(
            "Broker, journal and clock",
            ("makerfloor_broker_connected", "{{gateway}} broker"),
            ("1 - makerfloor_journal_degraded", "{{gateway}} journal"),
            ("makerfloor_clock_known", "{{gateway}} clock"),
            texts=YES_NO,
        ),
        graph(
            "Malformed messages and refused rosters an hour",
            ("sum by (source) (increase(makerfloor_peer_errors_total[1h]))", "{{source}}"),
            ("sum by (reason) (increase(makerfloor_roster_refused_total[1h]))", "roster: {{reason}}"),
            width=12,
        ),
        bars(
            "Free disk",
            ("makerfloor_disk_free_ratio", "{{job}} {{instance}}"),
            unit=SHARE,
            width=12,
            steps=(("red", None), ("orange", 0.1), ("green", 0.25)),
        ),
        listed("Software", "makerfloor_gateway_info", only("gateway", "instance", "software")),
    ]


def _server() -> list[Panel]:
    batch = "makerfloor_ingest_batch_seconds"
    outgoing = "sum by (outcome) (increase(makerfloor_{}_total[1h]))"
    return [
        graph(
            "Journal entries applied a second",
            ("sum by (outcome) (rate(makerfloor_ingest_entries_total[$__rate_interval]))", "{{outcome}}"),
        ),
        graph("Time of a batch, p99", (_p(0.99, batch, "le"), "p99"), unit=SECONDS),
        graph(
            "Time of a request, p95 by route",
            (_p(0.95, "makerfloor_http_request_seconds", "route, le"), "{{route}}"),
            unit=SECONDS,
        ),
        graph(
            "Answers a second, by status",
            ("sum by (status) (rate(makerfloor_http_requests_total[$__rate_interval]))", "{{status}}"),
        ),
        graph(
            "Since a gateway was heard",
            ("time() - makerfloor_gateway_last_contact_timestamp_seconds", "{{gateway}}"),
            unit=SECONDS,
        ),
        graph(
            "Badges held to phones, an hour",
            (outgoing.format("badge_addresses"), "{{outcome}}"),
            unit="short",
        ),
        graph(
            "Webhooks and notices, an hour",
            (outgoing.format("webhook_deliveries"), "webhook {{outcome}}"),
            (outgoing.format("notices"), "notice {{outcome}}"),
            unit="short",
        ),
        graph("Waiting to go out", ("sum by (kind) (makerfloor_outgoing_waiting)", "{{kind}}"), unit="short"),
    ]


def internals() -> list[Section]:
    """How gateways and the server are."""
    return [("Gateways", _gateways()), ("Server", _server())]


DASHBOARDS: dict[str, tuple[str, Callable[[], list[Section]]]] = {
    "floor": ("Makerfloor: floor utilisation", floor),
    "health": ("Makerfloor: machine health", health),
    "costs": ("Makerfloor: cost sharing", costs),
    "internals": ("Makerfloor: gateways and server", internals),
}
"""By file name: title and sections."""


def build(name: str) -> str:
    """Return a dashboard as JSON."""
    title, sections = DASHBOARDS[name]
    board = builders.Dashboard(title).uid(f"makerfloor-{name}").tags(["makerfloor"]).editable()
    board = board.refresh("1m").timezone("browser").time("now-7d", "now")
    board = board.tooltip(models.DashboardCursorSync.CROSSHAIR)
    board = board.link(
        builders.DashboardLink("Makerfloor")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags(["makerfloor"])
        .keep_time(True)
    )
    board = board.with_variable(
        builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    )
    parts = sections()
    machines = builders.QueryVariable("machine").label("Machine").datasource(SOURCE).multi(True)
    machines = machines.query("label_values(makerfloor_station_observed_seconds_total, machine)")
    machines = machines.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        models.VariableSort.ALPHABETICAL_ASC
    )
    machines = (
        machines.include_all(True).all_value(".*").current(models.VariableOption(text="All", value="$__all"))
    )
    board = board.with_variable(machines)
    number = 0
    for row, panels in parts:
        number += 1
        board = board.with_row(builders.Row(row).id(number))
        for panel in panels:
            number += 1
            board = board.with_panel(panel.id(number))
    return JSONEncoder(sort_keys=True, indent=1).encode(board.build()) + "\n"


def main() -> None:
    """Write every dashboard."""
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(build(name))
        print(f"dashboards/grafana/{name}.json")


if __name__ == "__main__":
    main()
