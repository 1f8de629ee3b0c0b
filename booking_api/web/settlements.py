"""What was settled with other sites, and what is still open: a list, and each month on paper and as CSV."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.documents.endpoints import pdf_answer
from booking_api.exports import sheet
from booking_api.sites import known, paper, uses
from booking_api.web.formats import Formats
from booking_api.web.pages import Paged
from booking_api.web.paging import ROWS, At, around

router = Router(prefix="/settlements", include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]


@router.get("")
def listed(who: Reads, session: Reading, page: Paged, at: At = 0) -> Response:
    """List what was settled, the newest month first, and what waits to be."""
    found = uses.settlements(session, ROWS + 1, at)
    values = {
        "rows": found[:ROWS],
        "pages": around(at, len(found)),
        "open": uses.waiting(session),
        "names": {one.site: one.name for one in known.listed(session)},
    }
    return page.answer("settlements.html", values)


@router.get("/{site}/{month}.pdf")
def on_paper(who: Reads, session: Reading, page: Paged, site: str, month: str) -> Response:
    """Give what was settled with a site for a month as PDF, in the language of this space."""
    settings = page.context.settings
    f = Formats(settings.language, page.f.zone)
    found = uses.of_month(session, site, month)
    laid = paper.settlement_paper(found, known.named(session, site), month, settings, f)
    return pdf_answer(laid.data(), f"settlement-{site}-{month}")


@router.get("/{site}/{month}.csv")
def as_sheet(who: Reads, session: Reading, page: Paged, site: str, month: str) -> Response:
    """Give the same as CSV."""
    rows = paper.sheet(uses.of_month(session, site, month), page.f)
    return sheet.answer(rows, f"settlement-{site}-{month}")
