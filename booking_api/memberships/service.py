"""What is done with memberships: asked for, accepted, changed, paused, ended. Days are those of the space."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from booking_api.accounts.models import Account, AccountKind
from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.members import service as members
from booking_api.memberships import plans
from booking_api.memberships.billing import settle
from booking_api.memberships.days import day_of
from booking_api.memberships.models import Membership, MembershipBill, MembershipPause
from booking_api.memberships.standing import covered, refresh, term_of
from floor.errors import Refused
from floor.membership import DAY, Cycle, Plan, Proration, Span, add_months, last_day, next_period


class Wish(BaseModel):
    """What somebody takes: a plan, since when, for whom, at which price (micro-units; None: the plan's).

    `account` "" is the member's own; a team's is charged for its people. `days` are those of a day pass.
    """

    model_config = ConfigDict(extra="forbid")

    plan: str = Field(max_length=40)
    first: date | None = None
    account: str = Field(default="", max_length=64)
    group: str = Field(default="", max_length=40)
    price_micro: int | None = Field(default=None, ge=0, lt=1 << 50)
    quantity: int = Field(default=1, ge=1, le=1_000)
    days: int = Field(default=1, ge=1, le=31)
    proof_until: date | None = None


@dataclass(frozen=True, slots=True)
class By:
    """Who does something, when (UTC milliseconds), and whether as staff: staff name any day and any group."""

    author: str
    now_ms: int
    is_staff: bool = True


def get(session: Session, id: str) -> Membership:
    """Return a membership; raises Refused when there is none."""
    row = session.get(Membership, id)
    if row is None:
        raise Refused("membership_not_found", "There is no such membership.")
    return row


def join(session: Session, member: str, wish: Wish, by: By) -> Membership:
    """Take a plan, or ask for it where staff have to accept; what has come due is charged at once.

    Raises Refused for a plan, an account, a group or a price that cannot be, and where the account has a
    membership on those days already.
    """
    person, today = members.get(session, member), _today(session, by)
    first = wish.first or today
    if first < today and not by.is_staff:
        raise Refused("date_past", "This day is over. Choose a later one.")
    plan = plans.in_force(session, wish.plan, first)
    _check_wish(plan, wish, by)
    row = Membership(
        id=(id := make_id(by.now_ms)),
        series=id,
        member=person.id,
        account=wish.account or person.account,
        plan=plan.id,
        group=wish.group,
        price_micro=wish.price_micro,
        quantity=wish.quantity,
        first=first,
        until=_end(plan, first, wish.days),
        proof_until=wish.proof_until,
        asked_ms=by.now_ms,
    )
    _check_account(session, row, plan, by)
    session.add(row)
    session.flush()
    return accept(session, row.id, by) if by.is_staff or (plan.is_open and not wish.group) else row


def accept(session: Session, id: str, by: By, proof_until: date | None = None) -> Membership:
    """Let a membership begin that was asked for; with it, until when its group is proven."""
    row = get(session, id)
    if row.accepted_ms is None:
        row.accepted_ms, row.accepted_by = by.now_ms, by.author
        row.proof_until = proof_until or row.proof_until
        session.add(row)
        session.flush()
        _after(session, row, by)
    return row


def refuse(session: Session, id: str) -> None:
    """Take away a membership that was asked for; raises Refused for one that was accepted."""
    row = get(session, id)
    if row.accepted_ms is not None:
        raise Refused("membership_accepted", "This membership was accepted. End it instead.")
    session.delete(row)
    session.flush()


def change(session: Session, id: str, wish: Wish, by: By) -> Membership:
    """Go over to another plan or price; `wish.first` is the first day of it, else the next period's.

    Raises Refused for a day on which it is not in force, and inside a period that is not prorated.
    """
    row = withdraw_change(session, get(session, id))
    if row.accepted_ms is None:
        raise Refused("membership_asked", "Staff have not accepted this membership yet.")
    today = _today(session, by)
    old, term = plans.in_force(session, row.plan, max(row.first, today)), term_of(session, row)
    edge = next_period(old.cycle, term, max(today, row.first))
    first = wish.first or edge
    if first <= row.first or not term.covers(first):
        raise Refused("date_malformed", "The membership is not in force on this day.")
    if not by.is_staff and first < edge:
        raise Refused("date_malformed", "A change begins with the next period.")
    if old.proration is Proration.NONE and next_period(old.cycle, term, first - DAY) != first:
        raise Refused("change_inside_period", "This plan is not prorated: a change begins with a period.")
    plan = plans.in_force(session, wish.plan, first)
    is_same = wish.group == row.group
    _check_wish(plan, wish, By(by.author, by.now_ms, by.is_staff or is_same))
    row.until = first
    session.add(row)
    new = Membership(
        id=make_id(by.now_ms),
        series=row.series,
        member=row.member,
        account=row.account,
        plan=plan.id,
        group=wish.group,
        price_micro=wish.price_micro,
        quantity=wish.quantity,
        first=first,
        until=_end(plan, first, wish.days),
        proof_until=wish.proof_until or (row.proof_until if is_same else None),
        asked_ms=by.now_ms,
        accepted_ms=by.now_ms,
        accepted_by=by.author,
    )
    session.add(new)
    session.flush()
    settle(session, row, by.now_ms, by.author)
    _after(session, new, by)
    return new


def withdraw_change(session: Session, row: Membership) -> Membership:
    """Take back a change that has not begun to be charged, and let the membership go on; return it."""
    later = session.exec(
        select(Membership).where(Membership.series == row.series, Membership.id > row.id)
    ).all()
    for one in later:
        billed = select(MembershipBill).where(MembershipBill.membership == one.id)
        if session.exec(billed).first() is not None:
            raise Refused("membership_changed", "This membership was changed. Look at the one that followed.")
        session.delete(one)
        row.until = _end(plans.in_force(session, row.plan, row.first), row.first, 1)
    session.add(row)
    session.flush()
    return row


def pause(session: Session, id: str, first: date | None, until: date | None, by: By) -> MembershipPause:
    """Pause a membership from a day (unless said, the next period's first) to before another (None: open).

    Raises Refused for days outside of it or paused already, and for members before the next period.
    """
    row, today = get(session, id), _today(session, by)
    plan, term = plans.in_force(session, row.plan, max(row.first, today)), term_of(session, row)
    edge = next_period(plan.cycle, term, max(today, row.first))
    begin = first or edge
    if not by.is_staff and begin < edge:
        raise Refused("date_malformed", "A pause begins with the next period.")
    if not term.covers(begin) or (until is not None and until <= begin):
        raise Refused("date_malformed", "The membership is not in force on this day.")
    span = Span(begin, until or date.max)
    if any(start < span.end and begin < (stop or date.max) for start, stop in term.pauses):
        raise Refused("pause_exists", "The membership is paused on these days already.")
    made = MembershipPause(membership=row.id, first=begin, until=until)
    session.add(made)
    session.flush()
    _after(session, row, by)
    return made


def resume(session: Session, id: str, by: By, day: date | None = None) -> None:
    """End the pause that is on, or is to come, on a day (unless said, today)."""
    row, today = get(session, id), _today(session, by)
    day = day or today
    if day < today and not by.is_staff:
        raise Refused("date_past", "This day is over. Choose a later one.")
    ended = col(MembershipPause.until)
    query = select(MembershipPause).where(MembershipPause.membership == row.id)
    last = session.exec(
        query.where((ended > day) | ended.is_(None)).order_by(col(MembershipPause.first))
    ).first()
    if last is None:
        raise Refused("pause_not_found", "The membership is not paused.")
    if last.first >= day:
        session.delete(last)
    else:
        last.until = day
        session.add(last)
    session.flush()
    _after(session, row, by)


def end(session: Session, id: str, by: By, day: date | None = None) -> date:
    """Cancel a membership; it ends with a period, after the plan's notice. Staff may name the day.

    Returns the first day without it.
    """
    row, today = withdraw_change(session, get(session, id)), _today(session, by)
    plan, term = plans.in_force(session, row.plan, max(row.first, today)), term_of(session, row)
    last = day if day is not None and by.is_staff else last_day(plan, term, max(today, row.first))
    if last < row.first:
        raise Refused("date_malformed", "The membership is not in force on this day.")
    row.until = last
    session.add(row)
    session.flush()
    _after(session, row, by)
    return last


def listed(session: Session) -> list[Membership]:
    """Return every membership, those asked for first, then the newest."""
    order = (
        col(Membership.accepted_ms).is_not(None),
        col(Membership.first).desc(),
        col(Membership.id).desc(),
    )
    return list(session.exec(select(Membership).order_by(*order)))


def _today(session: Session, by: By) -> date:
    return day_of(by.now_ms, zone_of(session))


def _end(plan: Plan, first: date, days: int) -> date | None:
    if plan.cycle is Cycle.DAY:
        return first + days * DAY
    return None if plan.most_months is None else add_months(first, plan.most_months)


def _check_wish(plan: Plan, wish: Wish, by: By) -> None:
    if wish.group and wish.group not in plan.reduced:
        raise Refused("group_not_found", "This plan has no such group.")
    if wish.proof_until is not None and not by.is_staff:
        raise Refused("forbidden", "Staff look at a proof and write until when it holds.")
    if wish.price_micro is None:
        return
    if plan.minimum_micro is None:
        raise Refused("price_malformed", "This plan has one price.")
    if wish.price_micro < plan.minimum_micro or wish.price_micro % plan.commodity.minor_micro:
        raise Refused("price_malformed", "Choose at least the plan's least price.")


def _check_account(session: Session, row: Membership, plan: Plan, by: By) -> None:
    person = members.get(session, row.member)
    account = session.get(Account, row.account)
    if row.account != person.account and (account is None or account.kind is not AccountKind.TEAM):
        raise Refused("account_not_found", "There is no such team.")
    if row.account != person.account and not by.is_staff and person.id not in covered(session, row):
        raise Refused("forbidden", "You are not in this team.")
    if plan.cycle is Cycle.DAY:
        return
    same = select(Membership).where(Membership.account == row.account)
    for other in session.exec(same):
        is_pass = plans.versions(session, other.plan)[-1].cycle is Cycle.DAY
        if not is_pass and (other.until is None or row.first < other.until) and _meets(row, other):
            raise Refused("membership_exists", "This account has a membership on these days already.")


def _meets(one: Membership, other: Membership) -> bool:
    return one.until is None or other.first < one.until


def _after(session: Session, row: Membership, by: By) -> None:
    """Charge what the change asks for, and write tiers and access of everybody whom it concerns."""
    settle(session, row, by.now_ms, by.author)
    for member in covered(session, row):
        refresh(session, member, by.now_ms)
