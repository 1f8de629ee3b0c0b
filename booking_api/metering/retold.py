"""What a journal tells again: a new epoch begins with entries that the one before may have told already."""

from sqlmodel import Session, select

from booking_api.metering.models import JournalRecord
from floor.wire.journal import JournalEntry


def retold(session: Session, gateway: str, epoch: int, entry: JournalEntry) -> bool:
    """Whether an entry was applied before, in an epoch that this one took the place of."""
    told = select(JournalRecord.seq).where(
        JournalRecord.gateway == gateway,
        JournalRecord.epoch < epoch,
        JournalRecord.kind == entry.fact.type,
        JournalRecord.boot_id == entry.boot_id,
        JournalRecord.monotonic_ms == entry.monotonic_ms,
    )
    return session.exec(told).first() is not None
