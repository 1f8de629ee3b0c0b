"""What a session that runs costs so far, what an hour more would, and what it eats of what is free.

The numbers are those of the bill to come: the same versions, history and lots, priced by the same functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from fractions import Fraction

from sqlmodel import Session

from booking_api.billing import history
from booking_api.billing.lots import Shelf, shelves
from booking_api.billing.pricing import FAILURES, price_next
from booking_api.billing.visits import Due, PriceList
from floor.meter import Counters, Quantity, Reading
from floor.money import MICRO
from floor.tariff import Component, History, Tariff, Visit, in_force
from floor.tariff.component import shared_name

HOUR_MS = 3_600_000
STEADY_MS = 60_000
"""From then on a session says at which rate its meters run."""


@dataclass(frozen=True, slots=True)
class Running:
    """A use that is not over: who, where, on which account, and the readings so far (UTC milliseconds)."""

    id: str
    account: str
    member: str
    tier: str
    machine: str
    readings: tuple[Reading, ...]
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Eaten:
    """Units of a component that cost nothing, because they are free or held in advance."""

    tariff: Tariff
    component: Component
    units: Fraction


@dataclass(frozen=True, slots=True)
class Ahead:
    """Amounts in micro-units of `commodity`; `hour_micro` is what the next hour adds, None: not known yet."""

    now_micro: int
    hour_micro: int | None
    commodity: str
    eaten: tuple[Eaten, ...]


def look_ahead(session: Session, used: Running, prices: PriceList, zone: tzinfo) -> Ahead | None:
    """Price a running use as if it ended now, and after an hour more; None where no tariff prices it.

    In that hour the meters go on at their mean rate so far.
    """
    before = history.standing(session, used.account).history
    shelf = shelves(session, [used.account]).get(used.account, Shelf(used.account))
    visit = Visit(
        id=used.id,
        readings=used.readings,
        tier=used.tier,
        account=used.account,
        member=used.member,
        machine=used.machine,
        since=used.since,
    )
    due = Due(visit, prices, 0, versions=[version for _, version in prices.added])
    try:
        tariff = in_force(due.versions, visit.started_ms)
        now, after = price_next(due, before, shelf, zone, draws=False)
        later = _in_an_hour(visit)
        more = price_next(replace(due, visit=later), before, shelf, zone, draws=False)[0] if later else None
    except FAILURES:
        return None
    total = sum(charge.total_micro for charge in now.charges)
    drawn: dict[str, int] = {}
    for one in now.draws:
        drawn[one.name] = drawn.get(one.name, 0) + one.amount_micro
    return Ahead(
        total,
        sum(charge.total_micro for charge in more.charges) - total if more else None,
        tariff.commodity.code,
        tuple(_eaten(tariff, used.tier, before, after, drawn)),
    )


def _in_an_hour(visit: Visit) -> Visit | None:
    first, last = visit.readings[0], visit.readings[-1]
    elapsed_ms = last.at_ms - first.at_ms
    if elapsed_ms < STEADY_MS:
        return None
    grown = _grown(last.counters, elapsed_ms)
    return replace(visit, readings=(*visit.readings, Reading(last.at_ms + HOUR_MS, grown)))


def _grown(counters: Counters, elapsed_ms: int) -> dict[Quantity, int]:
    """Return what meters show an hour later at their mean rate; jobs are not foreseen."""
    return {
        name: value if name is Quantity.JOBS else value + value * HOUR_MS // elapsed_ms
        for name, value in counters.items()
    }


def _eaten(
    tariff: Tariff, tier: str, before: History, after: History, drawn: Mapping[str, int]
) -> Iterator[Eaten]:
    """Yield what a use takes of a period's free units and of lots; what is free in each use is no stock."""
    for component in tariff.components:
        name = shared_name(component, tariff)
        free = component.frees.get(tier, component.free)
        units = Fraction(drawn.get(name, 0), MICRO)
        for key, position in after.positions.items():
            what, counted, _, _ = key.split("|")
            if what == "free" and counted == name:
                units += min(position, free) - min(before.positions.get(key, Fraction(0)), free)
        if units > 0:
            yield Eaten(tariff, component, units)
