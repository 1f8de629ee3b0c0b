"""What a year really cost and was used, by the months that were closed, beside what a cost file expects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.costing.layout import Rows, columns, decimals, titled
from booking_api.periods.models import Period
from booking_api.periods.statement import CloseStated, PoolStated
from floor.costing import CostKind, Costs, PoolStudy, Study
from floor.costing.model import written
from floor.errors import Refused

YEAR = re.compile(r"20[0-9]{2}")


@dataclass(slots=True)
class PoolYear:
    """A pool's closed months: what each kind cost, what came in, what is carried on (micro-units), units."""

    units: Fraction = Fraction(0)
    costs: dict[CostKind, int] = field(default_factory=dict)
    recovered_micro: int = 0
    carried_micro: int = 0

    @property
    def cost_micro(self) -> int:
        """What the months cost."""
        return sum(self.costs.values())

    def add(self, pool: PoolStated) -> None:
        """Count a month; they are added in order."""
        self.units += Fraction(pool.units)
        for line in pool.costs:
            self.costs[line.kind] = self.costs.get(line.kind, 0) + line.amount_micro
        self.recovered_micro += pool.recovered_micro
        self.carried_micro = pool.carried_out_micro


@dataclass(slots=True)
class Books:
    """The closed months of a year, by pool."""

    year: str
    months: int = 0
    pools: dict[str, PoolYear] = field(default_factory=dict)


def read_books(session: Session, year: str) -> Books:
    """Add the closed months of a year up; raises Refused for no year, and when none of it is closed."""
    if not YEAR.fullmatch(year):
        raise Refused("year_malformed", f"{year[:20]!r} is not a year. Write it like 2026.")
    books = Books(year)
    of_year = select(Period.statement).where(Period.month >= f"{year}-01", Period.month <= f"{year}-12")
    for statement in session.exec(of_year.order_by(col(Period.month))):
        books.months += 1
        for pool in CloseStated.model_validate(statement).pools:
            books.pools.setdefault(pool.id, PoolYear()).add(pool)
    if not books.months:
        raise Refused("year_not_closed", f"No month of {year} is closed.")
    return books


def carried_on(costs: Costs, books: Books) -> Costs:
    """Return the costs with what the books carry in place of what the file says."""
    pools = (
        replace(pool, carried_micro=books.pools[pool.id].carried_micro) if pool.id in books.pools else pool
        for pool in costs.pools
    )
    return replace(costs, pools=tuple(pools))


def as_table(books: Books) -> dict[str, object]:
    """Return the year for programs: micro-units, and units as exact numbers."""
    return {
        "year": books.year,
        "months": books.months,
        "pools": {
            id: {
                "units": str(pool.units),
                "costs": pool.costs,
                "cost_micro": pool.cost_micro,
                "recovered_micro": pool.recovered_micro,
                "carried_micro": pool.carried_micro,
            }
            for id, pool in books.pools.items()
        },
    }


def as_text(books: Books, found: Study) -> str:
    """Write what the file expects beside what the books say."""
    parts = [_pool(books, pool, found) for pool in found.pools if pool.id in books.pools]
    absent = [pool.name for pool in found.pools if pool.id not in books.pools]
    parts += [f"Note: no month of {books.year} was closed with {name}." for name in absent]
    return "\n\n".join(parts)


def _pool(books: Books, pool: PoolStudy, found: Study) -> str:
    year, places = books.pools[pool.id], found.commodity.exponent

    def money(micro: int) -> str:
        return decimals(Fraction(micro), places)

    planned: dict[CostKind, int] = {}
    for line in pool.year.lines:
        planned[line.kind] = planned.get(line.kind, 0) + line.amount_micro
    rows: Rows = [("", "expected", books.year, "difference")]
    for kind in _in_order(planned.keys() | year.costs.keys()):
        expected, real = planned.get(kind, 0), year.costs.get(kind, 0)
        rows.append((str(kind), money(expected), money(real), money(real - expected)))
    cost = pool.year.cost_micro
    rows.append(("costs", money(cost), money(year.cost_micro), money(year.cost_micro - cost)))
    units = year.units - pool.year.units
    rows.append((f"{pool.unit} used", written(pool.year.units), written(year.units), written(units)))
    if year.units:
        each, plan = Fraction(year.cost_micro) / year.units, Fraction(cost) / pool.year.units
        exact = min(6, places + 2)
        rows.append((f"1 {pool.unit} cost", *(decimals(one, exact) for one in (plan, each, each - plan))))
    rows.append(("recovered", "", money(year.recovered_micro), ""))
    what = "deficit carried on" if year.carried_micro > 0 else "surplus carried on"
    rows.append((what, "", money(abs(year.carried_micro)), ""))
    months = "1 month is closed" if books.months == 1 else f"{books.months} months are closed"
    return f"{titled(f'{pool.name} in {books.year}: {months}')}\n{columns(rows, '<>>>')}"


def _in_order(kinds: Iterable[CostKind]) -> list[CostKind]:
    return sorted(kinds, key=list(CostKind).index)
