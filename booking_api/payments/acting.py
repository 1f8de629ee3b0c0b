"""Who may spend or pay for a member: they themselves, or who keeps the books."""

from __future__ import annotations

from booking_api.auth.guards import SignedIn, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who


def acts_for(who: SignedIn, member: str) -> Who:
    """Return who asks; raises Refused unless it is their own, or they keep the books. A dependency."""
    own = who.id == member and who.may(Permission.ME_WRITE)
    if not own:
        require(who, Permission.LEDGER_WRITE)
    return who
