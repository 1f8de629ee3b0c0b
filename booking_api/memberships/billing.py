"""What memberships cost: each period charged once, allowances granted once a month.

Every function may be called again at any time: it does what has come due, and else nothing. A period whose
days changed after it was charged (a pause, a change, an end) is reversed and charged anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.billing import service as billing
from booking_api.billing.models import Charge, Fee
from booking_api.billing.service import FeeDetails
from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import deposit_account, member_account
from booking_api.ledger.models import LedgerEntry
from booking_api.members import service as members
from booking_api.memberships import plans
from booking_api.memberships.days import begin_ms, day_of
from booking_api.memberships.models import Membership, MembershipBill, MembershipGrant
from booking_api.memberships.plan_file import COIN, FULL, FUND_COIN, JOINING, PERIOD
from booking_api.memberships.standing import covered, group_on, held, refresh
from booking_api.periods.calendar import bounds
from floor.errors import Refused
from floor.ledger import Entry, EntryKind, Posting
from floor.membership import (
    DAY,
    Allowance,
    Cycle,
    Plan,
    Span,
    Term,
    add_months,
    cost_of,
    expiry,
    month_of,
    periods,
)
from floor.tariff import Occasion

REASON = "The days of the membership changed"


@dataclass(frozen=True, slots=True)
class Billed:
    """What was done for one membership: `amount_micro` was charged for `words`, or given back (< 0)."""

    membership: str
    member: str
    account: str
    words: str
    amount_micro: int
    commodity: str


def run(session: Session, now_ms: int, author: str, month: str = "") -> list[Billed]:
    """Charge and grant what has come due, of one month or of all, and write everybody's tier and access.

    Raises Refused for a month that has not begun.
    """
    zone = zone_of(session)
    if month and bounds(month, zone)[0] > now_ms:
        raise Refused("month_not_begun", "This month has not begun. Memberships are charged when it has.")
    query = select(Membership).where(col(Membership.accepted_ms).is_not(None))
    rows = session.exec(query.order_by(col(Membership.first), col(Membership.id))).all()
    done = [billed for row in rows for billed in settle(session, row, now_ms, author, month)]
    for member in sorted({member for row in rows for member in covered(session, row)}):
        refresh(session, member, now_ms)
    return done


def settle(session: Session, row: Membership, now_ms: int, author: str, month: str = "") -> list[Billed]:
    """Bring the charges and grants of one membership to what its days ask for."""
    if row.accepted_ms is None:
        return []
    today = day_of(now_ms, zone_of(session))
    (one,) = held(session, [row], today)
    done: list[Billed] = []
    last = {bill.month: bill for bill in reversed(bills_of(session, [row]))}
    # An end in the past leaves periods behind it that were charged: they are given back.
    whole = one.term if one.plan.cycle is Cycle.DAY or not last else Term(row.first)
    for period in periods(one.plan.cycle, whole, today):
        if month in ("", month_of(period.first)):
            before = last.get(month_of(period.first))
            done += _settle_period(session, row, one.term, period, before, now_ms, author)
    if done and row.id == row.series:
        done += _join(session, row, one.plan, now_ms, author)
    _grant(session, row, one.term, today, now_ms, author)
    return done


def _settle_period(
    session: Session,
    row: Membership,
    term: Term,
    period: Span,
    last: MembershipBill | None,
    now_ms: int,
    author: str,
) -> list[Billed]:
    """Charge one period, or charge it anew when its days changed since it was charged `last`."""
    month = month_of(period.first)
    stretches = term.stretches(period)
    begin = stretches[0].first if stretches else max(period.first, row.first)
    if last is None and (not stretches or begin > day_of(now_ms, zone_of(session))):
        return []
    plan = plans.version(session, last.plan_version) if last else plans.in_force(session, row.plan, begin)
    group = group_on(row, begin)
    fee = _fee(row, plan, term, period, begin, group)
    if last is None:
        return [_charge(session, row, plan, month, 1, fee, now_ms, author)]
    before = last.amount_micro
    is_same = bool(stretches) == bool(before) if plan.tariff else fee.amount_micro == before
    if is_same or not _take_back(session, last, author, now_ms):
        return []
    new = _charge(session, row, plan, month, last.n + 1, fee, now_ms, author)
    more = new.amount_micro - before
    return [Billed(row.id, row.member, row.account, new.words, more, new.commodity)]


def _take_back(session: Session, last: MembershipBill, author: str, now_ms: int) -> bool:
    """Reverse what was charged for a period; False where somebody waived it, or gave a part of it back."""
    charge = session.get(Charge, last.charge) if last.charge else None
    if charge is None or charge.fee is None:
        return True
    live = billing.charges_of_fee(session, charge.fee)
    if not live or any(billing.credited(session, one) for one in live):
        return False
    for one in live:
        billing.reverse_charge(session, one.id, REASON, author, now_ms)
    return True


@dataclass(frozen=True, slots=True)
class _Fee:
    """What a period of a membership comes to, as a visit of its plan's price list."""

    amount_micro: int
    counts: dict[str, int]
    tier: str
    begin: date
    words: str = ""


def _fee(row: Membership, plan: Plan, term: Term, period: Span, begin: date, group: str) -> _Fee:
    words = _days(plan, term, period)
    if plan.tariff:
        counts = {plan.count: row.quantity} if plan.count else {}
        return _Fee(1 if term.stretches(period) else 0, counts, plan.tier_of(group), begin, words)
    tier = group if group in plan.reduced else FULL
    listed = plan.price(None, group)
    each = plan.price(row.price_micro, group)
    amount = cost_of(plan, term, period, each * row.quantity)
    if amount == listed * row.quantity and plan.cycle is not Cycle.DAY:
        return _Fee(amount, {PERIOD: row.quantity}, tier, begin, words)
    minor = plan.commodity.minor_micro
    counts = {COIN: amount // minor}
    if plan.fund_of(group):
        whole = cost_of(plan, term, period, plan.price_micro * row.quantity)
        counts[FUND_COIN] = (whole - amount) // minor
    return _Fee(amount, counts, tier, begin, words)


def _days(plan: Plan, term: Term, period: Span) -> str:
    """Write which days are charged: a month by its name, else first and last days."""
    stretches = term.stretches(period)
    if stretches == [period] and plan.cycle is Cycle.MONTH:
        return month_of(period.first)
    shown = [(one.first.isoformat(), (one.end - DAY).isoformat()) for one in stretches]
    return ", ".join(first if first == last else f"{first} – {last}" for first, last in shown)


def _charge(
    session: Session, row: Membership, plan: Plan, month: str, n: int, fee: _Fee, now_ms: int, author: str
) -> Billed:
    source = f"membership:{row.id}:{month}" + (f"#{n}" if n > 1 else "")
    words = f"{_name(session, row, plan)}, {fee.words or month}"
    charge, amount = None, 0
    if fee.amount_micro:
        charge = _post(session, row, plan, fee, words, source, now_ms, author)
        amount = charge.total_micro if charge else 0
    session.add(
        MembershipBill(
            membership=row.id,
            month=month,
            n=n,
            plan_version=plan.version,
            amount_micro=amount,
            charge=charge.id if charge else None,
            created_ms=now_ms,
        )
    )
    session.flush()
    return Billed(row.id, row.member, row.account, words, amount, plan.commodity.code)


def _post(
    session: Session,
    row: Membership,
    plan: Plan,
    fee: _Fee,
    words: str,
    source: str,
    now_ms: int,
    author: str,
) -> Charge | None:
    at_ms = begin_ms(fee.begin, zone_of(session))
    details = FeeDetails(
        occasion=Occasion.MEMBERSHIP,
        member=row.member,
        account=row.account,
        tariff=plan.price_list,
        tier=fee.tier,
        from_ms=at_ms,
        to_ms=at_ms,
        counts=fee.counts,
        words=words[:200],
        source=source,
    )
    return next(iter(billing.charge_fee(session, details, author, now_ms)), None)


def _name(session: Session, row: Membership, plan: Plan) -> str:
    return plan.name(members.get(session, row.member).language)


def _join(session: Session, row: Membership, plan: Plan, now_ms: int, author: str) -> list[Billed]:
    """Charge the joining fee and ask for the deposit, with the first period."""
    done = []
    if plan.joining_micro and _is_new(session, source := f"membership:{row.series}:joining"):
        fee = _Fee(plan.joining_micro, {JOINING: 1}, FULL, row.first)
        words = _name(session, row, plan)
        charge = _post(session, row, plan, fee, words, source, now_ms, author)
        amount = charge.total_micro if charge else 0
        done.append(Billed(row.id, row.member, row.account, words, amount, plan.commodity.code))
    source = f"deposit:{row.series}"
    if plan.deposit_micro and _posted(session, source) is None:
        asked = plan.deposit_micro * row.quantity
        _deposit(session, row, asked, plan.commodity.code, source, now_ms, author)
    return done


def _is_new(session: Session, source: str) -> bool:
    return session.exec(select(Fee.id).where(Fee.source == source)).first() is None


def _posted(session: Session, source: str) -> LedgerEntry | None:
    return session.exec(select(LedgerEntry).where(LedgerEntry.source == source)).first()


def _deposit(
    session: Session, row: Membership, amount_micro: int, code: str, source: str, now_ms: int, author: str
) -> None:
    entry = Entry(
        id=make_id(now_ms),
        kind=EntryKind.TRANSFER,
        source=source,
        occurred_ms=now_ms,
        posted_ms=now_ms,
        postings=(
            Posting(member_account(row.account), code, amount_micro),
            Posting(deposit_account(row.account), code, -amount_micro),
        ),
        author=author,
        memo="Deposit",
    )
    ledger.post(session, [entry])


def return_deposit(session: Session, series: str, now_ms: int, author: str) -> int:
    """Give a deposit back to its account; return it in micro-units. Raises Refused when there is none."""
    asked, source = _posted(session, f"deposit:{series}"), f"deposit:{series}:returned"
    if asked is None or _posted(session, source) is not None:
        raise Refused("deposit_not_found", "There is no deposit to give back.")
    row = session.get(Membership, series)
    assert row is not None, "a deposit is asked for with its membership"
    taken = ledger.postings_of(session, [asked.id])[asked.id][0]
    _deposit(session, row, -taken.amount_micro, taken.commodity, source, now_ms, author)
    return taken.amount_micro


def _grant(session: Session, row: Membership, term: Term, today: date, now_ms: int, author: str) -> None:
    """Grant what the plan gives for the month of today; a change of plan adds what the new one gives more."""
    first = today.replace(day=1)
    stretches = term.stretches(Span(first, add_months(first, 1)))
    if not stretches or stretches[0].first > today:
        return
    plan, month = plans.in_force(session, row.plan, stretches[0].first), month_of(today)
    for allowance in plan.allowances if plan.cycle is not Cycle.DAY else ():
        kept = session.get(MembershipGrant, (row.series, month, allowance.commodity))
        had = Fraction(kept.amount) if kept else Fraction(0)
        more = allowance.amount * row.quantity - had
        if more <= 0:
            continue
        _give(session, row, allowance, more, stretches[0].first, now_ms, author)
        kept = kept or MembershipGrant(series=row.series, month=month, commodity=allowance.commodity)
        kept.amount = str(had + more)
        session.add(kept)
    session.flush()


def _give(
    session: Session,
    row: Membership,
    allowance: Allowance,
    amount: Fraction,
    day: date,
    now_ms: int,
    author: str,
) -> None:
    zone, end = zone_of(session), expiry(allowance, day)
    expires_ms = begin_ms(end, zone) if end else None
    origin = f"membership:{row.id}:{month_of(day)}:{allowance.commodity}"
    billing.grant(
        session,
        row.account,
        allowance.commodity,
        amount,
        expires_ms,
        allowance.transferable,
        origin,
        author,
        now_ms,
    )


def bills_of(session: Session, rows: Iterable[Membership]) -> list[MembershipBill]:
    """Return what was billed for memberships, newest period first."""
    ids = [row.id for row in rows]
    query = select(MembershipBill).where(col(MembershipBill.membership).in_(ids))
    return list(session.exec(query.order_by(col(MembershipBill.month).desc(), col(MembershipBill.n).desc())))
