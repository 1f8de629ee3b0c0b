"""Write Grafana's dashboards: `python -m scripts.grafana_dashboards`, or `make docs`. A test compares."""

from collections.abc import Callable, Sequence
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as styles
from grafana_foundation_sdk.models import dashboard as models

from scripts.grafana_panels import (
    BAD,
    HEAT,
    SECONDS,
    SHARE,
    SOURCE,
    YES_NO,
    Panel,
    bars,
    figure,
    graph,
    listed,
    mapping,
    matrix,
    numbers,
    only,
    sorted_by,
    states,
    thresholds,
    tiles,
)

FOLDER = Path(__file__).resolve().parent.parent / "dashboards" / "grafana"
Section = tuple[str, Sequence[Panel]]
"""The title of a row, and its panels."""
USES = {
    "free": ("free", "#c8d3dc"),
    "reserved_unused": ("reserved, unused", "#b39ddb"),
    "powered_idle": ("powered, idle", "#f0ad4e"),
    "busy": ("busy", "#2e8b57"),
    "offline": ("does not answer", "#8d6e63"),
    "locked_out": ("out of order", "#c0392b"),
}
"""By state its words and colour, in the order of their numbers in the timeline."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MACHINE = 'machine=~"$machine"'
OF_HOUR = r"day\hour"
"""What Grafana calls the first column of the week's table."""


def _most() -> str:
    """What each machine did most, as a number."""
    share = "machine:makerfloor_utilisation:ratio_5m"
    return " or ".join(
        f'({share}{{state="{use}", {MACHINE}}} == on (machine) max by (machine) ({share})) * 0 + {number}'
        for number, use in reversed(list(enumerate(USES)))
    )


def _shares() -> str:
    state, whole = (
        f"increase(makerfloor_station_{of}_seconds_total{{{MACHINE}}}[$__range])"
        for of in ("state", "observed")
    )
    return f"sum by (machine, state) ({state}) / on (machine) group_left () (sum by (machine) ({whole}) > 0)"


def _p(quantile: float, metric: str, by: str) -> str:
    return f"histogram_quantile({quantile}, sum by ({by}) (rate({metric}_bucket[$__rate_interval])))"


def _of(metric: str, legend: str = "{{machine}}") -> tuple[str, str]:
    return f"makerfloor_{metric}{{{MACHINE}}}", legend


def _timeline() -> Panel:
    texts = {number: USES[use] for number, use in enumerate(USES)}
    panel = states("State by machine", (_most(), "{{machine}}"), texts=texts)
    return panel.description("What the machine did most in the 5 minutes before.")


def _week() -> Panel:
    expression = 'avg_over_time(floor_hour:makerfloor_utilisation:ratio_5m{state="busy"}[$__range])'
    changes = (numbers("hour", "day"), sorted_by("hour"), matrix("day", "hour"), sorted_by(OF_HOUR))
    panel = listed("Busy by hour of the week", expression, *changes, unit=SHARE, width=24)
    panel = panel.description("In the space's own time; choose some weeks.").min(0).max(1).decimals(0)
    cells = styles.TableColoredBackgroundCellOptions(mode=styles.TableCellBackgroundDisplayMode.BASIC)
    days = [models.DynamicConfigValue("mappings", mapping({n: (day, "") for n, day in enumerate(DAYS)}))]
    days.append(models.DynamicConfigValue("custom.cellOptions", styles.TableAutoCellOptions()))
    panel = panel.thresholds(thresholds(HEAT)).override_by_regexp(
        "/^[0-9]+$/", [models.DynamicConfigValue("custom.cellOptions", cells)]
    )
    return panel.override_by_name(OF_HOUR, days)


def floor() -> list[Section]:
    """What machines did with their time, who came and who was sent away."""
    return [("The floor now", _now()), ("Use of machines", _use()), ("Taps, sessions and queues", _came())]


def _now() -> list[Panel]:
    alerts = 'sum(ALERTS{alertstate="firing"}) or vector(0)'
    reachable = "makerfloor_machine_reachable"
    return [
        figure("Floor busy", ('floor:makerfloor_utilisation:ratio_5m{state="busy"}', ""), unit=SHARE),
        figure("Machines that answer", (f"sum({reachable})", "answer"), (f"count({reachable})", "all")),
        figure("Waiting for a slot", ("sum(machine:makerfloor_waiting_list_entries:max)", "")),
        figure(
            "Powered without a session",
            ("sum(increase(makerfloor_station_powered_without_session_seconds_total[$__range]))", ""),
            unit=SECONDS,
            steps=BAD,
        ).description("Must be 0."),
        figure("Alerts firing", (alerts, ""), steps=BAD),
    ]


def _use() -> list[Panel]:
    busy = f'machine:makerfloor_utilisation:ratio_1h{{state="busy", {MACHINE}}}'
    table = listed("Utilisation by machine", _shares(), matrix("machine", "state"), unit=SHARE)
    return [
        graph(
            "Floor utilisation",
            ("floor:makerfloor_utilisation:ratio_5m", "{{state}}"),
            unit=SHARE,
            width=12,
            stacked=True,
        ),
        table.min(0).max(1).description("Over the time shown."),
        tiles("Busy hours by machine", (busy, "{{machine}}")),
        _timeline(),
        graph(
            "Busy by group",
            ('group:makerfloor_utilisation:ratio_1h{state="busy"}', "{{group}}"),
            unit=SHARE,
            width=12,
        ),
        bars(
            "Group, the last day",
            ("group:makerfloor_utilisation:ratio_1d", "{{group}} {{state}}"),
            unit=SHARE,
            width=12,
        ),
        _week(),
        bars(
            "Group in this hour of the week",
            (
                'avg_over_time(group_hour:makerfloor_utilisation:ratio_5m{state="busy"}[$__range]) '
                "and on (day, hour) group_hour:makerfloor_utilisation:ratio_5m",
                "{{group}}",
            ),
            unit=SHARE,
            width=24,
        ),
    ]


def _came() -> list[Panel]:
    occupied = f"machine:makerfloor_occupied_refusals:increase_1h{{{MACHINE}}}"
    return [
        graph("Taps a minute", ("floor:makerfloor_taps:rate_5m * 60", "{{outcome}}"), stacked=True),
        graph(
            "Refusals an hour, by reason",
            ("floor:makerfloor_refusals:rate_5m * 3600", "{{reason}}"),
            stacked=True,
        ),
        graph("Sent away because it was occupied, an hour", (occupied, "{{machine}}"), stacked=True),
        bars(
            "Sent away, of all who might have used it, the last day",
            (f"machine:makerfloor_occupied_refusals:ratio_1d{{{MACHINE}}}", "{{machine}}"),
            unit=SHARE,
        ),
        graph(
            "Who waits, by group", ("group:makerfloor_waiting_list_entries:sum", "{{group}}"), stacked=True
        ),
        bars(
            "Sessions, by how they ended",
            (
                f"sort_desc(sum by (stop_type) (increase(makerfloor_sessions_total{{{MACHINE}}}[$__range])))",
                "{{stop_type}}",
            ),
        ),
    ]


def health() -> list[Section]:
    """Which machines are well, and what is due."""
    answers = {0: ("silent", "red"), 1: ("answers", "green")}
    obeys = {0: ("obeys", "green"), 1: ("did not obey", "red")}
    soon = {0: ("as it should be", "green"), 1: ("refuses everybody soon", "red")}
    low = (("red", None), ("orange", 0.8), ("green", 0.95))
    powered = f"increase(makerfloor_station_powered_without_session_seconds_total{{{MACHINE}}}[1h])"
    alarms = f"sum by (code) (increase(makerfloor_alarms_total{{{MACHINE}}}[1h]))"
    now = [
        states("Which machines answer", _of("machine_reachable"), texts=answers),
        _timeline(),
        states("Relays that did not obey", _of("relay_mismatch"), texts=obeys),
        states("Machines whose roster is nearly too old", _of("roster_ages"), texts=soon),
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
            _of("maintenance_due_hours", "{{machine}} {{plan}}"),
            steps=(("red", None), ("orange", 0), ("green", 10)),
        ),
        graph("Alarms an hour", (alarms, "{{code}}"), width=12),
        graph("Seconds with power and no session, an hour", (powered, "{{machine}}"), unit=SECONDS, width=12),
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
