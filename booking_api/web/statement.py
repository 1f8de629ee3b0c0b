"""A member's month as a page shows it: every charge with the figures that made it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlmodel import Session, col, or_, select

from booking_api.accounts.models import Fund
from booking_api.billing.models import Charge
from booking_api.disputes.service import OnStatement, on_statement
from booking_api.documents.reading import Charged, by_entry, explained
from booking_api.ledger.statement import Item, Statement, balances, statement
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.web.allowances import Allowance, read_allowances
from booking_api.web.explain import Row, explain, split_words
from booking_api.web.formats import Formats
from booking_api.web.vocabulary import KINDS, OCCASIONS, QUANTITIES
from floor.ledger import EntryKind
from floor.meter import Quantity
from floor.texts import say

PAYMENTS = frozenset({EntryKind.PAYMENT, EntryKind.REFUND})
MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a charge came about. Amounts in micro-units of `commodity`.

    `full_micro` is what it really cost, `reductions` who paid of that beside the account: funds by name, and
    the space. `taxes` are rate, net and tax of the total. `note` says when it was booked in a later month,
    `split` which part of a session it is; `session` is that of a use.
    """

    title: str
    kind: str
    machine: str
    started_ms: int | None
    ended_ms: int
    elapsed_ms: int
    stop: str
    metered: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    rounding_micro: int
    total_micro: int
    commodity: str
    tariff: str
    valid_from_ms: int
    tier: str
    full_micro: int
    reductions: tuple[tuple[str, int], ...] = ()
    taxes: tuple[tuple[str, int, int], ...] = ()
    note: str = ""
    split: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class Booked:
    """An entry on the account; `receipt` is there for a charge."""

    entry: str
    kind: EntryKind
    kind_text: str
    at_ms: int
    amount_micro: int
    memo: str
    receipt: Receipt | None
    commodity: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A session that is over and not priced yet, and what it waits for."""

    machine_name: str
    ended_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month on the space's clock: `[from_ms, to_ms)` in UTC ms; `key` is such as "2026-05"."""

    from_ms: int
    to_ms: int
    name: str
    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class MonthView:
    """The account in a month: the books' figures, in words.

    `full_micro` is what all charges of the month really cost, `reductions` who paid of that beside the
    account, `tax_micro` the tax in what was charged. `others` are the account in other units.
    """

    month: Month
    statement: Statement
    others: tuple[Statement, ...]
    booked: tuple[Booked, ...]
    waiting: tuple[Waiting, ...]
    balances: dict[str, int]
    charged_micro: int
    paid_micro: int
    full_micro: int
    tax_micro: int
    reductions: tuple[tuple[str, int], ...]
    allowances: tuple[Allowance, ...]
    disputes: OnStatement


def month_of(text: str, now_ms: int, f: Formats) -> Month:
    """Return the month that "2026-05" names, or the one of `now_ms` for anything else."""
    first = f.moment(now_ms).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if named := MONTH.fullmatch(text):
        first = first.replace(year=int(named[1]), month=int(named[2]))
    after, before = _shift(first, 1), _shift(first, -1)
    return Month(
        from_ms=round(first.timestamp() * 1000),
        to_ms=round(after.timestamp() * 1000),
        name=f.month(round(first.timestamp() * 1000)),
        key=f"{first:%Y-%m}",
        before=f"{before:%Y-%m}",
        after=f"{after:%Y-%m}" if after.timestamp() * 1000 <= now_ms else "",
    )


def read_month(session: Session, member: Member, commodity: str, month: Month, f: Formats) -> MonthView:
    """Read a member's month from the books."""
    return read_account(session, member.account, commodity, month, f, member.tier)


def read_account(
    session: Session, account: str, commodity: str, month: Month, f: Formats, tier: str = ""
) -> MonthView:
    """Read an account's month from the books; what is free for it is that of a tier."""
    kept = balances(session, account)
    read = statement(session, account, commodity, month.from_ms, month.to_ms)
    others = [
        statement(session, account, unit, month.from_ms, month.to_ms) for unit in kept if unit != commodity
    ]
    items = [*read.items, *(item for other in others for item in other.items)]
    charges = _charges(session, account, month, [item.entry for item in items])
    names = Names(machine_names(session), dict(session.exec(select(Fund.id, Fund.name)).all()))
    hidden = _repriced(items, charges)
    booked = [_booked(item, charges.get(item.entry), names, f) for item in items if item.entry not in hidden]
    standing = [one for one in charges.values() if one.charge.replaced_ms is None]
    known = {item.entry for item in items}
    booked += [_costless(one, names, f) for one in standing if one.charge.entry not in known]
    booked.sort(key=lambda one: one.at_ms, reverse=True)
    receipts = [one.receipt for one in booked if one.receipt is not None]
    return MonthView(
        month=month,
        statement=read,
        others=tuple(other for other in others if other.items or other.opening_micro),
        booked=tuple(booked),
        waiting=tuple(_waiting(session, account, month, names.machines, f)),
        balances=kept,
        charged_micro=sum(one.amount_micro for one in read.items if one.kind not in PAYMENTS),
        paid_micro=-sum(one.amount_micro for one in read.items if one.kind in PAYMENTS),
        full_micro=sum(r.full_micro for r in receipts if r.commodity == commodity),
        tax_micro=sum(tax for r in receipts if r.commodity == commodity for _, _, tax in r.taxes),
        reductions=_summed(part for r in receipts if r.commodity == commodity for part in r.reductions),
        allowances=tuple(read_allowances(session, account, tier, month.from_ms, month.to_ms, f)),
        disputes=on_statement(session, [one.entry for one in booked if one.receipt is not None]),
    )


@dataclass(frozen=True, slots=True)
class Names:
    """The names of machines and funds, by id."""

    machines: Mapping[str, str]
    funds: Mapping[str, str]


def machine_names(session: Session) -> dict[str, str]:
    """Return the name of every machine that ever was, by its id."""
    return {id: name for id, name in session.exec(select(Machine.id, Machine.name))}


def receipt(one: Charged, names: Names, f: Formats) -> Receipt:
    """Explain a charge."""
    charge, used, fee = one.charge, one.used, one.fee
    gettext = f.texts.gettext
    version = one.tariff
    kind = gettext(OCCASIONS[charge.occasion])
    machine = names.machines.get(charge.machine or "", charge.machine or "")
    words = fee.words if fee else ""
    if charge.session is None and charge.fee is None:
        kind = gettext("Rounding of the month")
    reductions = {names.funds.get(fund, fund): int(micro) for fund, micro in charge.funds.items()}
    if one.space_bears_micro:
        reductions[gettext("the space")] = one.space_bears_micro
    return Receipt(
        title=(machine if used else words or machine) or kind,
        kind=kind,
        machine=charge.machine or "",
        started_ms=used.started_ms if used else None,
        ended_ms=charge.ended_ms,
        elapsed_ms=used.elapsed_ms if used else 0,
        stop=say(used.stop_type, f.language) if used and used.stop_type else "",
        metered=metered_words(used.counters, f) if used else (),
        rows=tuple(explain(one.lines, one.versions, charge.tier, charge.commodity, f)),
        rounding_micro=charge.rounding_micro,
        total_micro=charge.total_micro,
        commodity=charge.commodity,
        tariff=version.name if version else "",
        valid_from_ms=version.valid_from_ms if version else 0,
        tier=charge.tier,
        full_micro=one.full_micro,
        reductions=tuple((name, micro) for name, micro in reductions.items() if micro),
        taxes=tuple(
            (f.rate(Fraction(rate)), int(charge.nets[rate]), int(tax))
            for rate, tax in charge.taxes.items()
            if tax
        ),
        note=_late(charge, f),
        split=split_words(one.split, f) if one.split else "",
        session=charge.session or "",
    )


def metered_words(counters: Mapping[str, int], f: Formats) -> tuple[tuple[str, str], ...]:
    """Say what the meters showed; what was not metered is left out."""
    gettext = f.texts.gettext
    return tuple(
        (gettext(QUANTITIES[quantity]), f.quantity(quantity, counters[quantity]))
        for quantity in Quantity
        if counters.get(quantity)
    )


def _charges(session: Session, account: str, month: Month, entries: Sequence[str]) -> dict[str, Charged]:
    """Return the charges of these entries, and those of the month that nobody owed anything for, by entry."""
    found = by_entry(session, entries)
    query = select(Charge).where(
        Charge.account == account,
        Charge.month == month.key,
        col(Charge.replaced_ms).is_(None),
        or_(col(Charge.entry).is_(None), Charge.total_micro == 0),
    )
    for one in explained(session, session.exec(query).all()):
        found.setdefault(one.charge.entry or one.charge.id, one)
    return found


def _repriced(items: Sequence[Item], charges: Mapping[str, Charged]) -> set[str]:
    """Return what was reversed to be priced anew, with the reversals: only the last price counts."""
    stands = {_visit(one.charge) for one in charges.values() if one.charge.replaced_ms is None}
    undone = {item.reverses: item.entry for item in items if item.reverses}
    found: set[str] = set()
    for item in items:
        one = charges.get(item.entry)
        replaced = one is not None and one.charge.replaced_ms is not None and _visit(one.charge) in stands
        if replaced and item.entry in undone:
            found |= {item.entry, undone[item.entry]}
    return found


def _visit(charge: Charge) -> str:
    return charge.session or charge.fee or ""


def _booked(item: Item, one: Charged | None, names: Names, f: Formats) -> Booked:
    return Booked(
        entry=item.entry,
        kind=item.kind,
        kind_text=f.texts.gettext(KINDS[item.kind]),
        at_ms=one.charge.ended_ms if one is not None else item.at_ms,
        amount_micro=item.amount_micro,
        commodity=item.commodity,
        memo=item.memo,
        receipt=receipt(one, names, f) if one is not None else None,
    )


def _costless(one: Charged, names: Names, f: Formats) -> Booked:
    """Show what cost the account nothing, and so stands in no entry of it, beside what did."""
    charge, kind = one.charge, EntryKind.CHARGE
    return Booked(
        entry=charge.entry or charge.id,
        kind=kind,
        kind_text=f.texts.gettext(KINDS[kind]),
        at_ms=charge.ended_ms,
        amount_micro=0,
        memo="",
        receipt=receipt(one, names, f),
        commodity=charge.commodity,
    )


def _late(charge: Charge, f: Formats) -> str:
    if not charge.period or charge.period == charge.month:
        return ""
    return f.texts.gettext("Used in %(month)s, which was closed when it came in.") % {"month": charge.period}


def _summed(parts: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    sums: dict[str, int] = {}
    for name, micro in parts:
        sums[name] = sums.get(name, 0) + micro
    return tuple((name, micro) for name, micro in sums.items() if micro)


def _waiting(
    session: Session, account: str, month: Month, names: Mapping[str, str], f: Formats
) -> list[Waiting]:
    query = select(MachineSession).where(
        MachineSession.account == account,
        col(MachineSession.ended_ms) >= month.from_ms,
        col(MachineSession.ended_ms) < month.to_ms,
        col(MachineSession.state) == SessionState.EXCEPTION,
    )
    why = f.texts.gettext("Staff look at it; nothing is charged until then.")
    return [
        Waiting(names.get(used.machine, used.machine), used.ended_ms or 0, why)
        for used in session.exec(query)
    ]


def _shift(first: datetime, months: int) -> datetime:
    whole = first.year * 12 + first.month - 1 + months
    return first.replace(year=whole // 12, month=whole % 12 + 1)
