"""The report for boards and funders: page, JSON, CSV and PDF; and what operators enter for it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Form, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.paging import LISTED_MAX
from booking_api.periods.calendar import month_at
from booking_api.reports import facts, making, tables, year_page, year_paper
from booking_api.reports.index import Index
from booking_api.reports.models import FactKind
from booking_api.reports.tables import YearSeen
from booking_api.reports.yearly import Report
from booking_api.web.pages import Paged
from booking_api.web.typed import read_amount

CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
router = Router(dependencies=[Depends(holds(Permission.REPORTS_READ))], tags=["reports"])
Time = Annotated[
    str, Query(max_length=20, description="A year, a quarter, a month, or 2026-03..2026-08; else this year.")
]
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]


def read(context: Context, time: str) -> tuple[Report, Index]:
    """Return a report and its index, with what happened up to now; raises Refused for no time."""
    now_ms = context.clock.now_ms()
    time = time or month_at(now_ms, context.zone)[:4]
    return making.make(context.database, context.settings, time, now_ms)


@router.get("/reports", include_in_schema=False)
def page_of_year(page: Paged, time: Time = "") -> Response:
    """Show a report."""
    report, found = read(page.context, time)
    with page.context.database.read() as session:
        entered = facts.listed(session)
    return page.answer("report.html", year_page.values(page, report, found) | {"entered": entered})


@router.post("/reports/facts", include_in_schema=False)
def enter_fact(
    who: Writes,
    session: Writing,
    page: Paged,
    kind: Annotated[str, Form(max_length=32)],
    day: Annotated[str, Form(max_length=10)],
    number: Annotated[str, Form(max_length=20)],
    note: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Enter what the software cannot know."""
    fact = facts.enter(session, kind, day, read_amount(number), note, who.id, page.context.clock.now_ms())
    return RedirectResponse(f"/reports?time={fact.day[:4]}&notice=kept", 303)


@router.post("/reports/facts/{id}/withdraw", include_in_schema=False)
def withdraw_fact(who: Writes, session: Writing, page: Paged, id: str) -> Response:
    """Take back what was entered."""
    facts.withdraw(session, id, who.id, page.context.clock.now_ms())
    return RedirectResponse("/reports?notice=fact_withdrawn", 303)


@router.get("/reports/year.pdf", include_in_schema=False)
def pdf_of_year(page: Paged, time: Time = "") -> Response:
    """Give a report as a paper."""
    report, found = read(page.context, time)
    headers = {"Content-Disposition": f'attachment; filename="report-{report.asked.span.name}.pdf"'}
    paper = year_paper.pdf(page.f, page.context.settings.space_name, report, found)
    return Response(paper, 200, headers, "application/pdf")


class FactSeen(BaseModel):
    """What an operator entered for a day ("2026-05-21"), in millionths of its unit."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: FactKind
    day: str
    amount_micro: int
    note: str
    author: str
    at_ms: int


class FactEntered(BaseModel):
    """A number that the software cannot know, for a day such as 2026-05-21, in millionths of its unit."""

    kind: FactKind
    day: Annotated[str, Field(max_length=10)]
    amount_micro: Annotated[int, Field(ge=0, lt=1 << 53)]
    note: Annotated[str, Field(max_length=200)] = ""


@router.get("/api/v1/reports/facts")
def list_facts(session: Reading) -> list[FactSeen]:
    """List what operators entered and nobody took back, newest day first."""
    return [FactSeen.model_validate(one) for one in facts.listed(session, LISTED_MAX)]


@router.post("/api/v1/reports/facts", status_code=201)
def add_fact(who: Writes, session: Writing, context: Ctx, fact: FactEntered) -> FactSeen:
    """Enter what the software cannot know."""
    now_ms = context.clock.now_ms()
    made = facts.enter(session, fact.kind, fact.day, fact.amount_micro, fact.note, who.id, now_ms)
    return FactSeen.model_validate(made)


@router.delete("/api/v1/reports/facts/{id}", status_code=204)
def take_back_fact(who: Writes, session: Writing, context: Ctx, id: str) -> None:
    """Take back what was entered; it stays in the audit log."""
    facts.withdraw(session, id, who.id, context.clock.now_ms())


@router.get("/api/v1/reports/year", response_model=YearSeen)
def year(context: Ctx, time: Time = "") -> YearSeen:
    """Give the figures of a year, or of other whole months, for boards, funders and networks of spaces."""
    report, found = read(context, time)
    return tables.as_json(report, found, context.settings.space_name, context.settings.timezone)


@router.get("/api/v1/reports/year.csv", response_class=Response, responses=CSV)
def year_csv(context: Ctx, time: Time = "") -> Response:
    """Give the same figures as one table: figure, part, machine, month, value, unit."""
    report, _ = read(context, time)
    headers = {"Content-Disposition": f'attachment; filename="report-{report.asked.span.name}.csv"'}
    return Response(tables.as_csv(report), 200, headers, "text/csv; charset=utf-8")
