"""What upkeep looks after by itself, each minute: plans that are due, alarms that ask for work, metrics.

Nothing here depends on when it looks: what is due is computed whenever it is asked for.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection

from sqlmodel import Session, col, select

from booking_api.context import Context
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.machines import orders as machine_orders
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.maintenance import downtime, metrics, pictures, plans, work
from booking_api.maintenance.models import (
    CLOSED,
    MaintenanceCount,
    OrderState,
    Source,
    WorkOrder,
    WorkPhoto,
)
from booking_api.maintenance.plans import Standing
from booking_api.maintenance.work import Opening, alarm_key
from booking_api.rounds import Round
from booking_api.sessions.models import Alarm
from floor.maintenance import DAY_MS, DueState, WhenOverdue

AUTHOR = "maintenance"
ALARMS_MAX = 500
STRAY_S = 3_600.0
"""A photo is in the database long before, or never."""
DUE = frozenset({DueState.DUE, DueState.OVERDUE})


def look(session: Session, now_ms: int, in_use: Collection[str] = ()) -> list[Machine]:
    """Tell what is due, open its work orders, and lock what is overdue; not while somebody uses it.

    Returns what was locked.
    """
    work.hold_numbers(session)  # one process looks at a time
    locked: list[Machine] = []
    plans.begin_counts(session, now_ms)
    for one in plans.standings(session, now_ms):
        if one.due.state in DUE:
            count = session.get_one(MaintenanceCount, (one.plan.id, one.machine.id))
            _tell(session, one, count, now_ms)
            if one.machine.id not in in_use and _lock(session, one, count, now_ms):
                locked.append(one.machine)
    _open_for_alarms(session, now_ms)
    return locked


def show(session: Session, now_ms: int) -> None:
    """Set the metrics."""
    orders = Counter(one.machine for one in work.open_orders(session))
    metrics.show(plans.standings(session, now_ms), machines.listed(session), orders, now_ms)


def _tell(session: Session, one: Standing, count: MaintenanceCount, now_ms: int) -> None:
    """Say once that work is due, with a work order for it unless there is one."""
    if count.told_ms is not None:
        return
    count.told_ms = now_ms
    session.add(count)
    if _order_of(session, one) is None:
        title = next(iter(one.plan.names.values()))
        opening = Opening(Source.PLAN, AUTHOR, plan=one.plan.id)
        work.open_order(session, one.machine.id, title, opening, now_ms)
    happened(
        session, Happening.MAINTENANCE_DUE, one.machine.id, now_ms, machine=one.machine.id, plan=one.plan.id
    )


def _lock(session: Session, one: Standing, count: MaintenanceCount, now_ms: int) -> bool:
    """Lock a machine whose work is overdue, once: whoever clears it without the work has their reason."""
    overdue = one.due.state is DueState.OVERDUE and one.plan.when_overdue is WhenOverdue.LOCK
    if not overdue or count.locked_ms is not None:
        return False
    count.locked_ms = now_ms
    session.add(count)
    if one.machine.lockout_reason is not None:
        return False
    reason = f"Maintenance is overdue: {next(iter(one.plan.names.values()))}"
    machines.lock_out(session, one.machine.id, reason, AUTHOR, now_ms)
    order = _order_of(session, one)
    if order is not None:
        downtime.tie(session, one.machine.id, order.id, planned=True)
    return True


def _order_of(session: Session, one: Standing) -> WorkOrder | None:
    query = select(WorkOrder).where(WorkOrder.plan == one.plan.id, WorkOrder.machine == one.machine.id)
    return session.exec(query.where(col(WorkOrder.state).not_in(CLOSED))).first()


def _open_for_alarms(session: Session, now_ms: int) -> None:
    """Open a work order for each new alarm that a plan waits for; one at a time for plan and machine."""
    waiting = [plan for plan in plans.listed(session) if plan.alarms and not plan.stopped]
    codes = {code for plan in waiting for code in plan.alarms}
    if not codes:
        return
    lately = select(Alarm).where(col(Alarm.at_ms) > now_ms - DAY_MS, col(Alarm.code).in_(codes))
    alarms = session.exec(lately.order_by(col(Alarm.at_ms)).limit(ALARMS_MAX)).all()
    there = {machine.id: machine for machine in machines.listed(session)}
    for alarm in alarms:
        machine, key = there.get(alarm.machine or ""), alarm_key(alarm)
        if machine is None:
            continue
        asking = (one for one in waiting if alarm.code in one.alarms and plans.holds_for(one, machine))
        plan = next(asking, None)
        if plan is None or _answered(session, key, machine.id, plan.id, alarm.at_ms):
            continue
        opening = Opening(Source.ALARM, AUTHOR, alarm.words, plan=plan.id, alarm=key)
        work.open_order(session, machine.id, next(iter(plan.names.values())), opening, now_ms)


def _answered(session: Session, key: str, machine: str, plan: str, at_ms: int) -> bool:
    """Whether an alarm has its work order, or came while one of the same plan was open."""
    same = select(WorkOrder).where(WorkOrder.machine == machine, WorkOrder.plan == plan)
    if session.exec(select(WorkOrder.id).where(WorkOrder.alarm == key)).first() is not None:
        return True
    return any(
        one.state is not OrderState.DROPPED and (one.closed_ms is None or one.closed_ms > at_ms)
        for one in session.exec(same)
    )


async def _look(context: Context) -> None:
    now_ms = context.clock.now_ms()
    stations = context.live.snapshot().stations.values()
    in_use = {one.machine for one in stations if one.session_id is not None}
    locked = await context.database.transact(lambda session: look(session, now_ms, in_use))
    async with asyncio.TaskGroup() as orders:
        for machine in locked:
            orders.create_task(machine_orders.tell_locked(context, machine, AUTHOR))
    await context.database.look(lambda session: show(session, now_ms))


def sweep(context: Context) -> None:
    """Delete photos that were written for a transaction that came to nothing. Waits for the disk."""
    data = context.database.data
    old = pictures.untouched(data, context.wall.now_ms() / 1000 - STRAY_S)
    if old:
        with context.database.read() as session:
            kept = set(session.exec(select(WorkPhoto.sha256)))
        pictures.delete(old, kept)


async def _sweep(context: Context) -> None:
    await asyncio.to_thread(sweep, context)


ROUNDS = (Round(60.0, _look), Round(3_600.0, _sweep))
