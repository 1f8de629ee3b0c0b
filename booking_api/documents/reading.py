"""Charges as documents read them: with their lines, the use or the fee behind them, and their tariff."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.billing.models import Charge, ChargePart, Fee, SessionSplit
from booking_api.billing.past import shares_of
from booking_api.ledger.models import ChargeLine
from booking_api.members.models import Member
from booking_api.sessions.models import MachineSession
from booking_api.tariffs import service as tariffs
from booking_api.tariffs.models import TariffVersion
from floor.tariff import Line, Tariff

REDUCTIONS = frozenset({"cap", "discount", "coupon", "credit"})
CHUNK = 500


@dataclass(frozen=True, slots=True)
class SplitSeen:
    """What `part` of a session a charge is, who split it (a member's name, "" for none), and why."""

    part: Fraction
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Charged:
    """A charge and what explains it. `versions` are the tariffs of its lines, by their ids."""

    charge: Charge
    lines: tuple[Line, ...]
    used: MachineSession | None
    fee: Fee | None
    versions: Mapping[str, Tariff]
    split: SplitSeen | None = None

    @property
    def tariff(self) -> Tariff | None:
        """The price list that it was charged by."""
        return self.versions.get(self.charge.tariff_version)

    @property
    def space_bears_micro(self) -> int:
        """What came off the price and no fund pays: reductions of the space's own, and what funds lacked."""
        taken = -sum(line.amount_micro for line in self.lines if line.bound in REDUCTIONS)
        funded = -sum(line.amount_micro for line in self.lines if self._fund_of(line))
        return taken - funded + sum(int(micro) for micro in self.charge.unfunded.values())

    @property
    def full_micro(self) -> int:
        """What it cost before anybody but the account paid a part."""
        funds = sum(int(micro) for micro in self.charge.funds.values())
        return self.charge.total_micro + funds + self.space_bears_micro

    def _fund_of(self, line: Line) -> str:
        tariff = self.versions.get(line.tariff)
        if tariff is None or line.bound not in REDUCTIONS:
            return ""
        if line.bound == "cap":
            return next((cap.fund for cap in tariff.caps), "")
        return next((one.fund for one in tariff.adjustments if one.id == line.component), "")


def by_entry(session: Session, entries: Sequence[str]) -> dict[str, Charged]:
    """Return the charges that these entries posted, by entry; other entries are left out."""
    found: dict[str, Charged] = {}
    for start in range(0, len(entries), CHUNK):
        part = select(Charge).where(col(Charge.entry).in_(entries[start : start + CHUNK]))
        found |= {one.charge.entry or "": one for one in explained(session, session.exec(part).all())}
    return found


def explained(session: Session, charges: Sequence[Charge]) -> list[Charged]:
    """Return charges with what explains them, in the same order."""
    lines: dict[str, list[ChargeLine]] = {}
    query = select(ChargeLine).where(col(ChargeLine.charge).in_([charge.id for charge in charges]))
    for row in session.exec(query.order_by(col(ChargeLine.charge), col(ChargeLine.n))):
        lines.setdefault(row.charge, []).append(row)
    sessions = [charge.session for charge in charges if charge.session]
    used = {
        row.id: row
        for row in session.exec(select(MachineSession).where(col(MachineSession.id).in_(sessions)))
    }
    paid = [charge.fee for charge in charges if charge.fee]
    fees = {row.id: row for row in session.exec(select(Fee).where(col(Fee.id).in_(paid)))}
    known = versions(
        session,
        [c.tariff_version for c in charges] + [r.tariff_version for rows in lines.values() for r in rows],
    )
    splits = _splits(session, charges)
    return [
        Charged(
            charge,
            tuple(read_line(row) for row in lines.get(charge.id, ())),
            used.get(charge.session or ""),
            fees.get(charge.fee or ""),
            known,
            splits.get(charge.id),
        )
        for charge in charges
    ]


def _splits(session: Session, charges: Sequence[Charge]) -> dict[str, SplitSeen]:
    ids = [charge.id for charge in charges if charge.session]
    query = (
        select(ChargePart.charge, SessionSplit)
        .join(SessionSplit, col(SessionSplit.id) == col(ChargePart.split))
        .where(col(ChargePart.charge).in_(ids))
    )
    kept = dict(session.exec(query).all()) if ids else {}
    authors = select(Member).where(col(Member.id).in_({split.author for split in kept.values()}))
    names = {one.id: one.whole_name for one in session.exec(authors)} if kept else {}
    return {
        charge.id: SplitSeen(shares_of(split).part(charge.account), names.get(split.author, ""), split.reason)
        for charge in charges
        if (split := kept.get(charge.id)) is not None
    }


def read_line(row: ChargeLine) -> Line:
    """Return a kept line as the tariff made it."""
    return Line(
        row.component,
        row.unit,
        Fraction(row.metered),
        Fraction(row.billed),
        Fraction(row.price_micro),
        row.amount_micro,
        row.bound,
        row.window,
        row.tariff_version,
    )


def versions(session: Session, ids: Iterable[str]) -> dict[str, Tariff]:
    """Return versions of tariffs by their ids."""
    query = select(TariffVersion).where(col(TariffVersion.id).in_(set(ids)))
    return {kept.id: tariffs.parsed(kept.text, kept.id) for kept in session.exec(query)}
