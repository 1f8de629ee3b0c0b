"""What a session costs: its readings, the versions in force while it ran, the member's tier. Pure.

A rate that changes while a session runs prices what was used before and after it apart. What belongs to the
whole session is taken from the version at its start: flat prices, the least and the most, the rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from floor.meter import Reading
from floor.tariff import History, Line, Share, Tariff, Visit, price_visit
from floor.tariff.model import BillAt


@dataclass(frozen=True, slots=True)
class Priced:
    """Lines, each with the version that made it, and what rounding the whole gave or took (micro-units).

    `shares` is what funds pay beside it.
    """

    version: str
    commodity: str
    lines: tuple[tuple[str, Line], ...]
    rounding_micro: int
    shares: tuple[Share, ...] = ()

    @property
    def accrued_micro(self) -> int:
        """The sum before rounding."""
        return sum(line.amount_micro for _, line in self.lines)

    @property
    def total_micro(self) -> int:
        """What is owed."""
        return self.accrued_micro + self.rounding_micro


def price_session(
    readings: Sequence[Reading],
    versions: Sequence[Tariff],
    tier: str,
    machine: str = "",
    zone: tzinfo = UTC,
) -> Priced:
    """Price a session from its readings in order (at least two), by itself and as one charge.

    What depends on earlier use starts from nothing: `floor.tariff.price_visit` takes a history.
    Raises LookupError when no version was in force at its start, ValueError when the commodity changes
    while it runs.
    """
    visit = Visit("", readings, tier, machine=machine)
    bill, _ = price_visit(visit, versions, History(), zone, BillAt.END)
    (charge,) = bill.charges
    lines = tuple((line.tariff, line) for line in charge.lines)
    return Priced(charge.tariff, charge.commodity, lines, charge.rounding_micro, charge.shares)
