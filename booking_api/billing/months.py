"""What a month's close needs of billing: statements rounded, and where accounts stood kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import delete, func, insert
from sqlmodel import Session, col, select

from booking_api.accounts import service as accounts
from booking_api.billing.bill import recount
from booking_api.billing.history import NOW, first_day
from booking_api.billing.models import AccountHistory, Charge
from booking_api.billing.posting import booked, charged_row, source_of
from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import ROUNDING, member_account
from booking_api.periods.calendar import bounds, open_from_ms
from booking_api.tariffs import service as tariffs
from booking_api.tariffs.models import TariffVersion
from floor.ledger import Entry, EntryKind, Posting
from floor.money import round_to
from floor.tariff import RoundWhere, Tariff
from floor.tariff.standing import pruned

Row = dict[str, Any]


def round_statements(session: Session, month: str, author: str, now_ms: int) -> list[Charge]:
    """Round what each account owes for a month by each tariff that rounds statements; return the roundings.

    A rounding is a charge without session and fee. Done again, it adds what came since.
    """
    ledger.hold(session)
    zone, open_ms = zone_of(session), open_from_ms(session)
    entries: list[Entry] = []
    charges: list[Row] = []
    for account, version, member, exact, times in _sums(session, month):
        off = round_to(exact, version.rounding.unit_micro, version.rounding.mode) - exact
        if not off:
            continue
        end_ms = bounds(month, zone)[1] - 1
        booked_in, occurred_ms = booked(month, end_ms, open_ms, zone)
        entry = make_id(now_ms)
        unit = version.commodity.code
        postings = (Posting(member_account(account), unit, off), Posting(ROUNDING, unit, -off))
        source = source_of(f"rounding:{account}:{version.id}", month, times + 1)
        entries.append(
            Entry(
                entry, EntryKind.ROUNDING, source, occurred_ms, now_ms, postings, None, author, version.name
            )
        )
        charges.append(
            {
                "id": make_id(now_ms),
                "entry": entry,
                "account": account,
                "member": member,
                "month": booked_in,
                "period": month,
                "ended_ms": end_ms,
                "tariff_version": version.version,
                "tier": "",
                "commodity": unit,
                "gross_micro": 0,
                "nets": {str(version.tax.rate): off} if version.tax else {},
                "rounding_micro": off,
                "total_micro": off,
                "priced_ms": now_ms,
            }
        )
    ledger.post(session, entries)
    if charges:
        session.execute(insert(Charge), charges)
        accounts.charged(session, [charged_row(row) for row in charges])
    ids = [row["id"] for row in charges]
    return list(session.exec(select(Charge).where(col(Charge.id).in_(ids)).order_by(Charge.account)))


def _sums(session: Session, month: str) -> Iterator[tuple[str, Tariff, str, int, int]]:
    """Yield account, tariff, a member, what is charged so far, and how often it was rounded before."""
    used = select(Charge.tariff_version).where(Charge.month == month).distinct()
    kept = session.exec(select(TariffVersion).where(col(TariffVersion.id).in_(used))).all()
    rounds = [tariffs.parsed(version.text, version.id) for version in kept]
    by_id: dict[str, list[Tariff]] = {}
    for version in rounds:
        if version.rounding.where is RoundWhere.STATEMENT:
            by_id.setdefault(version.id, []).append(version)
    is_rounding = col(Charge.session).is_(None) & col(Charge.fee).is_(None)
    for _, versions in sorted(by_id.items()):
        names = {version.version: version for version in versions}
        columns = (
            col(Charge.account),
            func.max(Charge.tariff_version),
            func.max(Charge.member),
            func.sum(Charge.total_micro),
            func.count().filter(is_rounding),
        )
        query = sa.select(*columns).where(col(Charge.month) == month, col(Charge.replaced_ms).is_(None))
        query = query.where(col(Charge.tariff_version).in_(names)).group_by(columns[0]).order_by(columns[0])
        for account, newest, member, total, times in session.execute(query):
            yield account, names[newest], member, int(total), times


def freeze_histories(session: Session, month: str) -> None:
    """Keep where accounts stand at the end of a month: later visits of it are counted from there.

    Positions of periods that were over before the month began are left out, here and from now on.
    """
    ledger.hold(session)
    end_ms, begin = bounds(month, zone_of(session))[1], first_day(month)
    thaw_histories(session, month)
    frozen: list[Row] = []
    for row in session.exec(select(AccountHistory).where(AccountHistory.month == NOW)).all():
        if row.ended_ms < end_ms:
            key, positions = (row.ended_ms, row.visit), row.positions
        else:
            at = recount(session, row.account, month, end_ms)
            key = at.key
            positions = {name: str(position) for name, position in sorted(at.history.positions.items())}
        kept = dict(zip(("ended_ms", "visit"), key, strict=True))
        frozen.append({"account": row.account, "month": month, **kept, "positions": pruned(positions, begin)})
        row.positions = pruned(row.positions, begin)
        session.add(row)
    session.flush()
    if frozen:
        session.execute(insert(AccountHistory), frozen)


def thaw_histories(session: Session, month: str) -> None:
    """Forget where accounts stood at the end of a month, and of later ones: it is open again."""
    session.execute(delete(AccountHistory).where(col(AccountHistory.month) >= month))
