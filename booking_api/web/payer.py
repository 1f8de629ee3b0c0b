"""Which account pays for a member's sessions, as their own page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.accounts import choice, teams
from booking_api.accounts.models import Account
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.members.models import Member
from booking_api.periods.calendar import open_from_ms
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.web.statement import Month, machine_names


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A session that a team pays for. The amount is in micro-units of `commodity`."""

    id: str
    machine: str
    account: str
    ended_ms: int
    total_micro: int
    commodity: str


@dataclass(frozen=True, slots=True)
class Payer:
    """The accounts to choose from (the member's own has no name), and what is charged to which.

    `movable` has each session of the month that may still be charged to another, with its account, and
    `entries` the session of each entry in the books, `split` those that are split; `teams` are those that
    the member manages.
    """

    choices: tuple[tuple[str, str], ...]
    default: str
    movable: dict[str, str]
    entries: dict[str, str]
    elsewhere: tuple[Elsewhere, ...]
    teams: tuple[tuple[str, str], ...]
    split: frozenset[str]


def read_payer(session: Session, member: Member, month: Month, commodity: str) -> Payer | None:
    """Read a member's month; None for somebody who has one account only, and never had more."""
    mine = choice.choices(session, {member.id}).get(member.id, [])
    used = select(MachineSession).where(
        MachineSession.member == member.id,
        col(MachineSession.state) == SessionState.PRICED,
        col(MachineSession.ended_ms) >= month.from_ms,
        col(MachineSession.ended_ms) < month.to_ms,
    )
    sessions = session.exec(used.order_by(col(MachineSession.ended_ms).desc())).all()
    by_account = _parts(session, member, month)
    others = [
        (one, account, total)
        for one in sessions
        for account, total in by_account.get(one.id, {one.account: one.total_micro or 0}).items()
        if account != member.account
    ]
    managed = [one for one in teams.listed(session, member.id) if one.archived_ms is None]
    if not mine and not others and not managed:
        return None
    open_from, machines = open_from_ms(session), machine_names(session)
    ids = {account for _, account, _ in others}
    names = dict(session.exec(select(Account.id, Account.name).where(col(Account.id).in_(ids))).all())
    movable = {one.id: one.account for one in sessions if mine and one.total_micro and _open(one, open_from)}
    posted = select(Charge.entry, Charge.session).where(
        col(Charge.session).in_(movable), col(Charge.replaced_ms).is_(None)
    )
    return Payer(
        choices=((member.account, ""), *((one.id, one.name) for one in mine)),
        default=member.charges_to or member.account,
        movable=movable,
        entries={entry: id for entry, id in session.exec(posted) if entry and id},
        elsewhere=tuple(
            _elsewhere(one, machines, names.get(account, account), total, commodity)
            for one, account, total in others
        ),
        teams=tuple((one.id, one.name) for one in managed if one.parent is None),
        split=frozenset(billing.splits_of(session, movable)),
    )


def _open(used: MachineSession, open_from: int) -> bool:
    return used.ended_ms is not None and used.ended_ms >= open_from


def _parts(session: Session, member: Member, month: Month) -> dict[str, dict[str, int]]:
    """Return what each account pays of a member's sessions of a month, by session."""
    query = select(Charge.session, Charge.account, func.sum(Charge.total_micro)).where(
        Charge.member == member.id,
        col(Charge.session).is_not(None),
        col(Charge.replaced_ms).is_(None),
        col(Charge.ended_ms) >= month.from_ms,
        col(Charge.ended_ms) < month.to_ms,
    )
    found: dict[str, dict[str, int]] = {}
    for id, account, total in session.exec(query.group_by(col(Charge.session), col(Charge.account))):
        found.setdefault(id or "", {})[account] = int(total)
    return found


def _elsewhere(
    used: MachineSession, machines: dict[str, str], account: str, total_micro: int, commodity: str
) -> Elsewhere:
    return Elsewhere(
        id=used.id,
        machine=machines.get(used.machine, used.machine),
        account=account,
        ended_ms=used.ended_ms or used.started_ms,
        total_micro=total_micro,
        commodity=used.commodity or commodity,
    )
