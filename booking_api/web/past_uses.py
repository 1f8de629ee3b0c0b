"""A member's past uses: a list by month and machine, and a year of them as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, case, func, or_
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account
from booking_api.cursors import read_cursor, write_cursor
from booking_api.disputes.models import Dispute
from booking_api.members.models import Member
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.web.formats import Formats
from booking_api.web.statement import Month, machine_names, month_of
from floor.errors import Refused

ROWS = 25
MONTHS_MAX = 120
"""So many months back a member may choose by name."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use. `total_micro` None: it waits to be priced; `account` names who paid in the member's stead.

    `dispute` is the state of the newest objection, "" for none.
    """

    id: str
    machine: str
    started_ms: int
    elapsed_ms: int
    total_micro: int | None
    commodity: str
    account: str
    waits: bool
    dispute: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Which uses are asked for: of a month, of a machine, or all; after the cursor's."""

    month: Month | None
    machine: str
    cursor: str


@dataclass(slots=True)
class Sum:
    """Uses counted together; `costs` are micro-units by commodity."""

    uses: int = 0
    elapsed_ms: int = 0
    costs: dict[str, int] = field(default_factory=dict)

    def add(self, uses: int, elapsed_ms: int, commodity: str, total_micro: int) -> None:
        """Count some more."""
        self.uses += uses
        self.elapsed_ms += elapsed_ms
        if total_micro:
            self.costs[commodity] = self.costs.get(commodity, 0) + total_micro


@dataclass(frozen=True, slots=True)
class Year:
    """A calendar year on the space's clock: sums by month (12), by machine, and of machines by month."""

    number: int
    names: tuple[str, ...]
    months: tuple[Sum, ...]
    machines: Mapping[str, Sum]
    by_month: Mapping[str, tuple[Sum, ...]]
    whole: Sum


def read_uses(session: Session, member: Member, asked: Asked, commodity: str) -> tuple[list[Use], str]:
    """Return a page of a member's uses that are over, newest first, and the next page's cursor or ""."""
    ended, id = col(MachineSession.ended_ms), col(MachineSession.id)
    query = select(MachineSession).where(MachineSession.member == member.id, ended.is_not(None))
    if asked.month:
        query = query.where(ended >= asked.month.from_ms, ended < asked.month.to_ms)
    if asked.machine:
        query = query.where(MachineSession.machine == asked.machine)
    if asked.cursor:
        at_ms, last = _place(asked.cursor)
        query = query.where(or_(ended < at_ms, and_(ended == at_ms, id < last)))
    rows = session.exec(query.order_by(ended.desc(), id.desc()).limit(ROWS + 1)).all()
    more = write_cursor(f"{rows[ROWS - 1].ended_ms} {rows[ROWS - 1].id}") if len(rows) > ROWS else ""
    return _uses(session, member, rows[:ROWS], commodity), more


def _place(cursor: str) -> tuple[int, str]:
    at_ms, _, id = read_cursor(cursor).partition(" ")
    if not at_ms.isdecimal() or len(at_ms) > 18:
        raise Refused("cursor_malformed", "This is not a cursor. Take `next` of the page before.")
    return int(at_ms), id


def _uses(session: Session, member: Member, rows: Sequence[MachineSession], commodity: str) -> list[Use]:
    machines = machine_names(session)
    others = {row.account for row in rows} - {member.account}
    names = dict(session.exec(select(Account.id, Account.name).where(col(Account.id).in_(others))).all())
    told = select(Dispute.visit, Dispute.state).where(col(Dispute.visit).in_([row.id for row in rows]))
    disputed = dict(session.exec(told.order_by(col(Dispute.opened_ms))).all())
    return [
        Use(
            id=row.id,
            machine=machines.get(row.machine, row.machine),
            started_ms=row.started_ms,
            elapsed_ms=row.elapsed_ms,
            total_micro=row.total_micro,
            commodity=row.commodity or commodity,
            account=names.get(row.account, ""),
            waits=row.state is SessionState.EXCEPTION,
            dispute=disputed.get(row.id, ""),
        )
        for row in rows
    ]


def used_machines(session: Session, member: Member) -> list[tuple[str, str]]:
    """Return the machines that a member ever used, by name."""
    query = select(MachineSession.machine).where(MachineSession.member == member.id).distinct()
    names = machine_names(session)
    return sorted(((id, names.get(id, id)) for id in session.exec(query)), key=lambda pair: pair[1])


def used_months(session: Session, member: Member, now_ms: int, f: Formats) -> list[Month]:
    """Return the months from a member's first use until now, newest first."""
    first = select(func.min(MachineSession.ended_ms)).where(MachineSession.member == member.id)
    first_ms = session.exec(first).one()
    found = [month_of("", now_ms, f)]
    while first_ms is not None and found[-1].from_ms > first_ms and len(found) < MONTHS_MAX:
        found.append(month_of(found[-1].before, now_ms, f))
    return found


def read_year(session: Session, member: Member, number: int, f: Formats) -> Year:
    """Sum a member's uses of a year; the database adds up."""
    edges = [_instant(number, month, f) for month in range(1, 13)] + [_instant(number + 1, 1, f)]
    used = MachineSession
    ended = col(used.ended_ms)
    place = case(*((ended < edge, n) for n, edge in enumerate(edges[1:])), else_=11).label("place")
    sums = (func.count(), func.sum(used.elapsed_ms), func.coalesce(func.sum(used.total_micro), 0))
    query = (
        select(place, used.machine, used.commodity, *sums)  # type: ignore[call-overload] # six columns
        .where(used.member == member.id, ended >= edges[0], ended < edges[-1])
        .group_by(place, col(used.machine), col(used.commodity))
    )
    names = machine_names(session)
    months, whole = tuple(Sum() for _ in range(12)), Sum()
    machines: dict[str, Sum] = {}
    by_month: dict[str, tuple[Sum, ...]] = {}
    for n, machine, commodity, count, elapsed_ms, total_micro in session.exec(query):
        name = names.get(machine, machine)
        each = by_month.setdefault(name, tuple(Sum() for _ in range(12)))
        for one in (months[n], whole, machines.setdefault(name, Sum()), each[n]):
            one.add(count, int(elapsed_ms), commodity or "", int(total_micro))
    ordered = dict(sorted(machines.items(), key=lambda pair: -pair[1].elapsed_ms))
    said = tuple(f.month(edge) for edge in edges[:12])
    return Year(number, said, months, ordered, {name: by_month[name] for name in ordered}, whole)


def _instant(year: int, month: int, f: Formats) -> int:
    return round(datetime(year, month, 1, tzinfo=f.zone).timestamp() * 1000)


def year_rows(session: Session, member: Member, number: int, f: Formats) -> list[MachineSession]:
    """Return the uses of a year, oldest first."""
    ended = col(MachineSession.ended_ms)
    begin, end = _instant(number, 1, f), _instant(number + 1, 1, f)
    query = select(MachineSession).where(MachineSession.member == member.id, ended >= begin, ended < end)
    return list(session.exec(query.order_by(ended, col(MachineSession.id))))
