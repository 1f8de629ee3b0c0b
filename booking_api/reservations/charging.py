"""Fees of reservations in the books: for what was not used, and for what was cancelled late."""

from __future__ import annotations

import logging

from sqlmodel import select

from booking_api.billing import service as billing
from booking_api.billing.models import Fee as FeeRow
from booking_api.billing.service import FeeDetails
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import fee_income, member_account
from booking_api.members import service as members
from booking_api.payments import books
from booking_api.reservations.diary import Diary
from booking_api.reservations.models import Reserved
from floor.errors import Refused
from floor.ledger import EntryKind, Posting
from floor.reservation.model import Fee
from floor.tariff import Occasion

log = logging.getLogger(__name__)


def no_show(diary: Diary, row: Reserved, fee: Fee) -> bool:
    """Charge that nobody came, once; say whether it is charged."""
    return _charge(diary, row, fee, Occasion.NO_SHOW)


def late_cancel(diary: Diary, row: Reserved, fee: Fee) -> bool:
    """Charge that a slot was given up too late, once; say whether it is charged."""
    return _charge(diary, row, fee, Occasion.LATE_CANCEL)


def give_back(diary: Diary, row: Reserved, reason: str) -> None:
    """Take back what was charged because nobody seemed to have come."""
    source = _source(row, Occasion.NO_SHOW)
    kept = diary.session.exec(select(FeeRow).where(FeeRow.source == source)).first()
    for charge in billing.charges_of_fee(diary.session, kept.id) if kept else ():
        billing.reverse_charge(diary.session, charge.id, reason, diary.by, diary.now_ms)
    posted = books.posted(diary.session, source)
    if posted is not None and books.reversed_by(diary.session, posted.id) is None:
        ledger.reverse(diary.session, posted.id, reason, diary.by, diary.now_ms)


def _charge(diary: Diary, row: Reserved, fee: Fee, occasion: Occasion) -> bool:
    """Charge a fee; what no tariff or month allows is left out and logged: no slot waits for it."""
    if row.member is None:
        return False
    try:
        with diary.session.begin_nested():
            return _post(diary, row, row.member, fee, occasion)
    except Refused as refused:
        log.error("reservation %s: its %s was not charged: %s", row.id, occasion, refused.sentence)
        return False


def _post(diary: Diary, row: Reserved, member: str, fee: Fee, occasion: Occasion) -> bool:
    source = _source(row, occasion)
    if fee.tariff:
        details = FeeDetails(
            occasion=occasion,
            member=member,
            tariff=fee.tariff,
            from_ms=row.begins_ms,
            to_ms=row.ends_ms,
            machine=row.machine,
            words=fee.words,
            source=source,
        )
        return bool(billing.charge_fee(diary.session, details, diary.by, diary.now_ms))
    if not fee.micro or books.posted(diary.session, source) is not None:
        return bool(fee.micro)
    account = members.get(diary.session, member).account
    postings = (
        Posting(member_account(account), diary.currency, fee.micro),
        Posting(fee_income(occasion), diary.currency, -fee.micro),
    )
    words = fee.words or occasion.replace("_", " ")
    books.post(diary.session, EntryKind.FEE, postings, diary.by, diary.now_ms, source=source, memo=words)
    return True


def _source(row: Reserved, occasion: Occasion) -> str:
    """Return what names the cause in the books: the same is charged once."""
    return f"{occasion}:{row.id}"
