"""A small space whose months are closed: pools, funds, and entries like those that billing posts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, select

from booking_api import migrations
from booking_api.accounts.models import Account, Fund
from booking_api.costing import versions
from booking_api.db import Database
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import ROUNDING, TAX, fund_account, machine_income, member_account
from booking_api.ledger.models import AccountBalance, LedgerEntry, LedgerPosting
from booking_api.machines.models import Machine
from booking_api.periods import service
from booking_api.periods.calendar import bounds, month_at
from booking_api.periods.service import Outcome
from booking_api.periods.statement import CloseStated
from booking_api.sessions.models import MachineSession, SessionState
from floor.ledger import Entry, EntryKind, Posting
from floor.money import Commodity
from tests.kit.template import copied

ZONE = ZoneInfo("Europe/Berlin")
EUR = Commodity("EUR")
HOUR_MS = 3_600_000
ROOT = Path(__file__).resolve().parents[2]
LASER = re.findall(r"```toml\n(.+?)```", (ROOT / "docs" / "cost-sharing.md").read_text(), re.DOTALL)[0]
"""The cost file of docs/cost-sharing.md."""

FUNDS = {
    "dues": ("Membership dues", 1500),
    "city": ("City youth programme", 800),
    "university": ("University", 1000),
    "small": ("A small fund", 20),
}


@dataclass
class Use:
    """One use of a machine: what its account, its fund and the tax office get of its price (micro-units)."""

    account: str
    own: int
    fund: str = ""
    fund_pays: int = 0
    tax: int = 0
    rounding: int = 0
    machine: str = "laser-1"
    used_ms: int = HOUR_MS
    energy_mwh: int | None = None

    @property
    def earned(self) -> int:
        return self.own + self.fund_pays - self.tax - self.rounding


@dataclass
class Space:
    """A migrated database with machines, funds and members."""

    db: Database
    count: int = field(default=0)

    def costs(self, text: str) -> int:
        with self.db.write() as session:
            return versions.add(session, text, "ada", 0).n

    def use(self, at_ms: int, *uses: Use) -> None:
        with self.db.write() as session:
            self.book(session, at_ms, *uses)

    def book(self, session: Session, at_ms: int, *uses: Use) -> None:
        """Post what uses cost, as sales: a charge would have rows of its own. And the sessions."""
        for use in uses:
            self.count += 1
            id = f"use-{self.count}"
            parts = (
                (member_account(use.account), use.own),
                (fund_account(use.fund), use.fund_pays),
                (machine_income(use.machine), -use.earned),
                (TAX, -use.tax),
                (ROUNDING, -use.rounding),
            )
            postings = tuple(Posting(account, "EUR", amount) for account, amount in parts if amount)
            if postings:
                entry = Entry(f"e-{id}", EntryKind.SALE, f"session:{id}", at_ms, at_ms, postings)
                ledger.post(session, [entry])
            session.add(session_row(id, use, at_ms))
            session.flush()

    def close(self, month: str, now_ms: int | None = None, *, accept: bool = False) -> Outcome:
        at_ms = now_ms or end_of(month) + 1
        with self.db.write() as session:
            return service.close(session, month, EUR, "ada", at_ms, accept_exceptions=accept)

    def preview(self, month: str, now_ms: int | None = None) -> CloseStated:
        with self.db.read() as session:
            return service.preview(session, month, EUR, now_ms or end_of(month) + 1).statement

    def reopen(self, month: str, reason: str = "an invoice came late") -> None:
        with self.db.write() as session:
            service.reopen(session, month, reason, "ben", end_of(month) + 2)

    def balances(self) -> dict[str, int]:
        with self.db.read() as session:
            rows = session.exec(select(AccountBalance))
            return {row.account: row.amount_micro for row in rows if row.amount_micro}

    def entries(self, kind: EntryKind | None = None) -> int:
        query = select(func.count()).select_from(LedgerEntry)
        with self.db.read() as session:
            return session.exec(query.where(col(LedgerEntry.kind) == kind) if kind else query).one()

    def postings_sum(self) -> int:
        with self.db.read() as session:
            return int(session.exec(select(func.sum(LedgerPosting.amount_micro))).one() or 0)


def session_row(id: str, use: Use, at_ms: int) -> MachineSession:
    counters = {"machine_time_ms": use.used_ms}
    if use.energy_mwh is not None:
        counters["energy_mwh"] = use.energy_mwh
    return MachineSession(
        id=id,
        gateway="gw",
        machine=use.machine,
        member=use.account,
        account=use.account,
        tier="member",
        badge="b",
        state=SessionState.PRICED,
        started_ms=at_ms - use.used_ms,
        ended_ms=at_ms,
        elapsed_ms=use.used_ms,
        counters=counters,
    )


def make_space(url: str, data: Path) -> Space:
    copied(_made_anew, url, data)
    return Space(Database(url, data, ZONE))


def _made_anew(url: str, data: Path) -> None:
    db = Database(url, data, ZONE)
    migrations.upgrade(db.engine)
    with db.write() as session:
        for machine in ("laser-1", "laser-2", "printer-1", "saw-1"):
            session.add(Machine(id=machine, name=machine))
        for fund, (name, budget) in FUNDS.items():
            session.add(Fund(id=fund, name=name, budget_micro=budget * 10**6, created_ms=0))
        for account in ("ann", "bob", "cem"):
            session.add(Account(id=account, name=account.title(), created_ms=0))
    db.close()


def begin_of(month: str) -> int:
    return bounds(month, ZONE)[0]


def end_of(month: str) -> int:
    return bounds(month, ZONE)[1]


def after(month: str) -> str:
    return month_at(end_of(month), ZONE)


def cost_file(*, settled: str = "month", goes: str = "refunded", extra: str = "") -> str:
    """A cost file of one pool that costs 12 EUR a month by plan, and what is booked as upkeep."""
    return f"""
name = "Space"
period = "2027"
valid_from = "2027-01"
commodity = "EUR"
[surplus]
goes = "{goes}"
settled = "{settled}"
{extra}
[[pools]]
id = "laser"
name = "Lasers"
per = "machine_time"
unit = "h"
machines = ["laser-1", "laser-2"]
[pools.tiers]
member = {{ expected = 120 }}
[[pools.capital]]
name = "lasers"
price = 1440
years = 10
[[pools.upkeep]]
name = "parts"
amount = 60
"""
