"""What is done with members."""

from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import func, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from booking_api.accounts import service as accounts
from booking_api.accounts.models import AccountKind
from booking_api.clock import make_id
from booking_api.db import one_at_a_time
from booking_api.gateways.changes import Subject, changed
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.members.models import Member, Suspension
from booking_api.members.names import folded, whole
from floor.errors import Refused
from floor.words import Role


def _printable(text: str) -> str:
    """Refuse what no name has: control characters, which break lists, exports and one of the databases."""
    if any(ord(one) < 32 or ord(one) == 127 for one in text):
        raise ValueError("it has a control character")
    return text


T = TypeVar("T")
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
_NAME_MAX = 100
Named = Annotated[str, Field(min_length=1, max_length=_NAME_MAX), AfterValidator(_printable)]
MaybeNamed = Annotated[str, Field(max_length=_NAME_MAX), AfterValidator(_printable)]
"""A last name: some people have one name only."""
Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"), AfterValidator(_printable)]
Limit = Annotated[int, Field(ge=0, lt=1 << 62)]


class Shown(StrEnum):
    """What of a member others read."""

    FIRST = "first"
    NICKNAME = "nickname"
    NOTHING = "nothing"


class MemberDetails(BaseModel):
    """A new member. Without a number the next free one is given; without a shown name, the first name."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    first_name: Named
    last_name: MaybeNamed = ""
    number: Annotated[str, Field(min_length=1, max_length=32), AfterValidator(_printable)] | None = None
    shown_name: Named | None = None
    email: Email | None = None
    tier: Word = "member"
    language: Word = "en"
    role: Role = Role.MEMBER
    valid_until_ms: Annotated[int, Field(ge=0)] | None = None
    credit_limit_micro: Limit | None = None


class MemberChanges(BaseModel):
    """What to change of a member: only the fields that are given. An empty `shown_name`: others read none."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    first_name: Named = ""
    last_name: MaybeNamed = ""
    shown_name: MaybeNamed = ""
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
    one_at_a_time(session, "member number")
    number = details.number or next_number(session)
    _check_free(session, None, number, details.email)
    id = make_id(now_ms)
    given = details.model_dump(exclude={"number", "shown_name", "credit_limit_micro"})
    shown = details.shown_name or details.first_name
    name, limit = account_name(details.first_name, details.last_name), details.credit_limit_micro
    accounts.open_account(session, id, kind, name, now_ms, credit_limit_micro=limit)
    member = Member(id=id, account=id, number=number, shown_name=shown, created_ms=now_ms, **given)
    session.add(member)
    session.flush()
    changed(session, Subject.MEMBER, id, now_ms)
    happened(session, Happening.MEMBER_ADDED, id, now_ms, member=id, number=number)
    return member


def change(session: Session, id: str, changes: MemberChanges, now_ms: int) -> Member:
    """Change what is known of a member, and of their own account."""
    member = get(session, id)
    given = changes.model_dump(exclude_unset=True)
    _check_free(session, id, None, given.get("email"))
    if member.shown_name == member.first_name and "first_name" in given:
        given.setdefault("shown_name", given["first_name"])
    account = accounts.get(session, member.account)
    if "credit_limit_micro" in given:
        account.credit_limit_micro = given.pop("credit_limit_micro")
    member.sqlmodel_update(given)
    account.name = account_name(member.first_name, member.last_name)
    session.add(member)
    session.add(account)
    changed(session, Subject.MEMBER, id, now_ms)
    fields = ",".join(sorted(changes.model_fields_set))
    happened(session, Happening.MEMBER_CHANGED, id, now_ms, member=id, fields=fields)
    return member


def show_as(session: Session, id: str, how: Shown, nickname: str, now_ms: int) -> Member:
    """Keep how others read a member: on the board, the wall, stations and calendars, and in the API.

    Raises Refused for a nickname that is none.
    """
    member = get(session, id)
    names = {Shown.FIRST: member.first_name, Shown.NOTHING: "", Shown.NICKNAME: nickname.strip()}
    if how is Shown.NICKNAME and not names[how]:
        raise Refused("nickname_missing", "Write the nickname that others shall read.")
    try:
        changes = MemberChanges(shown_name=names[how])
    except ValidationError:
        raise Refused(
            "nickname_invalid", "A nickname has at most 100 letters, and no control characters."
        ) from None
    member.shown_chosen = True
    return change(session, id, changes, now_ms)


def shown_as(member: Member) -> Shown:
    """Return what a member chose that others read."""
    if not member.shown_name:
        return Shown.NOTHING
    return Shown.FIRST if member.shown_name == member.first_name else Shown.NICKNAME


def suspend(
    session: Session, id: str, reason: str, now_ms: int, until_ms: int | None = None, by: str = ""
) -> Member:
    """Stop a member from using machines, at every gateway, until an instant or until it is ended.

    What was said before is ended, and stays in the history. Raises Refused without a reason, and for an end
    that is past.
    """
    member = get(session, id)
    if not reason.strip():
        raise Refused("reason_missing", "Say why the member is suspended.")
    if until_ms is not None and until_ms <= now_ms:
        raise Refused("until_past", "This day is over. Choose a later one.")
    _end_suspensions(session, id, now_ms, by)
    row = Suspension(
        id=make_id(now_ms), member=id, reason=reason.strip()[:200], by=by, at_ms=now_ms, until_ms=until_ms
    )
    session.add(row)
    member.suspended_reason, member.suspended_until_ms = row.reason, until_ms
    session.add(member)
    changed(session, Subject.MEMBER, id, now_ms)
    happened(session, Happening.MEMBER_SUSPENDED, id, now_ms, member=id, reason=row.reason, until_ms=until_ms)
    return member


def restore(session: Session, id: str, now_ms: int, by: str = "") -> Member:
    """End a suspension; for a member who is not suspended nothing happens."""
    member = get(session, id)
    if member.suspended_reason is None:
        return member
    _end_suspensions(session, id, now_ms, by)
    member.suspended_reason = member.suspended_until_ms = None
    session.add(member)
    changed(session, Subject.MEMBER, id, now_ms)
    happened(session, Happening.MEMBER_RESTORED, id, now_ms, member=id)
    return member


def is_suspended(member: Member, now_ms: int) -> bool:
    """Whether a member is suspended at an instant: also where the day has come and nobody wrote it yet."""
    until_ms = member.suspended_until_ms
    return member.suspended_reason is not None and (until_ms is None or until_ms > now_ms)


def end_of_suspensions(session: Session, now_ms: int) -> None:
    """Write that the suspensions are over whose day has come."""
    query = select(Member.id).where(col(Member.suspended_until_ms) <= now_ms)
    for id in session.exec(query).all():
        restore(session, id, now_ms)


def suspensions(session: Session, id: str) -> list[Suspension]:
    """Return a member's suspensions, the newest first."""
    query = select(Suspension).where(Suspension.member == id)
    return list(session.exec(query.order_by(col(Suspension.at_ms).desc(), col(Suspension.id).desc())))


def _end_suspensions(session: Session, id: str, now_ms: int, by: str) -> None:
    for row in suspensions(session, id):
        if row.ended_ms is None:
            row.ended_ms, row.ended_by = now_ms, by
            session.add(row)


def matching(query: SelectOfScalar[T], text: str) -> SelectOfScalar[T]:
    """Narrow a query to members whose names, number or email contain a text; those who were erased never."""
    query = query.where(col(Member.erased_ms).is_(None))
    for part in folded(text).split()[:8]:
        query = query.where(col(Member.search).contains(part, autoescape=True))
    return query


def listed(session: Session, text: str = "", limit: int = 200, offset: int = 0) -> list[Member]:
    """Return members by last name, then first name, whose names, number or email contain the text."""
    query = matching(select(Member), text).order_by(col(Member.sort), col(Member.id))
    return list(session.exec(query.limit(limit).offset(offset)))


def account_name(first: str, last: str) -> str:
    """Return what a member's own account is called: their whole name, as far as an account's name goes."""
    return whole(first, last)[:_NAME_MAX]


def next_number(session: Session) -> str:
    """Return the number after the greatest that is all digits."""
    number = func.ltrim(Member.number, "0")  # of those, the longest is the greatest
    digits = select(number).where(func.ltrim(Member.number, "0123456789") == "")
    greatest = session.exec(digits.order_by(func.length(number).desc(), number.desc()).limit(1)).first()
    return str(int(greatest or 0) + 1)


def _check_free(session: Session, id: str | None, number: str | None, email: str | None) -> None:
    if number is not None and session.exec(select(Member.id).where(Member.number == number)).first():
        raise Refused("number_taken", f"Another member has the number {number}.")
    if email is None:
        return
    owner = session.exec(select(Member.id).where(func.lower(col(Member.email)) == email.lower())).first()
    if owner is not None and owner != id:
        raise Refused("email_taken", f"Another member has the email {email}.")
