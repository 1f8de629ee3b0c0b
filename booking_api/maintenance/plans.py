"""Plans: kept from their file, looked at for what is due, and counted anew when the work is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlmodel import Session, col, select

from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.maintenance import use
from booking_api.maintenance.models import MaintenanceCount, MaintenancePlan
from booking_api.maintenance.plan_file import read_file
from booking_api.maintenance.use import Uses
from floor.errors import Refused
from floor.maintenance import Count, Due, DueState, Measure, Plan, due

_URGENCY = list(reversed(DueState))
_LATEST = 1 << 62
NOTHING: Mapping[Measure, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a plan stands at a machine, and since when it counts (UTC milliseconds)."""

    plan: MaintenancePlan
    machine: Machine
    due: Due
    since_ms: int


def put_file(session: Session, text: str, file: str, now_ms: int) -> list[tuple[MaintenancePlan, str]]:
    """Keep the plans of a maintenance.toml; each with "added", "changed" or "as it was".

    A plan counts from now on at a machine that it is new to. Raises ConfigError, Refused for an unknown
    machine.
    """
    found: list[tuple[MaintenancePlan, str]] = []
    for read in read_file(text, file):
        for machine in read.values["machines"]:
            machines.get(session, machine)
        plan = session.get(MaintenancePlan, read.id)
        if plan is not None and all(getattr(plan, key) == value for key, value in read.values.items()):
            found.append((plan, "as it was"))
            continue
        what = "changed" if plan else "added"
        plan = plan or MaintenancePlan(id=read.id, updated_ms=now_ms)
        plan.sqlmodel_update(read.values | {"updated_ms": now_ms})
        session.add(plan)
        found.append((plan, what))
    session.flush()
    begin_counts(session, now_ms)
    return found


def listed(session: Session) -> list[MaintenancePlan]:
    """Return every plan, by its id."""
    return list(session.exec(select(MaintenancePlan).order_by(col(MaintenancePlan.id))))


def get(session: Session, id: str) -> MaintenancePlan:
    """Return a plan; raises Refused when there is none."""
    plan = session.get(MaintenancePlan, id)
    if plan is None:
        raise Refused("maintenance_plan_not_found", f"There is no maintenance plan {id}.")
    return plan


def holds_for(plan: MaintenancePlan, machine: Machine) -> bool:
    """Whether a plan is for a machine."""
    return not plan.stopped and (machine.id in plan.machines or machine.kind in plan.kinds)


def begin_counts(session: Session, now_ms: int) -> None:
    """Begin to count where a plan is new to a machine."""
    kept = set(session.exec(select(MaintenanceCount.plan, MaintenanceCount.machine)))
    pairs = _pairs(listed(session), machines.listed(session))
    missing = [(plan, machine) for plan, machine in pairs if (plan.id, machine.id) not in kept]
    if not missing:
        return
    uses = use.read(session, now_ms)
    for plan, machine in missing:
        totals = dict(uses.total(machine.id))
        session.add(MaintenanceCount(plan=plan.id, machine=machine.id, since_ms=now_ms, totals=totals))
    session.flush()


def standings(session: Session, now_ms: int, machine: str = "") -> list[Standing]:
    """Return how every plan stands, at every machine or at one: the most urgent first."""
    where = [machines.get(session, machine)] if machine else machines.listed(session)
    pairs = list(_pairs(listed(session), where))
    if not pairs:
        return []
    uses = use.read(session, now_ms, machine)
    query = select(MaintenanceCount)
    query = query.where(MaintenanceCount.machine == machine) if machine else query
    counts = {(count.plan, count.machine): count for count in session.exec(query)}
    found = [_standing(plan, at, counts.get((plan.id, at.id)), uses, now_ms) for plan, at in pairs]
    return sorted(found, key=_order)


def done(
    session: Session,
    plan: str,
    machine: str,
    author: str,
    now_ms: int,
    used: Mapping[Measure, int] = NOTHING,
) -> MaintenanceCount:
    """Set a plan's count at a machine back: its work is done. Raises Refused where it is not for the machine.

    `used` says what had been counted already (base units), of a part that was not new; days count back.
    """
    row, at = get(session, plan), machines.get(session, machine)
    if not holds_for(row, at):
        raise Refused("plan_not_of_machine", "This plan is not for that machine.")
    totals = dict(use.read(session, now_ms, machine).total(machine))
    back_ms = 0
    for measure, amount in used.items():
        if measure is Measure.DAYS:
            back_ms = amount
        else:
            totals[measure.counter] = totals.get(measure.counter, 0) - amount
    count = session.get(MaintenanceCount, (plan, machine))
    count = count or MaintenanceCount(plan=plan, machine=machine, since_ms=now_ms)
    count.since_ms, count.totals, count.done_by = now_ms - back_ms, totals, author
    count.told_ms = count.locked_ms = None
    session.add(count)
    session.flush()
    return count


def _pairs(
    plans: Iterable[MaintenancePlan], where: Iterable[Machine]
) -> Iterable[tuple[MaintenancePlan, Machine]]:
    kept = list(where)
    return ((plan, machine) for plan in plans for machine in kept if holds_for(plan, machine))


def _standing(
    plan: MaintenancePlan, machine: Machine, kept: MaintenanceCount | None, uses: Uses, now_ms: int
) -> Standing:
    totals = uses.total(machine.id)
    count = Count(kept.since_ms, kept.totals) if kept else Count(now_ms, totals)
    every = {Measure(name): amount for name, amount in plan.every.items()}
    rules = Plan(every, plan.soon_percent, plan.grace_percent)
    return Standing(plan, machine, due(rules, count, totals, uses.window(machine.id), now_ms), count.since_ms)


def _order(one: Standing) -> tuple[int, int, str, str]:
    at_ms = one.due.due_ms if one.due.due_ms is not None else _LATEST
    return _URGENCY.index(one.due.state), at_ms, one.machine.name, one.plan.id
