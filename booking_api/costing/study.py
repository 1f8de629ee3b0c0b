"""`makerfloor rates study`: a cost file is read, studied, and shown as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

from booking_api.costing.layout import Rows, columns, decimals
from booking_api.costing.source import at_line, read_costs
from floor.costing import Costs, PoolStudy, Study, study
from floor.costing.model import USERS, written
from floor.costing.study import Purpose
from floor.errors import ConfigError
from floor.money import MICRO


def read(path: Path) -> Study:
    """Read and study a cost file; raises ConfigError with file, line, key and what would be right."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"cannot be read ({error})", "Name a text file.") from error
    return read_text(text, str(path))


def read_text(text: str, file: str) -> Study:
    """Study a cost file that was read already; raises ConfigError as `read` does."""
    return study_of(read_costs(text, file), text, file)


def study_of(costs: Costs, text: str, file: str) -> Study:
    """Study costs that were read from a text; raises ConfigError with its line."""
    try:
        return study(costs, file)
    except ConfigError as error:
        raise at_line(error, text) from error


def as_json(found: Study, **more: object) -> str:
    """Write a study for programs: amounts in micro-units, exact rates as fractions of micro-units."""
    table = asdict(found) | more
    for pool, seen in zip(table["pools"], found.pools, strict=True):
        pool |= {"paid_micro": seen.paid_micro, "rounding_micro": seen.rounding_micro}
        for name in ("cost_micro", "to_recover_micro", "left_micro", "full_cost_rate", "rate"):
            pool["year"][name] = getattr(seen.year, name)
    for fund, paid in zip(table["funds"], found.funds, strict=True):
        fund |= {"pays_micro": paid.pays_micro, "missing_micro": paid.missing_micro}
    table["users"] = found.users
    return json.dumps(table, default=str, indent=2, ensure_ascii=False)


def as_text(found: Study) -> str:
    """Write a study for people: each pool's costs, rates and users, then who pays what of the whole."""
    pages = [_Page(found).pool(pool) for pool in found.pools]
    title = f"{found.name}, {found.period} (amounts in {found.commodity.code})"
    return "\n".join([title, "=" * len(title), "", *pages, _Page(found).total()])


class _Page:
    """Writes the parts of one study; amounts have the decimals of its commodity."""

    def __init__(self, found: Study) -> None:
        self.study = found
        self.names = {fund.id: fund.name for fund in found.funds}

    def money(self, micro: int) -> str:
        return decimals(Fraction(micro), self.study.commodity.exponent)

    def exact(self, rate: Fraction) -> str:
        """Write a rate with two decimals more than people pay with, at most six."""
        return decimals(rate, min(6, self.study.commodity.exponent + 2))

    def rate(self, micro: int) -> str:
        """Write a published rate with all its decimals."""
        exact = micro % self.study.commodity.minor_micro == 0
        return self.money(micro) if exact else written(Fraction(micro, MICRO))

    def pool(self, pool: PoolStudy) -> str:
        year, unit = pool.year, pool.unit
        head = f"{pool.name}: {written(year.units)} {unit} expected"
        if pool.year.idle_units:
            head += f" of {written(year.units + year.idle_units)} {unit} that it could give"
        parts = [head, "-" * len(head), columns(self._costs(pool), "<<<>"), ""]
        parts += [columns(self._tiers(pool), "<>>>><"), ""]
        parts += [columns(self._uses(pool), "<>>>>"), *self._notes(pool), ""]
        return "\n".join(parts)

    def _costs(self, pool: PoolStudy) -> Rows:
        year, unit = pool.year, pool.unit
        rows: Rows = [
            (str(line.kind), line.name, line.formula, self.money(line.amount_micro)) for line in year.lines
        ]
        rows.append(("costs of the year", "", "", self.money(year.cost_micro)))
        if year.carried_micro:
            what = "plus last year's deficit" if year.carried_micro > 0 else "less last year's surplus"
            rows.append((what, "", "", self.money(year.carried_micro)))
            rows.append(("to be recovered", "", "", self.money(year.to_recover_micro)))
        how = f"{self.money(year.to_recover_micro)} / {written(year.units)} {unit}"
        rows.append((f"full cost of 1 {unit}", "", how, self.exact(year.full_cost_rate)))
        for share in pool.asked:
            if share.purpose is not Purpose.REDUCTION:
                amount = self.money(-share.amount_micro)
                rows.append((f"less {share.purpose}", self.names[share.fund], "", amount))
        rows.append(("left to rates", "", "", self.money(year.left_micro)))
        how = f"{self.money(year.left_micro)} / {written(year.units)} {unit}"
        rows.append((f"1 {unit} breaks even at", "", how, self.exact(year.rate)))
        rows.append(("published rate", "", "", self.rate(pool.published_micro)))
        return rows

    def _tiers(self, pool: PoolStudy) -> Rows:
        rows: Rows = [("who", pool.unit, "rate", "users pay", "a fund adds", "")]
        rows += [
            (
                tier.id,
                written(tier.units),
                self.rate(tier.rate_micro),
                self.money(tier.pays_micro),
                self.money(tier.fund_pays_micro) if tier.fund else "",
                self.names.get(tier.fund, ""),
            )
            for tier in pool.tiers
        ]
        users = sum(tier.pays_micro for tier in pool.tiers)
        added = sum(tier.fund_pays_micro for tier in pool.tiers)
        return [*rows, ("all", written(pool.year.units), "", self.money(users), self.money(added), "")]

    def _uses(self, pool: PoolStudy) -> Rows:
        unit = pool.unit
        rows: Rows = [("if the use is", unit, "costs", f"1 {unit} breaks even at", "published rates leave")]
        for use in pool.uses:
            percent = int(use.part * 100) - 100
            what = f"{abs(percent)} % {'more' if percent > 0 else 'less'}" if percent else "as expected"
            cost, balance = self.money(use.cost_micro), self.money(use.balance_micro)
            rows.append((what, written(use.units), cost, self.exact(use.rate), balance))
        return rows

    def _notes(self, pool: PoolStudy) -> Iterable[str]:
        year, unit = pool.year, pool.unit
        if year.idle_units:
            payer = "its users" if pool.idle_payer == USERS else self.names[pool.idle_payer]
            units = f"{written(year.idle_units)} {unit}"
            yield f"Note: {self.money(year.idle_micro)} of the capital is for {units} idle, paid by {payer}."
        if pool.surplus_above_micro:
            above = self.money(pool.surplus_above_micro)
            yield f"Note: last year's surplus is {above} above the ceiling."
        if pool.refund_micro:
            yield f"Note: {self.money(pool.refund_micro)} of last year's surplus goes back to who paid it."
        for use in pool.uses:
            if use.above_ceiling_micro:
                above = self.money(use.above_ceiling_micro)
                yield f"Note: at {written(use.units)} {unit} the surplus is {above} above the ceiling."

    def total(self) -> str:
        found = self.study
        title = "Who pays what"
        rows: Rows = [(f"users: {tier}", self.money(pays), "") for tier, pays in found.users.items()]
        for fund in found.funds:
            rows.append((fund.name, self.money(fund.pays_micro), f"budget {self.money(fund.budget_micro)}"))
        missing = sum(fund.missing_micro for fund in found.funds)
        if missing:
            rows.append(("NOBODY YET", self.money(missing), "above the funds' budgets"))
        paid = sum(pool.paid_micro for pool in found.pools)
        rounding = sum(pool.rounding_micro for pool in found.pools)
        rows.append(("together", self.money(paid), ""))
        rows.append(("less rounding of the rates", self.money(-rounding), ""))
        rows.append(("to be recovered", self.money(paid - rounding), ""))
        return "\n".join([title, "-" * len(title), columns(rows, "<><")])
