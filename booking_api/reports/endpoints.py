"""The utilisation report and the what-if: a page, the same as JSON, and as CSV. No table names a member."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, holds
from booking_api.auth.permissions import Permission
from booking_api.exports import sheet
from booking_api.problems import problem
from booking_api.prometheus.query import Absence, NoFigures
from booking_api.reports import timeline, whatif
from booking_api.reports.asked import Asked, Asks
from booking_api.reports.timeline import figures
from booking_api.reports.utilisation import Period, Time, Use, Utilisation, together
from booking_api.web.pages import Paged
from floor.errors import Refused
from floor.queueing import Between

NO_FIGURES: dict[int | str, dict[str, Any]] = {503: {"description": "Prometheus does not answer."}}
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
router = Router(dependencies=[Depends(holds(Permission.MACHINES_READ))], tags=["reports"])
Kind = Annotated[str, Query(max_length=32, description="The machines' kind.")]

USES = {
    Use.BUSY: "working",
    Use.POWERED_IDLE: "powered, idle",
    Use.RESERVED_UNUSED: "reserved, not used",
    Use.LOCKED_OUT: "out of order",
    Use.OFFLINE: "does not answer",
    Use.FREE: "free",
}
"""What people call each use; a catalogue has each."""
PERIODS = {
    Period.DAY: "24 hours",
    Period.WEEK: "7 days",
    Period.MONTH: "30 days",
    Period.QUARTER: "90 days",
}
KINDS = {
    "printer": "3D printers",
    "laser": "Laser cutters",
    "cnc": "CNC machines",
    "saw": "Saws",
    "door": "Doors",
    "other": "Other machines",
}
"""What people call kinds; others by the word that the space gave them."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ABSENCES = {
    Absence.NONE_CONFIGURED: "No Prometheus is set up, so nothing records how machines are used.",
    Absence.SILENT: "Prometheus does not answer just now. Machines and bills go on without it.",
    Absence.REFUSED: "Prometheus could not answer this question.",
}
"""What the page says without figures; a catalogue has each."""
TEXTS = (USES.values(), PERIODS.values(), KINDS.values(), DAYS, ABSENCES.values())
ENDS = 5
"""So many of the busiest and of the idlest are drawn."""


class Table(StrEnum):
    """Which table of the report a CSV is."""

    MACHINES = "machines"
    WEEK = "week"
    TIMELINE = "timeline"


class TimeSeen(BaseModel):
    """Observed floor seconds, and the part of them in each use (0 to 1); none when nothing was observed."""

    observed_s: int
    shares: dict[Use, float] | None


class MachineSeen(TimeSeen):
    """A machine's time."""

    machine: str
    name: str


class UtilisationSeen(BaseModel):
    """A report, floor time in UTC ms; `floor` and `machines` are of every machine.

    `week` has 7 days from Monday of 24 hours in `timezone`, of the machines asked for, or is null when floor
    time runs too fast for it.
    """

    period: str
    from_ms: int
    to_ms: int
    timezone: str
    floor: TimeSeen
    machines: list[MachineSeen]
    week: list[list[TimeSeen]] | None


class BetweenSeen(BaseModel):
    """An estimate, and the interval that holds it in 95 of 100 draws of the days."""

    value: float
    low: float
    high: float


class OptionSeen(BaseModel):
    """What so many machines would refuse of those who come, the change against now, and their use: 0 to 1."""

    machines: int
    refused: BetweenSeen
    change: BetweenSeen | None
    use: float


class WhatIfSeen(BaseModel):
    """What one machine more or fewer would change, and the records that it rests on; no options: too few."""

    kind: str
    machines: int
    days: int
    arrivals: int
    turned_away: int
    modelled: int
    options: list[OptionSeen]


@router.get("/utilisation", include_in_schema=False)
async def utilisation_page(page: Paged, asked: Asks) -> Response:
    """Show what machines did with their time, and what one more would change."""
    say = page.f.texts.gettext
    kinds = {kind: say(KINDS[kind]) if kind in KINDS else kind for kind in asked.choices("kind")}
    answer = await run_in_threadpool(asked.what_if, asked.kind) if asked.kind else None
    values: dict[str, object] = {"asked": asked, "periods": PERIODS, "kinds": kinds, "answer": answer}
    try:
        report = await asked.read()
    except NoFigures as absent:
        values |= {"why": ABSENCES[absent.why], "words": str(absent)}
        return page.answer("utilisation_absent.html", values)
    values |= {"report": report, "uses": USES, "days": DAYS, "busy": Use.BUSY} | drawn(asked, report, kinds)
    return page.answer("utilisation.html", values)


def drawn(asked: Asked, report: Utilisation, kinds: Mapping[str, str]) -> dict[str, object]:
    """Return what the page's charts and tables show of the machines asked for."""
    shown = timeline.rows(report, asked.named(kinds))
    each = {f"machine:{id}": (_name(asked, id), (id,)) for id in asked.machines}
    ranked = [row for row in timeline.rows(report, each) if row.whole.observed_s]
    ends = ranked if len(ranked) <= 2 * ENDS else [*ranked[:ENDS], *ranked[-ENDS:]]
    return {
        "whole": together(row.whole for row in ranked),
        "rows": shown[: timeline.MOST_ROWS],
        "rows_in_all": len(shown),
        "ranked": ranked,
        "ends": ends,
        "cut": ENDS if len(ends) < len(ranked) else 0,
        "hours": busiest_hours(report),
        "draw": lambda row: timeline.draw(report.stretches, row),
        "bar": timeline.bar,
        "axis": timeline.instants(report.stretches) if report.stretches else [],
        "trend": lambda machines: timeline.trend(report, machines),
        "missing": timeline.unobserved(report, asked.machines),
        "tall": timeline.TALL,
        "wide": timeline.WIDE,
    }


@router.get("/api/v1/reports/utilisation", response_model=UtilisationSeen, responses=NO_FIGURES)
async def utilisation(context: Ctx, asked: Asks) -> UtilisationSeen | Response:
    """Say what machines did with their time; 503 `no_figures` when Prometheus does not answer."""
    try:
        report = await asked.read()
    except NoFigures as absent:
        return problem(503, "no_figures", str(absent))
    return UtilisationSeen(
        period=str(report.period),
        from_ms=report.from_ms,
        to_ms=report.to_ms,
        timezone=context.settings.timezone,
        floor=TimeSeen(**_seen(report.floor)),
        machines=[
            MachineSeen(machine=id, name=_name(asked, id), **_seen(time))
            for id, time in report.machines.items()
        ],
        week=report.week and [[TimeSeen(**_seen(time)) for time in day] for day in report.week],
    )


@router.get("/api/v1/reports/utilisation.csv", response_class=Response, responses=CSV | NO_FIGURES)
async def utilisation_csv(context: Ctx, asked: Asks, table: Table = Table.MACHINES) -> Response:
    """Give a table of the report as CSV: shares from 0 to 1, hours observed."""
    try:
        report = await asked.read()
    except NoFigures as absent:
        return problem(503, "no_figures", str(absent))
    if table is Table.MACHINES:
        rows = machine_rows(report, {id: one.name for id, one in asked.floor.items()})
    elif table is Table.WEEK:
        rows = week_rows(report)
    else:
        rows = timeline.timeline_rows(report, timeline.rows(report, asked.named({})), context.zone)
    return sheet.answer(list(rows), f"utilisation-{table}-{report.period}")


@router.get("/api/v1/reports/what-if")
def what_if(asked: Asks, kind: Kind) -> WhatIfSeen:
    """Say what one machine more or fewer of a kind would refuse, from the records of up to 91 days."""
    answer = _answer(asked, kind)
    return WhatIfSeen(
        kind=kind,
        machines=answer.machines,
        days=answer.days,
        arrivals=answer.arrivals,
        turned_away=answer.turned_away,
        modelled=answer.modelled,
        options=[
            OptionSeen(
                machines=one.machines,
                refused=_between(one.refused),
                change=one.change and _between(one.change),
                use=round(one.use, 4),
            )
            for one in answer.options
        ],
    )


@router.get("/api/v1/reports/what-if.csv", response_class=Response, responses=CSV)
def what_if_csv(asked: Asks, kind: Kind) -> Response:
    """Give the same as CSV: parts from 0 to 1, each with its interval."""
    return sheet.answer(list(whatif.rows(_answer(asked, kind))), f"what-if-{kind}")


def _answer(asked: Asked, kind: str) -> whatif.Answer:
    answer = asked.what_if(kind)
    if answer is None:
        raise Refused("kind_not_found", "There is no machine of this kind.")
    return answer


def machine_rows(report: Utilisation, names: Mapping[str, str]) -> Iterator[list[str]]:
    """Return the table of machines, its head first, the floor last."""
    yield ["machine", "name", "observed_hours", *Use]
    for id, time in report.machines.items():
        yield [id, names.get(id, id), *figures(time)]
    yield ["", "", *figures(report.floor)]


def week_rows(report: Utilisation) -> Iterator[list[str]]:
    """Return the table of the week's hours, its head first; empty when there is none."""
    yield ["weekday", "hour", "observed_hours", *Use]
    for day, hours in zip(DAYS, report.week or [], strict=False):
        for hour, time in enumerate(hours):
            yield [day, str(hour), *figures(time)]


def busiest_hours(report: Utilisation) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return (weekday, hour) of the busiest and the idlest hour of the week, None when none was observed."""
    known = [
        (share, (day, hour))
        for day, hours in enumerate(report.week or [])
        for hour, time in enumerate(hours)
        if (share := time.share(Use.BUSY)) is not None
    ]
    if not known:
        return None
    return max(known, key=lambda one: one[0])[1], min(known, key=lambda one: one[0])[1]


def _name(asked: Asked, id: str) -> str:
    return asked.floor[id].name if id in asked.floor else id


def _seen(time: Time) -> dict[str, object]:
    shares = {use: share for use in Use if (share := time.share(use)) is not None}
    return {
        "observed_s": round(time.observed_s),
        "shares": {use: round(share, 4) for use, share in shares.items()} or None,
    }


def _between(one: Between) -> BetweenSeen:
    return BetweenSeen(value=round(one.value, 4), low=round(one.low, 4), high=round(one.high, 4))
