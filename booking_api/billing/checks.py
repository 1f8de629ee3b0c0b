"""What the doctor compares of billing: charges with their lines and entries, histories, lots, and funds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.accounts.models import Fund
from booking_api.billing.bill import recount
from booking_api.billing.dividing import SPLIT
from booking_api.billing.history import NOW, first_day
from booking_api.billing.models import AccountHistory, AllowanceLot, Charge, ChargePart, SessionSplit
from booking_api.billing.past import chunks, lines_of
from booking_api.billing.posting import digest_lines
from booking_api.billing.pricing import FAILURES
from booking_api.ledger.accounts import TAX, fund_account, lot_account, member_account, unfunded
from booking_api.ledger.models import ChargeLine, LedgerEntry, LedgerPosting
from booking_api.periods.models import Period
from booking_api.sessions.models import MachineSession
from booking_api.tariffs import service as tariffs
from booking_api.tariffs.models import TariffVersion
from floor.ledger import EntryKind
from floor.tariff.standing import pruned

Found = Iterator[tuple[str, str]]
CHARGING = (EntryKind.CHARGE, EntryKind.FEE)


def check_charges(session: Session) -> Found:
    """Compare charges with what was posted for them, their lines, and what sessions say that they cost."""
    for ids in chunks(session.exec(select(Charge.id))):
        charges = session.exec(select(Charge).where(col(Charge.id).in_(ids))).all()
        lines = lines_of(session, ids)
        entries = _entries(session, charges)
        posted = _postings(session, entries)
        undone = select(LedgerEntry.reverses).where(col(LedgerEntry.reverses).in_(entries))
        reversed_entries = set(session.exec(undone).all())
        for charge in charges:
            entry = entries.get(charge.entry or "")
            words = _lines_problem(charge, lines.get(charge.id, []), entry)
            words = words or _posted_problem(charge, posted.get(charge.entry or "", {}))
            words = words or _replaced_problem(charge, reversed_entries)
            if words:
                yield f"charge {charge.id} ({entry.source if entry else charge.session or charge.fee})", words
    yield from _without_charge(session)
    yield from _sessions(session)
    yield from _splits(session)


def _entries(session: Session, charges: Sequence[Charge]) -> dict[str, LedgerEntry]:
    ids = [charge.entry for charge in charges if charge.entry]
    return {row.id: row for row in session.exec(select(LedgerEntry).where(col(LedgerEntry.id).in_(ids)))}


def _postings(session: Session, entries: Mapping[str, LedgerEntry]) -> dict[str, dict[tuple[str, str], int]]:
    found: dict[str, dict[tuple[str, str], int]] = {}
    for row in session.exec(select(LedgerPosting).where(col(LedgerPosting.entry).in_(entries))):
        mine = found.setdefault(row.entry, {})
        key = row.account, row.commodity
        mine[key] = mine.get(key, 0) + row.amount_micro
    return found


def _lines_problem(charge: Charge, lines: Sequence[ChargeLine], entry: LedgerEntry | None) -> str:
    if charge.entry and entry is None:
        return "its entry is gone"
    if entry is not None and entry.kind is EntryKind.ROUNDING:
        return ""
    if entry is not None and digest_lines([line.model_dump() for line in lines]) != entry.detail:
        return "its lines are not those that were sealed"
    summed = sum(line.amount_micro for line in lines) + charge.rounding_micro
    if summed != charge.total_micro:
        return f"its lines and rounding sum to {summed} micro, it says {charge.total_micro}"
    return ""


def _posted_problem(charge: Charge, posted: Mapping[tuple[str, str], int]) -> str:
    unit = charge.commodity
    said = {(member_account(charge.account), unit): charge.total_micro, (TAX, unit): -_tax(charge)}
    said |= {(fund_account(fund), unit): amount for fund, amount in charge.funds.items()}
    said |= {(unfunded(fund), unit): amount for fund, amount in charge.unfunded.items()}
    for key, amount in said.items():
        if posted.get(key, 0) != amount:
            return f"it says {amount} micro for {key[0]}, the books say {posted.get(key, 0)}"
    funds = {account for (account, _) in posted if account.startswith((fund_account(""), unfunded("")))}
    if funds - {account for account, _ in said}:
        return "the books name a fund that it does not"
    return ""


def _tax(charge: Charge) -> int:
    return int(sum(charge.taxes.values()))


def _replaced_problem(charge: Charge, undone: set[str | None]) -> str:
    if not charge.entry or (charge.entry in undone) == (charge.replaced_ms is not None):
        return ""
    return (
        "it was reversed and says that it stands" if charge.replaced_ms is None else "it was never reversed"
    )


def _without_charge(session: Session) -> Found:
    """Find entries that charge something, and no charge says what."""
    query = (
        select(LedgerEntry.id, LedgerEntry.source)
        .outerjoin(Charge, col(Charge.entry) == col(LedgerEntry.id))
        .where(col(LedgerEntry.kind).in_(CHARGING), col(Charge.id).is_(None))
        .order_by(col(LedgerEntry.seq))
    )
    for id, source in session.exec(query):
        yield f"entry {id} ({source})", "the charge that it was posted for is gone"


def _sessions(session: Session) -> Found:
    """Compare what sessions say they cost with their charges; a charge's session must be there."""
    charged = (
        select(Charge.session, func.sum(Charge.total_micro).filter(col(Charge.replaced_ms).is_(None)))
        .where(col(Charge.session).is_not(None))
        .group_by(col(Charge.session))
        .subquery()
    )
    query = select(charged.c[0], charged.c[1], MachineSession.id, MachineSession.total_micro).outerjoin(
        MachineSession, col(MachineSession.id) == charged.c[0]
    )
    for id, total, known, said in session.exec(query):
        if known is None:
            yield f"session {id}", "it was charged for and is gone"
        elif (said or 0) != int(total or 0):
            yield f"session {id}", f"it says {said} micro, its charges say {int(total or 0)}"


def _splits(session: Session) -> Found:
    """Compare what went off first parts with what others were charged, and that all charges are parts."""
    live = select(SessionSplit).where(col(SessionSplit.undone_ms).is_(None))
    for split in session.exec(live).all():
        query = (
            select(Charge, ChargePart)
            .outerjoin(ChargePart, col(ChargePart.charge) == col(Charge.id))
            .where(Charge.session == split.session, col(Charge.replaced_ms).is_(None))
        )
        rows = session.exec(query).all()
        lines = lines_of(session, [charge.id for charge, _ in rows])
        moved = sum(one.amount_micro for some in lines.values() for one in some if one.bound == SPLIT)
        if moved or any(part is None or part.split != split.id for _, part in rows):
            yield f"session {split.session}", f"its parts do not make up the whole: {moved} micro too much"


def check_histories(session: Session) -> Found:
    """Price what each account used since its last closed month again, and compare where it stands."""
    closed = session.exec(select(func.max(Period.month))).one()
    for account in session.exec(select(AccountHistory.account).where(AccountHistory.month == NOW)).all():
        row = session.get(AccountHistory, (account, NOW))
        assert row is not None, "it was just read"
        try:
            at = recount(session, account)
        except (*FAILURES, KeyError) as error:
            yield f"history of account {account}", f"it cannot be computed again: {error}"
            continue
        begin = first_day(closed) if closed else first_day("0001-01")
        again = {key: str(position) for key, position in pruned(at.history.positions, begin).items()}
        if pruned(row.positions, begin) != again or (row.ended_ms, row.visit) != at.key:
            yield f"history of account {account}", "what its charges depend on is not what it used"


def check_lots(session: Session) -> Found:
    """Compare lots with the postings: what was put in, and that no more was taken out."""
    for ids in chunks(session.exec(select(AllowanceLot.id))):
        for lot in session.exec(select(AllowanceLot).where(col(AllowanceLot.id).in_(ids))):
            mine = (LedgerPosting.account == lot_account(lot.account, lot.id),)
            amounts = session.exec(
                select(LedgerPosting.commodity, LedgerPosting.amount_micro).where(*mine)
            ).all()
            left = sum(amount for _, amount in amounts)
            if {unit for unit, _ in amounts} - {lot.commodity} or not 0 <= left <= lot.size_micro:
                words = f"of {lot.size_micro} millionths that were put in, the books have {left} left"
                yield f"allowance {lot.id} of account {lot.account}", words
            elif not any(amount == lot.size_micro for _, amount in amounts):
                yield f"allowance {lot.id} of account {lot.account}", "no entry put in what it says"
    known = {
        lot_account(account, id)
        for account, id in session.exec(select(AllowanceLot.account, AllowanceLot.id))
    }
    standing = (
        select(LedgerPosting.account).where(col(LedgerPosting.account).startswith("allowances:")).distinct()
    )
    for account in session.exec(standing):
        if account.count(":") == 2 and not account.startswith("allowances:expired:") and account not in known:
            yield f"account {account}", "the allowance that it is of is gone"


def check_funds(session: Session) -> Found:
    """Name funds that a tariff in force speaks of and nobody entered: the space bears what they would pay."""
    known = set(session.exec(select(Fund.id)).all())
    named: dict[str, str] = {}
    for row in session.exec(select(TariffVersion).order_by(col(TariffVersion.valid_from_ms))):
        if hashlib.sha256(row.text.encode()).hexdigest() != row.sha256:
            continue  # it is not what was added, and another check says so
        version = tariffs.parsed(row.text, row.id)
        funds = {tier.fund for tier in version.tiers.values()} | {cap.fund for cap in version.caps}
        for fund in funds | {one.fund for one in version.adjustments}:
            if fund and fund not in known:
                named[fund] = version.version
    for fund, version_id in sorted(named.items()):
        yield f"fund {fund}", f"the tariff {version_id} names it, and there is none: the space bears its part"
