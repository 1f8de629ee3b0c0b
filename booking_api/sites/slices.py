"""At home: how much of a member's money a host may let them use before home has heard of it.

What is promised to gateways and to hosts never sums above what is available. A host is promised a running
total (`allowed_micro`, since the beginning) and not what is left: so a charge that is under way counts once,
whoever has heard of it already. A smaller promise counts only once the host says that it holds it.
"""

from __future__ import annotations

import math
from fractions import Fraction

from sqlmodel import Session, col, func, select

from booking_api.accounts import limits
from booking_api.db import zone_of
from booking_api.gateways.changes import Subject, changed
from booking_api.gateways.models import CreditSlice
from booking_api.ledger import service as ledger
from booking_api.periods.calendar import month_at
from booking_api.sites.models import SitePass


def allot(
    session: Session, given: SitePass, rate: Fraction | None, commodity: str, now_ms: int, *, active: bool
) -> None:
    """Say anew what a host may let a member use; `rate` is home's money (`commodity`) for one of the host's.

    Without a rate, and for who may not travel now, the host may let them use nothing more.
    """
    ledger.hold(session)
    before = given.reserved_micro
    others = _others(session, given)
    budgets = limits.read(session, {given.account}).budgets.values()
    mine = [one for one in budgets if one.account == given.account]
    month = month_at(now_ms, zone_of(session))
    known = limits.available(session, mine, commodity, month)
    share = given.limit_micro if active and rate else 0
    wanted = 0
    if known and rate:
        total = min(known.values()) + before + sum(one.reserved_micro for one in others)
        wanted = min(_own(share, rate), max(0, total) // (2 + len(others)))
        free = total - _at_gateways(session, given.account) - sum(one.exposed_micro for one in others)
        share = min(share, math.floor(max(0, min(wanted, free)) / rate))
    given.allowed_micro = given.used_micro + share
    given.ceiling_micro = max(given.ceiling_micro, given.allowed_micro)
    left = given.ceiling_micro - given.used_micro
    given.exposed_micro = _own(left, rate) if known and rate else 0
    given.reserved_micro = max(wanted, given.exposed_micro) if known else 0
    session.add(given)
    session.flush()
    if given.reserved_micro != before:
        changed(session, Subject.MEMBER, given.member, now_ms)


def heard(session: Session, given: SitePass, exposure_micro: int) -> bool:
    """Take what a host says that a member may still come to have used there; return whether it frees any."""
    ceiling = max(given.allowed_micro, exposure_micro)
    frees = ceiling < given.ceiling_micro
    given.ceiling_micro = ceiling
    session.add(given)
    session.flush()
    return frees


def _own(amount_micro: int, rate: Fraction) -> int:
    """Return an amount of the host's in home's money, rounded up: a promise is never worth more."""
    return math.ceil(amount_micro * rate)


def _others(session: Session, given: SitePass) -> list[SitePass]:
    query = select(SitePass).where(SitePass.account == given.account, SitePass.site != given.site)
    return list(session.exec(query))


def _at_gateways(session: Session, account: str) -> int:
    held = select(func.sum(CreditSlice.held_micro)).where(col(CreditSlice.account) == account)
    return int(session.exec(held).one() or 0)
