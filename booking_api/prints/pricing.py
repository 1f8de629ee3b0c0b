"""What a print will cost, as the bill is made: by the tariff in force, after what its account used before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from sqlmodel import Session

from booking_api.billing.service import positions_for
from booking_api.billing.visits import counters, price_lists, since_of
from booking_api.db import zone_of
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from floor.meter import Quantity, Reading
from floor.tariff import Charge, History, Line, Occasion, Tariff, Visit, in_force, price_visit


@dataclass(frozen=True, slots=True)
class Priced:
    """A price in micro-units of `commodity`; `total_micro` is None where no price is in force.

    `missing` are quantities that the tariff asks for and that the file does not tell: they come on top.
    """

    total_micro: int | None
    commodity: str = ""
    charges: tuple[Charge, ...] = ()
    versions: Mapping[str, Tariff] | None = None
    missing: tuple[Quantity, ...] = ()

    @property
    def lines(self) -> list[Line]:
        """The lines of all charges."""
        return [line for charge in self.charges for line in charge.lines]

    @property
    def rounding_micro(self) -> int:
        """What rounding changed in the sum."""
        return sum(charge.rounding_micro for charge in self.charges)


def price(
    session: Session,
    member: Member,
    account: str,
    machine: Machine,
    quantities: Mapping[str, int],
    now_ms: int,
) -> Priced:
    """Price a print that would begin now."""
    if machine.tariff is None:
        return Priced(0)
    zone = zone_of(session)
    known = price_lists(session, [machine.tariff]).get(machine.tariff)
    versions = known.known(now_ms) if known else []
    used = counters(quantities)
    ended_ms = now_ms + used.get(Quantity.MACHINE_TIME_MS, 0)
    positions = positions_for(session, {account}, [machine.tariff], now_ms).get(account, {})
    history = History({key: Fraction(position) for key, position in positions.items()})
    visit = Visit(
        id="",
        readings=(Reading(now_ms, {}), Reading(ended_ms, used)),
        tier=member.tier,
        account=account,
        member=member.id,
        machine=machine.id,
        since=since_of(session, [member.id], zone)[member.id],
    )
    try:
        bill, _ = price_visit(visit, versions, history, zone)
        tariff = in_force(versions, now_ms)
    except (LookupError, ValueError):
        return Priced(None)
    return Priced(
        total_micro=bill.total_micro,
        commodity=tariff.commodity.code,
        charges=bill.charges,
        versions={version.version: version for version in versions},
        missing=_missing(tariff, machine.id, used),
    )


def _missing(tariff: Tariff, machine: str, used: Mapping[Quantity, int]) -> tuple[Quantity, ...]:
    asked = {
        component.quantity
        for component in tariff.components
        if component.on is Occasion.SESSION and (not component.machines or machine in component.machines)
    }
    return tuple(quantity for quantity in Quantity if quantity in asked and quantity not in used)
