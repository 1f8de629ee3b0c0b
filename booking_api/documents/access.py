"""Who may see an account's documents: whose it is, who owns the team, and who may read the books."""

from __future__ import annotations

from sqlmodel import Session

from booking_api.accounts.teams import owns
from booking_api.auth.guards import require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.documents import service
from booking_api.documents.models import Invoice
from floor.errors import Refused


def check_account(session: Session, who: Who, account: str) -> None:
    """Raise Refused unless somebody may see what stands on an account."""
    if who.may(Permission.LEDGER_READ):
        return
    own = who.member.account == account or owns(session, account, who.member.id)
    if not (own and who.may(Permission.ME_READ)):
        raise Refused("forbidden", "This is another member's.")


def check_change(session: Session, who: Who, account: str) -> None:
    """Raise Refused unless somebody may say who an account's invoices are made out to."""
    if who.may(Permission.LEDGER_WRITE):
        return
    check_account(session, who, account)
    require(who, Permission.ME_WRITE)


def visible(session: Session, who: Who, number: str) -> Invoice:
    """Return an invoice by its number or id; raises Refused for none, and for another member's."""
    found = service.get(session, number)
    check_account(session, who, found.account)
    return found
