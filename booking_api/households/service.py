"""What is done with households. One that pays together has a team's account, which one of it owns."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from booking_api.accounts import choice, teams
from booking_api.accounts.models import AccountMember, TeamRole
from booking_api.accounts.teams import PersonDetails, TeamDetails
from booking_api.clock import make_id
from booking_api.households.models import Household, HouseholdMember
from booking_api.members import service as members
from booking_api.members.models import Member
from floor.errors import Refused


class HouseholdDetails(BaseModel):
    """What a household is called."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]


def get(session: Session, id: str) -> Household:
    """Return a household; raises Refused when there is none."""
    row = session.get(Household, id)
    if row is None:
        raise Refused("household_not_found", "There is no such household.")
    return row


def make(session: Session, details: HouseholdDetails, first: str, now_ms: int) -> Household:
    """Make a household with its first member."""
    row = Household(id=make_id(now_ms), name=details.name, created_ms=now_ms)
    session.add(row)
    session.flush()
    put(session, row.id, first, now_ms)
    return row


def rename(session: Session, id: str, details: HouseholdDetails) -> Household:
    """Call a household otherwise."""
    row = get(session, id)
    row.name = details.name
    session.add(row)
    return row


def put(session: Session, id: str, member: str, now_ms: int) -> None:
    """Take a member into a household; raises Refused for one who is in another."""
    row, person = get(session, id), members.get(session, member)
    kept = session.get(HouseholdMember, person.id)
    if kept is not None and kept.household != id:
        raise Refused("household_other", "This member is in another household. Take them out of it first.")
    if kept is None:
        session.add(HouseholdMember(member=person.id, household=id))
        session.flush()
    if row.account is not None:
        _charge(session, row.account, person, now_ms)


def remove(session: Session, id: str, member: str, now_ms: int) -> None:
    """Take a member out of a household; a household that nobody is in any more is gone.

    Raises Refused for who pays for the others: they pay apart first.
    """
    row, kept = get(session, id), session.get(HouseholdMember, member)
    if kept is None or kept.household != id:
        raise Refused("person_not_found", "This member is not in the household.")
    if row.account is not None and payer(session, row) == member:
        raise Refused("household_payer", "This member pays for the household. Let everybody pay apart first.")
    if row.account is not None and session.get(AccountMember, (row.account, member)) is not None:
        teams.remove_person(session, row.account, member, now_ms)
    session.delete(kept)
    session.flush()
    if not people(session, id):
        session.delete(row)
        session.flush()


def pay_together(session: Session, id: str, member: str, now_ms: int) -> Household:
    """Have one member pay for all: what they use is charged to an account that this member owns.

    It is a team's account, so that it has statements, invoices and limits for each person. Raises Refused for
    somebody who is not in the household, and where it pays together already.
    """
    row = get(session, id)
    if member not in {one.id for one in people(session, id)}:
        raise Refused("person_not_found", "This member is not in the household.")
    if row.account is not None:
        raise Refused("household_pays", "The household pays together already. Let everybody pay apart first.")
    details = TeamDetails(id=f"home-{make_id(now_ms)[-12:]}", name=row.name)
    row.account = teams.add(session, details, now_ms, member).id
    session.add(row)
    session.flush()
    for person in people(session, id):
        _charge(session, row.account, person, now_ms)
    return row


def pay_apart(session: Session, id: str, now_ms: int) -> Household:
    """Have everybody pay for themselves again; what the common account owes stays owed by who owned it."""
    row = get(session, id)
    if row.account is not None:
        teams.archive(session, row.account, now_ms)
        row.account = None
        session.add(row)
        session.flush()
    return row


def of_member(session: Session, member: str) -> Household | None:
    """Return the household that a member is in."""
    kept = session.get(HouseholdMember, member)
    return session.get(Household, kept.household) if kept else None


def people(session: Session, id: str) -> list[Member]:
    """Return who is in a household, by name."""
    query = select(Member).join(HouseholdMember, col(HouseholdMember.member) == col(Member.id))
    return list(session.exec(query.where(HouseholdMember.household == id).order_by(Member.sort, Member.id)))


def payer(session: Session, row: Household) -> str:
    """Return who pays for all, "" where everybody pays for themselves."""
    query = select(AccountMember.member).where(
        AccountMember.account == row.account, AccountMember.role == TeamRole.OWNER
    )
    return session.exec(query).first() or "" if row.account else ""


def _charge(session: Session, account: str, person: Member, now_ms: int) -> None:
    if session.get(AccountMember, (account, person.id)) is None:
        teams.put_person(session, account, person.id, PersonDetails(role=TeamRole.MEMBER), now_ms)
    choice.choose(session, person, account, now_ms)
