"""Direct debits as the bank books them: collected one by one or as a sum, and given back with a reason."""

from __future__ import annotations

from sqlmodel import Session, col, select

from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import BANK, BANK_CHARGES, member_account
from booking_api.payments import books
from booking_api.payments.models import BankLine, Debit, DebitState, LineState
from floor.ledger import EntryKind, Posting


def settle(session: Session, line: BankLine, occurred_ms: int, author: str, now_ms: int) -> bool:
    """Post a line that belongs to a direct debit; False for a line that belongs to none."""
    debit = session.get(Debit, line.end_to_end, populate_existing=True) if line.end_to_end else None
    if debit is not None and line.amount_micro < 0:
        return _give_back(session, line, debit, occurred_ms, author, now_ms)
    if debit is not None:
        if debit.state is not DebitState.SENT or line.amount_micro != debit.amount_micro or line.returned:
            line.account, line.words = debit.account, f"direct debit {debit.id} is {debit.state}"
            return True
        _collect(session, line, [debit], occurred_ms, author, now_ms)
        return True
    if line.batch and line.amount_micro > 0:
        query = select(Debit).where(Debit.batch == line.batch, Debit.state == DebitState.SENT)
        debits = list(session.exec(query.order_by(col(Debit.id))))
        if debits and sum(one.amount_micro for one in debits) == line.amount_micro:
            _collect(session, line, debits, occurred_ms, author, now_ms)
            return True
    return False


def collected_by(session: Session, line: BankLine) -> bool:
    """Whether a line is what collected direct debits."""
    if line.entry is None:
        return False
    return session.exec(select(Debit.id).where(Debit.entry == line.entry)).first() is not None


def _collect(
    session: Session, line: BankLine, debits: list[Debit], occurred_ms: int, author: str, now_ms: int
) -> None:
    for debit in debits:
        postings = (
            Posting(BANK, debit.commodity, debit.amount_micro),
            Posting(member_account(debit.account), debit.commodity, -debit.amount_micro),
        )
        source = f"debit:{debit.id}"
        sealed = books.post(
            session,
            EntryKind.PAYMENT,
            postings,
            author,
            now_ms,
            source=source,
            memo=f"direct debit {debit.id}",
            occurred_ms=occurred_ms,
        )
        debit.state, debit.entry = DebitState.COLLECTED, sealed.entry.id
        session.add(debit)
    line.state, line.entry = LineState.POSTED, debits[0].entry
    line.account = debits[0].account if len(debits) == 1 else None
    line.words = f"direct debit {debits[0].id}" if len(debits) == 1 else f"{len(debits)} direct debits"
    session.add(line)
    session.flush()


def _give_back(
    session: Session, line: BankLine, debit: Debit, occurred_ms: int, author: str, now_ms: int
) -> bool:
    """Reverse a collected debit; what the bank took beyond it is a charge of the bank's."""
    line.returned, line.account = True, debit.account
    charge = -line.amount_micro - debit.amount_micro
    undone = debit.entry is not None and books.reversed_by(session, debit.entry) is not None
    if debit.state is not DebitState.COLLECTED or debit.entry is None or charge < 0 or undone:
        line.words = f"direct debit {debit.id} is {debit.state}"
        return True
    reason = f"returned by the bank: {line.reason or 'no reason given'}"[:200]
    reversal = ledger.reverse(session, debit.entry, reason, author, now_ms)
    if charge:
        postings = (
            Posting(BANK_CHARGES, debit.commodity, charge),
            Posting(BANK, debit.commodity, -charge),
        )
        source = f"bank:{line.id}"
        books.post(
            session,
            EntryKind.COST,
            postings,
            author,
            now_ms,
            source=source,
            memo=reason,
            occurred_ms=occurred_ms,
        )
    debit.state, debit.reason = DebitState.RETURNED, reason
    line.state, line.entry, line.words = LineState.POSTED, reversal.entry.id, reason
    session.add(debit)
    session.add(line)
    session.flush()
    return True
