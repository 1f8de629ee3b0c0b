"""Documents over HTTP: invoices and credit notes, the run that issues them, addresses, statements as PDF."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.documents import addresses, pdf, service
from booking_api.documents import content as contents
from booking_api.documents.access import check_account, check_change, visible
from booking_api.documents.addresses import AddressDetails
from booking_api.documents.content import Content
from booking_api.documents.models import Invoice, InvoiceKind
from booking_api.documents.paper import invoice_paper
from booking_api.documents.statements import statement_paper
from booking_api.idempotency import IdempotencyKey
from booking_api.web.formats import Formats

router = Router(prefix="/api/v1", tags=["documents"])
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
MonthText = Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="Such as 2026-10.")]
PDF = "application/pdf"
ANSWERS: dict[int | str, dict[str, Any]] = {200: {"content": {PDF: {}}}, 409: {"description": "No Typst."}}


class InvoiceSeen(BaseModel):
    """An invoice or a credit note. Amounts are micro-units, times UTC milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    number: str
    kind: InvoiceKind
    account: str
    month: str
    commodity: str
    net_micro: int
    tax_micro: int
    total_micro: int
    due_micro: int
    issued_ms: int
    due_ms: int
    reverses: str | None
    sha256: str


class InvoiceWhole(InvoiceSeen):
    """An invoice with everything that it says."""

    content: Content


class MonthDetails(BaseModel):
    """Until the end of which month something is issued."""

    month: MonthText


class RunDetails(MonthDetails):
    """A run over all accounts; with `dry_run` nothing is issued, and the answer says what would be."""

    dry_run: bool = False


class WaitsSeen(BaseModel):
    """An account that a run left alone, and why."""

    account: str
    why: str


class RunSeen(BaseModel):
    """What a run issued, or would issue: `number` is empty then."""

    month: str
    documents: list[Content]
    waiting: list[WaitsSeen]
    totals_micro: dict[str, int]


class Issued(BaseModel):
    """What was issued for one account."""

    invoices: list[InvoiceSeen]


@router.get("/invoices")
def list_invoices(
    session: Reading,
    who: SignedIn,
    account: Annotated[str, Query(max_length=64)] = "",
    month: Annotated[str, Query(max_length=7)] = "",
) -> list[InvoiceSeen]:
    """Return invoices, newest first: everybody's for who reads the books, else one's own and one's teams'."""
    if account:
        check_account(session, who, account)
        accounts: list[str] | None = [account]
    elif who.may(Permission.LEDGER_READ):
        accounts = None
    else:
        require(who, Permission.ME_READ)
        accounts = service.own_accounts(session, who.member)
    return [_seen(one) for one in service.listed(session, accounts, month)]


@router.get("/invoices/{number}")
def get_invoice(session: Reading, who: SignedIn, number: str) -> InvoiceWhole:
    """Return an invoice by its number or id."""
    found = visible(session, who, number)
    return InvoiceWhole(**_seen(found).model_dump(), content=contents.read(found.content))


@router.get("/invoices/{number}/pdf", response_class=Response, responses=ANSWERS)
def get_invoice_pdf(session: Reading, who: SignedIn, number: str) -> Response:
    """Return an invoice as PDF, in the language in which it was issued."""
    found = visible(session, who, number)
    return pdf_answer(invoice_paper(contents.read(found.content)).data(), found.number)


@router.post("/accounts/{account}/invoices", status_code=201)
def issue(
    who: Writes, session: Writing, context: Ctx, account: str, details: MonthDetails, key: IdempotencyKey
) -> Issued:
    """Issue what one account was charged until the end of a month and stands on no invoice yet."""
    now_ms = context.clock.now_ms()
    made = service.issue(session, account, details.month, context.settings, who.id, now_ms)
    return Issued(invoices=[_seen(one) for one in made])


@router.post("/invoice-runs", status_code=201)
def run(who: Writes, session: Writing, context: Ctx, details: RunDetails, key: IdempotencyKey) -> RunSeen:
    """Issue the invoices of a month for all accounts; a second run issues nothing new."""
    now_ms = context.clock.now_ms()
    done = service.run(session, details.month, context.settings, who.id, now_ms, dry=details.dry_run)
    return RunSeen(
        month=done.month,
        documents=done.issued,
        waiting=[WaitsSeen(account=account, why=why) for account, why in done.waiting],
        totals_micro=done.totals,
    )


@router.get("/accounts/{account}/billing-address")
def get_address(session: Reading, who: SignedIn, account: str) -> AddressDetails | None:
    """Return who an account's invoices are made out to, null where nobody said."""
    check_account(session, who, account)
    return addresses.address_of(session, account)


@router.put("/accounts/{account}/billing-address")
def put_address(
    who: SignedIn, session: Writing, context: Ctx, account: str, details: AddressDetails
) -> AddressDetails:
    """Say who the invoices to come are made out to."""
    check_change(session, who, account)
    addresses.set_address(session, account, details, context.clock.now_ms())
    return details


@router.get("/accounts/{account}/statement/pdf", response_class=Response, responses=ANSWERS)
def get_statement_pdf(
    session: Reading,
    context: Ctx,
    who: SignedIn,
    account: str,
    month: Annotated[str, Query(pattern=r"^(20[0-9]{2}-(0[1-9]|1[0-2]))?$")] = "",
    language: Annotated[str, Query(pattern="^(en|zh)$")] = "en",
) -> Response:
    """Return an account's month as PDF."""
    check_account(session, who, account)
    f = Formats(language, context.zone)
    paper = statement_paper(session, account, month, context.settings, context.clock.now_ms(), f)
    return pdf_answer(paper.data(), f"statement-{month or 'now'}")


def pdf_answer(data: dict[str, object], name: str) -> Response:
    """Answer with a PDF that a browser shows, and saves under a name."""
    headers = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
    return Response(pdf.pdf("document", data), media_type=PDF, headers=headers)


def _seen(one: Invoice) -> InvoiceSeen:
    return InvoiceSeen.model_validate(one)
