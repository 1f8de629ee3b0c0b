"""What each gateway may let members spend while it is alone.

Each gateway is given an even share of what is available of a budget, but never more than what is left when
every other gateway spends all that it may still believe to have: slices never sum above what is available.
Until a gateway has confirmed a smaller slice, its older and larger one counts.
"""

from collections.abc import Collection

from sqlalchemy import func, insert, update
from sqlmodel import Session, col, or_, select

from booking_api.accounts.limits import Budget, available
from booking_api.accounts.models import Account
from booking_api.gateways.changes import credit_changed
from booking_api.gateways.models import CreditSlice
from booking_api.machines.models import Machine


def issue(
    session: Session, gateway: str, budgets: Collection[Budget], commodity: str, month: str, n: int
) -> dict[str, int]:
    """Return what may be spent of each budget at a gateway, by its key; record it as given with roster n."""
    if not budgets:
        return {}
    left = available(session, budgets, commodity, month)
    elsewhere, gateways = _elsewhere(session, gateway, left), max(1, _gateways(session))
    slices = {
        key: max(0, min(micro // gateways, micro - elsewhere.get(key, 0))) for key, micro in left.items()
    }
    _record(session, gateway, slices, n)
    return slices


def revoke(
    session: Session, gateway: str, kept: Collection[str], n: int, teams: Collection[str] | None = None
) -> set[str]:
    """Take back with roster n what a gateway was given of other budgets than these, and return their keys.

    It concerns the budgets of these teams, or (None) all.
    """
    mine = select(CreditSlice.account).where(CreditSlice.gateway == gateway, CreditSlice.issued_micro > 0)
    if teams is not None and not teams:
        return set()
    if teams is not None:
        family = or_(col(Account.id).in_(teams), col(Account.parent).in_(teams))
        accounts, key = session.exec(select(Account.id).where(family)).all(), col(CreditSlice.account)
        personal = [key.startswith(f"{account}/", autoescape=True) for account in accounts]
        mine = mine.where(or_(key.in_(accounts), *personal))
    gone = set(session.exec(mine)) - set(kept)
    _record(session, gateway, dict.fromkeys(gone, 0), n)
    return gone


def confirm(session: Session, gateway: str, n: int, now_ms: int) -> None:
    """Take that a gateway holds roster n: what its older slices held is free, and others may be given it."""
    freed = select(CreditSlice).where(
        CreditSlice.gateway == gateway,
        CreditSlice.issued_n <= n,
        CreditSlice.held_micro > CreditSlice.issued_micro,
    )
    accounts: set[str] = set()
    for slice_ in session.exec(freed.execution_options(populate_existing=True)):
        slice_.held_micro = slice_.issued_micro
        session.add(slice_)
        accounts.add(slice_.account.partition("/")[0])
    credit_changed(session, accounts, now_ms)


def _record(session: Session, gateway: str, slices: dict[str, int], n: int) -> None:
    """Write down what was given; what is as before was given with an earlier roster, and stays so."""
    if not slices:
        return
    columns = (CreditSlice.account, CreditSlice.issued_micro, CreditSlice.held_micro)
    mine = select(*columns).where(CreditSlice.gateway == gateway, col(CreditSlice.account).in_(slices))
    kept = {key: (issued, held) for key, issued, held in session.exec(mine)}
    new: list[dict[str, object]] = []
    old: list[dict[str, object]] = []
    for key, amount in slices.items():
        issued, held = kept.get(key, (0, 0))
        if amount != issued or held > amount:
            row = {"issued_micro": amount, "issued_n": n, "held_micro": max(held, amount)}
            (old if key in kept else new).append({"gateway": gateway, "account": key, **row})
    if new:
        session.execute(insert(CreditSlice), new)
    if old:
        session.execute(update(CreditSlice), old)


def _elsewhere(session: Session, gateway: str, keys: Collection[str]) -> dict[str, int]:
    query = (
        select(CreditSlice.account, func.sum(CreditSlice.held_micro))
        .where(col(CreditSlice.account).in_(keys), CreditSlice.gateway != gateway)
        .group_by(CreditSlice.account)
    )
    return {key: int(amount) for key, amount in session.exec(query)}


def _gateways(session: Session) -> int:
    """Return how many gateways have machines."""
    used = col(Machine.gateway).is_not(None) & col(Machine.archived_ms).is_(None)
    return session.exec(select(func.count(func.distinct(Machine.gateway))).where(used)).one()
