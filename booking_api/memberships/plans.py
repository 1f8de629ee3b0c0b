"""Versions of plans: added as they were written, never edited; each with the price list it is charged by."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, select

from booking_api.db import zone_of
from booking_api.memberships.days import begin_ms
from booking_api.memberships.models import PlanVersion
from booking_api.memberships.plan_file import price_list, read_file, read_kept
from booking_api.tariffs import service as tariffs
from floor.errors import Refused
from floor.membership import Plan
from floor.money import Commodity


@dataclass(frozen=True, slots=True)
class Added:
    """A plan of a file, and whether this version of it is new."""

    plan: Plan
    is_new: bool


def add_file(
    session: Session, text: str, file: str, currency: Commodity, author: str, now_ms: int
) -> list[Added]:
    """Keep the plans of a plans.toml; what is kept already stays as it is.

    Raises ConfigError for a text that is no list of plans, Refused for a plan that changed without a later
    `valid_from`, or that names a tariff which is not known.
    """
    return [_add(session, plan, kept, author, now_ms) for plan, kept in read_file(text, file, currency)]


def _add(session: Session, plan: Plan, text: str, author: str, now_ms: int) -> Added:
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    known = session.get(PlanVersion, plan.version)
    if known is not None:
        if known.sha256 == sha256:
            return Added(plan, is_new=False)
        words = (
            f"The plan {plan.id} has other words from {plan.valid_from} already. Give it a later valid_from."
        )
        raise Refused("plan_version_exists", words)
    others = versions(session, plan.id)
    if others and others[-1].cycle is not plan.cycle:
        words = (
            f"The plan {plan.id} is paid by the {others[-1].cycle}. Give one by the {plan.cycle} another id."
        )
        raise Refused("plan_cycle_changed", words)
    if plan.tariff:
        if not tariffs.versions(session, [plan.tariff]):
            words = f"The plan {plan.id} is charged by {plan.tariff}: there is no such tariff."
            raise Refused("tariff_not_found", words)
    else:
        listed = price_list(plan, begin_ms(plan.valid_from, zone_of(session)))
        tariffs.add(session, listed, author, now_ms, f"price list of {plan.id}")
    session.add(
        PlanVersion(
            id=plan.version,
            plan=plan.id,
            valid_from=plan.valid_from,
            text=text,
            sha256=sha256,
            author=author,
            created_ms=now_ms,
        )
    )
    session.flush()
    return Added(plan, is_new=True)


def versions(session: Session, plan: str) -> list[Plan]:
    """Return the versions of a plan, oldest first."""
    query = select(PlanVersion.text).where(PlanVersion.plan == plan).order_by(col(PlanVersion.valid_from))
    return [_read(text) for text in session.exec(query)]


def version(session: Session, id: str) -> Plan:
    """Return a version of a plan by its own id."""
    kept = session.get(PlanVersion, id)
    if kept is None:
        raise Refused("plan_not_found", "There is no such plan.")
    return _read(kept.text)


def in_force(session: Session, plan: str, day: date) -> Plan:
    """Return the version of a plan that is in force on a day; raises Refused when there is none yet."""
    found = newest(versions(session, plan), day)
    if found is None:
        raise Refused("plan_not_found", "There is no such plan.")
    return found


def newest(found: Sequence[Plan], day: date) -> Plan | None:
    """Return the version in force on a day, of versions from the oldest to the newest."""
    return next((plan for plan in reversed(found) if plan.valid_from <= day), None)


def offered(session: Session, day: date) -> list[Plan]:
    """Return every plan that is in force on a day, cheapest first."""
    query = select(PlanVersion).where(col(PlanVersion.valid_from) <= day)
    latest: dict[str, Plan] = {}
    for row in session.exec(query.order_by(col(PlanVersion.valid_from))):
        latest[row.plan] = _read(row.text)
    return sorted(latest.values(), key=lambda plan: (plan.price_micro, plan.id))


@functools.lru_cache(maxsize=256)
def _read(text: str) -> Plan:
    return read_kept(text)
