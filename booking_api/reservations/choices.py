"""What somebody may pick at a machine: a day's begins with their ends, who may at all, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from booking_api.billing.pricing import FAILURES
from booking_api.certifications import service as certifications
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.members import service as members
from booking_api.reservations import booking, facts
from booking_api.reservations.booking import SlotDetails
from booking_api.reservations.diary import Diary
from booking_api.tariffs import service as tariffs
from floor.meter import Quantity, Reading
from floor.reservation import decide, limits
from floor.reservation.options import Row, Start, grid_ms
from floor.reservation.terms import Known, Slot, Turned, Wanted
from floor.tariff import Tariff, Visit, price_visit

TIMES = (
    Quantity.MACHINE_TIME_MS,
    Quantity.BUSY_TIME_MS,
    Quantity.JOB_TIME_MS,
    Quantity.LASER_TIME_MS,
)
"""What runs, at most, for as long as a reservation lasts."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit, as a sentence of the rules; `used` and `most` are a number or (`is_time`) milliseconds."""

    sentence: str
    used: int
    most: int
    is_time: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """A day's begins, on a grid."""

    grid_ms: int
    starts: list[Start]


def of_day(diary: Diary, slot: SlotDetails, changes: str = "") -> Choices:
    """Return what may begin in a time, at most a day, for the asker or for whose reservation is moved."""
    member = (diary.get(changes).member or diary.by) if changes else diary.by
    wanted = booking.wanted(diary, slot, member, changes)
    known = facts.known(diary.session, diary.policies, wanted, diary.zone)
    rules = diary.policies.of(slot.machine).rules_for(wanted.tier)
    grid = grid_ms(rules)
    return Choices(grid, Row(diary.policies, wanted, known, diary.zone, grid).starts())


def quotas(diary: Diary, slot: SlotDetails) -> list[Quota]:
    """Return the limits that count the asker at a machine, with what is used of each when a slot begins."""
    wanted = booking.wanted(diary, slot, diary.by)
    known = facts.known(diary.session, diary.policies, wanted, diary.zone)
    case = decide.case_of(diary.policies, wanted, known, diary.zone)
    asked = decide.asked(case)
    held = limits.limits_at(diary.policies, case.rules, slot.machine, wanted.tier)
    return [_quota(asked, found) for one in held if (found := limits.used(asked, one))]


def _quota(asked: limits.Asked, found: limits.Broken) -> Quota:
    sentence = limits.turned(asked, found).sentence.partition(": this would be")[0]
    limit = found.limit
    most = limit.ms if not found.is_number else limit.number
    return Quota(f"{sentence}.", found.total, most or 0, not found.is_number)


def barred(diary: Diary, there: Iterable[Machine], at_ms: int) -> dict[str, Turned]:
    """Return why the asker may reserve nothing at an instant at some machines, by machine: those that bar."""
    member = members.get(diary.session, diary.by)
    rows = list(there)
    asks = [one for one in rows if machines.requirement_of(one) is not None]
    until = certifications.allowed(diary.session, member.id, asks, diary.now_ms)
    trained = {one.id for one in asks}
    found: dict[str, Turned] = {}
    for one in rows:
        known = Known(
            certified_until_ms=until.get(one.id) if one.id in trained else 0,
            member_until_ms=member.valid_until_ms,
            suspended=members.is_suspended(member, diary.now_ms),
        )
        slot = Slot(one.id, at_ms, at_ms + 1)
        if why := _barred(diary, Wanted(slot, member.id, member.tier, diary.now_ms), known):
            found[one.id] = why
    return found


def _barred(diary: Diary, wanted: Wanted, known: Known) -> Turned | None:
    machine = wanted.slot.machine
    policy = diary.policies.of(machine)
    rules = policy.rules_for(wanted.tier)
    if not rules.reserve:
        return Turned("reserve", f"{machine} cannot be reserved.")
    return decide.standing(decide.Case(diary.policies, wanted, known, diary.zone, policy, rules))


def about_micro(diary: Diary, slot: SlotDetails, tier: str) -> tuple[int, str] | None:
    """Return about what the time costs, in micro-units, and of what; None where nothing is charged for it.

    As if the machine ran all the time, and nothing was left of an allowance or a pack: material is not in it.
    """
    tariff = diary.machine(slot.machine).tariff
    versions = _versions(diary, tariff) if tariff else []
    counters = dict.fromkeys(TIMES, slot.ends_ms - slot.begins_ms)
    readings = (Reading(slot.begins_ms, {}), Reading(slot.ends_ms, counters))
    visit = Visit("", readings, tier, account=diary.by, member=diary.by, machine=slot.machine)
    try:
        bill, _ = price_visit(visit, versions, zone=diary.zone)
    except FAILURES:
        return None
    return bill.total_micro, bill.charges[0].commodity


def _versions(diary: Diary, tariff: str) -> list[Tariff]:
    kept = tariffs.versions(diary.session, [tariff]).get(tariff, [])
    return [tariffs.parsed(one.text, one.id) for one in kept]
