"""What somebody may still spend on an account, where they buy by themselves."""

from __future__ import annotations

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account
from booking_api.payments import books
from booking_api.payments.models import PaymentBlock
from booking_api.sessions.models import MachineSession, SessionState
from floor.errors import Refused


def check(session: Session, account: str, member: str, amount_micro: int, commodity: str) -> None:
    """Raise Refused when an account may not owe so much more; the caller holds the book."""
    if session.get(PaymentBlock, account) is not None:
        raise Refused("account_overdue", "This account is overdue. Pay what is due first.")
    left = left_micro(session, account, member, commodity)
    if left is not None and amount_micro > left:
        raise Refused("limit_reached", "There is not so much left on this account. Top it up first.")


def left_micro(session: Session, account: str, member: str, commodity: str) -> int | None:
    """Return what is left: the limit, less what is owed and what running sessions hold; None for no limit."""
    kept = session.get(Account, account)
    if kept is None or kept.credit_limit_micro is None:
        return None
    held = select(func.coalesce(func.sum(MachineSession.limit_micro), 0)).where(
        MachineSession.account == account, col(MachineSession.state) != SessionState.PRICED
    )
    owed = books.owed_micro(session, account, commodity)
    return kept.credit_limit_micro - owed - int(session.exec(held).one() or 0)
