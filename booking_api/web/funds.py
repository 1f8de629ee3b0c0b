"""Funds as pages: what each was given and has paid, by month and machine, and how long it lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from starlette.responses import Response

from booking_api.accounts import funds
from booking_api.accounts.funds import PAID_IN, FundUse
from booking_api.api.routes import Router
from booking_api.auth.guards import holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.db import zone_of
from booking_api.exports import sheet
from booking_api.ledger.accounts import fund_account, machine_income
from booking_api.ledger.models import LedgerEntry, LedgerPosting
from booking_api.machines.models import Machine
from booking_api.periods.calendar import month_at
from booking_api.web import charts
from booking_api.web.charts import Series, money_say, nice_ticks
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from floor.money import Commodity, plain

router = Router(prefix="/funds", include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
DAY_MS = 86_400_000
RATE_DAYS = 90
"""What a fund paid in so many days says how long it lasts."""
WHAT = {
    "charge": "Use",
    "fee": "Fee",
    "sale": "Sale",
    "grant": "Standing share of a pool",
    "credit": "Given back",
}
TEXTS = (WHAT,)
"""What the page calls these; a catalogue has each text."""
MONTHS, USES, MACHINES = 12, 25, 15


@dataclass(frozen=True, slots=True)
class Use:
    """Something that a fund paid for: no member, no account, only what it was and where (micro-units)."""

    at_ms: int
    kind: str
    machine: str
    amount_micro: int


@router.get("")
def overview(who: Reads, page: Paged) -> Response:
    """Show every fund, with what is left of it and until when."""
    code, now_ms = page.context.settings.currency.code, page.context.clock.now_ms()
    with page.context.database.read() as session:
        rows = [(one, empty_ms(session, one, code, now_ms)) for one in funds.listed(session, code)]
    return page.answer("funds.html", {"rows": rows, "code": code, "fund": None})


@router.get("/{id}.csv")
def table(who: Reads, page: Paged, id: str) -> Response:
    """Give what a fund paid for as CSV, for its funder: no row names a person."""
    currency = page.context.settings.currency
    with page.context.database.read() as session:
        found = uses(session, funds.get(session, id).id, currency.code)
    rows = [["day", "what", "machine", currency.code]]
    rows += [_row(page, one, currency) for one in found]
    return sheet.answer(rows, f"fund-{id}")


@router.get("/{id}")
def one(who: Reads, page: Paged, id: str) -> Response:
    """Show what a fund was given and paid, by month and by machine."""
    currency, now_ms = page.context.settings.currency, page.context.clock.now_ms()
    with page.context.database.read() as session:
        fund = funds.get(session, id)
        use = FundUse(fund, funds.used(session, fund, currency.code))
        found = uses(session, id, currency.code)
        names = dict(session.exec(select(Machine.id, Machine.name)).all())
        ends = empty_ms(session, use, currency.code, now_ms)
        zone = zone_of(session)
    months: dict[str, int] = {}
    machines: dict[str, int] = {}
    for paid in found:
        month = month_at(paid.at_ms, zone)
        months[month] = months.get(month, 0) + paid.amount_micro
        machines[paid.machine] = machines.get(paid.machine, 0) + paid.amount_micro
    values: dict[str, object] = {
        "rows": [(use, ends)],
        "fund": fund,
        "code": currency.code,
        "uses": [(paid, names.get(paid.machine, paid.machine)) for paid in found[:USES]],
        "more": max(0, len(found) - USES),
        "what": WHAT,
        "charts": _charts(page, id, months, {names.get(m, m): sum_ for m, sum_ in machines.items()}),
    }
    return page.answer("funds.html", values)


def uses(session: Session, fund: str, commodity: str) -> list[Use]:
    """Return what a fund paid for, newest first, what came back as less than 0."""
    undone, income = aliased(LedgerEntry), aliased(LedgerPosting)
    prefix = machine_income("")
    machine = (
        select(func.min(income.account))
        .where(col(income.entry) == col(LedgerEntry.id), col(income.account).startswith(prefix))
        .correlate(LedgerEntry)
        .scalar_subquery()
    )
    kind = func.coalesce(col(undone.kind), col(LedgerEntry.kind))
    query = (
        select(LedgerEntry.occurred_ms, kind, machine, LedgerPosting.amount_micro)
        .join(LedgerEntry, col(LedgerEntry.id) == col(LedgerPosting.entry))
        .outerjoin(undone, col(undone.id) == col(LedgerEntry.reverses))
        .where(LedgerPosting.account == fund_account(fund), LedgerPosting.commodity == commodity)
        .where(kind.not_in(PAID_IN))
        .order_by(col(LedgerEntry.occurred_ms).desc(), col(LedgerEntry.seq).desc())
    )
    return [
        Use(at_ms, str(kind), (account or "").removeprefix(prefix), int(micro))
        for at_ms, kind, account, micro in session.exec(query)
    ]


def empty_ms(session: Session, use: FundUse, commodity: str, now_ms: int) -> int | None:
    """Return when a fund's budget is used up at the rate of its last days; None when it never is."""
    left = use.left_micro
    if left is None:
        return None
    if left <= 0:
        return now_ms
    since_ms = max(use.fund.from_ms, now_ms - RATE_DAYS * DAY_MS)
    query = (
        select(func.sum(LedgerPosting.amount_micro))
        .join(LedgerEntry, col(LedgerEntry.id) == col(LedgerPosting.entry))
        .where(LedgerPosting.account == fund_account(use.fund.id), LedgerPosting.commodity == commodity)
        .where(LedgerEntry.occurred_ms >= since_ms, LedgerEntry.occurred_ms <= now_ms)
        .where(col(LedgerEntry.kind).not_in(PAID_IN))
    )
    spent = int(session.exec(query).one() or 0)
    return now_ms + left * max(DAY_MS, now_ms - since_ms) // spent if spent > 0 else None


def _charts(page: Page, id: str, months: dict[str, int], machines: dict[str, int]) -> list[charts.Chart]:
    gettext, f = page.f.texts.gettext, page.f
    say = money_say(f, page.context.settings.currency.code)
    keys = sorted(months)[-MONTHS:]
    paid = [Series("", [months[key] for key in keys])]
    most = sorted(machines, key=lambda name: (-machines[name], name))[:MACHINES]
    top = [(name or gettext("no machine"), [(0, machines[name], "3")]) for name in most]
    ends = nice_ticks(0, max(machines.values(), default=0), 3)
    csv = f"/funds/{id}.csv"
    labels, ticks = [f.month_short(key) for key in keys], [(one, say(one)) for one in (0, ends[-1])]
    by_month, by_machine, span = gettext("Paid by month"), gettext("Paid by machine"), (0, ends[-1])
    names, first = {"3": gettext("Paid")}, gettext("Machine")
    return [
        charts.bars("months", by_month, labels, paid, say, first=gettext("Month"), csv=csv),
        charts.strips("machines", by_machine, top, span, ticks, names, say, first=first, csv=csv),
    ]


def _row(page: Page, one: Use, currency: Commodity) -> list[str]:
    day = f"{page.f.moment(one.at_ms):%Y-%m-%d}"
    return [day, one.kind, one.machine, plain(one.amount_micro, currency)]
