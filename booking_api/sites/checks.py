"""Do the books of sites agree? One site's rows with its own ledger, and two sites with each other."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel import Session, col, select

from booking_api.ledger.accounts import site_payable, site_receivable
from booking_api.ledger.models import AccountBalance
from booking_api.sites.models import SiteBill, SiteCharge, SiteSettlement
from booking_api.sites.uses import unsettled

Found = Iterator[tuple[str, str]]


def check_clearing(session: Session) -> Found:
    """Compare what other sites owe, and are owed, with the charges that no settlement has."""
    sums: dict[tuple[str, str], int] = {}
    for table, account, sign in ((SiteCharge, site_receivable, 1), (SiteBill, site_payable, -1)):
        for (site, commodity), micro in unsettled(session, table).items():
            sums[account(site), commodity] = sign * micro
    prefixes = tuple(name("") for name in (site_receivable, site_payable))
    kept = {
        (row.account, row.commodity): row.amount_micro
        for prefix in prefixes
        for row in session.exec(select(AccountBalance).where(col(AccountBalance.account).startswith(prefix)))
    }
    for key in sorted(sums.keys() | kept.keys()):
        if sums.get(key, 0) != kept.get(key, 0):
            words = f"it stands at {kept.get(key, 0)}, its open charges sum to {sums.get(key, 0)} micro"
            yield f"account {key[0]} ({key[1]})", words


def compare(host: Session, home: Session, host_id: str, home_id: str) -> Found:
    """Name each charge and settlement of which two sites do not say the same."""
    told = {row.id: row for row in host.exec(select(SiteCharge).where(SiteCharge.site == home_id))}
    taken = {row.charge: row for row in home.exec(select(SiteBill).where(SiteBill.site == host_id))}
    for id in sorted(told.keys() | taken.keys()):
        where, charge, bill = f"charge {id} of {host_id}", told.get(id), taken.get(id)
        if charge is None:
            yield where, f"{home_id} charged it, and {host_id} knows nothing of it"
        elif bill is None:
            yield where, f"it waits to be charged at {home_id}"
        elif (charge.amount_micro, charge.commodity) != (bill.amount_micro, bill.commodity):
            words = f"{charge.amount_micro} {charge.commodity} at {host_id}"
            yield where, f"{words}, {bill.amount_micro} {bill.commodity} at {home_id} (micro)"
        elif charge.ref != bill.member:
            yield where, f"{home_id} charged it to another member"
        elif charge.settlement != bill.settlement:
            yield where, f"settled by {charge.settlement} at {host_id}, by {bill.settlement} at {home_id}"
    yield from _settlements(host, home, host_id, home_id)


def _settlements(host: Session, home: Session, host_id: str, home_id: str) -> Found:
    here = {row.id: row for row in host.exec(select(SiteSettlement).where(SiteSettlement.site == home_id))}
    there = {row.id: row for row in home.exec(select(SiteSettlement).where(SiteSettlement.site == host_id))}
    for id in sorted(here.keys() | there.keys()):
        one, other = here.get(id), there.get(id)
        if one is None or other is None:
            yield f"settlement {id}", f"it stands at {home_id if one is None else host_id} alone"
        elif (one.receivable_micro, one.payable_micro) != (other.payable_micro, other.receivable_micro):
            yield f"settlement {id}", f"{host_id} and {home_id} do not name the same sums"
