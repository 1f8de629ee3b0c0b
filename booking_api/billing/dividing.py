"""How a charge is divided between accounts, to the last unit. Reads no table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from floor.money import share

SPLIT = "split"
"""What `bound` says of the lines by which a part of a charge goes from one account to another."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Which account bears how many parts of a session; `id` is the split's."""

    id: str
    accounts: tuple[str, ...]
    weights: tuple[int, ...]

    def part(self, account: str) -> Fraction:
        """Return what part of the whole an account bears."""
        mine = sum(weight for one, weight in zip(self.accounts, self.weights, strict=True) if one == account)
        return Fraction(mine, sum(self.weights))


@dataclass(frozen=True, slots=True)
class Part:
    """What an account beside the first pays, in micro-units; `taxes` and `nets` are by rate."""

    account: str
    total_micro: int
    taxes: dict[str, int]
    nets: dict[str, int]


def divide(
    shares: Shares,
    first: str,
    total_micro: int,
    unit_micro: int,
    taxes: Mapping[str, int],
    nets: Mapping[str, int],
) -> list[Part]:
    """Return what the accounts other than `first` pay of a total; those that pay nothing are left out.

    A total of whole `unit_micro` is divided into whole ones, any other to the micro-unit, by the largest
    remainder. Each part has its part of each tax: of what the whole has at each rate.
    """
    found: list[Part] = []
    for account, amount in zip(shares.accounts, amounts(shares, total_micro, unit_micro), strict=True):
        if account != first and amount:
            found.append(_part(account, amount, total_micro, taxes, nets))
    return found


def amounts(shares: Shares, total_micro: int, unit_micro: int) -> list[int]:
    """Return what each account pays of a total; together they pay it all."""
    unit = unit_micro if total_micro % unit_micro == 0 else 1
    sign = -1 if total_micro < 0 else 1
    return [sign * unit * part for part in share(abs(total_micro) // unit, shares.weights)]


def _part(account: str, amount: int, total: int, taxes: Mapping[str, int], nets: Mapping[str, int]) -> Part:
    rates = list(nets)
    tax = {rate: int(Fraction(amount * taxes.get(rate, 0), total)) for rate in rates}
    gross = [abs(nets[rate] + taxes.get(rate, 0)) for rate in rates]
    if not any(gross):
        return Part(account, amount, {}, {})
    sign = -1 if amount < 0 else 1
    mine: Sequence[int] = [sign * part for part in share(abs(amount), gross)]
    net = {rate: whole - tax[rate] for rate, whole in zip(rates, mine, strict=True)}
    return Part(account, amount, {rate: tax[rate] for rate in rates if rate in taxes}, net)
