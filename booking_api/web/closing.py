"""What machines really cost, and the books at the end of a month, as pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Query
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.costing import invoices, versions
from booking_api.costing.invoices import InvoiceDetails, InvoiceLine
from booking_api.machines.models import Machine
from booking_api.periods import service
from booking_api.periods.calendar import month_at
from booking_api.periods.models import Period
from booking_api.periods.people import names_in
from booking_api.periods.service import Outcome
from booking_api.web.closing_charts import month_charts
from booking_api.web.moments import instant
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.typed import read_amount, read_optional_amount
from floor.costing import Actual, CostKind
from floor.costing.study import Purpose
from floor.errors import Refused

router = Router(prefix="/closing", include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Anew = Annotated[str, Query(max_length=5)]
Word = Annotated[str, Form(min_length=1, max_length=80)]
KINDS: dict[CostKind, str] = {
    CostKind.CAPITAL: "capital",
    CostKind.UPKEEP: "upkeep",
    CostKind.CONSUMABLES: "consumables",
    CostKind.ENERGY: "electricity",
    CostKind.ROOM: "room",
    CostKind.STAFF: "staff",
    CostKind.OTHER: "other costs",
    CostKind.MANAGEMENT: "management",
}
ACTUALS: dict[Actual, str] = {
    Actual.PLAN: "by plan",
    Actual.METERED: "metered",
    Actual.BOOKED: "by invoices",
}
PURPOSES: dict[Purpose, str] = {
    Purpose.IDLE: "for capacity that stood idle",
    Purpose.SUBSIDY: "as a subsidy",
    Purpose.REDUCTION: "for reduced prices",
}
OTHERS = {"liabilities:tax": "tax, paid on", "income:rounding": "rounding"}
BLOCKS = {
    "month_not_over": "This month is not over yet. Its fixed costs are those of the whole month already.",
    "month_before_open": "An earlier month is not closed yet. Close it first.",
    "sessions_running": "Sessions that began in this month or before have not ended. End them, or wait.",
}
"""Why a month cannot be closed yet: its figures are shown all the same."""
TEXTS = (KINDS, ACTUALS, PURPOSES, OTHERS, BLOCKS)
"""What pages call these; a catalogue has each text."""
SHOWN = 50


@router.get("")
def overview(who: Reads, page: Paged) -> Response:
    """Show which month is next, which are closed, and suppliers' invoices."""
    context = page.context
    with context.database.read() as session:
        following = service.next_month(session)
        now_month = month_at(context.clock.now_ms(), context.zone)
        found = versions.in_force(session, following or now_month)
        values: dict[str, object] = {
            "following": following,
            "over": following is not None and following < now_month,
            "months": service.listed(session),
            "invoices": invoices.listed(session, SHOWN),
            "pools": found[1].pools if found else (),
            "pool_names": {pool.id: pool.name for pool in found[1].pools} if found else {},
            "kinds": [kind for kind in CostKind if kind is not CostKind.MANAGEMENT],
            "words": KINDS,
            "code": found[1].commodity.code if found else context.settings.currency.code,
            "bookable": {
                pool.id: [kind for kind in CostKind if invoices.bookable(pool, kind)]
                for pool in (found[1].pools if found else ())
            },
        }
    return page.answer("closing.html", values)


@router.get("/{month}")
def statement(who: Reads, page: Paged, month: str, anew: Anew = "") -> Response:
    """Show what a month's close stated, or would: of a large month, by what was worked out last."""
    context, blocked, kept = page.context, "", None
    with context.database.read() as session:
        try:
            done = service.closed(session, month)
            accepted = 0 if done else service.check(session, month, context.clock.now_ms(), True)
        except Refused as refusal:
            if refusal.code not in BLOCKS:
                raise
            accepted, done = 0, None
            blocked = page.f.texts.gettext(BLOCKS[refusal.code])
        if done is None:
            kept = context.statements.of(session, month, anew=bool(anew))
            done = Outcome(kept.stated.model_copy(update={"accepted": accepted}), posted=False)
        latest = session.get(Period, month) is not None and service.listed(session)[0].month == month
        values = _values(session, page, done) | {
            "latest": latest,
            "blocked": blocked,
            "kept": kept,
            "now_ms": context.clock.now_ms(),
            "charts": month_charts(page.f, done.statement, names_in(session, done.statement)),
        }
    return page.answer("closing_month.html", values)


@router.post("/{month}/close")
def close(
    who: Writes, session: Writing, page: Paged, month: str, accept: Annotated[str, Form(max_length=5)] = ""
) -> Response:
    """Close a month."""
    context = page.context
    service.close(
        session,
        month,
        context.settings.currency,
        who.id,
        context.clock.now_ms(),
        accept_exceptions=bool(accept),
    )
    return RedirectResponse(f"/closing/{month}?notice=month_closed", 303)


@router.post("/{month}/reopen")
def reopen(
    who: Writes,
    session: Writing,
    page: Paged,
    month: str,
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Open the latest closed month again."""
    service.reopen(session, month, reason, who.id, page.context.clock.now_ms())
    return RedirectResponse("/closing?notice=month_opened", 303)


@router.post("/invoices/new")
def enter_invoice(
    who: Writes,
    session: Writing,
    page: Paged,
    supplier: Word,
    number: Annotated[str, Form(min_length=1, max_length=60)],
    day: Annotated[str, Form(max_length=10)],
    cost: Annotated[str, Form(max_length=60)],
    amount: Annotated[str, Form(max_length=20)],
    tax: Annotated[str, Form(max_length=20)] = "",
    memo: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Enter a supplier's invoice of one line; those of several come by file or API."""
    pool, _, kind = cost.partition("/")
    if kind not in set(CostKind):
        raise Refused("kind_invalid", "Choose what the invoice is for.")
    line = InvoiceLine(pool=pool, kind=CostKind(kind), amount_micro=read_amount(amount))
    details = InvoiceDetails(
        supplier=supplier.strip(),
        number=number.strip(),
        dated_ms=instant(day, page.f),
        lines=(line,),
        tax_micro=read_optional_amount(tax) or 0,
        memo=memo,
    )
    invoices.enter(session, details, who.id, page.context.clock.now_ms())
    return RedirectResponse("/closing?notice=invoice_entered", 303)


@router.post("/invoices/{id}/pay")
def pay_invoice(
    who: Writes, session: Writing, page: Paged, id: str, paid_from: Annotated[str, Form()] = "bank"
) -> Response:
    """Post that an invoice was paid."""
    invoices.pay(session, id, paid_from, who.id, page.context.clock.now_ms())
    return RedirectResponse("/closing?notice=invoice_paid", 303)


def _values(session: Session, page: Page, done: Outcome) -> dict[str, object]:
    machines = select(Machine.id, Machine.name).where(col(Machine.id).in_(done.statement.outside))
    return {
        "machine_names": dict(session.exec(machines).all()),
        "s": done.statement,
        "names": names_in(session, done.statement),
        "closed_ms": done.closed_ms,
        "kinds": KINDS,
        "actuals": ACTUALS,
        "purposes": PURPOSES,
        "others": OTHERS,
    }
