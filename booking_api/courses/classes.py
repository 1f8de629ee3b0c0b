"""Courses and classes: planned, signed up for, called off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, func, select

from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.billing.service import FeeDetails
from booking_api.certifications import service as certifications
from booking_api.certifications import skills
from booking_api.clock import make_id
from booking_api.courses import waiting
from booking_api.courses.class_file import CourseRead, read_file
from booking_api.courses.models import ClassSession, ClassWaiting, Course, SignUp, SignUpState
from booking_api.db import zone_of
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.memberships.days import day_of
from booking_api.reservations.blocks import class_changed
from booking_api.tariffs import service as tariffs
from floor import training
from floor.errors import Refused
from floor.money import Commodity
from floor.tariff import Occasion
from floor.training import Requirement

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
    """A class, what is taught, and how many places are taken, or offered to who waits."""

    row: ClassSession
    course: Course
    taken: int
    offered: int = 0

    @property
    def left(self) -> int:
        """How many places anybody may take."""
        return max(0, self.row.capacity - self.taken - self.offered)


def put_file(
    session: Session, text: str, file: str, currency: Commodity, author: str, now_ms: int
) -> list[tuple[Course, str]]:
    """Keep the courses of a classes.toml; each with "added", "changed" or "as it was".

    `certifies` names skills, or machines for the skills of their own. Raises ConfigError for a text that is
    none, Refused for an unknown skill or machine, and for a price that changed without a later `valid_from`.
    """
    read = read_file(text, file, currency, zone_of(session))
    return [_put(session, one, author, now_ms) for one in read]


def _put(session: Session, read: CourseRead, author: str, now_ms: int) -> tuple[Course, str]:
    certifies = sorted({skills.meant(session, one, now_ms).id for one in read.certifies})
    for machine in read.machines:
        machines.get(session, machine)
    if read.requires is not None:
        machines.read_requirement(session, read.requires)
    known = {
        version.text
        for version in tariffs.versions(session, [f"class.{read.id}"]).get(f"class.{read.id}", ())
    }
    tariffs.add(session, read.price_list, author, now_ms, f"price list of {read.id}")
    said = {
        "names": read.names,
        "minutes": read.minutes,
        "capacity": read.capacity,
        "certifies": certifies,
        "valid_months": read.valid_months,
        "cancel_hours": read.cancel_hours,
        "requires": read.requires,
        "machines": list(read.machines),
        "opens_machines": read.opens_machines,
        "offer_hours": read.offer_hours,
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


def listed(session: Session, from_ms: int, now_ms: int | None = None) -> list[Seen]:
    """Return the classes that end after an instant (UTC ms) and take place, in order of time.

    `now_ms` is when offers are looked at, where that is another instant.
    """
    coming = select(ClassSession).where(col(ClassSession.ends_ms) > from_ms)
    rows = session.exec(
        coming.where(col(ClassSession.cancelled_ms).is_(None)).order_by(col(ClassSession.starts_ms))
    )
    courses = {course.id: course for course in session.exec(select(Course))}
    counts = select(SignUp.session, func.count()).where(col(SignUp.state).in_(TAKEN)).group_by(SignUp.session)
    taken = dict(session.exec(counts).all())
    lines = waiting.lines(session)
    at_ms = from_ms if now_ms is None else now_ms
    return [
        _seen(row, courses[row.course], taken.get(row.id, 0), lines.get(row.id, []), at_ms) for row in rows
    ]


def _seen(row: ClassSession, course: Course, taken: int, line: list[ClassWaiting], at_ms: int) -> Seen:
    offers = waiting.offers(line, row, course, taken, at_ms)
    return Seen(row, course, taken, len(offers))


def seen(session: Session, id: str, now_ms: int) -> Seen:
    """Return a class as it stands now; raises Refused when there is none."""
    row = get(session, id)
    line = waiting.lines(session, id).get(id, [])
    return _seen(row, course_of(session, row), len(people(session, id)), line, now_ms)


def people(session: Session, id: str) -> list[SignUp]:
    """Return who has a place in a class, in the order in which they signed up."""
    query = select(SignUp).where(SignUp.session == id, col(SignUp.state).in_(TAKEN))
    return list(session.exec(query.order_by(col(SignUp.signed_ms), col(SignUp.id))))


def of_member(session: Session, member: str) -> list[SignUp]:
    """Return the places that a member has, or had."""
    return list(session.exec(select(SignUp).where(SignUp.member == member, col(SignUp.state).in_(TAKEN))))


def sign_up(session: Session, id: str, member: str, author: str, now_ms: int) -> SignUp:
    """Take a place, or the one that is offered, and charge it.

    Raises Refused for a class that has begun, is full or was called off, and where prerequisites are missing.
    """
    row, person = hold(session, id), members.get(session, member)
    course = course_of(session, row)
    check_open(row, now_ms)
    there = people(session, id)
    if any(one.member == member for one in there):
        raise Refused("signed_up_already", "You have a place in this class already.")
    certifications.check_has(session, member, requires_of(course), now_ms)
    line = waiting.lines(session, id).get(id, [])
    offers = waiting.offers(line, row, course, len(there), now_ms)
    if member not in offers and len(there) + len(offers) >= row.capacity:
        raise Refused("class_full", "This class is full. You can wait for a place.")
    waiting.leave(session, line, member, now_ms)
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
    row = hold(session, id)
    mine = [one for one in people(session, id) if one.member == member and one.state is SignUpState.SIGNED_UP]
    if not mine:
        raise Refused("sign_up_not_found", "You have no place in this class.")
    if row.starts_ms <= now_ms and not is_staff:
        raise Refused("class_over", "This class has begun, or does not take place.")
    early = now_ms <= row.starts_ms - course_of(session, row).cancel_hours * HOUR_MS
    mark(session, mine[0], SignUpState.CANCELLED, now_ms)
    if early or is_staff:
        _give_back(session, mine[0], "The place was given up in time", author, now_ms)
    settle(session, row, now_ms)
    class_changed(session, id, author, now_ms)
    return early or is_staff


def wait(session: Session, id: str, member: str, now_ms: int) -> ClassWaiting:
    """Wait for a place in a full class, behind all others; who waits already keeps their turn.

    Raises Refused where a place is free, and where they have one or could not take it.
    """
    row, _ = hold(session, id), members.get(session, member)
    course = course_of(session, row)
    check_open(row, now_ms)
    there = people(session, id)
    if any(one.member == member for one in there):
        raise Refused("signed_up_already", "You have a place in this class already.")
    certifications.check_has(session, member, requires_of(course), now_ms)
    line = waiting.lines(session, id).get(id, [])
    offers = waiting.offers(line, row, course, len(there), now_ms)
    if member not in offers and len(there) + len(offers) < row.capacity:
        raise Refused("class_not_full", "There is a free place. Take it.")
    made = waiting.join(session, line, id, member, course.offer_hours * HOUR_MS, now_ms)
    settle(session, row, now_ms)
    return made


def stop_waiting(session: Session, id: str, member: str, now_ms: int) -> None:
    """Wait no more; an offer passes on. Raises Refused for somebody who does not wait."""
    row = hold(session, id)
    if not waiting.leave(session, waiting.lines(session, id).get(id, []), member, now_ms):
        raise Refused("waiting_not_found", "You do not wait for a place in this class.")
    settle(session, row, now_ms)


def line_of(session: Session, id: str, now_ms: int) -> list[tuple[ClassWaiting, int | None]]:
    """Return who waits for a class, first come first, and until when a place is offered to them (UTC ms)."""
    row = get(session, id)
    line = waiting.lines(session, id).get(id, [])
    offers = waiting.offers(line, row, course_of(session, row), len(people(session, id)), now_ms)
    return [(one, offers.get(one.member)) for one in line]


def turn_of(session: Session, id: str, member: str, now_ms: int) -> tuple[int, int | None] | None:
    """Return a member's turn in a line (1 is next), and until when a place is offered; None: not in it."""
    for n, (one, until_ms) in enumerate(line_of(session, id, now_ms), 1):
        if one.member == member:
            return n, until_ms
    return None


def that_teach(session: Session, skill: str) -> list[Course]:
    """Return the courses that certify a skill."""
    return [one for one in session.exec(select(Course).order_by(col(Course.id))) if skill in one.certifies]


def settle(session: Session, row: ClassSession, now_ms: int) -> None:
    """Write down, and tell, to whom places are offered by now."""
    line = waiting.lines(session, row.id).get(row.id, [])
    if line:
        waiting.settle(session, line, row, course_of(session, row), len(people(session, row.id)), now_ms)


def settle_all(session: Session, now_ms: int) -> None:
    """Do so for every class to come that somebody waits for."""
    for id in waiting.lines(session):
        row = hold(session, id)  # who looks at the same time finds what was written
        if row.cancelled_ms is None and row.starts_ms > now_ms:
            settle(session, row, now_ms)


def call_off(session: Session, id: str, author: str, now_ms: int, reason: str = "") -> ClassSession:
    """Call a class off; everybody gets back what they were charged, and all who waited are told."""
    row = hold(session, id)
    if row.cancelled_ms is None:
        told = {one.member for one in waiting.lines(session, id).get(id, [])}
        for one in people(session, id):
            told.add(one.member)
            if one.state is SignUpState.SIGNED_UP:
                mark(session, one, SignUpState.CANCELLED, now_ms)
                _give_back(session, one, "The class was called off", author, now_ms)
        row.cancelled_ms = now_ms
        session.add(row)
        session.flush()
        class_changed(session, id, author, now_ms)
        why = {"course": row.course, "reason": reason.strip()[:200]}
        for member in sorted(told):
            happened(session, Happening.CLASS_CALLED_OFF, id, now_ms, member, starts_ms=row.starts_ms, **why)
    return row


def requires_of(course: Course) -> Requirement | None:
    """Return what one must have to sign up."""
    return None if course.requires is None else training.read(course.requires)


def check_open(row: ClassSession, now_ms: int) -> None:
    """Raise Refused for a class that has begun, or does not take place."""
    if row.cancelled_ms is not None or row.starts_ms <= now_ms:
        raise Refused("class_over", "This class has begun, or does not take place.")


def hold(session: Session, id: str) -> ClassSession:
    """Lock a class until the transaction ends: of two who want the last place one is first."""
    query = select(ClassSession).where(ClassSession.id == id).with_for_update()
    row = session.exec(query.execution_options(populate_existing=True)).first()
    return row if row is not None else get(session, id)


def course_of(session: Session, row: ClassSession) -> Course:
    """Return what a class teaches."""
    course = session.get(Course, row.course)
    assert course is not None, "a class has a course"
    return course


def mark(session: Session, one: SignUp, state: SignUpState, now_ms: int) -> SignUp:
    """Write how somebody stands in a class."""
    one.state, one.changed_ms = state, now_ms
    session.add(one)
    session.flush()
    return one


def _give_back(session: Session, one: SignUp, reason: str, author: str, now_ms: int) -> None:
    charge = session.get(Charge, one.charge) if one.charge else None
    for live in billing.charges_of_fee(session, charge.fee) if charge and charge.fee else ():
        billing.reverse_charge(session, live.id, reason, author, now_ms)
