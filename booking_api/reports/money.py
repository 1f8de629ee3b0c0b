"""What came in and what it cost, in some months, as the books have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.accounts.models import Fund
from booking_api.reports.counting import FUND
from booking_api.reports.figure import Figure, Section
from booking_api.reports.models import MonthlyMoney
from booking_api.reports.spans import Span
from floor.costing import CostKind
from floor.money import MICRO
from floor.tariff.model import Occasion

MACHINE, POOL_COST = "income:machine:", "expense:pool:"
_FEES = {f"income:fee:{Occasion.MEMBERSHIP}": "dues", f"income:fee:{Occasion.CLASS}": "classes"}
_SOURCES = ((MACHINE, "use"), ("income:fee:", "fees"), ("income:sale:", "sales"), ("income:pool:", "funds"))
SOURCES = ("use", "dues", "classes", "fees", "sales", "funds", "other")
"""Where income comes from, in order of the page."""
OTHER_COSTS = "other"
Sums = dict[str, dict[str, int]]


def figures(session: Session, span: Span, currency: str) -> Iterator[Figure]:
    """Yield income by source, what each fund bore, costs by pool, upkeep's part, and what costs were covered.

    Only the space's currency counts. Without any posting of a kind nothing of it is recorded.
    """
    income: Sums = {source: {} for source in SOURCES}
    funds: Sums = {}
    costs: Sums = {}
    upkeep: Sums = {"": {}}
    machines: dict[str, int] = {}
    month, account = col(MonthlyMoney.month), col(MonthlyMoney.account)
    query = select(month, account, MonthlyMoney.amount_micro).where(
        month >= span.first, month <= span.last, MonthlyMoney.commodity == currency
    )
    for at, name, amount in session.exec(query):
        if name.startswith(FUND):
            _add(funds, name.removeprefix(FUND), at, amount)
        elif name.startswith("income:"):
            _add(income, _source(name), at, -amount)
            if name.startswith(MACHINE):
                machine = name.removeprefix(MACHINE)
                machines[machine] = machines.get(machine, 0) - amount
        else:
            _add(costs, _cost(name), at, amount)
            if name.startswith(POOL_COST) and name.endswith(f":{CostKind.UPKEEP}"):
                _add(upkeep, "", at, amount)
    by_machine = {machine: Fraction(amount, MICRO) for machine, amount in machines.items()}
    came, cost = _whole(income), _whole(costs)
    yield _figure(span, "income", currency, came)
    for source in SOURCES:
        if income[source]:
            figure = _figure(span, "income_from", currency, income[source], source)
            yield figure if source != "use" else replace(figure, machines=by_machine)
    for fund in sorted(funds):
        yield _figure(span, "borne_by_fund", currency, funds[fund], fund)
    yield _figure(span, "cost", currency, cost)
    for pool in sorted(costs):
        yield _figure(span, "cost_of_pool", currency, costs[pool], pool)
    whole = sum(cost.values())
    covered = Fraction(100 * sum(came.values()), whole) if whole > 0 else None
    yield Figure(Section.MONEY, "cost_coverage", "%", covered, adds=False)
    yield _figure(span, "upkeep_cost", currency, upkeep[""], section=Section.UPKEEP)


def names(session: Session) -> dict[str, str]:
    """Return what funds are called."""
    return dict(session.exec(select(Fund.id, Fund.name)).all())


def _source(account: str) -> str:
    if account in _FEES:
        return _FEES[account]
    return next((source for prefix, source in _SOURCES if account.startswith(prefix)), "other")


def _cost(account: str) -> str:
    """Return the pool of an account of costs."""
    if account.startswith(POOL_COST):
        return account.removeprefix(POOL_COST).rpartition(":")[0]
    return OTHER_COSTS


def _add(sums: Sums, part: str, month: str, amount: int) -> None:
    of_it = sums.setdefault(part, {})
    of_it[month] = of_it.get(month, 0) + amount


def _whole(sums: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    whole: dict[str, int] = {}
    for months in sums.values():
        for month, amount in months.items():
            whole[month] = whole.get(month, 0) + amount
    return whole


def _figure(
    span: Span,
    id: str,
    unit: str,
    sums: Mapping[str, int],
    part: str = "",
    section: Section = Section.MONEY,
) -> Figure:
    if not sums:
        return Figure(section, id, unit, None, part=part)
    months = {month: Fraction(sums.get(month, 0), MICRO) for month in span.months}
    return Figure(section, id, unit, sum(months.values(), Fraction(0)), part=part, months=months)
