"""The utilisation report: a page, the same as JSON, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, holds
from booking_api.auth.permissions import Permission
from booking_api.exports.table import harmless
from booking_api.problems import problem
from booking_api.prometheus.query import Absence, NoFigures, Prometheus
from booking_api.reports.utilisation import Period, Time, Use, Utilisation, UtilisationReports
from booking_api.web.pages import Paged
from booking_api.web.statement import machine_names

NO_FIGURES: dict[int | str, dict[str, Any]] = {503: {"description": "Prometheus does not answer."}}
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
router = Router(dependencies=[Depends(holds(Permission.REPORTS_READ))], tags=["reports"])
MachineId = Annotated[str, Query(max_length=64)]

USES = {
    Use.BUSY: "working",
    Use.POWERED_IDLE: "powered, idle",
    Use.RESERVED_UNUSED: "reserved, not used",
    Use.LOCKED_OUT: "out of order",
    Use.OFFLINE: "does not answer",
    Use.FREE: "free",
}
"""What people call each use; a catalogue has each."""
PERIODS = {Period.DAY: "24 hours", Period.WEEK: "7 days", Period.MONTH: "30 days"}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ABSENCES = {
    Absence.NONE_CONFIGURED: "No Prometheus is set up, so nothing records how machines are used.",
    Absence.SILENT: "Prometheus does not answer just now. Machines and bills go on without it.",
    Absence.REFUSED: "Prometheus could not answer this question.",
}
"""What the page says without figures; a catalogue has each."""


class Table(StrEnum):
    """Which table of the report a CSV is."""

    MACHINES = "machines"
    WEEK = "week"


class TimeSeen(BaseModel):
    """Observed floor seconds, and the part of them in each use (0 to 1); none when nothing was observed."""

    observed_s: int
    shares: dict[Use, float] | None


class MachineSeen(TimeSeen):
    """A machine's time."""

    machine: str
    name: str


class UtilisationSeen(BaseModel):
    """A report, floor time in UTC ms.

    `week` has 7 days from Monday of 24 hours in `timezone`, or is null when floor time runs too fast for it.
    """

    period: Period
    from_ms: int
    to_ms: int
    timezone: str
    floor: TimeSeen
    machines: list[MachineSeen]
    week: list[list[TimeSeen]] | None


class Asked:
    """Which report a request asks for."""

    def __init__(
        self, request: Request, context: Ctx, period: Period = Period.DAY, machine: MachineId = ""
    ) -> None:
        self.period = period
        self.machine = machine
        self._context = context
        self._state = request.app.state

    async def read(self) -> Utilisation:
        """Return the report now. Raises NoFigures."""
        context, state = self._context, self._state
        if not hasattr(state, "utilisation"):
            prometheus = Prometheus(context.settings.prometheus_url)
            state.utilisation = UtilisationReports(prometheus, context.zone)
        reports: UtilisationReports = state.utilisation
        return await reports.read(
            self.period, context.clock.now_ms(), context.clock.scale, self.machine or None
        )

    def names(self) -> dict[str, str]:
        """Return what people call each machine."""
        with self._context.database.read() as session:
            return machine_names(session)


Asks = Annotated[Asked, Depends()]


@router.get("/utilisation", include_in_schema=False)
async def utilisation_page(page: Paged, asked: Asks) -> Response:
    """Show what machines did with their time."""
    values: dict[str, object] = {"asked": asked, "periods": PERIODS}
    try:
        report = await asked.read()
    except NoFigures as absent:
        values |= {"why": ABSENCES[absent.why], "words": str(absent)}
        return page.answer("utilisation_absent.html", values)
    ranked = report.by_busy()
    values |= {
        "report": report,
        "names": asked.names(),
        "uses": USES,
        "days": DAYS,
        "busy": Use.BUSY,
        "ranked": ranked + [id for id in report.machines if id not in ranked],
        "extremes": (ranked[0], ranked[-1]) if ranked else None,
        "hours": busiest_hours(report),
    }
    return page.answer("utilisation.html", values)


@router.get("/api/v1/reports/utilisation", response_model=UtilisationSeen, responses=NO_FIGURES)
async def utilisation(context: Ctx, asked: Asks) -> UtilisationSeen | Response:
    """Say what machines did with their time; 503 `no_figures` when Prometheus does not answer."""
    try:
        report = await asked.read()
    except NoFigures as absent:
        return problem(503, "no_figures", str(absent))
    names = asked.names()
    return UtilisationSeen(
        period=report.period,
        from_ms=report.from_ms,
        to_ms=report.to_ms,
        timezone=context.settings.timezone,
        floor=TimeSeen(**_seen(report.floor)),
        machines=[
            MachineSeen(machine=id, name=names.get(id, id), **_seen(time))
            for id, time in report.machines.items()
        ],
        week=report.week and [[TimeSeen(**_seen(time)) for time in day] for day in report.week],
    )


@router.get("/api/v1/reports/utilisation.csv", response_class=Response, responses=CSV | NO_FIGURES)
async def utilisation_csv(asked: Asks, table: Table = Table.MACHINES) -> Response:
    """Give a table of the report as CSV: shares from 0 to 1, hours observed."""
    try:
        report = await asked.read()
    except NoFigures as absent:
        return problem(503, "no_figures", str(absent))
    written = io.StringIO()
    rows = machine_rows(report, asked.names()) if table is Table.MACHINES else week_rows(report)
    csv.writer(written).writerows(rows)
    headers = {"Content-Disposition": f'attachment; filename="utilisation-{table}-{report.period}.csv"'}
    # The mark at the start tells spreadsheets that it is UTF-8.
    return Response("\ufeff" + written.getvalue(), 200, headers, "text/csv; charset=utf-8")


def machine_rows(report: Utilisation, names: Mapping[str, str]) -> Iterator[list[str]]:
    """Return the table of machines, its head first, the floor last."""
    yield ["machine", "name", "observed_hours", *Use]
    for id, time in report.machines.items():
        yield [id, harmless(names.get(id, id)), *_figures(time)]
    yield ["", "", *_figures(report.floor)]


def week_rows(report: Utilisation) -> Iterator[list[str]]:
    """Return the table of the week's hours, its head first; empty when there is none."""
    yield ["weekday", "hour", "observed_hours", *Use]
    for day, hours in zip(DAYS, report.week or [], strict=False):
        for hour, time in enumerate(hours):
            yield [day, str(hour), *_figures(time)]


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


def _shares(time: Time) -> dict[Use, float] | None:
    shares = {use: share for use in Use if (share := time.share(use)) is not None}
    return {use: round(share, 4) for use, share in shares.items()} or None


def _seen(time: Time) -> dict[str, object]:
    return {"observed_s": round(time.observed_s), "shares": _shares(time)}


def _figures(time: Time) -> list[str]:
    shares = _shares(time)
    return [f"{time.observed_s / 3600:.2f}", *(f"{shares[use]:.4f}" if shares else "" for use in Use)]
