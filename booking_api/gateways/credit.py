"""What each gateway may let a member spend while it is alone.

An account's available amount is its limit, less what it owes, less the limits of its sessions that are not
yet charged. Each gateway is given an even share of it, but never more than what is left when every other
gateway spends all that it may still believe to have: slices never sum above what is available. Until a
gateway has confirmed a smaller slice, its older and larger one counts.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.gateways.changes import credit_changed
from booking_api.gateways.models import CreditSlice
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import AccountBalance
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.sessions.models import MachineSession, SessionState


def issue(
    session: Session, gateway: str, members: Sequence[Member], commodity: str, n: int
) -> dict[str, int | None]:
    """Return what each member may spend at a gateway, None for no limit; record it as given with roster n.

    Members of one account share its slice evenly.
    """
    limited = {m.account: m.credit_limit_micro for m in members if m.credit_limit_micro is not None}
    accounts = list(limited)
    owed, held = _owed(session, accounts, commodity), _in_sessions(session, accounts)
    elsewhere, sharers = _elsewhere(session, gateway, accounts), _sharers(session, accounts)
    gateways = max(1, _gateways(session))
    slices: dict[str, int] = {}
    for account, limit in limited.items():
        available = limit - owed.get(account, 0) - held.get(account, 0)
        slices[account] = max(0, min(available // gateways, available - elsewhere.get(account, 0)))
    _record(session, gateway, slices, n)
    return {
        m.id: None if m.credit_limit_micro is None else slices[m.account] // sharers[m.account]
        for m in members
    }


def confirm(session: Session, gateway: str, n: int, now_ms: int) -> None:
    """Take that a gateway holds roster n: what its older slices held is free, and others may be given it."""
    freed = select(CreditSlice).where(
        CreditSlice.gateway == gateway,
        CreditSlice.issued_n <= n,
        CreditSlice.held_micro > CreditSlice.issued_micro,
    )
    accounts: set[str] = set()
    for slice_ in session.exec(freed):
        slice_.held_micro = slice_.issued_micro
        session.add(slice_)
        accounts.add(slice_.account)
    credit_changed(session, accounts, now_ms)


def _record(session: Session, gateway: str, slices: dict[str, int], n: int) -> None:
    mine = select(CreditSlice).where(CreditSlice.gateway == gateway, col(CreditSlice.account).in_(slices))
    kept = {slice_.account: slice_ for slice_ in session.exec(mine)}
    for account, amount in slices.items():
        slice_ = kept.get(account) or CreditSlice(
            gateway=gateway, account=account, issued_micro=0, issued_n=0, held_micro=0
        )
        slice_.issued_micro, slice_.issued_n = amount, n
        slice_.held_micro = max(slice_.held_micro, amount)
        session.add(slice_)


def _owed(session: Session, accounts: Collection[str], commodity: str) -> dict[str, int]:
    names = {member_account(account): account for account in accounts}
    query = select(AccountBalance.account, AccountBalance.amount_micro).where(
        col(AccountBalance.account).in_(names), AccountBalance.commodity == commodity
    )
    return {names[name]: amount for name, amount in session.exec(query)}


def _in_sessions(session: Session, accounts: Collection[str]) -> dict[str, int]:
    query = (
        select(MachineSession.account, func.sum(MachineSession.limit_micro))
        .where(col(MachineSession.account).in_(accounts), MachineSession.state != SessionState.PRICED)
        .group_by(MachineSession.account)
    )
    return {account: int(amount or 0) for account, amount in session.exec(query)}


def _elsewhere(session: Session, gateway: str, accounts: Collection[str]) -> dict[str, int]:
    query = (
        select(CreditSlice.account, func.sum(CreditSlice.held_micro))
        .where(col(CreditSlice.account).in_(accounts), CreditSlice.gateway != gateway)
        .group_by(CreditSlice.account)
    )
    return {account: int(amount) for account, amount in session.exec(query)}


def _sharers(session: Session, accounts: Collection[str]) -> dict[str, int]:
    query = select(Member.account, func.count()).where(col(Member.account).in_(accounts))
    return dict(session.exec(query.group_by(Member.account)).all())


def _gateways(session: Session) -> int:
    """Return how many gateways have machines."""
    used = col(Machine.gateway).is_not(None) & col(Machine.archived_ms).is_(None)
    return session.exec(select(func.count(func.distinct(Machine.gateway))).where(used)).one()
