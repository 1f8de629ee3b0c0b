"""A report as JSON that a network of spaces can add up, and as one tidy table."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from pydantic import BaseModel

from booking_api.exports import sheet
from booking_api.reports.figure import Figure, decimal
from booking_api.reports.index import Index, Part
from booking_api.reports.yearly import Report

VERSION = 1
HEAD = ("figure", "part", "machine", "month", "value", "unit", "adds", "note")
NOT_RECORDED = "not recorded"


class FigureSeen(BaseModel):
    """A figure: exact decimals in `unit`; `value` null: not recorded, or (`fewer_than` set) too few to tell.

    `adds`: months, and spaces, may be added up; distinct people, stocks and shares may not.
    """

    id: str
    part: str
    section: str
    unit: str
    value: str | None
    fewer_than: int | None
    before: str | None
    adds: bool
    months: dict[str, str] | None
    machines: dict[str, str] | None


class PartSeen(BaseModel):
    """A part of the index: its figure, its score (0 to 100), its share of the known weights (0 to 1)."""

    id: Part
    value: str | None
    score: str | None
    share: str


class IndexSeen(BaseModel):
    """The space index (0 to 100), null when nothing is known; `known` is the part that was (0 to 1)."""

    value: str | None
    known: str
    parts: list[PartSeen]


class YearSeen(BaseModel):
    """A report of whole months, in `version` of this form; later versions may add to it, never change it."""

    version: int
    space: str
    timezone: str
    currency: str
    time: str
    from_month: str
    to_month: str
    made_ms: int
    figures: list[FigureSeen]
    index: IndexSeen


def as_json(report: Report, found: Index, space: str, timezone: str) -> YearSeen:
    """Return a report for programs."""
    span = report.asked.span
    parts = [
        PartSeen(id=one.part, value=_text(one.value), score=_text(one.score), share=decimal(one.share))
        for one in found.parts
    ]
    return YearSeen(
        version=VERSION,
        space=space,
        timezone=timezone,
        currency=report.asked.currency,
        time=span.name,
        from_month=span.first,
        to_month=span.last,
        made_ms=report.asked.now_ms,
        figures=[_figure(one, report.asked.fewest) for one in report.figures],
        index=IndexSeen(value=_text(found.value), known=decimal(found.known), parts=parts),
    )


def as_csv(report: Report) -> str:
    """Return a row for each figure, by month and by machine too; its first mark says that it is UTF-8."""
    rows = (row for figure in report.figures for row in _rows(figure, report.asked.fewest))
    return sheet.written((HEAD, *rows))


def _rows(figure: Figure, fewest: int) -> Iterator[list[str]]:
    adds = "yes" if figure.adds else "no"

    def row(machine: str, month: str, value: str, note: str = "") -> list[str]:
        return [figure.id, figure.part, machine, month, value, figure.unit, adds, note]

    if figure.total is None:
        yield row("", "", "", f"fewer than {fewest}" if figure.few else NOT_RECORDED)
    else:
        yield row("", "", decimal(figure.total))
    for month, value in sorted((figure.months or {}).items()):
        yield row("", month, decimal(value))
    for machine, value in sorted((figure.machines or {}).items()):
        yield row(machine, "", decimal(value))


def _figure(figure: Figure, fewest: int) -> FigureSeen:
    months, machines = figure.months, figure.machines
    return FigureSeen(
        id=figure.id,
        part=figure.part,
        section=figure.section,
        unit=figure.unit,
        value=_text(figure.total),
        fewer_than=fewest if figure.few else None,
        before=_text(figure.before),
        adds=figure.adds,
        months=None if months is None else {one: decimal(value) for one, value in months.items()},
        machines=None if machines is None else {one: decimal(value) for one, value in machines.items()},
    )


def _text(value: Fraction | None) -> str | None:
    return None if value is None else decimal(value)
