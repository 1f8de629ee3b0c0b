"""A member's month as a page shows it: every charge with the figures that made it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from booking_api.ledger.models import ChargeLine
from booking_api.ledger.statement import Item, Statement, balances, statement
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.tariffs import service as tariffs
from booking_api.tariffs.models import TariffVersion
from booking_api.web.formats import Formats
from booking_api.web.wording import QUANTITIES, unit_text
from floor.ledger import EntryKind
from floor.meter import Quantity
from floor.tariff import Tariff
from floor.texts import say

KINDS = {
    EntryKind.CHARGE: "Charge",
    EntryKind.PAYMENT: "Payment",
    EntryKind.REFUND: "Refund",
    EntryKind.FEE: "Fee",
    EntryKind.SALE: "Sale",
    EntryKind.CREDIT: "Credit",
    EntryKind.GRANT: "Allowance",
    EntryKind.TRANSFER: "Transfer",
    EntryKind.EXPIRY: "Expired",
    EntryKind.CONVERSION: "Conversion",
    EntryKind.COST: "Cost",
    EntryKind.ROUNDING: "Rounding",
    EntryKind.CLOSE: "Period close",
    EntryKind.REBATE: "Rebate",
    EntryKind.OPENING: "Opening balance",
    EntryKind.REVERSAL: "Correction",
}
BOUNDS = {"minimum": "brought up to the minimum", "maximum": "brought down to the maximum"}
MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a receipt, in words."""

    what: str
    metered: str
    billed: str
    price: str
    amount_micro: int
    note: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a charge came about. Amounts in micro-units of `commodity`."""

    session: str
    machine: str
    machine_name: str
    started_ms: int
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


@dataclass(frozen=True, slots=True)
class Booked:
    """An entry on the account; `receipt` is there for a charge of a session."""

    entry: str
    kind: EntryKind
    kind_text: str
    at_ms: int
    amount_micro: int
    memo: str
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A session that is over and not priced yet, and what it waits for."""

    machine_name: str
    ended_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month on the space's clock: `[from_ms, to_ms)` in UTC ms, and its neighbours' names."""

    from_ms: int
    to_ms: int
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class MonthView:
    """The account in a month: the books' figures, in words."""

    month: Month
    statement: Statement
    booked: tuple[Booked, ...]
    waiting: tuple[Waiting, ...]
    balances: dict[str, int]
    charged_micro: int
    paid_micro: int


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
        before=f"{before:%Y-%m}",
        after=f"{after:%Y-%m}" if after.timestamp() * 1000 <= now_ms else "",
    )


def read_month(session: Session, member: Member, commodity: str, month: Month, f: Formats) -> MonthView:
    """Read a member's month from the books."""
    read = statement(session, member.account, commodity, month.from_ms, month.to_ms)
    names = machine_names(session)
    versions = _versions(session, (line.tariff_version for item in read.items for line in item.lines))
    booked = [_booked(item, names, versions, f) for item in read.items]
    booked += [_free_of_charge(used, commodity, names, f) for used in _unbilled(session, member, month)]
    booked.sort(key=lambda one: one.at_ms, reverse=True)
    return MonthView(
        month=month,
        statement=read,
        booked=tuple(booked),
        waiting=tuple(_waiting(session, member, month, names, f)),
        balances=balances(session, member.account),
        charged_micro=sum(b.amount_micro for b in booked if b.kind is not EntryKind.PAYMENT),
        paid_micro=-sum(b.amount_micro for b in booked if b.kind is EntryKind.PAYMENT),
    )


def machine_names(session: Session) -> dict[str, str]:
    """Return the name of every machine that ever was, by its id."""
    return {id: name for id, name in session.exec(select(Machine.id, Machine.name))}


def receipt(
    used: MachineSession,
    lines: tuple[ChargeLine, ...],
    names: Mapping[str, str],
    versions: Mapping[str, Tariff],
    f: Formats,
) -> Receipt:
    """Explain a session's charge."""
    total = used.total_micro or 0
    version = versions.get(used.tariff_version or "")
    code = used.commodity or ""
    return Receipt(
        session=used.id,
        machine=used.machine,
        machine_name=names.get(used.machine, used.machine),
        started_ms=used.started_ms,
        ended_ms=used.ended_ms or used.started_ms,
        elapsed_ms=used.elapsed_ms,
        stop=say(used.stop_type, f.language) if used.stop_type else "",
        metered=metered_words(used.counters, f),
        rows=tuple(_row(line, versions.get(line.tariff_version), code, f) for line in lines),
        rounding_micro=total - sum(line.amount_micro for line in lines),
        total_micro=total,
        commodity=code,
        tariff=version.name if version else "",
        valid_from_ms=version.valid_from_ms if version else 0,
        tier=lines[0].tier if lines else used.tier,
    )


def metered_words(counters: Mapping[str, int], f: Formats) -> tuple[tuple[str, str], ...]:
    """Say what the meters showed; what was not metered is left out."""
    gettext = f.texts.gettext
    return tuple(
        (gettext(QUANTITIES[quantity]), f.quantity(quantity, counters[quantity]))
        for quantity in Quantity
        if counters.get(quantity)
    )


def _row(line: ChargeLine, version: Tariff | None, code: str, f: Formats) -> Row:
    gettext = f.texts.gettext
    if line.component in BOUNDS:
        return Row(gettext(BOUNDS[line.component]), "", "", "", line.amount_micro, "")
    component = next((c for c in version.components if c.id == line.component), None) if version else None
    quantity, block = (component.quantity, component.block) if component else (None, None)
    note = gettext(BOUNDS[line.bound]) if line.bound in BOUNDS else ""
    price = f.money(Fraction(line.price_micro), code, exact=True)
    if quantity is None:
        what = gettext("flat price") if component else line.component
        return Row(what, "", "", price, line.amount_micro, note)
    unit = unit_text(line.unit, f)
    metered, billed = Fraction(line.metered), Fraction(line.billed)
    each, billed_text = unit, f"{f.number(billed)} {unit}"
    if block is not None:
        each = f"{f.number(block, 3)} {unit}"
        billed_text = gettext("%(count)s × %(block)s") % {"count": f.number(billed), "block": each}
    return Row(
        what=gettext(QUANTITIES[quantity]),
        metered=f"{f.number(metered)} {unit}",
        billed=billed_text if block is not None or billed != metered else "",
        price=f"{price} / {each}",
        amount_micro=line.amount_micro,
        note=note,
    )


def _booked(item: Item, names: Mapping[str, str], versions: Mapping[str, Tariff], f: Formats) -> Booked:
    used = item.session
    return Booked(
        entry=item.entry,
        kind=item.kind,
        kind_text=f.texts.gettext(KINDS[item.kind]),
        at_ms=item.at_ms,
        amount_micro=item.amount_micro,
        memo=item.memo,
        receipt=receipt(used, item.lines, names, versions, f) if used is not None else None,
    )


def _free_of_charge(used: MachineSession, commodity: str, names: Mapping[str, str], f: Formats) -> Booked:
    """Show a session that cost nothing, and so stands in no book, beside those that did."""
    shown = replace(receipt(used, (), names, {}, f), commodity=used.commodity or commodity)
    kind = EntryKind.CHARGE
    return Booked(used.id, kind, f.texts.gettext(KINDS[kind]), shown.ended_ms, 0, "", shown)


def _unbilled(session: Session, member: Member, month: Month) -> list[MachineSession]:
    query = _ended(member, month).where(
        col(MachineSession.state) == SessionState.PRICED, col(MachineSession.entry).is_(None)
    )
    return list(session.exec(query))


def _ended(member: Member, month: Month) -> SelectOfScalar[MachineSession]:
    return select(MachineSession).where(
        MachineSession.account == member.account,
        col(MachineSession.ended_ms) >= month.from_ms,
        col(MachineSession.ended_ms) < month.to_ms,
    )


def _versions(session: Session, ids: Iterable[str]) -> dict[str, Tariff]:
    query = select(TariffVersion).where(col(TariffVersion.id).in_(set(ids)))
    return {kept.id: tariffs.parsed(kept.text, kept.id) for kept in session.exec(query)}


def _waiting(
    session: Session, member: Member, month: Month, names: Mapping[str, str], f: Formats
) -> list[Waiting]:
    query = _ended(member, month).where(col(MachineSession.state) == SessionState.EXCEPTION)
    why = f.texts.gettext("Staff look at it; nothing is charged until then.")
    return [
        Waiting(names.get(used.machine, used.machine), used.ended_ms or 0, why)
        for used in session.exec(query)
    ]


def _shift(first: datetime, months: int) -> datetime:
    whole = first.year * 12 + first.month - 1 + months
    return first.replace(year=whole // 12, month=whole % 12 + 1)
