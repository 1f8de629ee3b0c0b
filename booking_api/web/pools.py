"""Cost pools by month: what they cost, who paid, and how many hours would have broken even."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from fastapi import Depends, Query
from sqlmodel import Session, col, select
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.exports import sheet
from booking_api.periods.calendar import bounds, month_at
from booking_api.periods.kept import Kept
from booking_api.periods.models import Period
from booking_api.periods.statement import CloseStated, PoolStated
from booking_api.web import charts
from booking_api.web.charts import Chart, Series, money_say
from booking_api.web.me import MonthText
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.statement import month_of
from floor.costing import Actual
from floor.costing.model import to_minor

router = Router(prefix="/pools", include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Anew = Annotated[str, Query(max_length=5)]
MONTHS = 12


@dataclass(frozen=True, slots=True)
class PoolMonth:
    """A pool's month in micro-units, of `part` of it (1: all of it): the rest of fixed costs is left out."""

    pool: PoolStated
    month: str
    part: Fraction
    minor_micro: int

    @property
    def whole_fixed_micro(self) -> int:
        """What the whole month costs whatever is used: by plan, or by invoices."""
        return self.pool.cost_micro - self.variable_micro

    @property
    def fixed_micro(self) -> int:
        """What of that falls on the part of the month that is over."""
        return to_minor(self.whole_fixed_micro * self.part, self.minor_micro)

    @property
    def variable_micro(self) -> int:
        """What grew with use, by meters."""
        return sum(line.amount_micro for line in self.pool.costs if line.actual is Actual.METERED)

    @property
    def cost_micro(self) -> int:
        """Both together."""
        return self.fixed_micro + self.variable_micro

    @property
    def standing_micro(self) -> int:
        """What funds pay whatever is used, of the part that is over."""
        whole = sum(one.pays_micro for one in self.pool.standing)
        return to_minor(whole * self.part, self.minor_micro)

    @property
    def funds_micro(self) -> int:
        """What funds pay: of each use, and whatever is used."""
        return sum(self.pool.funds.values()) + self.standing_micro

    @property
    def use_micro(self) -> int:
        """What uses brought in, net of tax."""
        return sum(self.pool.machines.values())

    @property
    def users_micro(self) -> int:
        """What of that funds did not pay: members, teams and guests, net of tax."""
        return self.use_micro - sum(self.pool.funds.values())

    @property
    def result_micro(self) -> int:
        """Surplus (+) or deficit (−) so far, before what is carried."""
        return self.use_micro + self.standing_micro - self.cost_micro

    @property
    def break_even(self) -> Fraction | None:
        """The units that would have paid for it at what a unit brought in; None where no number would."""
        units = self.pool.units_exact
        if not units:
            return None
        each = Fraction(self.use_micro - self.variable_micro) / units
        missing = max(0, self.fixed_micro - self.standing_micro)
        return Fraction(missing) / each if each > 0 else None


@router.get("")
def overview(who: Reads, page: Paged, month: MonthText = "", anew: Anew = "") -> Response:
    """Show every pool's month, and the twelve until it."""
    now_ms = page.context.clock.now_ms()
    chosen = month_of(month or month_at(now_ms, page.context.zone), now_ms, page.f)
    with page.context.database.read() as session:
        past, kept = _read(session, page, chosen.key, anew=bool(anew))
    now = past.get(chosen.key, [])
    history: dict[str, list[PoolMonth]] = {}
    for one in (one for key in sorted(past) for one in past[key]):
        history.setdefault(one.pool.id, []).append(one)
    part = _part(page, chosen.key)
    values: dict[str, object] = {
        "month": chosen,
        "now": now,
        "charts": {one.pool.id: _chart(page, one.pool, history[one.pool.id]) for one in now},
        "hours": {one.pool.id: _hours(page, one.pool, history[one.pool.id]) for one in now},
        "code": page.context.settings.currency.code,
        "running": part < 1,
        "part": part,
        "kept": kept,
        "now_ms": page.context.clock.now_ms(),
    }
    return page.answer("pools.html", values)


@router.get(".csv")
def table(who: Reads, page: Paged, month: MonthText = "") -> Response:
    """Give the twelve months of all pools as CSV; amounts are in micro-units."""
    now_ms = page.context.clock.now_ms()
    chosen = month_of(month or month_at(now_ms, page.context.zone), now_ms, page.f)
    with page.context.database.read() as session:
        past, _ = _read(session, page, chosen.key)
    names = "month,pool,name,unit,units,part,fixed_micro,variable_micro,users_micro,funds_micro,result_micro"
    rows = [names.split(",")]
    for one in (one for key in sorted(past) for one in past[key]):
        sums = (one.fixed_micro, one.variable_micro, one.users_micro, one.funds_micro, one.result_micro)
        said = (one.pool.id, one.pool.name, one.pool.unit, one.pool.units, str(one.part))
        rows.append([one.month, *said, *(str(micro) for micro in sums)])
    return sheet.answer(rows, f"pools-{chosen.key}")


def _read(
    session: Session, page: Page, month: str, *, anew: bool = False
) -> tuple[dict[str, list[PoolMonth]], Kept | None]:
    """Return the pools of a month and of the closed ones in the year before it, by month.

    A month that is open comes as it was worked out last, and when that was; others that are open are absent.
    """
    first = f"{int(month[:4]) - 1}{month[4:]}"
    query = select(Period).where(Period.month > first, Period.month <= month).order_by(col(Period.month))
    found = {one.month: CloseStated.model_validate(one.statement) for one in session.exec(query)}
    kept = None
    if month not in found:
        kept = page.context.statements.of(session, month, anew=anew)
        found[month] = kept.stated
    pools = {
        key: [PoolMonth(pool, key, _part(page, key), stated.unit.minor_micro) for pool in stated.pools]
        for key, stated in found.items()
    }
    return pools, kept


def _part(page: Page, month: str) -> Fraction:
    """Return the part of a month that is over."""
    begin_ms, end_ms = bounds(month, page.context.zone)
    over_ms = min(max(0, page.context.clock.now_ms() - begin_ms), end_ms - begin_ms)
    return Fraction(over_ms, end_ms - begin_ms)


def _chart(page: Page, pool: PoolStated, months: list[PoolMonth]) -> Chart:
    """Draw what the months cost below nought, and what paid for them above."""
    gettext, code = page.f.texts.gettext, page.context.settings.currency.code
    series = [
        Series(gettext("Users paid"), [one.users_micro for one in months], "1"),
        Series(gettext("Funds paid"), [one.funds_micro for one in months], "3"),
        Series(gettext("Fixed costs"), [-one.fixed_micro for one in months], "6"),
        Series(gettext("Costs of use"), [-one.variable_micro for one in months], "2"),
    ]
    labels = [page.f.month_short(one.month) for one in months]
    csv = f"/pools.csv?month={months[-1].month}"
    say, first = money_say(page.f, code), gettext("Month")
    title = gettext("What paid for it, and what it cost")
    return charts.bars(f"money-{pool.id}", title, labels, series, say, stacked=True, first=first, csv=csv)


def _hours(page: Page, pool: PoolStated, months: list[PoolMonth]) -> Chart:
    """Draw what was used beside what was expected and what breaks even."""
    gettext, f = page.f.texts.gettext, page.f
    series = [
        Series(gettext("used"), [one.pool.units_exact for one in months], "1"),
        Series(gettext("expected"), [one.pool.expected_exact * one.part for one in months], "6"),
        Series(gettext("would break even"), [one.break_even for one in months], "2"),
    ]
    labels = [page.f.month_short(one.month) for one in months]
    return charts.lines(
        f"use-{pool.id}",
        gettext("Use"),
        labels,
        series,
        lambda one: f.number(Fraction(one)),
        unit=gettext(pool.unit),
        first=gettext("Month"),
    )
