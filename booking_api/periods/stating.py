"""A month's statement, worked out from the books and the meters. Reads only, so that a dry run is the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.accounts import funds
from booking_api.accounts.models import Fund
from booking_api.costing import versions
from booking_api.db import zone_of
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import carried, machine_income, pool_cost
from booking_api.periods import facts
from booking_api.periods.calendar import bounds
from booking_api.periods.facts import OUTSIDE, Metered, Span
from booking_api.periods.models import Period
from booking_api.periods.rounds import first_close
from booking_api.periods.statement import CloseStated, CostStated, Payer, PoolStated, StandingStated
from floor.costing import (
    ActualLine,
    CostKind,
    CostPool,
    Costs,
    Goes,
    Month,
    Settled,
    SurplusRule,
    Used,
    close,
    costs_of,
    standing_of,
)
from floor.costing.model import to_minor
from floor.costing.month import MONTHS, Standing, year_of
from floor.meter import Quantity
from floor.money import Commodity
from floor.tariff.model import units_of

PAYERS = ("assets:member:", "assets:fund:", "expense:unfunded:")
"""What begins an account that pays for use: people, funds, and the space where a fund no longer could."""


@dataclass(frozen=True, slots=True)
class _Closing:
    """What the pools of a month have in common."""

    session: Session
    span: Span
    costs: Costs
    before: tuple[CloseStated, ...]
    meters: Mapping[str, Metered]
    asked: dict[str, int] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The month's number, 1 for January."""
        return int(self.span.month[5:])


def state(session: Session, month: str, currency: Commodity, accepted: int = 0) -> CloseStated:
    """Work a month's statement out; `currency` is the space's, for one without a cost file."""
    span = Span(month, *bounds(month, zone_of(session)))
    found = versions.in_force(session, month)
    commodity = found[1].commodity if found else currency
    pools = {pool.id: pool.machines for pool in found[1].pools} if found else {}
    beside = facts.postings_beside(session, span, pools, commodity.code)
    quantities = {pool.quantity for pool in found[1].pools} if found else set()
    meters = facts.metered(session, span, quantities | {Quantity.ENERGY_MWH})
    stated: tuple[PoolStated, ...] = ()
    if found:
        at = _Closing(session, span, found[1], tuple(_year_before(session, month)), meters)
        stated = tuple(_pool(at, pool, beside.get(pool.id, {})) for pool in found[1].pools)
    outside = beside.get(OUTSIDE, {})
    return CloseStated(
        month=month,
        costs=found[0].n if found else None,
        commodity=commodity.code,
        exponent=commodity.exponent,
        accepted=accepted,
        sessions=sum(one.sessions for one in meters.values()),
        pools=stated,
        outside=_machines(outside),
    )


def _year_before(session: Session, month: str) -> Iterable[CloseStated]:
    """Return the statements of the closed months of the same year."""
    year = select(Period.statement).where(Period.month >= month[:4], Period.month < month)
    for statement in session.exec(year.order_by(col(Period.month))):
        yield CloseStated.model_validate(statement)


def _pool(at: _Closing, pool: CostPool, beside: Mapping[str, int]) -> PoolStated:
    minor = at.costs.commodity.minor_micro
    month = Month(at.number, _used(pool, at.meters), _booked(at, pool))
    lines = costs_of(pool, month, minor)
    cost = sum(line.amount_micro for line in lines)
    standing = [_standing(at, pool, one) for one in standing_of(pool, month, lines, minor)]
    machines = _machines(beside)
    recovered = sum(machines.values()) + sum(one.pays_micro for one in standing)
    carried_in = _carried_in(at, pool)
    past = [one for statement in at.before for one in statement.pools if one.id == pool.id]
    now, rule, year_cost = _rule(at, pool, past, cost)
    paid = {account: amount for account, amount in beside.items() if account.startswith(PAYERS)}
    weights = _weights(paid, past if at.costs.surplus.settled is Settled.YEAR else [])
    closed = close(
        pool.id,
        cost_micro=cost,
        carried_in_micro=carried_in,
        recovered_micro=recovered,
        paid=weights,
        rule=rule,
        minor_micro=minor,
        year_cost_micro=year_cost,
    )
    others = {
        account: amount
        for account, amount in sorted(beside.items())
        if account not in paid and account not in {machine_income(machine) for machine in machines}
    }
    surplus = max(0, -closed.carried_out_micro)
    ceiling = None if rule.ceiling is None else to_minor(rule.ceiling * year_cost, minor)
    return PoolStated(
        id=pool.id,
        name=pool.name,
        unit=pool.unit,
        units=str(month.used.units),
        expected=str(Fraction(pool.units) / MONTHS),
        kwh=None if month.used.kwh is None else str(month.used.kwh),
        costs=tuple(_cost(line) for line in lines),
        cost_micro=cost,
        carried_in_micro=carried_in,
        machines=machines,
        payers=tuple(
            Payer(
                account=account,
                paid_micro=paid.get(account, 0),
                rebate_micro=closed.rebates.get(account, 0),
            )
            for account in sorted(paid.keys() | closed.rebates.keys())
        ),
        others=others,
        standing=tuple(standing),
        recovered_micro=recovered,
        balance_micro=closed.balance_micro,
        year_cost_micro=year_cost,
        ceiling_micro=ceiling,
        above_ceiling_micro=rule.above(surplus, year_cost, minor),
        refunds_now=now,
        rebated_micro=sum(closed.rebates.values()),
        carried_out_micro=closed.carried_out_micro,
    )


def _cost(line: ActualLine) -> CostStated:
    return CostStated(
        kind=line.kind, name=line.name, actual=line.actual, how=line.how, amount_micro=line.amount_micro
    )


def _machines(beside: Mapping[str, int]) -> dict[str, int]:
    """Return what machines brought in, by their ids."""
    prefix = machine_income("")
    return {
        account.removeprefix(prefix): -amount
        for account, amount in sorted(beside.items())
        if account.startswith(prefix)
    }


def _used(pool: CostPool, meters: Mapping[str, Metered]) -> Used:
    mine = [meters[machine].quantities for machine in pool.machines if machine in meters]
    units = sum(one.get(pool.quantity, 0) for one in mine)
    watched = [one[Quantity.ENERGY_MWH] for one in mine if Quantity.ENERGY_MWH in one]
    kwh = Fraction(sum(watched)) / units_of(Quantity.ENERGY_MWH)["kwh"] if watched else None
    return Used(Fraction(units) / units_of(pool.quantity)[pool.unit], kwh)


def _booked(at: _Closing, pool: CostPool) -> dict[CostKind, int]:
    """Return the month's invoices by kind."""
    accounts = {pool_cost(pool.id, kind): kind for kind in CostKind}
    sums = facts.sums_of(at.session, at.span, accounts, at.costs.commodity.code)
    return {accounts[account]: amount for account, amount in sums.items()}


def _carried_in(at: _Closing, pool: CostPool) -> int:
    """Return what the books carry; a pool that was never closed begins with what its file says."""
    if first_close(at.session, pool.id, at.span.month):
        return pool.carried_micro
    return ledger.balance(at.session, carried(pool.id), at.costs.commodity.code)


def _rule(
    at: _Closing, pool: CostPool, past: Iterable[PoolStated], cost: int
) -> tuple[bool, SurplusRule, int]:
    """Return whether a surplus goes back now, by which rule, and the year's cost that a ceiling is of."""
    rule, planned = at.costs.surplus, year_of(pool, at.costs.commodity.minor_micro)
    if rule.settled is Settled.MONTH:
        return rule.goes is not Goes.RATE, rule, planned
    if at.number < MONTHS:
        return False, replace(rule, goes=Goes.RATE), planned
    return rule.goes is not Goes.RATE, rule, cost + sum(one.cost_micro for one in past)


def _weights(paid: Mapping[str, int], past: Iterable[PoolStated]) -> dict[str, int]:
    """Return what each paid in the time that is settled; who got back more than they paid, nothing."""
    sums = dict(paid)
    for payer in (payer for one in past for payer in one.payers):
        sums[payer.account] = sums.get(payer.account, 0) + payer.paid_micro
    return {account: max(0, amount) for account, amount in sums.items()}


def _standing(at: _Closing, pool: CostPool, one: Standing) -> StandingStated:
    """Let a fund pay what its term, its machines and its budget allow."""
    fund, pays = at.session.get(Fund, one.fund), 0
    if fund is not None and _in_term(fund, at.span, pool):
        pays = one.amount_micro
        if fund.budget_micro is not None:
            spent = funds.used(at.session, fund, at.costs.commodity.code) + at.asked.get(one.fund, 0)
            pays = max(0, min(pays, fund.budget_micro - spent))
        at.asked[one.fund] = at.asked.get(one.fund, 0) + pays
    return StandingStated(fund=one.fund, purpose=one.purpose, asked_micro=one.amount_micro, pays_micro=pays)


def _in_term(fund: Fund, span: Span, pool: CostPool) -> bool:
    ends = fund.until_ms is None or span.to_ms <= fund.until_ms
    mine = not fund.machines or set(pool.machines) <= set(fund.machines)
    return fund.from_ms <= span.from_ms and ends and mine
