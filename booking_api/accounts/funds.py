"""Funds: who pays what users do not, up to a budget, within a term, for some machines and tiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from booking_api.accounts.models import AfterBudget, Fund
from booking_api.ledger.accounts import fund_account
from booking_api.ledger.models import LedgerEntry, LedgerPosting
from booking_api.machines.models import Machine
from booking_api.members.service import Word
from floor.errors import Refused
from floor.ledger import EntryKind

PAID_IN = (EntryKind.PAYMENT, EntryKind.REFUND, EntryKind.OPENING)
"""What settles a fund's debt, and is no use of it."""
Named = Annotated[str, Field(min_length=1, max_length=100)]
Budget = Annotated[int, Field(ge=0, lt=1 << 53)]
Instant = Annotated[int, Field(ge=0, lt=1 << 47)]
Words = Annotated[list[Word], Field(max_length=200)]


class FundDetails(BaseModel):
    """A new fund; its fields are those of the table Fund. Times are UTC milliseconds, money micro-units."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    id: Word
    name: Named
    budget_micro: Budget | None = None
    from_ms: Instant = 0
    until_ms: Instant | None = None
    machines: Words = Field(default_factory=list)
    tiers: Words = Field(default_factory=list)
    after_budget: AfterBudget = AfterBudget.SPACE


class FundChanges(BaseModel):
    """What to change of a fund: only the fields that are given. What it has paid stays paid."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Named = ""
    budget_micro: Budget | None = None
    from_ms: Instant = 0
    until_ms: Instant | None = None
    machines: Words = Field(default_factory=list)
    tiers: Words = Field(default_factory=list)
    after_budget: AfterBudget = AfterBudget.SPACE


@dataclass(frozen=True, slots=True)
class FundUse:
    """A fund, and what it has paid within its term, in micro-units."""

    fund: Fund
    used_micro: int

    @property
    def left_micro(self) -> int | None:
        """What is left of the budget; None without one."""
        return None if self.fund.budget_micro is None else self.fund.budget_micro - self.used_micro


def get(session: Session, id: str) -> Fund:
    """Return a fund; raises Refused when there is none."""
    fund = session.get(Fund, id)
    if fund is None:
        raise Refused("fund_not_found", f"There is no fund {id}.")
    return fund


def add(session: Session, details: FundDetails, now_ms: int) -> Fund:
    """Add a fund that tariffs may name; raises Refused for a name that is taken, or an unknown machine."""
    if session.get(Fund, details.id) is not None:
        raise Refused("fund_taken", f"There is a fund {details.id} already.")
    fund = Fund(**details.model_dump(), created_ms=now_ms)
    _check(session, fund)
    session.add(fund)
    session.flush()
    return fund


def change(session: Session, id: str, changes: FundChanges) -> Fund:
    """Change a fund for what is charged from now on."""
    fund = get(session, id)
    fund.sqlmodel_update(changes.model_dump(exclude_unset=True))
    _check(session, fund)
    session.add(fund)
    session.flush()
    return fund


def listed(session: Session, commodity: str) -> list[FundUse]:
    """Return every fund with what it has paid within its term, by name."""
    funds = session.exec(select(Fund).order_by(Fund.name, Fund.id)).all()
    return [FundUse(fund, used(session, fund, commodity)) for fund in funds]


def used(session: Session, fund: Fund, commodity: str) -> int:
    """Return what a fund has paid of charges within its term, in micro-units; what came back counts less.

    What its funder paid to the space is no charge, and changes nothing here.
    """
    undone = aliased(LedgerEntry)
    query = (
        select(func.sum(LedgerPosting.amount_micro))
        .join(LedgerEntry, col(LedgerEntry.id) == col(LedgerPosting.entry))
        .outerjoin(undone, col(undone.id) == col(LedgerEntry.reverses))
        .where(
            LedgerPosting.account == fund_account(fund.id),
            LedgerPosting.commodity == commodity,
            LedgerEntry.occurred_ms >= fund.from_ms,
            func.coalesce(col(undone.kind), col(LedgerEntry.kind)).not_in(PAID_IN),
        )
    )
    if fund.until_ms is not None:
        query = query.where(LedgerEntry.occurred_ms < fund.until_ms)
    return int(session.exec(query).one() or 0)


def _check(session: Session, fund: Fund) -> None:
    if fund.until_ms is not None and fund.until_ms <= fund.from_ms:
        raise Refused("fund_term", "A fund's term ends after it begins.")
    known = set(session.exec(select(Machine.id).where(col(Machine.id).in_(fund.machines))))
    for machine in fund.machines:
        if machine not in known:
            raise Refused("machine_not_found", f"There is no machine {machine}.")
