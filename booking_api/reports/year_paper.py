"""A report as a paper: PDF by Typst, with the same figures and words as the page."""

from __future__ import annotations

from fractions import Fraction

from booking_api.documents import pdf as typeset
from booking_api.reports.index import Index
from booking_api.reports.year_page import Shown, index_number, index_rows, title
from booking_api.reports.year_words import NAMES
from booking_api.reports.yearly import Report
from booking_api.web.formats import Formats

CHARTS = ("members_served", "machine_hours", "people_trained", "income")


def pdf(f: Formats, space: str, report: Report, found: Index) -> bytes:
    """Return a report's paper; raises Refused without Typst, or without the font that it needs."""
    return typeset.pdf("report", data(f, space, report, found))


def data(f: Formats, space: str, report: Report, found: Index) -> dict[str, object]:
    """Return what the paper's template sets."""
    gettext, shown, span = f.texts.gettext, Shown(f, report), report.asked.span
    name = f"{gettext('Report')} {title(f, span)}"
    known = gettext("%(part)s of its weights are known.") % {"part": f.percent(found.known)}
    made = gettext("Made on %(when)s") % {"when": f.when(report.asked.now_ms)}
    parts = [
        {**one, "shown": "" if one["score"] is None else str(one["score"])} for one in index_rows(f, found)
    ]
    return {
        "language": f.language,
        "space": space,
        "title": name,
        "subtitle": gettext("Beside each figure: the same months a year before."),
        "foot": [space, name, made],
        "page_of": gettext("Page %(page)s of %(pages)s"),
        "heads": ["", title(f, span), gettext("A year before"), gettext("Against then")],
        "index": {
            "title": gettext("Space index"),
            "number": index_number(f, found),
            "note": known,
            "parts": parts,
        },
        "charts": [chart for id in CHARTS if (chart := _chart(shown, id)) is not None],
        "sections": [
            {
                "name": section,
                "rows": [
                    {
                        "name": row.name,
                        "meaning": row.meaning,
                        "value": row.value,
                        "before": row.before,
                        "change": row.change,
                        "part": row.part,
                    }
                    for row in rows
                ],
            }
            for section, rows in shown.sections()
        ],
    }


def _chart(shown: Shown, id: str) -> dict[str, object] | None:
    """Return bars by month; none for one month, and of what was not recorded or is 0."""
    figure = shown.report.of(id)
    months = shown.report.asked.span.months
    if figure is None or not figure.months or len(months) == 1:
        return None
    amounts = [max(Fraction(0), figure.months.get(month, Fraction(0))) for month in months]
    if not any(amounts):
        return None
    most = shown.say(max(amounts), figure.unit)
    name = shown.f.texts.gettext(NAMES[id])
    return {
        "title": name,
        "values": [round(amount) for amount in amounts],
        "labels": shown.months(),
        "note": shown.f.texts.gettext("The highest month: %(most)s") % {"most": most},
    }
