"""What somebody may still spend on an account, where they buy by themselves."""

from __future__ import annotations

from sqlmodel import Session

from booking_api.accounts import choice, limits
from booking_api.db import zone_of
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.payments import overdue
from booking_api.periods.calendar import month_at
from floor.errors import Refused


def check(
    session: Session, account: str, member: Member, amount_micro: int, commodity: str, now_ms: int
) -> None:
    """Raise Refused when a member may not charge so much more to an account; the caller holds the book."""
    choice.check_may_charge(session, member, account)
    if members.is_suspended(member, now_ms):
        raise Refused("member_suspended", "Your membership is suspended.")
    if overdue.blocked(session, {account}, now_ms):
        raise Refused("account_overdue", "This account is overdue. Pay what is due first.")
    left = left_micro(session, account, member.id, commodity, now_ms)
    if left is not None and amount_micro > left:
        raise Refused("limit_reached", "There is not so much left on this account. Top it up first.")


def left_micro(session: Session, account: str, member: str, commodity: str, now_ms: int) -> int | None:
    """Return what a member may still charge to an account, by the least of its limits; None for no limit."""
    known = limits.read(session, {account})
    keys = known.keys(account, member)
    budgets = [known.budgets[key] for key in keys]
    month = month_at(now_ms, zone_of(session))
    left = limits.available(session, budgets, commodity, month)
    return min((left[key] for key in keys), default=None)
