"""What settlements are made of, as one site reads them: each use in the money of both, and what is open."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import attrgetter

from sqlmodel import Session, col, func, select

from booking_api.ledger.models import LedgerEntry
from booking_api.members.models import Member
from booking_api.periods.calendar import MONTH
from booking_api.sites.models import SiteBill, SiteCharge, SiteSettlement, Visitor
from floor.errors import Refused


@dataclass(frozen=True, slots=True)
class Use:
    """One use, or what took it back. `ours`: a member of ours used the other site; else theirs used this one.

    `amount_micro` is the host's `commodity`; `home_micro` what that is worth in the currency of home at
    `rate`, without what home added. None where home has told no rate. `who` is the member's number here.
    """

    settlement: str
    ours: bool
    at_ms: int
    what: str
    who: str
    amount_micro: int
    commodity: str
    rate: Fraction | None
    home_micro: int | None
    home_commodity: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement with all its uses, in the order in which they were used."""

    row: SiteSettlement
    uses: tuple[Use, ...]

    def side(self, *, ours: bool) -> list[Use]:
        """Return what our members used at the other site, or what theirs used here."""
        return [one for one in self.uses if one.ours is ours]


def settlements(session: Session, limit: int, at: int) -> list[SiteSettlement]:
    """Return some settlements, the newest month first: their ids begin with it."""
    query = select(SiteSettlement).order_by(col(SiteSettlement.id).desc())
    return list(session.exec(query.limit(limit).offset(at)))


def of_month(session: Session, site: str, month: str) -> list[Settled]:
    """Return what was settled with a site for a month (YYYY-MM), a settlement a currency, and late ones.

    Raises Refused where nothing was.
    """
    query = select(SiteSettlement).where(SiteSettlement.site == site)
    named = query.where(col(SiteSettlement.id).startswith(f"{month}:", autoescape=True))
    rows = session.exec(named.order_by(SiteSettlement.id)).all() if MONTH.fullmatch(month) else ()
    if not rows:
        raise Refused("settlement_not_found", "Nothing was settled with this site for this month.")
    found = read(session, [row.id for row in rows])
    return [Settled(row, tuple(one for one in found if one.settlement == row.id)) for row in rows]


def read(session: Session, ids: Collection[str]) -> list[Use]:
    """Return the uses of settlements, in the order in which they were used."""
    here = (
        select(SiteCharge, Member.number)
        .join(Visitor, (col(Visitor.site) == SiteCharge.site) & (col(Visitor.ref) == SiteCharge.ref))
        .join(Member, col(Member.id) == Visitor.member)
        .where(col(SiteCharge.settlement).in_(ids))
    )
    there = (
        select(SiteBill, LedgerEntry, Member.number)
        .join(LedgerEntry, col(LedgerEntry.id) == SiteBill.entry)
        .join(Member, col(Member.id) == SiteBill.member)
        .where(col(SiteBill.settlement).in_(ids))
    )
    found = [_here(charge, who) for charge, who in session.exec(here)]
    found += [_there(bill, entry, who) for bill, entry, who in session.exec(there)]
    return sorted(found, key=attrgetter("at_ms"))


def together(uses: Sequence[Use]) -> tuple[int, int | None]:
    """Return the sum in the host's currency, and in home's; None where a use has no amount in that."""
    worth = [one.home_micro for one in uses]
    known = None if None in worth else sum(micro for micro in worth if micro is not None)
    return sum(one.amount_micro for one in uses), known


def waiting(session: Session) -> list[tuple[str, str, int, int]]:
    """Return what no settlement has yet: site, currency, what it owes here and what is owed to it (micro)."""
    receivable, payable = unsettled(session, SiteCharge), unsettled(session, SiteBill)
    keys = sorted(receivable.keys() | payable.keys())
    return [
        (site, code, receivable.get((site, code), 0), payable.get((site, code), 0)) for site, code in keys
    ]


def unsettled(session: Session, table: type[SiteCharge] | type[SiteBill]) -> dict[tuple[str, str], int]:
    """Return what no settlement has of a side, by site and currency (micro-units)."""
    sums = select(table.site, table.commodity, func.sum(table.amount_micro))
    rows = session.exec(sums.where(col(table.settlement).is_(None)).group_by(table.site, table.commodity))
    return {(site, code): int(micro) for site, code, micro in rows}


def _here(charge: SiteCharge, who: str) -> Use:
    return Use(
        settlement=charge.settlement or "",
        ours=False,
        at_ms=charge.occurred_ms,
        what=charge.what,
        who=who,
        amount_micro=charge.amount_micro,
        commodity=charge.commodity,
        rate=Fraction(charge.rate) if charge.rate else None,
        home_micro=charge.home_micro,
        home_commodity=charge.home_commodity or "",
    )


def _there(bill: SiteBill, entry: LedgerEntry, who: str) -> Use:
    return Use(
        settlement=bill.settlement or "",
        ours=True,
        at_ms=entry.occurred_ms,
        what=(entry.memo or "").partition(": ")[2],
        who=who,
        amount_micro=bill.amount_micro,
        commodity=bill.commodity,
        rate=Fraction(bill.rate),
        home_micro=bill.own_micro - bill.fee_micro,
        home_commodity=bill.own,
    )
