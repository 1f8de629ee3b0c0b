"""The receipt of one use: a page to read and print, and the same as PDF."""

from __future__ import annotations

from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, require
from booking_api.auth.permissions import Permission
from booking_api.disputes.service import on_statement
from booking_api.documents.endpoints import pdf_answer
from booking_api.documents.receipts import receipt_paper
from booking_api.web.pages import Paged
from booking_api.web.use_receipt import read_receipt

router = Router(prefix="/sessions", include_in_schema=False)


@router.get("/{id}/receipt")
def receipt_page(who: SignedIn, session: Reading, page: Paged, id: str) -> Response:
    """Explain every line of what a use cost."""
    require(who, Permission.ME_READ)
    read = read_receipt(session, who, id, page.f)
    values = {
        "read": read,
        "used": read.used,
        "view": {"disputes": on_statement(session, [one.entry for one in read.parts if one.entry])},
        "mine": read.used.member == who.member.id,
        "own": read.used.member == who.member.id,
        "now_ms": page.context.clock.now_ms(),
    }
    return page.answer("receipt.html", values)


@router.get("/{id}/receipt.pdf")
def receipt_pdf(who: SignedIn, session: Reading, page: Paged, id: str) -> Response:
    """Give the receipt as PDF."""
    require(who, Permission.ME_READ)
    read = read_receipt(session, who, id, page.f)
    return pdf_answer(receipt_paper(read, page.context.settings, page.f).data(), f"receipt-{id}")
