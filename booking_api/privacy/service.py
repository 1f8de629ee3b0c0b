"""A member is forgotten, and the books are kept: for good, by staff, with a reason."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

from sqlmodel import Session, col, or_, select

from booking_api.accounts.models import AccountMember, TeamRole
from booking_api.db import zone_of
from booking_api.disputes.models import Dispute, DisputeState
from booking_api.gateways.changes import Subject, changed
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.ledger.accounts import deposit_account, member_account
from booking_api.ledger.models import AccountBalance
from booking_api.members import care
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.memberships.days import begin_ms, day_of
from booking_api.memberships.standing import of_member
from booking_api.prints.models import OPEN, PrintJob
from booking_api.privacy.rooms import erase_traces
from booking_api.reservations import freeing, waiting
from booking_api.reservations.diary import SERVER, Diary
from booking_api.sessions.models import MachineSession, SessionState
from floor.errors import Refused
from floor.words import Role


def erase(session: Session, id: str, typed: str, reason: str, by: str, now_ms: int) -> None:
    """Forget a member for good; `typed` is their number, typed again. The books keep an id without a name.

    Raises Refused for another number, without a reason, and while anything is open (`open_matters`).
    """
    member = members.get(session, id)
    if typed.strip() != member.number:
        raise Refused("number_malformed", "Type the member's number to confirm. This cannot be undone.")
    if not reason.strip():
        raise Refused("reason_missing", "Say why.")
    matters = open_matters(session, member, now_ms)
    if matters:
        raise matters[0]
    forget(session, member, by, now_ms)


def forget(session: Session, member: Member, by: str, now_ms: int) -> None:
    """Erase all traces of a member who has nothing open; gateways learn of it."""
    id = member.id
    diary = Diary(session, now_ms, by or SERVER, "")
    diary.hold()
    freed = freeing.slots_of(diary, id)
    erase_traces(session, member, now_ms)
    for slot in freed:
        waiting.offer(diary, slot)
    happened(session, Happening.MEMBER_ERASED, id, now_ms, by=by)
    changed(session, Subject.FLOOR, id, now_ms)


def open_matters(session: Session, member: Member, now_ms: int) -> list[Refused]:
    """Return why a member cannot be erased now, each with a sentence that says what to do first."""
    today = day_of(now_ms, zone_of(session))
    found = []
    if member.erased_ms is not None:
        found.append(Refused("member_erased", "This member was erased already."))
    if member.role is not Role.MEMBER:
        found.append(Refused("erase_staff", "This is one of the staff. Make them a plain member first."))
    if _balances(session, member):
        sentence = "The account is not settled: something is owed, or there is credit or a deposit."
        found.append(Refused("erase_balance", sentence))
    if _any_sessions(session, member):
        found.append(Refused("erase_session", "A session runs, or waits for an operator."))
    mine = [row for row in of_member(session, member.id) if row.account == member.account]
    if any(row.until is None or row.until > today for row in mine):
        found.append(Refused("erase_membership", "A membership is in force. End it first."))
    if _last_owner(session, member.id):
        found.append(Refused("erase_owner", "Nobody else owns a team of theirs. Name another owner first."))
    if care.wards(session, member.id, today):
        found.append(Refused("erase_guardian", "They are the guardian of a minor. Name another one first."))
    disputes = select(Dispute.id).where(Dispute.member == member.id, Dispute.state == DisputeState.OPEN)
    if session.exec(disputes).first() is not None:
        found.append(Refused("erase_dispute", "They dispute a charge. Decide it first."))
    prints = select(PrintJob.id).where(PrintJob.member == member.id, col(PrintJob.state).in_(OPEN))
    if session.exec(prints).first() is not None:
        found.append(Refused("erase_print", "A print of theirs waits or runs. Cancel it first."))
    return found


def who_left(session: Session, months: int, now_ms: int) -> list[Member]:
    """Return the plain members whose access ended so many months ago, and who have nothing open."""
    if not months:
        return []
    today = day_of(now_ms, zone_of(session))
    before_ms = begin_ms(_months_before(today, months), zone_of(session))
    query = select(Member).where(
        col(Member.erased_ms).is_(None), col(Member.valid_until_ms) <= before_ms, Member.role == Role.MEMBER
    )
    found = session.exec(query.order_by(col(Member.sort), col(Member.id))).all()
    return [member for member in found if not open_matters(session, member, now_ms)]


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _balances(session: Session, member: Member) -> bool:
    mine = (member_account(member.account), deposit_account(member.account))
    query = select(AccountBalance.account).where(
        col(AccountBalance.account).in_(mine), AccountBalance.amount_micro != 0
    )
    return session.exec(query).first() is not None


def _any_sessions(session: Session, member: Member) -> bool:
    mine = or_(col(MachineSession.member) == member.id, col(MachineSession.account) == member.account)
    waiting = col(MachineSession.state).in_((SessionState.OPEN, SessionState.EXCEPTION))
    return session.exec(select(MachineSession.id).where(mine, waiting)).first() is not None


def _last_owner(session: Session, member: str) -> bool:
    query = select(AccountMember.account).where(
        AccountMember.member == member, AccountMember.role == TeamRole.OWNER
    )
    for account in session.exec(query).all():
        others = select(AccountMember.member).where(
            AccountMember.account == account, AccountMember.role == TeamRole.OWNER
        )
        if set(session.exec(others)) == {member}:
            return True
    return False
