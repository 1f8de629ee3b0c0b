"""A session's cost split between accounts: each bears its part, as a charge of its own. Nothing is edited.

The session is priced once, for the account that it was charged to: its allowances, brackets, caps and funds.
What that account would pay is divided, and what others bear is a line of its charge that goes off.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.accounts.choice import check_may_charge
from booking_api.billing.bill import bill, summed
from booking_api.billing.changes import Standing, changeable, charges_of, credited, take_back
from booking_api.billing.models import Charge, SessionSplit
from booking_api.billing.past import past_session, splits_of
from booking_api.billing.split_limits import Bearing
from booking_api.clock import make_id
from booking_api.disputes.models import Dispute, DisputeState
from booking_api.documents.models import InvoiceItem
from booking_api.ledger import service as ledger
from booking_api.members import service as members
from booking_api.sessions.models import MachineSession
from floor.errors import Refused

ACCOUNTS_MAX = 20
WEIGHT_MAX = 10**9
REASON_MAX = 200
SPLIT_REASON = "A use was split between accounts: priced again."
_SHARE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6})|/([0-9]{1,9}))?(%?)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a session is to be split: `shares` are (account, weight), or `instant_ms` (UTC ms) and who pays
    from then on, `after`.
    """

    shares: tuple[tuple[str, int], ...] = ()
    instant_ms: int | None = None
    after: str = ""


def parse_shares(texts: Sequence[tuple[str, str]]) -> tuple[tuple[str, int], ...]:
    """Return weights of (account, share): parts such as "1", "2.5" or "1/3", or per cents such as "33.3%".

    Per cents must make up 100. Raises Refused for anything else.
    """
    found: list[tuple[str, Fraction]] = []
    for account, text in texts:
        match = _SHARE.fullmatch(text.strip())
        if match is None or match[3] == "0" * len(match[3] or "-"):
            raise Refused("split_share", "A share is written as 1, 2.5, 1/3 or 25%.")
        whole, decimals, below, _ = match.groups()
        value = Fraction(int(whole), int(below)) if below else Fraction(f"{whole}.{decimals or 0}")
        found.append((account, value))
    per_cent = [text.strip().endswith("%") for _, text in texts]
    if any(per_cent) and not (all(per_cent) and sum(value for _, value in found) == 100):
        raise Refused("split_percent", "Per cents must be given for all, and make up 100 together.")
    common = math.lcm(*(value.denominator for _, value in found)) if found else 1
    weights = [int(value * common) for _, value in found]
    least = math.gcd(*weights) or 1
    return tuple((account, weight // least) for (account, _), weight in zip(found, weights, strict=True))


def split(
    session: Session,
    session_id: str,
    wanted: Wanted,
    author: str,
    reason: str,
    now_ms: int,
    *,
    over_limits: bool = False,
) -> list[Charge]:
    """Split a session's cost between accounts that its member may charge to; what was split is split anew.

    Raises Refused where its charges may not be changed, for shares that are none, and where an account may
    not bear its part: that alone staff override (`over_limits`), and it is kept that they did.
    """
    ledger.hold(session)
    used, standing = changeable(session, session_id, reason)
    _check_untouched(session, standing)
    if not used.total_micro or used.total_micro < 0:
        raise Refused("split_nothing", "It cost nothing: there is nothing to split.")
    shares = _shares(used, wanted)
    member = members.get(session, used.member)
    for account, _ in shares:
        if account != used.account:
            check_may_charge(session, member, account)
    made = SessionSplit(
        id=make_id(now_ms),
        session=session_id,
        shares=[[account, weight] for account, weight in shares],
        instant_ms=wanted.instant_ms,
        reason=reason.strip()[:REASON_MAX],
        author=author,
        made_ms=now_ms,
    )
    bearing = Bearing(session, used, [account for account, _ in shares], standing.charges, now_ms)
    _end(session, session_id, author, reason, now_ms)
    session.add(made)
    _again(session, used, standing, reason, author, now_ms)
    charges = charges_of(session, session_id)
    try:
        bearing.check(charges)
    except Refused:
        if not over_limits:
            raise
        made.over_limits = True
        session.add(made)
    return charges


def undo_split(
    session: Session,
    session_id: str,
    author: str,
    reason: str,
    now_ms: int,
    *,
    over_limits: bool = False,
) -> list[Charge]:
    """Charge a session that is split to its own account alone again; raises Refused as `split` does."""
    ledger.hold(session)
    used, standing = changeable(session, session_id, reason)
    if not _end(session, session_id, author, reason, now_ms):
        raise Refused("split_none", "It is not split.")
    _check_untouched(session, standing)
    bearing = Bearing(session, used, [used.account], standing.charges, now_ms)
    _again(session, used, standing, reason, author, now_ms)
    charges = charges_of(session, session_id)
    if not over_limits:
        bearing.check(charges)
    return charges


def split_of(session: Session, session_id: str) -> SessionSplit | None:
    """Return how a session is split, None where it is not."""
    return splits_of(session, [session_id]).get(session_id)


def _shares(used: MachineSession, wanted: Wanted) -> tuple[tuple[str, int], ...]:
    shares = wanted.shares
    if wanted.instant_ms is not None:
        end_ms = used.ended_ms or used.started_ms
        if not used.started_ms < wanted.instant_ms < end_ms:
            raise Refused("split_instant", "The instant must lie between its start and its end.")
        before, after = wanted.instant_ms - used.started_ms, end_ms - wanted.instant_ms
        shares = ((used.account, before), (wanted.after, after))
    accounts = {account for account, _ in shares}
    if not 2 <= len(shares) <= ACCOUNTS_MAX or len(accounts) < len(shares):
        raise Refused("split_accounts", "Name 2 to 20 accounts, each once.")
    if any(not 0 < weight <= WEIGHT_MAX * 10**6 for _, weight in shares):
        raise Refused("split_share", "Each share must be more than 0.")
    return shares


def _check_untouched(session: Session, standing: Standing) -> None:
    """Refuse to split what stands on an invoice, was given back in part, or is disputed."""
    entries = [charge.entry for charge in standing.charges if charge.entry]
    if session.exec(select(InvoiceItem.entry).where(col(InvoiceItem.entry).in_(entries))).first():
        raise Refused("charge_invoiced", "It stands on an invoice: it can no longer be split.")
    if any(credited(session, charge) for charge in standing.charges):
        raise Refused("charge_credited", "Some of it was given back: it can no longer be split.")
    open_ = select(Dispute.id).where(Dispute.visit == standing.session, Dispute.state == DisputeState.OPEN)
    if session.exec(open_).first():
        raise Refused("dispute_open", "It is disputed: that must be decided before.")


def _end(session: Session, session_id: str, author: str, reason: str, now_ms: int) -> bool:
    """End the split that stands; return whether there was one."""
    found = split_of(session, session_id)
    if found is None:
        return False
    found.undone_ms, found.undone_by, found.undone_reason = now_ms, author, reason.strip()[:REASON_MAX]
    session.add(found)
    return True


def _again(
    session: Session, used: MachineSession, standing: Standing, reason: str, author: str, now_ms: int
) -> None:
    """Take all charges of a session back, and make them anew as it is split now."""
    take_back(session, standing.charges, reason, author, now_ms)
    session.flush()
    if priced := past_session(session, used.id):
        billed = bill(session, [priced], now_ms, author, reason=SPLIT_REASON)
        if problem := billed.problems.get(used.id):
            raise Refused("session_unpriced", problem)
    summed(session, [used.id])
