"""Work orders: opened by technicians, faults, plans and alarms; worked on, and closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlmodel import Session, col, func, select

from booking_api.clock import make_id
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.machines import service as machines
from booking_api.maintenance import downtime, plans
from booking_api.maintenance.models import (
    CLOSED,
    OrderState,
    Source,
    WorkNote,
    WorkOrder,
    WorkPart,
    WorkPhoto,
)
from booking_api.maintenance.pictures import Picture
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.payments import items
from booking_api.sessions.models import Alarm
from floor.errors import Refused
from floor.words import Role

PHOTOS_MAX, NOTES_MAX, PARTS_MAX = 20, 500, 100
REPORTS_MAX = 10
"""So many faults that one member reported may be open at a time."""
LISTED_MAX = 200
WORKS = frozenset({Role.TECHNICIAN, Role.OPERATOR, Role.ADMIN})
_NUMBERS = "SELECT pg_advisory_xact_lock(hashtextextended('work_order', 0))"
Title = Annotated[str, Field(min_length=1, max_length=200)]
Words = Annotated[str, Field(max_length=2_000)]


class FaultDetails(BaseModel):
    """What a member saw; `urgent`: the machine is dangerous."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    title: Title
    words: Words = ""
    urgent: bool = False


class OrderDetails(FaultDetails):
    """A work order that staff open. `assignee` is a member who does it, or nobody yet."""

    machine: Annotated[str, Field(max_length=64)]
    assignee: Annotated[str | None, Field(max_length=64)] = None


class OrderChanges(BaseModel):
    """What to change of a work order: only the fields that are given; `words` are noted."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    title: Title = "-"
    urgent: bool = False
    assignee: Annotated[str | None, Field(max_length=64)] = None
    state: OrderState = OrderState.OPEN
    words: Words = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a work order, beside its machine and title."""

    source: Source
    author: str
    words: str = ""
    urgent: bool = False
    member: str | None = None
    assignee: str | None = None
    plan: str | None = None
    alarm: str | None = None


def hold_numbers(session: Session) -> None:
    """Number work orders one after the other until the transaction ends; SQLite has one writer anyway.

    Whoever locks the rosters as well has locked this first.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(text(_NUMBERS))


def open_order(session: Session, machine: str, title: str, opening: Opening, now_ms: int) -> WorkOrder:
    """Open a work order; raises Refused for an unknown machine, and an assignee who does no such work."""
    at = machines.get(session, machine)
    if opening.assignee:
        _check_works(session, opening.assignee)
    hold_numbers(session)
    order = WorkOrder(
        id=make_id(now_ms),
        n=(session.exec(select(func.max(WorkOrder.n))).one() or 0) + 1,
        machine=at.id,
        source=opening.source,
        state=OrderState.ASSIGNED if opening.assignee else OrderState.OPEN,
        title=" ".join(title.split())[:200],
        urgent=opening.urgent,
        plan=opening.plan,
        alarm=opening.alarm,
        member=opening.member,
        assignee=opening.assignee,
        opened_ms=now_ms,
    )
    session.add(order)
    session.flush()
    if opening.words:
        note(session, order, opening.author, opening.words, now_ms)
    return order


def report(session: Session, machine: str, details: FaultDetails, member: str, now_ms: int) -> WorkOrder:
    """Take a fault that a member saw; raises Refused where they have reported too many that are open."""
    at = machines.get(session, machine)
    if at.archived_ms is not None:
        raise Refused("machine_archived", "This machine is not on the floor any more.")
    mine = select(func.count()).where(WorkOrder.member == member, col(WorkOrder.state).not_in(CLOSED))
    if session.exec(mine).one() >= REPORTS_MAX:
        raise Refused("reports_many", "You have reported much that is still open. Speak to staff, please.")
    opening = Opening(Source.FAULT, member, details.words, details.urgent, member=member)
    order = open_order(session, machine, details.title, opening, now_ms)
    happened(
        session,
        Happening.FAULT_REPORTED,
        order.id,
        now_ms,
        machine=machine,
        title=order.title,
        urgent=int(order.urgent),
    )
    return order


def alarm_key(alarm: Alarm) -> str:
    """Return what a work order knows an alarm by."""
    return f"{alarm.gateway}/{alarm.epoch}/{alarm.seq}"


def of_alarms(session: Session, alarms: Sequence[Alarm]) -> dict[str, WorkOrder]:
    """Return the work orders that alarms have, by `alarm_key`."""
    keys = [alarm_key(one) for one in alarms]
    found = session.exec(select(WorkOrder).where(col(WorkOrder.alarm).in_(keys)))
    return {order.alarm: order for order in found if order.alarm is not None}


def open_for_alarm(session: Session, alarm: Alarm, title: str, author: str, now_ms: int) -> WorkOrder:
    """Open a work order for an alarm, or return the one that it has; the alarm is seen then.

    Raises Refused for an alarm of no machine.
    """
    if alarm.machine is None:
        raise Refused("alarm_no_machine", "This alarm is of no machine.")
    hold_numbers(session)
    order = of_alarms(session, [alarm]).get(alarm_key(alarm))
    if order is None:
        opening = Opening(Source.ALARM, author, alarm.words, alarm=alarm_key(alarm))
        order = open_order(session, alarm.machine, title, opening, now_ms)
    if alarm.seen_ms is None:
        alarm.seen_ms, alarm.seen_by = now_ms, author
        session.add(alarm)
    return order


def get(session: Session, id: str) -> WorkOrder:
    """Return a work order; raises Refused when there is none."""
    order = session.get(WorkOrder, id)
    if order is None:
        raise Refused("work_order_not_found", "There is no such work order.")
    return order


def open_orders(session: Session, machine: str = "") -> Sequence[WorkOrder]:
    """Return what is to do, everywhere or at one machine: the urgent first, then the oldest."""
    query = select(WorkOrder).where(col(WorkOrder.state).not_in(CLOSED))
    query = query.where(WorkOrder.machine == machine) if machine else query
    return session.exec(
        query.order_by(col(WorkOrder.urgent).desc(), col(WorkOrder.opened_ms)).limit(LISTED_MAX)
    ).all()


def closed_orders(session: Session, machine: str, limit: int) -> Sequence[WorkOrder]:
    """Return what was done at a machine ("": anywhere), newest first."""
    query = select(WorkOrder).where(col(WorkOrder.state).in_(CLOSED))
    query = query.where(WorkOrder.machine == machine) if machine else query
    return session.exec(query.order_by(col(WorkOrder.closed_ms).desc()).limit(limit)).all()


def workers(session: Session) -> Sequence[Member]:
    """Return who may be given a work order."""
    query = select(Member).where(col(Member.role).in_(WORKS), col(Member.erased_ms).is_(None))
    return session.exec(query.order_by(col(Member.first_name), col(Member.id))).all()


def change(session: Session, id: str, changes: OrderChanges, author: str, now_ms: int) -> WorkOrder:
    """Change what is given. Done sets its plan's count back, and tells who reported it.

    Raises Refused for a closed order (but to open it again), and for who does no such work.
    """
    order, given = get(session, id), changes.model_fields_set
    state = changes.state if "state" in given else order.state
    if order.state in CLOSED and state in CLOSED:
        raise closed()
    if "assignee" in given:
        if changes.assignee:
            _check_works(session, changes.assignee)
        order.assignee = changes.assignee or None
        if "state" not in given and order.state in {OrderState.OPEN, OrderState.ASSIGNED}:
            state = OrderState.ASSIGNED if order.assignee else OrderState.OPEN
    if "title" in given:
        order.title = " ".join(changes.title.split())[:200]
    if "urgent" in given:
        order.urgent = changes.urgent
    moved = state is not order.state
    if moved:
        _move(session, order, state, author, now_ms)
    session.add(order)
    session.flush()
    if moved or changes.words:
        note(session, order, author, changes.words, now_ms, state if moved else None)
    return order


def _move(session: Session, order: WorkOrder, state: OrderState, author: str, now_ms: int) -> None:
    if state is OrderState.IN_PROGRESS and order.begun_ms is None:
        order.begun_ms = now_ms
    order.state = state
    order.closed_ms, order.closed_by = (now_ms, author) if state in CLOSED else (None, None)
    if state is not OrderState.DONE:
        return
    machine = machines.get(session, order.machine)
    if order.plan and plans.holds_for(plans.get(session, order.plan), machine):
        plans.done(session, order.plan, order.machine, author, now_ms)
    happened(
        session,
        Happening.WORK_ORDER_DONE,
        order.id,
        now_ms,
        member=order.member,
        machine=order.machine,
        title=order.title,
    )


def note(
    session: Session,
    order: WorkOrder,
    author: str,
    words: str,
    now_ms: int,
    state: OrderState | None = None,
) -> WorkNote:
    """Note something about a work order; raises Refused beyond 500 notes."""
    _check_count(session, WorkNote, order, NOTES_MAX)
    row = WorkNote(
        id=make_id(now_ms),
        work_order=order.id,
        author=author,
        at_ms=now_ms,
        words=words.strip()[:2_000],
        change=state or "",
    )
    session.add(row)
    session.flush()
    return row


def add_photo(session: Session, order: WorkOrder, picture: Picture, author: str, now_ms: int) -> WorkPhoto:
    """Take that a photo, which is on disk already, belongs to a work order; raises Refused beyond 20."""
    _check_count(session, WorkPhoto, order, PHOTOS_MAX)
    row = WorkPhoto(
        id=make_id(now_ms),
        work_order=order.id,
        author=author,
        at_ms=now_ms,
        sha256=picture.sha256,
        media_type=picture.media_type,
        size=len(picture.data),
        width=picture.width,
        height=picture.height,
    )
    session.add(row)
    session.flush()
    return row


def use_part(
    session: Session, order: WorkOrder, item: str, quantity_milli: int, author: str, now_ms: int
) -> WorkPart:
    """Take a part from the stock for a work order (thousandths of its unit); raises Refused."""
    if order.state in CLOSED:
        raise closed()
    if not 0 < quantity_milli < items.MILLI_END:
        raise Refused("count_malformed", "Write how much there is, like 12 or 0.5.")
    part = items.get(session, item)
    _check_count(session, WorkPart, order, PARTS_MAX)
    row = WorkPart(
        id=make_id(now_ms),
        work_order=order.id,
        item=part.id,
        quantity_milli=quantity_milli,
        author=author,
        at_ms=now_ms,
    )
    session.add(row)
    session.flush()
    items.move(session, part, -quantity_milli, author, f"work order {order.n}", now_ms)
    return row


def tie_lockout(session: Session, id: str) -> None:
    """Say that its machine is out of order for this work order: for a plan's it is no failure."""
    order = get(session, id)
    downtime.tie(session, order.machine, order.id, planned=order.source is Source.PLAN)


def notes(session: Session, id: str) -> Sequence[WorkNote]:
    """Return what was noted about a work order, in order."""
    query = select(WorkNote).where(WorkNote.work_order == id)
    return session.exec(query.order_by(col(WorkNote.at_ms), col(WorkNote.id))).all()


def photos(session: Session, id: str) -> Sequence[WorkPhoto]:
    """Return a work order's photos, in order."""
    return session.exec(select(WorkPhoto).where(WorkPhoto.work_order == id).order_by(col(WorkPhoto.id))).all()


def parts(session: Session, id: str) -> Sequence[WorkPart]:
    """Return the parts that a work order used, in order."""
    return session.exec(select(WorkPart).where(WorkPart.work_order == id).order_by(col(WorkPart.id))).all()


def closed() -> Refused:
    """Return the refusal of a change to what is closed."""
    return Refused("work_order_closed", "This work order is closed. Open it again first.")


def _check_works(session: Session, member: str) -> None:
    who = members.get(session, member)
    if who.role not in WORKS or who.erased_ms is not None:
        raise Refused("assignee_refused", "They are no technician.")


def _check_count(
    session: Session, table: type[WorkNote] | type[WorkPhoto] | type[WorkPart], order: WorkOrder, most: int
) -> None:
    held = session.exec(select(func.count()).where(col(table.work_order) == order.id)).one()
    if held >= most:
        raise Refused("work_order_full", "This work order has enough of these. Open another one.")
