"""Courses and classes: planned, signed up for, cancelled; who attends is certified by the instructor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, func, select

from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.billing.service import FeeDetails
from booking_api.certifications import service as certifications
from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.memberships.class_file import CourseRead, read_file
from booking_api.memberships.days import begin_ms, day_of
from booking_api.memberships.models import ClassSession, Course, SignUp, SignUpState
from booking_api.reservations.blocks import class_changed
from booking_api.tariffs import service as tariffs
from floor.errors import Refused
from floor.membership import add_months
from floor.money import Commodity
from floor.tariff import Occasion

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
TAKEN = (SignUpState.SIGNED_UP, SignUpState.ATTENDED, SignUpState.MISSED)


class ClassDetails(BaseModel):
    """A class to plan; without an end or a capacity they are the course's. UTC milliseconds."""

    model_config = ConfigDict(extra="forbid")

    course: str = Field(max_length=40)
    instructor: str = Field(max_length=64)
    starts_ms: Annotated[int, Field(ge=0, lt=1 << 47)]
    capacity: Annotated[int, Field(ge=1, le=1_000)] | None = None
    place: str = Field(default="", max_length=100)


@dataclass(frozen=True, slots=True)
class Seen:
    """A class, what is taught, and how many places are taken."""

    row: ClassSession
    course: Course
    taken: int

    @property
    def left(self) -> int:
        """How many places are free."""
        return max(0, self.row.capacity - self.taken)


def put_file(
    session: Session, text: str, file: str, currency: Commodity, author: str, now_ms: int
) -> list[tuple[Course, str]]:
    """Keep the courses of a classes.toml; each with "added", "changed" or "as it was".

    Raises ConfigError for a text that is none, Refused for an unknown machine, and for a price that changed
    without a later `valid_from`.
    """
    read = read_file(text, file, currency, zone_of(session))
    return [_put(session, one, author, now_ms) for one in read]


def _put(session: Session, read: CourseRead, author: str, now_ms: int) -> tuple[Course, str]:
    for machine in read.certifies:
        machines.get(session, machine)
    known = {
        version.text
        for version in tariffs.versions(session, [f"class.{read.id}"]).get(f"class.{read.id}", ())
    }
    tariffs.add(session, read.price_list, author, now_ms, f"price list of {read.id}")
    said = {
        "names": read.names,
        "minutes": read.minutes,
        "capacity": read.capacity,
        "certifies": list(read.certifies),
        "valid_months": read.valid_months,
        "cancel_hours": read.cancel_hours,
    }
    course = session.get(Course, read.id)
    is_same = course is not None and all(getattr(course, key) == value for key, value in said.items())
    if course is not None and is_same and read.price_list in known:
        return course, "as it was"
    what = "changed" if course else "added"
    if course is None:
        course = Course(id=read.id, updated_ms=now_ms, minutes=read.minutes, capacity=read.capacity)
    course.sqlmodel_update(said | {"updated_ms": now_ms})
    session.add(course)
    session.flush()
    return course, what


def plan(session: Session, details: ClassDetails, now_ms: int) -> ClassSession:
    """Plan a class; raises Refused for an unknown course or instructor, and for a time that is over."""
    course = session.get(Course, details.course)
    if course is None:
        raise Refused("course_not_found", "There is no such course.")
    members.get(session, details.instructor)
    if details.starts_ms < now_ms:
        raise Refused("date_past", "This time is over. Choose a later one.")
    made = ClassSession(
        id=make_id(now_ms),
        course=course.id,
        instructor=details.instructor,
        starts_ms=details.starts_ms,
        ends_ms=details.starts_ms + course.minutes * MINUTE_MS,
        capacity=details.capacity or course.capacity,
        place=details.place,
        created_ms=now_ms,
    )
    session.add(made)
    session.flush()
    return made


def get(session: Session, id: str) -> ClassSession:
    """Return a class; raises Refused when there is none."""
    row = session.get(ClassSession, id)
    if row is None:
        raise Refused("class_not_found", "There is no such class.")
    return row


def listed(session: Session, from_ms: int) -> list[Seen]:
    """Return the classes that end after an instant (UTC milliseconds) and take place, in order of time."""
    coming = select(ClassSession).where(col(ClassSession.ends_ms) > from_ms)
    rows = session.exec(
        coming.where(col(ClassSession.cancelled_ms).is_(None)).order_by(col(ClassSession.starts_ms))
    )
    courses = {course.id: course for course in session.exec(select(Course))}
    counts = select(SignUp.session, func.count()).where(col(SignUp.state).in_(TAKEN)).group_by(SignUp.session)
    taken = dict(session.exec(counts).all())
    return [Seen(row, courses[row.course], taken.get(row.id, 0)) for row in rows]


def people(session: Session, id: str) -> list[SignUp]:
    """Return who has a place in a class, in the order in which they signed up."""
    query = select(SignUp).where(SignUp.session == id, col(SignUp.state).in_(TAKEN))
    return list(session.exec(query.order_by(col(SignUp.signed_ms), col(SignUp.id))))


def of_member(session: Session, member: str) -> list[SignUp]:
    """Return the places that a member has, or had."""
    return list(session.exec(select(SignUp).where(SignUp.member == member, col(SignUp.state).in_(TAKEN))))


def sign_up(session: Session, id: str, member: str, author: str, now_ms: int) -> SignUp:
    """Take a place and charge it; raises Refused for a class that has begun, is full or was cancelled."""
    row, person = get(session, id), members.get(session, member)
    course = _course(session, row)
    if row.cancelled_ms is not None or row.starts_ms <= now_ms:
        raise Refused("class_over", "This class has begun, or does not take place.")
    there = people(session, id)
    if any(one.member == member for one in there):
        raise Refused("signed_up_already", "You have a place in this class already.")
    if len(there) >= row.capacity:
        raise Refused("class_full", "This class is full.")
    made = SignUp(id=make_id(now_ms), session=id, member=member, signed_ms=now_ms, changed_ms=now_ms)
    name = course.names.get(person.language) or next(iter(course.names.values()))
    day = day_of(row.starts_ms, zone_of(session))
    details = FeeDetails(
        occasion=Occasion.CLASS,
        member=member,
        tariff=f"class.{course.id}",
        from_ms=now_ms,
        to_ms=now_ms,
        words=f"{name}, {day.isoformat()}"[:200],
        source=f"class:{made.id}",
    )
    charges = billing.charge_fee(session, details, author, now_ms)
    made.charge = charges[0].id if charges else None
    session.add(made)
    session.flush()
    class_changed(session, id, author, now_ms)
    return made


def cancel(
    session: Session, id: str, member: str, author: str, now_ms: int, *, is_staff: bool = False
) -> bool:
    """Give a place up; True when what was charged is given back, because it is early enough, or by staff."""
    row = get(session, id)
    mine = [one for one in people(session, id) if one.member == member and one.state is SignUpState.SIGNED_UP]
    if not mine:
        raise Refused("sign_up_not_found", "You have no place in this class.")
    if row.starts_ms <= now_ms and not is_staff:
        raise Refused("class_over", "This class has begun, or does not take place.")
    early = now_ms <= row.starts_ms - _course(session, row).cancel_hours * HOUR_MS
    _set(session, mine[0], SignUpState.CANCELLED, now_ms)
    class_changed(session, id, author, now_ms)
    if early or is_staff:
        _give_back(session, mine[0], "The place was given up in time", author, now_ms)
    return early or is_staff


def call_off(session: Session, id: str, author: str, now_ms: int) -> ClassSession:
    """Call a class off; everybody gets back what they were charged."""
    row = get(session, id)
    if row.cancelled_ms is None:
        for one in people(session, id):
            if one.state is SignUpState.SIGNED_UP:
                _set(session, one, SignUpState.CANCELLED, now_ms)
                _give_back(session, one, "The class was called off", author, now_ms)
        row.cancelled_ms = now_ms
        session.add(row)
        session.flush()
        class_changed(session, id, author, now_ms)
    return row


def attend(session: Session, id: str, member: str, now_ms: int, *, came: bool = True) -> SignUp:
    """Note whether somebody came; who did is certified for the course's machines, by the instructor."""
    row = get(session, id)
    if row.starts_ms > now_ms:
        raise Refused("class_not_begun", "This class has not begun.")
    mine = [one for one in people(session, id) if one.member == member]
    if not mine:
        raise Refused("sign_up_not_found", "This member has no place in the class.")
    course = _course(session, row)
    if came and mine[0].state is not SignUpState.ATTENDED:
        zone, expires_ms = zone_of(session), None
        if course.valid_months is not None:
            expires_ms = begin_ms(add_months(day_of(row.starts_ms, zone), course.valid_months), zone)
        for machine in course.certifies:
            certifications.grant(session, member, machine, row.instructor, now_ms, expires_ms)
    return _set(session, mine[0], SignUpState.ATTENDED if came else SignUpState.MISSED, now_ms)


def _course(session: Session, row: ClassSession) -> Course:
    course = session.get(Course, row.course)
    assert course is not None, "a class has a course"
    return course


def _set(session: Session, one: SignUp, state: SignUpState, now_ms: int) -> SignUp:
    one.state, one.changed_ms = state, now_ms
    session.add(one)
    session.flush()
    return one


def _give_back(session: Session, one: SignUp, reason: str, author: str, now_ms: int) -> None:
    charge = session.get(Charge, one.charge) if one.charge else None
    for live in billing.charges_of_fee(session, charge.fee) if charge and charge.fee else ():
        billing.reverse_charge(session, live.id, reason, author, now_ms)
