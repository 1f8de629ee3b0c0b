"""Billing, as other rooms use it: sessions and fees become charges, charges change, allowances are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.billing.allowances import LotLeft, expire_lots, grant, lots, transfer
from booking_api.billing.changes import (
    charges_of,
    credit,
    credited,
    live_charge,
    move,
    reverse_charge,
    reverse_entry,
)
from booking_api.billing.fees import FeeDetails, charge_fee, charges_of_fee
from booking_api.billing.lots import positions, shelves
from booking_api.billing.models import AccountHistory
from booking_api.billing.months import freeze_histories, round_statements, thaw_histories
from booking_api.billing.past import splits_of
from booking_api.billing.settle import settle
from booking_api.billing.splits import Wanted, parse_shares, split, split_of, undo_split
from booking_api.billing.visits import since_admitted, since_of
from booking_api.tariffs import service as tariffs
from floor.tariff.standing import concerned, drawn, held_key

__all__ = [
    "FeeDetails",
    "LotLeft",
    "Wanted",
    "charge_fee",
    "charges_of",
    "charges_of_fee",
    "credit",
    "credited",
    "expire_lots",
    "freeze_histories",
    "grant",
    "live_charge",
    "lots",
    "move",
    "parse_shares",
    "positions_for",
    "reverse_charge",
    "reverse_entry",
    "round_statements",
    "settle",
    "since_admitted",
    "since_of",
    "split",
    "split_of",
    "splits_of",
    "thaw_histories",
    "transfer",
    "undo_split",
]


def positions_for(
    session: Session, accounts: Collection[str], tariff_ids: Iterable[str], now_ms: int = 0
) -> dict[str, dict[str, str]]:
    """Return where accounts stand in what these tariffs count, as floor.tariff.History keeps it, as text.

    Accounts that stand nowhere are left out. `now_ms` (UTC milliseconds) leaves out what has expired then.
    """
    if not accounts:
        return {}
    standing = select(AccountHistory).where(
        col(AccountHistory.account).in_(accounts), AccountHistory.month == ""
    )
    rows, lots = session.exec(standing).all(), shelves(session, accounts)
    if not rows and not lots:
        return {}
    kept = tariffs.versions(session, tariff_ids)
    versions = [tariffs.parsed(version.text, version.id) for some in kept.values() for version in some]
    names = {name for version in versions for name in drawn(version)}
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if mine := concerned({key: Fraction(text) for key, text in row.positions.items()}, versions):
            found[row.account] = {key: str(position) for key, position in mine.items()}
    for account, shelf in lots.items():
        for name, units in positions(shelf, names, now_ms).items():
            found.setdefault(account, {})[held_key(name)] = str(units)
    return found
