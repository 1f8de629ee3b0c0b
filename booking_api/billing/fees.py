"""Fees: what no gateway saw and a tariff charges, by whoever saw it. The same source is charged once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.accounts.models import Account
from booking_api.billing.bill import bill
from booking_api.billing.models import Charge, Fee
from booking_api.billing.past import Past
from booking_api.billing.visits import PriceList, fee_due, price_lists, since_of
from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.ledger import service as ledger
from booking_api.machines.models import Machine
from booking_api.members import service as members
from floor.errors import Refused
from floor.tariff import Occasion


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeDetails:
    """What is charged. Account and tier are the member's own unless said; times are UTC milliseconds.

    `counts` are those of the tariff, `used` what was metered by hand (floor.meter quantities, base units),
    `coupon` the part that comes off each line, `pack` what is bought. The same `source` is charged once.
    """

    occasion: Occasion
    member: str
    tariff: str
    from_ms: int
    to_ms: int
    account: str = ""
    tier: str = ""
    machine: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    used: Mapping[str, int] = field(default_factory=dict)
    coupon: Fraction = Fraction(0)
    credit_micro: int = 0
    pack: str = ""
    words: str = ""
    source: str = ""


def charge_fee(session: Session, details: FeeDetails, author: str, now_ms: int) -> list[Charge]:
    """Charge a fee, one charge for each month that it is in; raises Refused for what cannot be charged."""
    ledger.hold(session)
    if details.source:
        known = session.exec(select(Fee).where(Fee.source == details.source)).first()
        if known is not None:
            return charges_of_fee(session, known.id)
    member = members.get(session, details.member)
    account = details.account or member.account
    prices = price_lists(session, {details.tariff}).get(details.tariff)
    if prices is None:
        raise Refused("tariff_not_found", f"There is no tariff {details.tariff}.")
    _check(session, details, prices, account if details.account else "")
    id = make_id(now_ms)
    fee = Fee(
        id=id,
        occasion=details.occasion,
        account=account,
        member=member.id,
        tier=details.tier or member.tier,
        tariff=details.tariff,
        machine=details.machine,
        from_ms=details.from_ms,
        to_ms=details.to_ms,
        counts=dict(details.counts),
        used=dict(details.used),
        coupon=str(details.coupon),
        credit_micro=details.credit_micro,
        pack=details.pack,
        words=details.words[:200],
        source=details.source or f"fee:{id}",
        author=author,
        created_ms=now_ms,
    )
    session.add(fee)
    session.flush()
    since = since_of(session, [member.id], zone_of(session))[member.id]
    billed = bill(session, [Past(fee_due(fee, prices, since, now_ms), ())], now_ms, author)
    if problem := billed.problems.get(id):
        session.delete(fee)
        session.flush()
        raise Refused("fee_unpriced", problem)
    return charges_of_fee(session, id)


def charges_of_fee(session: Session, fee: str) -> list[Charge]:
    """Return the charges that stand for a fee, by month."""
    query = select(Charge).where(Charge.fee == fee, col(Charge.replaced_ms).is_(None))
    return list(session.exec(query.order_by(col(Charge.period), col(Charge.id))))


def _check(session: Session, details: FeeDetails, prices: PriceList, account: str) -> None:
    if details.to_ms < details.from_ms:
        raise Refused("fee_times_invalid", "It ends before it begins.")
    if (details.occasion is Occasion.PACK) != bool(details.pack):
        raise Refused("fee_pack_invalid", "Name the pack that is bought, and only then.")
    known = {name for _, version in prices.added for name in version.counts}
    if unknown := sorted(set(details.counts) - known):
        raise Refused("fee_count_invalid", f"{details.tariff} counts no {unknown[0]}.")
    if min(details.counts.values(), default=0) < 0 or min(details.used.values(), default=0) < 0:
        raise Refused("fee_amount_invalid", "Nothing can be counted below 0.")
    if not 0 <= details.coupon <= 1 or details.credit_micro < 0:
        raise Refused("fee_coupon_invalid", "A coupon takes off a part from 0 to 1, a credit an amount.")
    if details.machine is not None and session.get(Machine, details.machine) is None:
        raise Refused("machine_not_found", f"There is no machine {details.machine}.")
    if account and session.get(Account, account) is None:
        raise Refused("account_not_found", f"There is no account {account}.")
