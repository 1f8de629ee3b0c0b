"""The billing run as a page: what is odd first, then the sums, then each invoice; issued some at a time."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Query
from sqlmodel import Session, func, select
from starlette.responses import RedirectResponse, Response

from booking_api.accounts.models import AccountKind
from booking_api.api.routes import Router
from booking_api.auth.guards import Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.documents import exceptions, outlook, service
from booking_api.documents.exceptions import Odd
from booking_api.documents.models import Invoice
from booking_api.documents.outlook import Expected
from booking_api.periods.calendar import month_at
from booking_api.web import charts
from booking_api.web.charts import Series
from booking_api.web.charts import money_say as say
from booking_api.web.me import MonthText
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.statement import month_of

router = Router(include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
ROWS = 50
AT_ONCE = 100
"""So many accounts are billed by one request, so that the books are never held for long."""
NAMED = 12
"""So many accounts of an exception are named."""
ODD: dict[Odd, tuple[str, str]] = {
    Odd.UNPRICED: ("Sessions without a price", "They are on no invoice until somebody settles them."),
    Odd.RUNNING: ("Sessions that have not ended", "A session that was lost is ended by hand."),
    Odd.DISPUTED: (
        "Open disputes",
        "What is disputed is on the invoice, and not collected meanwhile.",
    ),
    Odd.UNROUNDED: ("Parts of a cent", "Charges are rounded when the month is closed; these accounts wait."),
    Odd.UNUSUAL: ("Far more than usual", "Above every earlier invoice, and three times their median."),
    Odd.NEGATIVE: ("Credit notes", "More is given back than was charged."),
    Odd.OVER_CREDIT: ("Over the credit limit", "They owe more than they may."),
    Odd.NO_MAIL: ("No e-mail address", "These invoices have to be printed."),
    Odd.ZERO: ("Nothing left to bill", "Entries that cancel each other make no invoice."),
}
KINDS = {AccountKind.MEMBER: "Members", AccountKind.TEAM: "Teams", AccountKind.GUEST: "Guests"}
TEXTS = (ODD, KINDS)
"""What the page calls these; a catalogue has each text."""
LINKS = {Odd.UNPRICED: "/workshop/sessions", Odd.RUNNING: "/workshop/sessions", Odd.DISPUTED: "/disputes"}


@router.get("/billing-run")
def preview(
    who: Reads, page: Paged, month: MonthText = "", at: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> Response:
    """Show what a run of a month would issue."""
    now_ms = page.context.clock.now_ms()
    chosen = month_of(month or month_at(now_ms, page.context.zone), now_ms, page.f)
    with page.context.database.read() as session:
        waits, ready = _waiting(session, page, chosen.key)
        found = exceptions.find(session, chosen.key, waits, ready)
        by_tier, by_kind = _sums(session, ready)
        made = session.exec(select(func.count()).where(Invoice.month == chosen.key)).one()
    code = page.context.settings.currency.code
    pages = max(1, -(-len(ready) // ROWS))
    at = min(at, pages)
    values: dict[str, object] = {
        "month": chosen,
        "odd": [(one, *ODD[one.odd], LINKS.get(one.odd, "")) for one in found],
        "named": NAMED,
        "ready": ready,
        "rows": ready[(at - 1) * ROWS : at * ROWS],
        "at": at,
        "pages": pages,
        "made": made,
        "at_once": AT_ONCE,
        "totals": _totals(ready),
        "kinds": [(KINDS[kind], len(sums), sums) for kind, sums in by_kind.items()],
        "code": code,
        "tiers": _chart(page, by_tier, code) if len(by_tier) > 1 else None,
    }
    return page.answer("billing_run.html", values)


@router.post("/billing-run")
def run(who: Writes, session: Writing, page: Paged, month: Annotated[str, Form(max_length=7)]) -> Response:
    """Issue the next invoices of a month; what was issued stays, so a run that broke off goes on."""
    context = page.context
    _, ready = _waiting(session, page, month)
    accounts = list(dict.fromkeys(one.account for one in ready))[:AT_ONCE]
    service.run(session, month, context.settings, who.id, context.clock.now_ms(), accounts=accounts)
    return RedirectResponse(f"/billing-run?month={month}&notice=invoiced_some", 303)


def _waiting(session: Session, page: Page, month: str) -> tuple[list[Expected], list[Expected]]:
    """Return what waits, and what of it can be billed: whole accounts without parts of a cent."""
    settings = page.context.settings
    waits = outlook.expected(session, month, settings.currency.code)
    rough = {
        one.account for one in waits if one.total_micro % service.minor_micro(one.commodity, settings) != 0
    }
    return waits, [one for one in waits if one.account not in rough]


def _totals(ready: list[Expected]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in ready:
        sums[one.commodity] = sums.get(one.commodity, 0) + one.total_micro
    return sums


def _sums(
    session: Session, ready: list[Expected]
) -> tuple[dict[str, dict[str, int]], dict[AccountKind, list[Expected]]]:
    """Return what is billed by tier and commodity ("": teams), and who is billed by kind of account."""
    tiers = exceptions.tiers_of(session)
    by_tier: dict[str, dict[str, int]] = {}
    by_kind: dict[AccountKind, list[Expected]] = {}
    for one in ready:
        sums = by_tier.setdefault(tiers.get(one.account, ""), {})
        sums[one.commodity] = sums.get(one.commodity, 0) + one.total_micro
        by_kind.setdefault(one.kind, []).append(one)
    return by_tier, by_kind


def _chart(page: Page, by_tier: dict[str, dict[str, int]], code: str) -> charts.Chart:
    gettext, f = page.f.texts.gettext, page.f
    tiers = sorted(by_tier)
    sums = Series("", [by_tier[tier].get(code, 0) for tier in tiers])
    names = [gettext(tier or "Teams") for tier in tiers]
    title = gettext("Billed by tier")
    return charts.bars("tiers", title, names, [sums], say(f, code), first=gettext("Tier"))
