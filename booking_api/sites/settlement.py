"""What two sites owe each other for what was used: cleared by the month, in both books, by the same sums.

What is cleared is chosen from the host's charges that home has confirmed. One side is written first, and has
the whole list: if the other side is not reached, the next run completes it by that list before anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlmodel import Session, col, func, select, update

from booking_api.clock import make_id
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import BANK, CONVERSION, site_payable, site_receivable, site_settled
from booking_api.sites.models import SiteBill, SiteCharge, SiteSettlement
from floor.errors import Refused
from floor.ledger import Entry, EntryKind, Posting
from floor.money import Commodity, round_fraction, round_to


@dataclass(frozen=True, slots=True)
class Cleared:
    """What is to be cleared with a site in one currency: charges that it is to pay, bills that it is paid."""

    id: str
    commodity: str
    charges: tuple[str, ...]
    bills: tuple[str, ...]

    @property
    def mirrored(self) -> Cleared:
        """The same from the other side."""
        return Cleared(self.id, self.commodity, self.bills, self.charges)


def ready(session: Session, home: str, before_ms: int) -> list[SiteCharge]:
    """At a host: return what a home site has confirmed, of before an instant, and no settlement has."""
    query = select(SiteCharge).where(
        SiteCharge.site == home,
        col(SiteCharge.delivered_ms).is_not(None),
        col(SiteCharge.settlement).is_(None),
        SiteCharge.occurred_ms < before_ms,
    )
    return list(session.exec(query.order_by(col(SiteCharge.seq))))


def next_id(session: Session, month: str, pair: tuple[str, str], commodity: str) -> str:
    """Return the id of the next settlement of a month: what comes late goes into a further one."""
    stem = f"{month}:{':'.join(sorted(pair))}:{commodity}"
    known = select(func.count()).where(
        (col(SiteSettlement.id) == stem) | col(SiteSettlement.id).startswith(f"{stem}:", autoescape=True)
    )
    n = session.exec(known).one() + 1
    return stem if n == 1 else f"{stem}:{n}"


def write(session: Session, other: str, cleared: Cleared, now_ms: int) -> SiteSettlement:
    """Clear one side; the same settlement again changes nothing. Raises Refused where charges are missing."""
    ledger.hold(session)
    kept = session.get(SiteSettlement, cleared.id)
    if kept is not None:
        return kept
    receivable = _marked(session, SiteCharge, other, cleared.charges, cleared.id)
    payable = _marked(session, SiteBill, other, cleared.bills, cleared.id)
    postings = (
        (site_receivable(other), -receivable),
        (site_payable(other), payable),
        (site_settled(other), receivable - payable),
    )
    lines = tuple(Posting(account, cleared.commodity, micro) for account, micro in postings if micro)
    entry = _entry(f"settlement:{cleared.id}", lines, cleared.id, now_ms) if lines else None
    if entry:
        ledger.post(session, [entry])
    row = SiteSettlement(
        id=cleared.id,
        site=other,
        commodity=cleared.commodity,
        receivable_micro=receivable,
        payable_micro=payable,
        entry=entry.id if entry else None,
        at_ms=now_ms,
    )
    session.add(row)
    session.flush()
    return row


def unmatched(here: Session, there: Session, here_id: str, there_id: str) -> list[Cleared]:
    """Return the settlements with a site that stand here and not there, as that site is to write them."""
    kept = {row.id for row in there.exec(select(SiteSettlement).where(SiteSettlement.site == here_id))}
    mine = here.exec(select(SiteSettlement).where(SiteSettlement.site == there_id))
    return [_read(here, row).mirrored for row in mine if row.id not in kept]


def pay(
    session: Session, id: str, own: Commodity, rate: Fraction | None, author: str, now_ms: int
) -> SiteSettlement:
    """Post that the difference of a settlement was paid, by or to this site's bank, at a rate of the day.

    Raises Refused for no such settlement, one without a difference, one that is paid, and without a rate.
    """
    ledger.hold(session)
    row = session.get(SiteSettlement, id)
    net = row.net_micro if row else 0
    if row is None or not net:
        raise Refused("settlement_not_found", "There is no settlement of this name that is to be paid.")
    if row.paid is not None:
        return row
    if rate is None:
        raise Refused("rate_missing", "The network's file has no rate for this day.")
    foreign = row.commodity != own.code
    money = round_to(round_fraction(net * rate), own.minor_micro) if foreign else net
    postings = [Posting(site_settled(row.site), row.commodity, -net), Posting(BANK, own.code, money)]
    if foreign:
        postings += [Posting(CONVERSION, row.commodity, net), Posting(CONVERSION, own.code, -money)]
    entry = _entry(f"settlement:{id}:paid", tuple(postings), id, now_ms, author)
    ledger.post(session, [entry])
    row.paid = entry.id
    session.add(row)
    session.flush()
    return row


def charges(session: Session, id: str) -> list[SiteCharge]:
    """At a host: return the charges that a settlement cleared, in order."""
    query = select(SiteCharge).where(SiteCharge.settlement == id)
    return list(session.exec(query.order_by(col(SiteCharge.seq))))


def _read(session: Session, row: SiteSettlement) -> Cleared:
    charges = select(SiteCharge.id).where(SiteCharge.settlement == row.id)
    bills = select(SiteBill.charge).where(SiteBill.settlement == row.id)
    return Cleared(row.id, row.commodity, tuple(session.exec(charges)), tuple(session.exec(bills)))


def _marked(
    session: Session,
    table: type[SiteCharge] | type[SiteBill],
    other: str,
    ids: Sequence[str],
    settlement: str,
) -> int:
    """Mark rows as settled, and return their sum in micro-units."""
    key = col(table.id if issubclass(table, SiteCharge) else table.charge)
    mine = col(table.site) == other, key.in_(ids), col(table.settlement).is_(None)
    count, total = session.exec(select(func.count(), func.sum(table.amount_micro)).where(*mine)).one()
    if count != len(ids):
        raise Refused(
            "settlement_differs", f"Of {len(ids)} charges of {settlement}, {count} stand open here."
        )
    session.exec(update(table).where(*mine).values(settlement=settlement))
    return int(total or 0)


def _entry(
    source: str, postings: tuple[Posting, ...], memo: str, now_ms: int, author: str = "system"
) -> Entry:
    return Entry(
        id=make_id(now_ms),
        kind=EntryKind.TRANSFER,
        source=source,
        occurred_ms=now_ms,
        posted_ms=now_ms,
        postings=postings,
        author=author,
        memo=memo,
    )
