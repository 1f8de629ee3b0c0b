"""Which entries nobody is asked to pay meanwhile, because their charge is disputed."""

from __future__ import annotations

from sqlalchemy import and_, func
from sqlmodel import Session, col, select

from booking_api.billing.models import Charge
from booking_api.disputes.models import Dispute, DisputeState


def disputed_entries(session: Session, account: str, commodity: str) -> set[str]:
    """Return the entries of an account's charges that are disputed now."""
    visit = func.coalesce(Charge.session, Charge.fee)
    query = (
        select(Charge.entry)
        .join(Dispute, and_(visit == Dispute.visit, col(Charge.period) == col(Dispute.period)))
        .where(Dispute.state == DisputeState.OPEN, col(Charge.replaced_ms).is_(None))
        .where(Charge.account == account, Charge.commodity == commodity)
    )
    return {entry for entry in session.exec(query) if entry}
