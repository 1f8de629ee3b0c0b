"""What an account has in advance or free, what it used of it, and what is left, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from babel.numbers import is_currency
from sqlmodel import Session, col, select

from booking_api.billing.models import AccountHistory, AllowanceLot
from booking_api.ledger.accounts import lot_account
from booking_api.ledger.models import LedgerEntry, LedgerPosting
from booking_api.machines.models import Machine
from booking_api.tariffs import service as tariffs
from booking_api.web.formats import Formats
from booking_api.web.vocabulary import amount_words, component_name, with_period
from floor.ledger import EntryKind
from floor.money import MICRO
from floor.tariff import Component, Tariff
from floor.tariff.calendar import period_key
from floor.tariff.component import shared_name
from floor.tariff.model import FreeMode, Period

NAMED = 3
"""So many machines are named of those that an allowance is good for."""
Known = tuple[Tariff, Component] | None
USES = frozenset({EntryKind.CHARGE, EntryKind.FEE})


@dataclass(frozen=True, slots=True)
class Allowance:
    """One row: what it is for, what there was, was used and is left; `until` says when it ends.

    `covers` names the machines that it is good for, where that was asked; `part` is what of it is left, in
    whole per cents.
    """

    name: str
    had: str
    used: str
    left: str
    until: str = ""
    covers: str = ""
    part: int = 0


@dataclass(slots=True)
class _Moved:
    """What happened to a lot, in millionths of its unit."""

    had: int = 0
    added: int = 0
    used: int = 0
    other: int = 0


def read_allowances(
    session: Session, account: str, tier: str, from_ms: int, to_ms: int, f: Formats, *, covers: bool = False
) -> list[Allowance]:
    """Return an account's lots as they moved in `[from_ms, to_ms)`, and what a tier has free in that time.

    With `covers` each says at which machines it is good.
    """
    newest: dict[str, Tariff] = {}
    for kept in tariffs.listed(session):
        newest.setdefault(kept.tariff, tariffs.parsed(kept.text, kept.id))
    components: dict[str, tuple[Tariff, Component]] = {}
    good: dict[str, set[str]] = {}
    for tariff in newest.values():
        for component in tariff.components:
            name = shared_name(component, tariff)
            components.setdefault(name, (tariff, component))
            good.setdefault(name, set()).add(tariff.id)
    found = [
        *_lots(session, account, from_ms, to_ms, components, f),
        *_free(session, account, tier, to_ms, components, f),
    ]
    where = _machines(session) if covers and found else {}
    return [replace(one, covers=_covers(good.get(name, set()), where, f)) for name, one in found]


def _lots(
    session: Session,
    account: str,
    from_ms: int,
    to_ms: int,
    components: dict[str, tuple[Tariff, Component]],
    f: Formats,
) -> Iterator[tuple[str, Allowance]]:
    query = select(AllowanceLot).where(AllowanceLot.account == account, AllowanceLot.granted_ms < to_ms)
    rows = session.exec(query.order_by(col(AllowanceLot.granted_ms), col(AllowanceLot.id))).all()
    moved = _moves(session, [lot_account(account, row.id) for row in rows], from_ms, to_ms)
    for row in rows:
        one = moved.get(lot_account(account, row.id), _Moved())
        left = one.had + one.added - one.used + one.other
        if not (one.had or one.added or one.used or left):
            continue
        until = f.day(row.expires_ms) if row.expires_ms is not None else ""
        known = components.get(row.commodity)

        def said(micro: int, row: AllowanceLot = row, known: Known = known) -> str:
            units = Fraction(micro, MICRO)
            if is_currency(row.commodity):
                return f.money(micro, row.commodity)
            return amount_words(known[1], units, f) if known else f.number(units, 3)

        had = one.had + one.added + min(one.other, 0)
        name = _named(*known, f) if known else row.commodity
        name = f.texts.gettext("Credit") if is_currency(row.commodity) else name
        part = left * 100 // had if had > 0 else 0
        yield row.commodity, Allowance(name, said(had), said(one.used), said(left), until, part=part)


def _moves(session: Session, names: list[str], from_ms: int, to_ms: int) -> dict[str, _Moved]:
    """Add up the postings on lots; what came back from a use that was undone was not used."""
    columns = (LedgerPosting.account, LedgerPosting.amount_micro, LedgerEntry.occurred_ms, LedgerEntry.kind)
    query = select(*columns).join(LedgerEntry, col(LedgerEntry.id) == col(LedgerPosting.entry))
    found: dict[str, _Moved] = {}
    wanted = query.where(col(LedgerPosting.account).in_(names), col(LedgerEntry.occurred_ms) < to_ms)
    for name, micro, at_ms, kind in session.exec(wanted):
        one = found.setdefault(name, _Moved())
        if at_ms < from_ms:
            one.had += micro
        elif (kind in USES and micro < 0) or (kind == EntryKind.REVERSAL and micro > 0):
            one.used -= micro
        elif micro > 0:
            one.added += micro
        else:
            one.other += micro
    return found


def _free(
    session: Session,
    account: str,
    tier: str,
    to_ms: int,
    components: dict[str, tuple[Tariff, Component]],
    f: Formats,
) -> Iterator[tuple[str, Allowance]]:
    """Yield what is free in the period that holds the last day before `to_ms`, as far as it was counted."""
    history = session.get(AccountHistory, (account, ""))
    positions = history.positions if history is not None else {}
    today = f.moment(to_ms - 1).date()
    latest: dict[tuple[str, str], tuple[str, Fraction]] = {}
    for key, text in sorted(positions.items()):
        what, name, who, period = key.split("|")
        if what == "free" and name in components and _now(components[name][1].free_per, period, today):
            latest[name, who] = period, Fraction(text)
    for (name, _who), (_, used) in latest.items():
        tariff, component = components[name]
        free = component.frees.get(tier, component.free)
        spent = component.free_mode is FreeMode.THRESHOLD and used >= free
        left = Fraction(0) if spent else max(Fraction(0), free - used)
        had, took, rest = (amount_words(component, value, f) for value in (free, min(used, free), left))
        words = with_period(_named(tariff, component, f), component.free_per, f)
        yield name, Allowance(words, had, took, rest, part=int(left * 100 / free) if free else 0)


def _machines(session: Session) -> dict[str, list[str]]:
    """Return the names of machines by their tariff."""
    query = select(Machine.tariff, Machine.name).where(
        col(Machine.archived_ms).is_(None), col(Machine.tariff).is_not(None)
    )
    found: dict[str, list[str]] = {}
    for tariff, name in session.exec(query.order_by(col(Machine.name))):
        found.setdefault(tariff or "", []).append(name)
    return found


def _covers(good: set[str], where: Mapping[str, list[str]], f: Formats) -> str:
    names = [name for tariff in sorted(good) for name in where.get(tariff, ())]
    few = ", ".join(names[:NAMED])
    if len(names) <= NAMED:
        return few
    more = len(names) - NAMED
    words = f.texts.ngettext("%(few)s and %(more)s other", "%(few)s and %(more)s others", more)
    return words % {"few": few, "more": more}


def _now(per: Period, period: str, today: date) -> bool:
    """Tell whether a day lies in a period; of those that begin with a membership the latest one counts."""
    if period.startswith("from "):
        return date.fromisoformat(period[5:]) <= today
    return period == period_key(per, today, None)


def _named(tariff: Tariff, component: Component, f: Formats) -> str:
    return f"{tariff.name} · {component_name(component, f)}"
