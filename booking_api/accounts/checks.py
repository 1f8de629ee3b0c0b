"""What a doctor looks at: do the kept sums of months still say what was charged?"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account, AccountMonth
from booking_api.billing.models import Charge
from booking_api.sites.models import SiteBill

Key = tuple[str, str, str, str]


def check_months(session: Session) -> Iterator[tuple[str, str]]:
    """Yield (where, words) for each month of an account whose kept sum is not that of its charges."""
    columns = [col(one) for one in (Charge.account, Charge.member, Charge.month, Charge.commodity)]
    sums = sa.select(*columns, sa.func.sum(Charge.total_micro)).where(col(Charge.replaced_ms).is_(None))
    parents = dict(session.exec(select(Account.id, Account.parent)).all())
    computed: dict[Key, int] = {}
    theirs = [col(one) for one in (SiteBill.account, SiteBill.member, SiteBill.month, SiteBill.own)]
    elsewhere = sa.select(*theirs, sa.func.sum(SiteBill.own_micro)).group_by(*theirs)
    rows = [*session.execute(sums.group_by(*columns)), *session.execute(elsewhere)]
    for account, member, month, commodity, total in rows:
        for one in (account, parents.get(account)):
            for who in (member, "") if one in parents else ():
                key = (str(one), who, month, commodity)
                computed[key] = computed.get(key, 0) + int(total)
    kept = {
        (row.account, row.member, row.month, row.commodity): row.charged_micro
        for row in session.exec(select(AccountMonth))
    }
    for key in sorted(computed.keys() | kept.keys()):
        if computed.get(key, 0) != kept.get(key, 0):
            account, member, month, commodity = key
            who = f", charged by {member}" if member else ""
            words = f"{kept.get(key, 0)} is kept, its charges sum to {computed.get(key, 0)} micro"
            yield f"account {account} in {month} ({commodity}){who}", words
