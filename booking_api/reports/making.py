"""Makes a report of what a database holds: counts what is new, reads the figures, and puts up the index."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from booking_api.db import Database
from booking_api.reports import counting, yearly
from booking_api.reports.index import Index, Part, index, totals_of, values_of
from booking_api.reports.spans import Span, read_span
from booking_api.reports.yearly import Asked, Report
from booking_api.settings import Settings

DAY_MS = 86_400_000
MONTH_DAYS = Fraction(1461, 48)
"""A month on average."""


def make(database: Database, settings: Settings, time: str, now_ms: int) -> tuple[Report, Index]:
    """Return the report of a time (2026, 2026-Q2, 2026-05, 2026-03..2026-08) up to now; raises Refused."""
    span = read_span(time, database.zone)
    counting.catch_up(database)
    asked = Asked(span, settings.currency.code, now_ms, settings.reports.fewest)
    with database.read() as session:
        report = yearly.read(session, asked)
    return report, index_of(report, settings.reports.weights)


def index_of(report: Report, weights: Mapping[Part, int]) -> Index:
    """Return a report's index."""
    totals = totals_of((one.id, one.part, one.total) for one in report.figures)
    return index(values_of(totals, _months(report.asked.span, report.asked.now_ms)), weights)


def _months(span: Span, now_ms: int) -> Fraction:
    """Return how many months of a time are over, at least a day's part."""
    over_ms = max(DAY_MS, min(span.to_ms, now_ms) - span.from_ms)
    return Fraction(over_ms, DAY_MS) / MONTH_DAYS
