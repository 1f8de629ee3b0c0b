"""What people change of charges: moved to another account, waived, given back in part. Nothing is edited."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.accounts.choice import check_may_charge
from booking_api.billing.bill import bill, summed
from booking_api.billing.lots import shelves
from booking_api.billing.models import AllowanceLot, Charge
from booking_api.billing.past import past_session, splits_of
from booking_api.billing.posting import Draft, source_of
from booking_api.clock import make_id
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import ROUNDING, TAX, member_account
from booking_api.ledger.models import LedgerEntry
from booking_api.members import service as members
from booking_api.periods.calendar import open_from_ms
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.tariffs import service as tariffs
from booking_api.tariffs.models import TariffVersion
from floor.errors import Refused
from floor.ledger import Entry, EntryKind, Posting, Sealed, reason_seal
from floor.money import round_to

MOVED_REASON = "A use was moved to another account: priced again."


def move(
    session: Session, session_id: str, account: str, author: str, reason: str, now_ms: int
) -> list[Charge]:
    """Charge a session to another account: its charges are reversed and posted anew there.

    Raises Refused once a month of it is closed, and for an account that its member may not charge to.
    """
    ledger.hold(session)
    used = _priced(session, session_id)
    check_reason(reason)
    check_may_charge(session, members.get(session, used.member), account)
    before = used.account
    if account == before:
        return charges_of(session, session_id)
    _, standing = changeable(session, session_id, reason)
    if standing.is_split:
        raise Refused("charge_split", "It is split between accounts: undo that before.")
    take_back(session, standing.charges, reason, author, now_ms)
    used.account = account
    session.add(used)
    session.flush()
    if moved := past_session(session, session_id):
        billed = bill(session, [moved], now_ms, author, recount=[before], reason=MOVED_REASON)
        if problem := billed.problems.get(session_id):
            raise Refused("session_unpriced", problem)
    summed(session, [session_id])
    return charges_of(session, session_id)


@dataclass(frozen=True, slots=True)
class Standing:
    """The charges that stand for a session, of all accounts."""

    session: str
    charges: list[Charge]
    is_split: bool


def changeable(session: Session, session_id: str, reason: str) -> tuple[MachineSession, Standing]:
    """Return a session and its charges, which may still go to other accounts.

    Raises Refused without a reason, before it is priced, once its month is closed, and where it was waived.
    """
    used = _priced(session, session_id)
    check_reason(reason)
    kept = past_session(session, session_id)
    charges = kept.standing() if kept else []
    if used.ended_ms is None or min(
        [used.ended_ms, *(_booked_ms(session, one) for one in charges)]
    ) < open_from_ms(session):
        raise Refused("period_closed", "Its month is closed: it can no longer be moved.")
    if kept and len(kept.live()) < len(kept.counts()):
        raise Refused("charge_waived", "It was waived: nothing is left to be moved.")
    return used, Standing(session_id, charges, kept is not None and kept.split is not None)


def _priced(session: Session, session_id: str) -> MachineSession:
    used = session.get(MachineSession, session_id, populate_existing=True)
    if used is None:
        raise Refused("session_not_found", f"There is no session {session_id}.")
    if used.state is not SessionState.PRICED:
        raise Refused("session_unpriced", "It has no charge yet that could be moved.")
    return used


def reverse_charge(session: Session, charge_id: str, reason: str, author: str, now_ms: int) -> Sealed | None:
    """Waive a charge: it is reversed, and what it drew from allowances comes back. Its use still counts.

    Raises Refused for no charge or reason, one that is replaced, and a pack of which something was used.
    Returns the reversal, None where nothing had been posted.
    """
    ledger.hold(session)
    charge = live_charge(session, charge_id)
    check_reason(reason)
    _check_unused(session, charge)
    if charge.session and splits_of(session, [charge.session]):
        raise Refused("charge_split", "It is split between accounts: undo that before.")
    sealed = take_back(session, [charge], reason, author, now_ms)
    if charge.session:
        summed(session, [charge.session])
    return sealed[0] if sealed else None


def reverse_entry(session: Session, entry: str, reason: str, author: str, now_ms: int) -> Sealed:
    """Undo any entry, and waive the charge that it posted. Raises Refused as `reverse_charge` does."""
    ledger.hold(session)
    query = select(Charge.id).where(Charge.entry == entry, col(Charge.replaced_ms).is_(None))
    charge = session.exec(query).first()
    if charge is not None:
        sealed = reverse_charge(session, charge, reason, author, now_ms)
        assert sealed is not None, "its entry was posted"
        return sealed
    return ledger.reverse(session, entry, reason, author, now_ms)


def credit(
    session: Session, charge_id: str, amount_micro: int, reason: str, author: str, now_ms: int
) -> Sealed:
    """Give a part of a charge back, with its part of the tax. Raises Refused for more than is left of it."""
    ledger.hold(session)
    charge = live_charge(session, charge_id)
    check_reason(reason)
    left = charge.total_micro - credited(session, charge)
    if not 0 < amount_micro <= left or charge.entry is None:
        raise Refused("credit_amount", "Only what is left of a charge can be given back.")
    posted = ledger.postings_of(session, [charge.entry])[charge.entry]
    income = next(
        one.account for one in posted if one.account.startswith("income:") and one.account != ROUNDING
    )
    tax = _tax_part(session, charge, amount_micro)
    id = make_id(now_ms)
    postings = (
        Posting(income, charge.commodity, amount_micro - tax),
        *((Posting(TAX, charge.commodity, tax),) if tax else ()),
        Posting(member_account(charge.account), charge.commodity, -amount_micro),
    )
    entry = Entry(
        id=id,
        kind=EntryKind.CREDIT,
        source=f"credit:{_cause(charge)}:{id}",
        occurred_ms=max(now_ms, open_from_ms(session)),
        posted_ms=now_ms,
        postings=postings,
        author=author,
        memo=reason,
        detail=reason_seal(id, reason),
    )
    return ledger.post(session, [entry])[0]


def credited(session: Session, charge: Charge) -> int:
    """Return what was given back of a charge and of those that it replaced, in micro-units."""
    source = col(LedgerEntry.source).startswith(f"credit:{_cause(charge)}:", autoescape=True)
    query = select(LedgerEntry.id).where(LedgerEntry.kind == EntryKind.CREDIT, source)
    ids = list(session.exec(query))
    undone = set(session.exec(select(LedgerEntry.reverses).where(col(LedgerEntry.reverses).in_(ids))).all())
    posted = ledger.postings_of(session, [id for id in ids if id not in undone])
    account = member_account(charge.account)
    return -sum(one.amount_micro for rows in posted.values() for one in rows if one.account == account)


def live_charge(session: Session, id: str) -> Charge:
    """Return a charge that stands; raises Refused for none, and for one that was taken back."""
    charge = session.get(Charge, id, populate_existing=True)
    if charge is None:
        raise Refused("charge_not_found", f"There is no charge {id}.")
    if charge.replaced_ms is not None:
        raise Refused("charge_replaced", "This charge was taken back already.")
    return charge


def charges_of(session: Session, session_id: str) -> list[Charge]:
    """Return the charges that stand for a machine session, by month."""
    query = select(Charge).where(Charge.session == session_id, col(Charge.replaced_ms).is_(None))
    return list(session.exec(query.order_by(col(Charge.period), col(Charge.id))))


def _cause(charge: Charge) -> str:
    cause = f"session:{charge.session}" if charge.session else f"fee:{charge.fee}"
    return source_of(cause, charge.period, 1)


def take_back(session: Session, charges: list[Charge], reason: str, author: str, now_ms: int) -> list[Sealed]:
    """Reverse charges; return the reversals of those that had posted anything."""
    draft = Draft(session, shelves(session, {charge.account for charge in charges}), now_ms, author)
    for charge in charges:
        draft.replace(charge, reason)
    draft.write()
    return draft.sealed


def _booked_ms(session: Session, charge: Charge) -> int:
    entry = session.get(LedgerEntry, charge.entry) if charge.entry else None
    return entry.occurred_ms if entry else charge.ended_ms


def check_reason(reason: str) -> None:
    """Raise Refused where nobody says why."""
    if not reason.strip():
        raise Refused("reason_missing", "Say why.")


def _check_unused(session: Session, charge: Charge) -> None:
    """Refuse to take a pack back of which something was used or given on."""
    lot = session.get(AllowanceLot, charge.fee) if charge.fee else None
    if lot is None:
        return
    shelf = shelves(session, [lot.account])[lot.account]
    if shelf.lots[lot.id].left_micro < lot.size_micro:
        raise Refused("pack_used", "Some of this pack was used. Give a part of its price back instead.")


def _tax_part(session: Session, charge: Charge, amount_micro: int) -> int:
    """Return the tax in a part of a charge, to the commodity's smallest amount."""
    tax = sum(charge.taxes.values())
    version = session.get(TariffVersion, charge.tariff_version)
    if not tax or version is None:
        return 0
    unit = tariffs.parsed(version.text, version.id).commodity.minor_micro
    if amount_micro == charge.total_micro:
        return int(tax)
    return round_to(int(Fraction(amount_micro * tax, charge.total_micro)), unit)
