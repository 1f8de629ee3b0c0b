"""Pages of a member's own uses: the list of past ones, and the year with its chart and CSV."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from sqlmodel import Session, col, select
from starlette.responses import Response

from booking_api.accounts.models import Account
from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, require
from booking_api.auth.permissions import Permission
from booking_api.exports import sheet
from booking_api.exports.books import decimal
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.periods.calendar import MONTH
from booking_api.web.pages import Paged
from booking_api.web.past_uses import Asked, Year, read_uses, read_year, used_machines, used_months, year_rows
from booking_api.web.render import Page
from booking_api.web.statement import machine_names, month_of
from floor.meter import Quantity
from floor.money import MICRO

router = Router(prefix="/me", include_in_schema=False)
Text = Annotated[str, Query(max_length=200)]
YearNumber = Annotated[int, Query(ge=0, le=2099)]
FIRST_YEAR = 2000
BARS = 3
HEIGHT = 220
"""The height of the highest bar. So many machines have a pattern of their own, the rest together one."""


@router.get("/uses")
def my_uses(
    who: SignedIn, session: Reading, page: Paged, month: Text = "", machine: Text = "", cursor: Text = ""
) -> Response:
    """List the reader's past uses, of a month, of a machine, or all."""
    require(who, Permission.ME_READ)
    member, now_ms = members.get(session, who.id), page.context.clock.now_ms()
    chosen = month_of(month, now_ms, page.f) if MONTH.fullmatch(month) else None
    code = page.context.settings.currency.code
    uses, more = read_uses(session, member, Asked(chosen, machine, cursor), code)
    values = {
        "uses": uses,
        "more": more,
        "month": chosen.key if chosen else "",
        "machine": machine,
        "machines": used_machines(session, member),
        "months": used_months(session, member, now_ms, page.f),
        "cursor": cursor,
    }
    return page.answer("me_uses.html", values)


@router.get("/year")
def my_year(who: SignedIn, session: Reading, page: Paged, year: YearNumber = 0) -> Response:
    """Show the reader's year: hours and cost by month and machine."""
    require(who, Permission.ME_READ)
    member, number = members.get(session, who.id), _number(page, year)
    read = read_year(session, member, number, page.f)
    this = _number(page, 0)
    first = page.f.moment(used_months(session, member, page.context.clock.now_ms(), page.f)[-1].from_ms).year
    values = {
        "year": read,
        "bars": _bars(read, page),
        "years": [one for one in range(this, first - 1, -1)][:20],
        "code": page.context.settings.currency.code,
    }
    return page.answer("me_year.html", values)


@router.get("/year.csv")
def my_year_csv(who: SignedIn, session: Reading, page: Paged, year: YearNumber = 0) -> Response:
    """Give each use of a year as CSV."""
    require(who, Permission.ME_READ)
    member, number = members.get(session, who.id), _number(page, year)
    return sheet.answer(_table(session, page, member, number), f"my-uses-{number}")


def _number(page: Page, year: int) -> int:
    return year if year >= FIRST_YEAR else page.f.moment(page.context.clock.now_ms()).year


def _bars(year: Year, page: Page) -> dict[str, object]:
    """Lay the chart out: of each month the parts of its bar, from below."""
    top = max((one.elapsed_ms for one in year.months), default=0)
    kinds = list(year.machines)[:BARS]
    short = page.f.locale.months["format"]["abbreviated"]
    bars = []
    for n, month in enumerate(year.months):
        parts, at = [], 0
        heights = [year.by_month[kind][n].elapsed_ms * HEIGHT // top if top else 0 for kind in kinds]
        whole = month.elapsed_ms * HEIGHT // top if top else 0
        for place, height in enumerate([*heights, max(0, whole - sum(heights))]):
            at += height
            if height:
                parts.append({"place": place, "y": HEIGHT - at, "height": height})
        bars.append({"name": short[n + 1], "parts": parts, "time": page.f.span(month.elapsed_ms)})
    named = kinds + ([page.f.texts.gettext("other machines")] if len(year.machines) > BARS else [])
    return {"bars": bars, "kinds": named, "top": page.f.span(top)}


def _table(session: Session, page: Page, member: Member, number: int) -> list[list[str]]:
    rows = year_rows(session, member, number, page.f)
    machines = machine_names(session)
    ids = {row.account for row in rows}
    accounts = dict(session.exec(select(Account.id, Account.name).where(col(Account.id).in_(ids))).all())
    metered = [one for one in Quantity if any(row.counters.get(one) for row in rows)]
    table = [["session", "machine", "name", "started", "minutes", *metered, "cost", "commodity", "account"]]
    for row in rows:
        table.append(
            [
                row.id,
                row.machine,
                machines.get(row.machine, row.machine),
                page.f.moment(row.started_ms).isoformat(timespec="seconds"),
                decimal(row.elapsed_ms * MICRO // 60_000),
                *(str(row.counters.get(one, 0)) for one in metered),
                "" if row.total_micro is None else decimal(row.total_micro),
                row.commodity or "",
                accounts.get(row.account, row.account),
            ]
        )
    return table
