"""What the page and the paper of a report show: figures in words, changes, tables and charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from booking_api.periods.calendar import bounds
from booking_api.reports.figure import Figure, Section
from booking_api.reports.index import Index
from booking_api.reports.models import FLOWS, FactKind
from booking_api.reports.spans import Span
from booking_api.reports.year_words import INDEX, MEANINGS, NAMES, PARTS, SECTIONS
from booking_api.reports.yearly import YEAR, Report
from booking_api.web import charts
from booking_api.web.charts import Chart, Series
from booking_api.web.formats import NO_BREAK, Formats
from booking_api.web.render import Page
from floor.money import MICRO

PER_CENTS_MOST = 1000
"""More says only that next to nothing stands on the other side, such as costs that nobody entered."""
KEY = ("members_served", "machine_hours", "utilisation", "people_trained", "availability", "cost_coverage")
"""What stands at the top."""
BY_MACHINE = ("sessions", "machine_hours", "utilisation", "availability", "jobs", "filament", "energy",
              "refused_occupied", "work_orders_done")  # fmt: skip
MACHINES = 20
"""So many machines stand on the page, the most used first; the CSV has all."""


@dataclass(frozen=True, slots=True)
class Row:
    """A figure in words. `part` is a part of the figure above it."""

    id: str
    name: str
    meaning: str
    value: str
    before: str
    change: str
    part: bool
    recorded: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """Writes figures in a reader's language."""

    f: Formats
    report: Report

    def say(self, value: Fraction | None, unit: str, figure: Figure | None = None) -> str:
        """Write a number with its unit; what is not known says so."""
        gettext = self.f.texts.gettext
        if value is None:
            if figure is not None and figure.few:
                return gettext("fewer than %(number)s") % {"number": self.report.asked.fewest}
            return gettext("not recorded")
        if _too_much(value, unit):
            return f">{NO_BREAK}{self.f.number(PER_CENTS_MOST)}{NO_BREAK}%"
        if unit == self.report.asked.currency:
            return self.f.money(round(value, 2) * MICRO, unit)
        digits = 0 if abs(value) >= 1000 or not unit else 1
        return self.f.number(value, digits) + (f"{NO_BREAK}{gettext(unit)}" if unit else "")

    def row(self, figure: Figure) -> Row:
        """Return a figure in words."""
        gettext = self.f.texts.gettext
        name = self.part(figure) if figure.part else gettext(NAMES[figure.id])
        before = "" if figure.before is None else self.say(figure.before, figure.unit)
        meaning = "" if figure.part else gettext(MEANINGS[figure.id])
        if figure.id == "cost_coverage" and _too_much(figure.total, figure.unit):
            meaning = gettext("Income by costs, of which hardly any were entered.")
        return Row(
            id=figure.id,
            name=name,
            meaning=meaning,
            value=self.say(figure.total, figure.unit, figure),
            before=before,
            change=self.change(figure),
            part=bool(figure.part),
            recorded=figure.total is not None or figure.few,
        )

    def part(self, figure: Figure) -> str:
        """Return what a part is called: the space's own name, or ours."""
        ours = figure.id == "income_from" or (figure.id == "cost_of_pool" and figure.part in PARTS)
        if ours and figure.part in PARTS:
            return self.f.texts.gettext(PARTS[figure.part])
        return self.report.names.get(figure.part, figure.part)

    def change(self, figure: Figure) -> str:
        """Write how a figure changed since the year before: per cents, or points of per cents."""
        now, before = figure.total, figure.before
        if now is None or before is None or (figure.unit != "%" and before <= 0):
            return ""
        if _too_much(now, figure.unit) or _too_much(before, figure.unit):
            return ""
        by = now - before if figure.unit == "%" else 100 * (now - before) / before
        sign = "+" if by > 0 else "−" if by < 0 else "±"
        number = self.f.number(abs(by), 0 if abs(by) >= 10 else 1)
        if figure.unit == "%":
            return self.f.texts.gettext("%(change)s points") % {"change": f"{sign}{number}"}
        return f"{sign}{number}{NO_BREAK}%"

    def months(self) -> list[str]:
        """Return the months, short: "Jan", or "2025-12" for several years."""
        months = self.report.asked.span.months
        if months[0][:4] != months[-1][:4]:
            return [f"{one[2:4]}/{one[5:]}" for one in months]
        return [str(int(one[5:])) for one in months]

    def sections(self) -> list[tuple[str, list[Row]]]:
        """Return each section with its rows: a figure's parts below it, or below a heading."""
        found: list[tuple[str, list[Row]]] = []
        for section in Section:
            rows: list[Row] = []
            for figure in (one for one in self.report.figures if one.section is section):
                if figure.part and (not rows or rows[-1].id != figure.id):
                    gettext = self.f.texts.gettext
                    head = (gettext(NAMES[figure.id]), gettext(MEANINGS[figure.id]))
                    rows.append(Row(figure.id, *head, "", "", "", part=False, recorded=True))
                rows.append(self.row(figure))
            if rows:
                found.append((self.f.texts.gettext(SECTIONS[section]), rows))
        return found

    def by_month(self) -> list[tuple[str, list[str], str, bool]]:
        """Return figures by month: the name, a cell each month, the total, and whether months add up."""
        span, shown = self.report.asked.span, list[tuple[str, list[str], str, bool]]()
        for figure in self.report.figures:
            if figure.months and not figure.part:
                months = figure.months
                cells = [self._cell(months.get(month), figure.unit) for month in span.months]
                total = self.say(figure.total, figure.unit, figure)
                shown.append((self.f.texts.gettext(NAMES[figure.id]), cells, total, figure.adds))
        return shown

    def by_machine(self) -> tuple[list[str], list[tuple[str, list[str]]]]:
        """Return the heads of columns and the machines, the most used first."""
        figures = [one for id in BY_MACHINE if (one := self.report.of(id)) is not None and one.machines]
        hours = self.report.of("machine_hours")
        used = dict(hours.machines or {}) if hours else {}
        ids = sorted(
            {id for one in figures for id in one.machines or {}}, key=lambda id: (-used.get(id, 0), id)
        )
        heads = [self.f.texts.gettext(NAMES[one.id]) for one in figures]
        rows = [
            (
                self.report.machines.get(id, id),
                [self._cell((one.machines or {}).get(id), one.unit) for one in figures],
            )
            for id in ids[:MACHINES]
        ]
        return heads, rows

    def _cell(self, value: Fraction | None, unit: str) -> str:
        return "–" if value is None else self.say(value, unit)

    def charts(self, csv: str) -> list[Chart]:
        """Return the charts by month: people, hours, refusals, and money."""
        gettext, code = self.f.texts.gettext, self.report.asked.currency
        drawn = [
            self._bars(("members_served",), gettext("Members served, by month"), "", csv),
            self._bars(("machine_hours",), gettext("Hours in sessions, by month"), gettext("h"), csv),
            self._bars(("people_trained",), gettext("People trained, by month"), "", csv),
            self._bars(("refused_occupied",), gettext("Refused because occupied, by month"), "", csv),
            self._bars(("income", "cost"), gettext("Income and costs, by month"), code, csv),
        ]
        return [one for one in drawn if one is not None and not one.empty]

    def _bars(self, ids: Sequence[str], title: str, unit: str, csv: str) -> Chart | None:
        months = self.report.asked.span.months
        figures = [one for id in ids if (one := self.report.of(id)) is not None and one.months]
        if not figures or len(months) == 1:
            return None
        several = len(figures) > 1
        series = [
            Series(
                self.f.texts.gettext(NAMES[one.id]) if several else "",
                [_plain((one.months or {}).get(month)) for month in months],
            )
            for one in figures
        ]
        first = self.f.texts.gettext("Month")
        return charts.bars(ids[0], title, self.months(), series, self._whole, unit=unit, first=first, csv=csv)

    def _whole(self, value: int | float | Fraction) -> str:
        return self.f.number(Fraction(value), 0)


def _plain(value: Fraction | None) -> int | Fraction | None:
    """Return a whole number as one: its axis has whole numbers then."""
    return int(value) if value is not None and value.denominator == 1 else value


def values(page: Page, report: Report, found: Index) -> dict[str, object]:
    """Return what the page's template needs."""
    shown, span = Shown(page.f, report), report.asked.span
    zone = page.context.zone
    csv = f"/api/v1/reports/year.csv?time={span.name}"
    now_year = int(page.f.moment(report.asked.now_ms).strftime("%Y"))
    heads, machines = shown.by_machine()
    return {
        "span": span,
        "title": title(page.f, span),
        "running": span.from_ms <= report.asked.now_ms < span.to_ms,
        "now_ms": report.asked.now_ms,
        "earlier": span.shifted(-YEAR, zone).name,
        "later": span.shifted(YEAR, zone).name if span.to_ms <= report.asked.now_ms else "",
        "choices": [str(year) for year in range(now_year, now_year - 6, -1)],
        "quarters": [f"{span.first[:4]}-Q{number}" for number in range(1, 5)],
        "index": found,
        "index_rows": index_rows(page.f, found),
        "index_number": index_number(page.f, found),
        "key": [shown.row(one) for id in KEY if (one := report.of(id)) is not None],
        "sections": shown.sections(),
        "charts": shown.charts(csv),
        "months": [page.f.month(bounds(month, zone)[0]) for month in span.months],
        "short_months": shown.months(),
        "by_month": shown.by_month() if len(span.months) > 1 else [],
        "machine_heads": heads,
        "machine_rows": machines,
        "csv": csv,
        "kinds": [(kind.value, NAMES[kind.value], kind in FLOWS) for kind in FactKind],
        "fact_names": NAMES,
        "micro": MICRO,
        "currency": report.asked.currency,
        "fraction": Fraction,
    }


def title(f: Formats, span: Span) -> str:
    """Return what a time is called: a year, a quarter, a month, or from one month to another."""
    first, last = f.month(span.from_ms), f.month(span.to_ms - 1)
    if span.name == span.first[:4]:
        return span.name
    return (
        first if first == last else f.texts.gettext("%(first)s to %(last)s") % {"first": first, "last": last}
    )


def index_number(f: Formats, found: Index) -> str:
    """Write the index as a whole number."""
    return f.texts.gettext("not known") if found.value is None else f.number(found.value, 0)


def index_rows(f: Formats, found: Index) -> list[dict[str, object]]:
    """Return the index's parts in words: figure, score, weight, and what would raise it."""
    gettext, rows = f.texts.gettext, list[dict[str, object]]()
    raises = [one.part for one in found.would_raise[:3]]
    for one in found.parts:
        name, advice = INDEX[one.part]
        rows.append(
            {
                "name": gettext(name),
                "value": gettext("not recorded") if one.value is None else f.number(one.value, 1),
                "score": None if one.score is None else round(one.score),
                "weight": f.percent(one.share),
                "missing": f.number(one.missing, 0),
                "advice": gettext(advice) if one.part in raises else "",
            }
        )
    return rows


def _too_much(value: Fraction | None, unit: str) -> bool:
    return value is not None and unit == "%" and value > PER_CENTS_MOST
