"""A month's statement for a terminal: each pool's costs, who paid them, what is left, who gets back what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from booking_api.costing.layout import Rows, columns, decimals, titled
from booking_api.periods.statement import CloseStated, PoolStated

OTHERS = {"liabilities:tax": "less tax", "income:rounding": "rounding"}
"""What people call the postings that stand between what was paid and what was recovered."""
Names = Mapping[str, str]


def as_text(stated: CloseStated, names: Names) -> str:
    """Write a statement; `names` are those of accounts (`assets:member:…`), else their ids are shown."""
    head = titled(f"{stated.month} (amounts in {stated.commodity})", "=")
    parts = [head, *(_Pool(stated, pool, names).text() for pool in stated.pools)]
    if stated.outside:
        rows: Rows = [(machine, _money(stated, amount)) for machine, amount in stated.outside.items()]
        parts.append(f"{titled('Machines of no pool brought in')}\n{columns(rows, '<>')}")
    if not stated.pools:
        parts.append("No cost file is in force: no pool was closed.")
    if stated.accepted:
        parts.append(f"Note: {stated.accepted} sessions wait for an operator and are not in it.")
    return "\n\n".join(parts)


def _money(stated: CloseStated, micro: int) -> str:
    """Write an amount with the decimals that people write, or all six where it has more."""
    exact = micro % stated.unit.minor_micro == 0
    return decimals(Fraction(micro), stated.exponent if exact else 6)


class _Pool:
    """Writes one pool of a statement."""

    def __init__(self, stated: CloseStated, pool: PoolStated, names: Names) -> None:
        self.stated = stated
        self.pool = pool
        self.names = names

    def text(self) -> str:
        """Return the pool's part."""
        pool = self.pool
        used = f"{_short(pool.units)} {pool.unit} used, {_short(pool.expected)} expected"
        if pool.kwh is not None:
            used += f", {_short(pool.kwh)} kWh"
        parts = [titled(f"{pool.name}: {used}")]
        parts.append(columns(self._costs(), "<<<<>"))
        parts.append(columns([*self._recovered(), *self._result()], "<>"))
        if pool.rebates:
            parts.append(columns(list(self._rebates()), "<>>"))
        return "\n\n".join([f"{parts[0]}\n{parts[1]}", *parts[2:]])

    def money(self, micro: int) -> str:
        return _money(self.stated, micro)

    def _costs(self) -> Rows:
        rows: Rows = [
            (str(line.kind), line.name, str(line.actual), line.how, self.money(line.amount_micro))
            for line in self.pool.costs
        ]
        return [*rows, ("costs of the month", "", "", "", self.money(self.pool.cost_micro))]

    def _recovered(self) -> Rows:
        pool = self.pool
        rows: Rows = [("paid by users", self.money(pool.members_micro))]
        rows += [(f"paid by {self.name(fund)}", self.money(paid)) for fund, paid in pool.funds.items()]
        rows += [
            (OTHERS.get(account, account), self.money(-amount if amount else 0))
            for account, amount in pool.others.items()
            if amount
        ]
        for one in pool.standing:
            short = "" if one.pays_micro == one.asked_micro else f" (asked: {self.money(one.asked_micro)})"
            who = self.name(f"assets:fund:{one.fund}")
            rows.append((f"{one.purpose} paid by {who}{short}", self.money(one.pays_micro)))
        return [*rows, ("recovered", self.money(pool.recovered_micro)), ("", "")]

    def _result(self) -> Rows:
        pool = self.pool
        month = "over-recovery" if pool.month_micro >= 0 else "under-recovery"
        carried_in = "deficit" if pool.carried_in_micro > 0 else "surplus"
        rows: Rows = [(f"{month} of the month", self.money(abs(pool.month_micro)))]
        if pool.carried_in_micro:
            rows.append((f"{carried_in} carried in", self.money(abs(pool.carried_in_micro))))
        if pool.rebated_micro:
            rows.append(("given back", self.money(pool.rebated_micro)))
        out = "deficit" if pool.carried_out_micro > 0 else "surplus"
        rows.append((f"{out} carried out", self.money(abs(pool.carried_out_micro))))
        if pool.above_ceiling_micro:
            ceiling, above = self.money(pool.ceiling_micro or 0), self.money(pool.above_ceiling_micro)
            rows.append((f"ABOVE THE CEILING of {ceiling}: lower the rate", above))
        return rows

    def _rebates(self) -> Iterator[tuple[str, str, str]]:
        yield "who paid", "this month", "gets back"
        for one in self.pool.rebates:
            yield self.name(one.account), self.money(one.paid_micro), self.money(one.rebate_micro)

    def name(self, account: str) -> str:
        return self.names.get(account, account.rpartition(":")[2])


def _short(number: str) -> str:
    """Shorten an exact number to three decimals."""
    return decimals(Fraction(number) * 1_000_000, 3).rstrip("0").rstrip(".")
