"""A month's statement becomes entries; docs/closing.md says what each of them does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlmodel import Session

from booking_api.clock import make_id
from booking_api.ledger.accounts import (
    OPENING,
    carried,
    fund_account,
    imputed,
    machine_income,
    pool_cost,
    pool_income,
    rebated,
)
from booking_api.periods.rounds import first_close, prefix_of, result_of
from booking_api.periods.statement import CloseStated, PoolStated
from floor.costing import Actual
from floor.ledger import Entry, EntryKind, Posting


def sources(prefix: str, stated: CloseStated) -> Iterator[str]:
    """Yield the names under which a close may have posted."""
    for pool in stated.pools:
        yield from (f"{prefix}:{part}:{pool.id}" for part in ("opening", "costs", "funds"))
        yield result_of(prefix, pool.id)
        yield from (f"{prefix}:rebate:{pool.id}:{one.account}" for one in pool.rebates)


@dataclass(frozen=True, slots=True)
class Books:
    """Writes a statement as entries that occur at `at_ms`, the last instant of the month."""

    session: Session
    stated: CloseStated
    at_ms: int
    author: str
    now_ms: int

    def entries(self) -> Iterator[Entry]:
        """Yield the entries of every pool, those without an amount left out."""
        prefix = prefix_of(self.session, self.stated.month)
        for pool in self.stated.pools:
            memo = f"{pool.name}, {self.stated.month}"
            opening = self._opening(pool)
            parts = (
                (EntryKind.OPENING, f"{prefix}:opening:{pool.id}", opening),
                (EntryKind.COST, f"{prefix}:costs:{pool.id}", self._costs(pool)),
                (EntryKind.GRANT, f"{prefix}:funds:{pool.id}", self._standing(pool)),
                (EntryKind.CLOSE, result_of(prefix, pool.id), self._result(pool)),
            )
            for kind, source, postings in parts:
                yield from self._entry(kind, source, postings, memo)
            for one in pool.rebates:
                amounts = [(rebated(pool.id), one.rebate_micro), (one.account, -one.rebate_micro)]
                source = f"{prefix}:rebate:{pool.id}:{one.account}"
                yield from self._entry(EntryKind.REBATE, source, amounts, memo)

    def _entry(
        self, kind: EntryKind, source: str, amounts: Iterable[tuple[str, int]], memo: str
    ) -> Iterator[Entry]:
        code = self.stated.commodity
        postings = tuple(Posting(account, code, amount) for account, amount in amounts if amount)
        if postings:
            yield Entry(
                id=make_id(self.now_ms),
                kind=kind,
                source=source,
                occurred_ms=self.at_ms,
                posted_ms=self.now_ms,
                postings=postings,
                author=self.author,
                memo=memo,
            )

    def _opening(self, pool: PoolStated) -> list[tuple[str, int]]:
        """A pool that is new to the books begins with what its file says that was left over before."""
        if not first_close(self.session, pool.id, self.stated.month):
            return []
        return [(carried(pool.id), pool.carried_in_micro), (OPENING, -pool.carried_in_micro)]

    def _costs(self, pool: PoolStated) -> Iterator[tuple[str, int]]:
        """Costs that nobody sent an invoice for."""
        for kind, amount in _by_kind(pool, booked=False).items():
            yield pool_cost(pool.id, kind), amount
            yield imputed(pool.id, kind), -amount

    def _standing(self, pool: PoolStated) -> Iterator[tuple[str, int]]:
        """What funds pay whatever was used."""
        for one in pool.standing:
            yield fund_account(one.fund), one.pays_micro
        yield pool_income(pool.id), -sum(one.pays_micro for one in pool.standing)

    def _result(self, pool: PoolStated) -> Iterator[tuple[str, int]]:
        """Take income and costs of the month away; the rest is given back or carried on."""
        for machine, amount in pool.machines.items():
            yield machine_income(machine), amount
        yield pool_income(pool.id), sum(one.pays_micro for one in pool.standing)
        for booked in (False, True):
            for kind, amount in _by_kind(pool, booked=booked).items():
                yield pool_cost(pool.id, kind), -amount
        yield rebated(pool.id), -pool.rebated_micro
        yield carried(pool.id), pool.carried_out_micro - pool.carried_in_micro


def _by_kind(pool: PoolStated, *, booked: bool) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in pool.costs:
        if (line.actual is Actual.BOOKED) is booked:
            sums[line.kind] = sums.get(line.kind, 0) + line.amount_micro
    return sums
