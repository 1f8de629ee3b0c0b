"""What the dashboard of the floor shows: what machines did, who came, who was sent away."""

from collections.abc import Sequence

from grafana_foundation_sdk.models import common as styles
from grafana_foundation_sdk.models import dashboard as models

from scripts.grafana_panels import (
    BAD,
    HEAT,
    SECONDS,
    SHARE,
    Panel,
    bars,
    figure,
    graph,
    listed,
    mapping,
    matrix,
    numbers,
    sorted_by,
    states,
    thresholds,
    tiles,
)

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


def of_machine(metric: str, legend: str = "{{machine}}") -> tuple[str, str]:
    """Ask for a metric of the machines that the reader chose."""
    return f"makerfloor_{metric}{{{MACHINE}}}", legend


def timeline() -> Panel:
    """Make the timeline of what each machine did most."""
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
        timeline(),
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
