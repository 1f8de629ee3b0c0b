"""Who is called in an emergency, who is a minor, and who answers for them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from booking_api.gateways.changes import Subject, changed
from booking_api.members import service
from booking_api.members.models import Member, MemberCare
from floor.errors import Refused

OF_AGE = 18
AFTER_BIRTHDAY = timedelta(days=30)
"""For so long what a guardian signed goes on once a member has come of age."""


class Contact(BaseModel):
    """What members say of themselves: their telephone, and who is called in an emergency."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    phone: Annotated[str, Field(max_length=40)] = ""
    emergency_name: Annotated[str, Field(max_length=100)] = ""
    emergency_phone: Annotated[str, Field(max_length=40)] = ""
    emergency_note: Annotated[str, Field(max_length=200)] = ""


class Guardianship(BaseModel):
    """Until when a member is a minor (a day; None: of age), and who answers for them.

    `guardian` is a member's number, email or id; an outside person has a name and a contact instead.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    minor_until: date | None = None
    guardian: Annotated[str, Field(max_length=254)] = ""
    guardian_name: Annotated[str, Field(max_length=100)] = ""
    guardian_contact: Annotated[str, Field(max_length=254)] = ""


def of(session: Session, member: str) -> MemberCare:
    """Return what is kept of a member; of nobody else there is an empty one."""
    return session.get(MemberCare, member) or MemberCare(member=member)


def set_contact(session: Session, member: str, contact: Contact) -> MemberCare:
    """Keep how a member and their people are reached."""
    kept = of(session, service.get(session, member).id)
    kept.sqlmodel_update(contact.model_dump(exclude_unset=True))
    session.add(kept)
    session.flush()
    return kept


def set_guardianship(session: Session, member: str, given: Guardianship, now_ms: int) -> MemberCare:
    """Say until when a member is a minor and who answers for them; gateways learn of it.

    Raises Refused for a minor without a guardian who can be reached, and for a guardian who is a minor.
    """
    kept = of(session, service.get(session, member).id)
    guardian = service.find(session, given.guardian).id if given.guardian else None
    if (
        given.minor_until is not None
        and guardian is None
        and not (given.guardian_name and given.guardian_contact)
    ):
        sentence = "A minor needs a guardian: a member, or somebody's name and how they are reached."
        raise Refused("guardian_missing", sentence)
    if guardian is not None and (guardian == member or of(session, guardian).minor_until is not None):
        raise Refused("guardian_invalid", "A guardian is somebody else, who is of age.")
    kept.minor_until, kept.guardian = given.minor_until, guardian
    kept.guardian_name, kept.guardian_contact = given.guardian_name, given.guardian_contact
    session.add(kept)
    session.flush()
    changed(session, Subject.MEMBER, member, now_ms)
    return kept


def birthdays(session: Session, members: Collection[str] | None = None) -> dict[str, date]:
    """Return of these members (None: of all) who are or were minors the day on which they come of age."""
    query = select(MemberCare).where(col(MemberCare.minor_until).is_not(None))
    if members is not None:
        query = query.where(col(MemberCare.member).in_(members))
    return {row.member: row.minor_until for row in session.exec(query) if row.minor_until is not None}


def minors(session: Session, members: Collection[str] | None, today: date) -> set[str]:
    """Return who of these members (None: of all) is a minor on a day of the space."""
    return {member for member, day in birthdays(session, members).items() if today < day}


def is_minor(session: Session, member: str, today: date) -> bool:
    """Whether a member is a minor on a day."""
    return bool(minors(session, {member}, today))


def wards(session: Session, guardian: str, today: date) -> list[Member]:
    """Return the minors for whom a member answers."""
    query = select(Member).join(MemberCare, col(MemberCare.member) == col(Member.id))
    mine = query.where(MemberCare.guardian == guardian, col(MemberCare.minor_until) > today)
    return list(session.exec(mine.order_by(col(Member.sort), col(Member.id))))


def of_age_on(born: date, of_age: int = OF_AGE) -> date:
    """Return the day on which somebody comes of age; who was born on February 29 does so on March 1."""
    try:
        return born.replace(year=born.year + of_age)
    except ValueError:
        return date(born.year + of_age, 3, 1)
