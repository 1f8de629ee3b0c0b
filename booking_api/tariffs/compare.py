"""What past use would have cost by another tariff: who would pay more, who less, and what funds would pay.

A function over visits: it reads no table and touches no book. Visits are priced in the order of (ended_ms,
id), with each account's history and allowances, on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from fractions import Fraction

from booking_api.billing.lots import Shelf
from booking_api.billing.pricing import FAILURES, price_alone, price_next
from booking_api.billing.visits import Due, PriceList
from booking_api.tariffs.usage_file import read_usage
from floor.errors import Refused
from floor.money import Commodity, round_to
from floor.tariff import History, RoundWhere, Tariff, Visit, depends_on_history
from floor.tariff.standing import drawn

QUANTILES = (0, 10, 25, 50, 75, 90, 100)
"""Which of the accounts, in per cent, ordered by their change."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a visit cost an account in each month (micro-units), and what each fund paid beside it."""

    months: tuple[tuple[str, int], ...]
    funds: Mapping[str, int] = field(default_factory=dict)
    commodity: str = ""

    @property
    def total_micro(self) -> int:
        """What the account owes."""
        return sum(amount for _, amount in self.months)


@dataclass(frozen=True, slots=True)
class Past:
    """A visit as it was; `charged` is what the books say of it, None where they were not asked."""

    visit: Visit
    charged: Cost | None = None


@dataclass(slots=True)
class Sums:
    """What something cost by the old and by the new tariff, in micro-units."""

    visits: int = 0
    old_micro: int = 0
    new_micro: int = 0

    @property
    def change_micro(self) -> int:
        """How much more the new one asks."""
        return self.new_micro - self.old_micro

    @property
    def part(self) -> Fraction | None:
        """The change as a part of the old amount; None where that was nothing."""
        return Fraction(self.change_micro, self.old_micro) if self.old_micro > 0 else None

    def add(self, old_micro: int, new_micro: int, visits: int = 1) -> None:
        """Count amounts in."""
        self.visits += visits
        self.old_micro += old_micro
        self.new_micro += new_micro


@dataclass(slots=True)
class Comparison:
    """Two tariffs over the same use. `unpriced` counts visits that were left out on both sides, by reason."""

    commodity: Commodity
    old: str
    new: str
    total: Sums = field(default_factory=Sums)
    accounts: dict[str, Sums] = field(default_factory=dict)
    tiers: dict[str, Sums] = field(default_factory=dict)
    machines: dict[str, Sums] = field(default_factory=dict)
    funds: dict[str, Sums] = field(default_factory=dict)
    rounding: Sums = field(default_factory=Sums)
    unpriced: dict[str, int] = field(default_factory=dict)
    unnamed_tiers: set[str] = field(default_factory=set)

    @property
    def more(self) -> int:
        """How many accounts would pay more."""
        return sum(sums.change_micro > 0 for sums in self.accounts.values())

    @property
    def less(self) -> int:
        """How many accounts would pay less."""
        return sum(sums.change_micro < 0 for sums in self.accounts.values())

    @property
    def same(self) -> int:
        """How many accounts would pay the same."""
        return len(self.accounts) - self.more - self.less

    def most_affected(self, count: int = 10) -> list[tuple[str, Sums]]:
        """Return the accounts whose sum changes most, whichever way."""
        changed = [(account, sums) for account, sums in self.accounts.items() if sums.change_micro]
        return sorted(changed, key=lambda one: (-abs(one[1].change_micro), one[0]))[:count]

    def changes(self) -> list[int]:
        """Return each account's change in micro-units, smallest first."""
        return sorted(sums.change_micro for sums in self.accounts.values())

    def parts(self) -> list[Fraction]:
        """Return each account's change as a part of the old amount, smallest first, where there was one."""
        return sorted(sums.part for sums in self.accounts.values() if sums.part is not None)


def quantiles(ordered: Sequence[Fraction | int]) -> list[Fraction | int]:
    """Return the values at QUANTILES of ordered values, each one of them (nearest rank); [] for none."""
    last = len(ordered)
    return [ordered[max(0, -(-last * per // 100) - 1)] for per in QUANTILES] if ordered else []


def always(tariff: Tariff) -> Tariff:
    """Return a tariff as if it had been in force at any time."""
    return replace(tariff, valid_from_ms=0)


def compare(
    pasts: Iterable[Past],
    old: Tariff | None,
    new: Tariff,
    zone: tzinfo,
    since_ms: int = 0,
    shelf_of: Callable[[str], Shelf] = Shelf,
    rounded: Mapping[str, int] | None = None,
) -> Comparison:
    """Price visits in the order of (ended_ms, id) by both tariffs; without `old` it is what was charged.

    A visit that ended before `since_ms` only makes history. `shelf_of` gives the allowances that an account
    had at the begin. `rounded` is what rounding statements gave or took of what was charged, by account.
    Raises Refused when the tariffs have different commodities.
    """
    if old is not None and old.commodity != new.commodity:
        words = f"{old.commodity.code} and {new.commodity.code} cannot be compared. Write both in one unit."
        raise Refused("commodities_differ", words)
    made = Comparison(new.commodity, old.version if old else "as charged", new.version)
    sides = (_Side(old, zone, shelf_of) if old else None, _Side(new, zone, shelf_of))
    for past in pasts:
        visit = past.visit
        try:
            before = past.charged if sides[0] is None else sides[0].price(visit)
            after = sides[1].price(visit)
        except FAILURES as error:
            if visit.ended_ms >= since_ms:
                _count(made.unpriced, str(error))
            continue
        if visit.ended_ms < since_ms:
            continue
        if before is None or before.commodity != new.commodity.code:
            _count(made.unpriced, "it was charged in another unit, or not at all")
            continue
        _add(made, visit, before, after)
        if visit.tier not in new.tiers and (old is None or visit.tier in old.tiers):
            made.unnamed_tiers.add(visit.tier)
        for side, cost in zip(sides, (before, after), strict=True):
            if side is not None:
                side.note(visit.account, cost)
    _round_statements(made, sides, rounded or {})
    return made


def compare_usage(text: str, file: str, old: Tariff, new: Tariff) -> Comparison:
    """Compare two tariffs over a usage file that is written for the old one; raises ConfigError, Refused."""
    usage = read_usage(text, file, {old.id: [old]})
    ordered = sorted((use.visit for use in usage.uses), key=lambda visit: (visit.ended_ms, visit.id))
    return compare(map(Past, ordered), old, new, usage.zone)


class _Side:
    """One tariff with where each account stands by it."""

    def __init__(self, tariff: Tariff, zone: tzinfo, shelf_of: Callable[[str], Shelf]) -> None:
        self.tariff, self.zone, self._shelf_of = always(tariff), zone, shelf_of
        depends = depends_on_history(tariff)
        self._prices = PriceList(tariff.id, ((0, self.tariff),), depends, frozenset(drawn(tariff)))
        self._versions = (self.tariff,)
        self._histories: dict[str, History] = {}
        self._shelves: dict[str, Shelf] = {}
        self._statements: dict[tuple[str, str], int] = {}
        self._rounds = tariff.rounding.where is RoundWhere.STATEMENT

    def price(self, visit: Visit) -> Cost:
        """Price the next visit of its account; raises one of FAILURES."""
        due = Due(visit, self._prices, 0, versions=self._versions)
        shelf = self._shelves.get(visit.account)
        if shelf is None:
            # Each side draws from units of its own.
            shelf = self._shelves[visit.account] = deepcopy(self._shelf_of(visit.account))
        if self._prices.depends or shelf.lots:
            history = self._histories.get(visit.account, History())
            priced, self._histories[visit.account] = price_next(due, history, shelf, self.zone)
        else:
            priced = price_alone(due, self.zone)
        funds: dict[str, int] = {}
        for share in (share for charge in priced.charges for share in charge.shares):
            funds[share.fund] = funds.get(share.fund, 0) + share.total_micro
        months = tuple((charge.period, charge.total_micro) for charge in priced.charges)
        return Cost(months, funds, self.tariff.commodity.code)

    def note(self, account: str, cost: Cost) -> None:
        """Remember what a month's statement comes to, where that is what is rounded."""
        for month, amount in cost.months if self._rounds else ():
            key = account, month
            self._statements[key] = self._statements.get(key, 0) + amount

    def rounded(self) -> dict[str, int]:
        """Return what rounding the statements gives or takes, by account."""
        rounding, found = self.tariff.rounding, dict[str, int]()
        for (account, _), total in self._statements.items():
            off = round_to(total, rounding.unit_micro, rounding.mode) - total
            found[account] = found.get(account, 0) + off
        return found


def _add(made: Comparison, visit: Visit, before: Cost, after: Cost) -> None:
    amounts = before.total_micro, after.total_micro
    made.total.add(*amounts)
    groups = ((made.accounts, visit.account), (made.tiers, visit.tier), (made.machines, visit.machine))
    for group, key in groups:
        group.setdefault(key, Sums()).add(*amounts)
    for fund in before.funds.keys() | after.funds.keys():
        paid = before.funds.get(fund, 0), after.funds.get(fund, 0)
        made.funds.setdefault(fund, Sums()).add(*paid)


def _round_statements(
    made: Comparison, sides: tuple[_Side | None, _Side], rounded: Mapping[str, int]
) -> None:
    offs = [rounded if side is None else side.rounded() for side in sides]
    for account in offs[0].keys() | offs[1].keys():
        amounts = offs[0].get(account, 0), offs[1].get(account, 0)
        for sums in (made.total, made.rounding, made.accounts.setdefault(account, Sums())):
            sums.add(*amounts, visits=0)


def _count(counts: dict[str, int], reason: str) -> None:
    counts[reason] = counts.get(reason, 0) + 1
