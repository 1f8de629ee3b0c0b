"""What is done with members."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from booking_api.accounts import service as accounts
from booking_api.accounts.models import AccountKind
from booking_api.clock import make_id
from booking_api.gateways.changes import Subject, changed
from booking_api.members.models import Member
from floor.errors import Refused
from floor.words import Role

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Named = Annotated[str, Field(min_length=1, max_length=100)]
Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Limit = Annotated[int, Field(ge=0, lt=1 << 62)]


class MemberDetails(BaseModel):
    """A new member. Without a number the next free one is given; without a shown name, the first name."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    first_name: Named
    last_name: Named
    number: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    shown_name: Named | None = None
    email: Email | None = None
    tier: Word = "member"
    language: Word = "en"
    role: Role = Role.MEMBER
    valid_until_ms: Annotated[int, Field(ge=0)] | None = None
    credit_limit_micro: Limit | None = None


class MemberChanges(BaseModel):
    """What to change of a member: only the fields that are given."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    first_name: Named = ""
    last_name: Named = ""
    shown_name: Named = ""
    email: Email | None = None
    tier: Word = "member"
    language: Word = "en"
    role: Role = Role.MEMBER
    valid_until_ms: Annotated[int, Field(ge=0)] | None = None
    credit_limit_micro: Limit | None = None


def get(session: Session, id: str) -> Member:
    """Return a member; raises Refused when there is none."""
    member = session.get(Member, id)
    if member is None:
        raise Refused("member_not_found", f"There is no member {id}.")
    return member


def find(session: Session, text: str) -> Member:
    """Return the member with this id, number or email; raises Refused when there is none."""
    mail = func.lower(col(Member.email)) == text.lower()
    found = session.exec(select(Member).where(or_(col(Member.id) == text, col(Member.number) == text, mail)))
    member = found.first()
    if member is None:
        raise Refused("member_not_found", f"There is no member with the number, email or id {text}.")
    return member


def add(
    session: Session, details: MemberDetails, now_ms: int, kind: AccountKind = AccountKind.MEMBER
) -> Member:
    """Admit a member with an account of their own; raises Refused when number or email are another's."""
    number = details.number or _next_number(session)
    _check_free(session, None, number, details.email)
    id = make_id(now_ms)
    given = details.model_dump(exclude={"number", "shown_name", "credit_limit_micro"})
    shown = details.shown_name or details.first_name
    name, limit = _whole_name(details.first_name, details.last_name), details.credit_limit_micro
    accounts.open_account(session, id, kind, name, now_ms, credit_limit_micro=limit)
    member = Member(id=id, account=id, number=number, shown_name=shown, created_ms=now_ms, **given)
    session.add(member)
    session.flush()
    changed(session, Subject.MEMBER, id, now_ms)
    return member


def change(session: Session, id: str, changes: MemberChanges, now_ms: int) -> Member:
    """Change what is known of a member, and of their own account."""
    member = get(session, id)
    given = changes.model_dump(exclude_unset=True)
    _check_free(session, id, None, given.get("email"))
    account = accounts.get(session, member.account)
    if "credit_limit_micro" in given:
        account.credit_limit_micro = given.pop("credit_limit_micro")
    member.sqlmodel_update(given)
    account.name = _whole_name(member.first_name, member.last_name)
    session.add(member)
    session.add(account)
    changed(session, Subject.MEMBER, id, now_ms)
    return member


def suspend(session: Session, id: str, reason: str, now_ms: int) -> Member:
    """Stop a member from using machines, at every gateway; raises Refused without a reason."""
    member = get(session, id)
    if not reason.strip():
        raise Refused("reason_missing", "Say why the member is suspended.")
    member.suspended_reason = reason.strip()[:200]
    session.add(member)
    changed(session, Subject.MEMBER, id, now_ms)
    return member


def restore(session: Session, id: str, now_ms: int) -> Member:
    """End a suspension."""
    member = get(session, id)
    member.suspended_reason = None
    session.add(member)
    changed(session, Subject.MEMBER, id, now_ms)
    return member


def listed(session: Session, text: str = "", limit: int = 200, offset: int = 0) -> list[Member]:
    """Return members by last name whose name, number or email contains the text."""
    query = select(Member).order_by(col(Member.last_name), col(Member.first_name), col(Member.id))
    if text:
        parts = (Member.first_name, Member.last_name, Member.shown_name, Member.number, Member.email)
        query = query.where(or_(*(col(part).icontains(text, autoescape=True) for part in parts)))
    return list(session.exec(query.limit(limit).offset(offset)))


def _whole_name(first: str, last: str) -> str:
    return f"{first} {last}"[:100]


def _next_number(session: Session) -> str:
    """Return the number after the greatest that is all digits."""
    numbers = [int(number) for number in session.exec(select(Member.number)) if number.isdecimal()]
    return str(max(numbers, default=0) + 1)


def _check_free(session: Session, id: str | None, number: str | None, email: str | None) -> None:
    if number is not None and session.exec(select(Member.id).where(Member.number == number)).first():
        raise Refused("number_taken", f"Another member has the number {number}.")
    if email is None:
        return
    owner = session.exec(select(Member.id).where(func.lower(col(Member.email)) == email.lower())).first()
    if owner is not None and owner != id:
        raise Refused("email_taken", f"Another member has the email {email}.")
