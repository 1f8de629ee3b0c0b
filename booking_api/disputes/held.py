"""Which entries nobody is asked to pay meanwhile, because their charge is disputed."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import and_, func
from sqlmodel import Session, col, select

from booking_api.billing.models import Charge
from booking_api.disputes.models import Dispute, DisputeState


def disputed_entries(
    session: Session, commodity: str, accounts: Collection[str] | None = None
) -> set[tuple[str, str]]:
    """Return (account, entry) of the charges of these accounts (None: of all) that are disputed now."""
    visit = func.coalesce(Charge.session, Charge.fee)
    query = (
        select(Charge.account, Charge.entry)
        .join(Dispute, and_(visit == Dispute.visit, col(Charge.period) == col(Dispute.period)))
        .where(Dispute.state == DisputeState.OPEN, col(Charge.replaced_ms).is_(None))
        .where(Charge.commodity == commodity)
    )
    if accounts is not None:
        query = query.where(col(Charge.account).in_(accounts))
    return {(account, entry) for account, entry in session.exec(query) if entry}
