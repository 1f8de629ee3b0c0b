"""Prices visits, with what their accounts used before and the allowances that they hold. Reads no table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction

from booking_api.billing.lots import Shelf
from booking_api.billing.visits import Due
from floor.allowance import Draw, Lot, draw, held
from floor.errors import ConfigError
from floor.money import MICRO, round_fraction
from floor.tariff import Charge, History, Occasion, Tariff, in_force, price_visit
from floor.tariff.component import shared_name
from floor.tariff.standing import held_key

FAILURES = (LookupError, ValueError, ConfigError)


@dataclass(frozen=True, slots=True)
class Priced:
    """What a visit costs: a charge for each month, what it draws from lots, and the lot that it bought."""

    due: Due
    charges: tuple[Charge, ...]
    draws: tuple[Draw, ...] = ()
    lot: Lot | None = None


def price_alone(due: Due, zone: tzinfo) -> Priced:
    """Price a visit that depends on no other; raises one of FAILURES."""
    bill, _ = price_visit(due.visit, due.versions, History(), zone)
    return Priced(due, bill.charges)


def price_next(
    due: Due, history: History, shelf: Shelf, zone: tzinfo, *, draws: bool = True
) -> tuple[Priced, History]:
    """Price the next visit of an account; return where the account stands then. Raises one of FAILURES.

    Without `draws` the lots are left as they are: the visit counts, but its charge was waived.
    """
    visit = due.visit
    lots = {name: good for name in sorted(due.prices.names) if (good := shelf.good(visit, name))}
    holds = {name: held(good) for name, good in lots.items()}
    positions = {**history.positions, **{held_key(name): amount for name, amount in holds.items()}}
    bill, after = price_visit(visit, due.versions, History(positions), zone)
    lot = _bought(due) if visit.on is Occasion.PACK else None
    drawn: list[Draw] = []
    kept = dict(after.positions)
    for name in due.prices.names:
        left = kept.pop(held_key(name), Fraction(0))
        if lot is None and name in lots and left < holds[name]:
            drawn += draw(lots[name], holds[name] - left)
    if draws:
        shelf.take(drawn)
        if lot is not None:
            shelf.put(lot)
    return Priced(due, bill.charges, tuple(drawn), lot), History(kept)


def _bought(due: Due) -> Lot:
    """Return the lot that a pack is; it does not expire."""
    tariff: Tariff = in_force(due.versions, due.visit.started_ms)
    pack = next(pack for pack in tariff.packs if pack.id == due.visit.pack)
    component = next(one for one in tariff.components if one.id == pack.component)
    size = round_fraction(Fraction(pack.size) * MICRO)
    name = shared_name(component, tariff)
    return Lot(due.visit.id, name, size, due.visit.ended_ms, transferable=pack.transferable)


def problem_of(error: Exception, tariff: str) -> str:
    """Say why a visit could not be priced."""
    if isinstance(error, LookupError):
        return f"No version of the tariff {tariff} was in force when it began."
    return f"It cannot be priced: {error}."
