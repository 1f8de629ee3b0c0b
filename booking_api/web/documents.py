"""Invoices and statements, as pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form
from markupsafe import Markup
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.documents import addresses, outlook, service
from booking_api.documents import content as contents
from booking_api.documents.access import check_account, check_change, visible
from booking_api.documents.addresses import AddressDetails
from booking_api.documents.endpoints import pdf_answer
from booking_api.documents.models import Invoice, InvoiceKind
from booking_api.documents.paper import Paper, formats_of, invoice_paper
from booking_api.documents.statements import statement_paper
from booking_api.periods.calendar import month_at
from booking_api.web.me import MonthText
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.statement import month_of
from floor.errors import Refused

router = Router(include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Short = Annotated[str, Form(max_length=100)]
SHOWN = 10
"""The accounts that a page names; the sum is of all."""


@dataclass(frozen=True, slots=True)
class Row:
    """An invoice in a list; `open_text` is "" where nothing was left to pay when it was issued."""

    number: str
    name: str
    kind: str
    day: str
    month: str
    total: str
    open_text: str


@router.get("/me/invoices")
def my_invoices(who: SignedIn, page: Paged) -> Response:
    """Show the reader's invoices, those of their teams, and who they are made out to."""
    require(who, Permission.ME_READ)
    with page.context.database.read() as session:
        found = service.listed(session, service.own_accounts(session, who.member))
        values = {
            "rows": _rows(session, page, found),
            "address": addresses.address_of(session, who.member.account),
            "default_name": who.member.whole_name,
        }
    return page.answer("invoices_mine.html", values)


@router.post("/me/address")
def change_my_address(
    who: SignedIn,
    session: Writing,
    page: Paged,
    name: Short,
    lines: Annotated[str, Form(max_length=600)] = "",
    country: Annotated[str, Form(max_length=2)] = "",
    vat_id: Annotated[str, Form(max_length=32)] = "",
    language: Annotated[str, Form(max_length=2)] = "",
) -> Response:
    """Say who the reader's invoices are made out to."""
    check_change(session, who, who.member.account)
    try:
        details = AddressDetails(
            name=name.strip(),
            lines=[line.strip() for line in lines.splitlines() if line.strip()],
            country=country.strip().upper(),
            vat_id=vat_id.strip(),
            language=language,
        )
    except ValueError:
        raise Refused(
            "address_invalid", "Write a name, at most six lines, and the country in two letters."
        ) from None
    addresses.set_address(session, who.member.account, details, page.context.clock.now_ms())
    return RedirectResponse("/me/invoices?notice=address", 303)


@router.get("/me/statement.pdf")
def my_statement_pdf(who: SignedIn, page: Paged, month: MonthText = "") -> Response:
    """Give the reader's month as PDF."""
    return _statement_pdf(who, page, who.member.account, month)


@router.get("/statements/{account}.pdf")
def account_statement_pdf(who: SignedIn, page: Paged, account: str, month: MonthText = "") -> Response:
    """Give an account's month as PDF."""
    return _statement_pdf(who, page, account, month)


@router.get("/invoices")
def all_invoices(who: Reads, page: Paged, month: MonthText = "") -> Response:
    """Show the invoices of a month, and what a run would issue."""
    now_ms = page.context.clock.now_ms()
    chosen = month_of(month or month_at(now_ms, page.context.zone), now_ms, page.f)
    with page.context.database.read() as session:
        settings = page.context.settings
        waits = outlook.expected(session, chosen.key, settings.currency.code)
        ready = [one for one in waits if one.total_micro % service.minor_micro(one.commodity, settings) == 0]
        totals: dict[str, int] = {}
        for one in ready:
            totals[one.commodity] = totals.get(one.commodity, 0) + one.total_micro
        ends = {one.account for one in ready}
        values = {
            "month": chosen,
            "rows": _rows(session, page, service.listed(session, None, chosen.key)),
            "would": ready[:SHOWN],
            "more": max(0, len(ready) - SHOWN),
            "totals": [page.f.money(micro, code) for code, micro in totals.items()],
            "waiting": [one for one in waits if one.account not in ends],
        }
    return page.answer("invoices.html", values)


@router.post("/invoices/run")
def run(who: Writes, session: Writing, page: Paged, month: Annotated[str, Form(max_length=7)]) -> Response:
    """Issue the invoices of a month; sent twice, it issues nothing new."""
    service.run(session, month, page.context.settings, who.id, page.context.clock.now_ms())
    return RedirectResponse(f"/invoices?month={month}&notice=invoiced", 303)


@router.get("/invoices/{number}.pdf")
def invoice_pdf(who: SignedIn, page: Paged, number: str) -> Response:
    """Give an invoice as PDF."""
    with page.context.database.read() as session:
        found = visible(session, who, number)
    return pdf_answer(invoice_paper(contents.read(found.content)).data(), found.number)


@router.get("/invoices/{number}")
def invoice_page(who: SignedIn, page: Paged, number: str) -> Response:
    """Show an invoice as it reads on paper, in its own language."""
    with page.context.database.read() as session:
        found = visible(session, who, number)
    content = contents.read(found.content)
    paper = invoice_paper(content)
    qr = Markup(paper.payment.qr) if paper.payment else ""  # made by us of digits; no text of people in it
    values = {"paper": paper, "qr": qr, "number": found.number, "written": formats_of(content)}
    return page.answer("invoice.html", values)


NAMES = {InvoiceKind.INVOICE: "Invoice", InvoiceKind.CREDIT_NOTE: "Credit note"}


def _statement_pdf(who: Who, page: Page, account: str, month: str) -> Response:
    with page.context.database.read() as session:
        check_account(session, who, account)
        now_ms = page.context.clock.now_ms()
        paper: Paper = statement_paper(session, account, month, page.context.settings, now_ms, page.f)
    return pdf_answer(paper.data(), f"statement-{month or month_at(now_ms, page.context.zone)}")


def _rows(session: Session, page: Page, found: list[Invoice]) -> list[Row]:
    called = service.names(session, [one.account for one in found])
    f = page.f
    return [
        Row(
            number=one.number,
            name=called.get(one.account, one.account),
            kind=f.texts.gettext(NAMES[one.kind]),
            day=f.day(one.issued_ms),
            month=month_of(one.month, one.issued_ms, f).name,
            total=f.money(one.total_micro, one.commodity),
            open_text=f.money(one.due_micro, one.commodity) if one.due_micro else "",
        )
        for one in found
    ]
