"""What gateways are told of use without a reservation: the rules, who waits, what limits count of whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import tzinfo

from sqlmodel import Session, col, or_, select

from booking_api.db import zone_of
from booking_api.gateways.bookings import HORIZON_MS
from booking_api.gateways.changes import Subject, changed
from booking_api.reservations import facts, policies
from booking_api.reservations.models import Reserved, Waiting
from booking_api.sessions.models import MachineSession
from floor.access import Tally
from floor.reservation import limits, walk_in
from floor.reservation.fees import is_late
from floor.reservation.model import Counted, Limit, Policies, Then
from floor.reservation.terms import Kind, Standing
from floor.wire.roster import COUNTED_MAX, RULES_MAX, WAITS_MAX, RuleText, Waits, WalkInRules

SESSIONS = frozenset({Counted.USE, Counted.WALK_IN})
HELD = (*facts.HOLDS, Standing.ENDED)


def rules(session: Session, machines: Collection[str], now_ms: int) -> WalkInRules:
    """Return the rules in force and those that follow, where any says something of use without a reservation
    at these machines.
    """
    kinds = policies.kinds_of(session)
    versions = policies.from_now(session, now_ms)[:RULES_MAX]
    if not any(walk_in.says(read, machine) for _, read in versions for machine in machines):
        return WalkInRules()
    texts = [RuleText(from_ms=kept.valid_from_ms, text=kept.text) for kept, _ in versions]
    return WalkInRules(texts=texts, kinds=kinds)


def waits(session: Session, machines: Collection[str], now_ms: int) -> dict[str, list[Waits]]:
    """Return who waits for machines, where a limit cedes to them."""
    held = policies.read(session, now_ms)
    ceding = [one for one in machines if any(it.then is Then.CEDE for it in walk_in.counting(held, one))]
    found: dict[str, list[Waits]] = {}
    if not ceding:
        return found
    query = select(Waiting).where(
        col(Waiting.machine).in_(ceding),
        col(Waiting.left_ms).is_(None),
        col(Waiting.to_ms) > now_ms,
        col(Waiting.from_ms) < now_ms + HORIZON_MS,
    )
    for row in session.exec(query.order_by(col(Waiting.from_ms), col(Waiting.id))):
        here = found.setdefault(row.machine, [])
        if len(here) < WAITS_MAX:
            here.append(Waits(member=row.member, from_ms=row.from_ms, to_ms=row.to_ms))
    return found


def counts(session: Session, now_ms: int) -> bool:
    """Whether a limit on use says something of a machine of the space."""
    read = policies.read(session, now_ms)
    return any(walk_in.counting(read, machine) for machine in read.kinds)


def used(session: Session, members: Collection[str], now_ms: int) -> None:
    """Have gateways told of members of whom limits count something else by now."""
    for member in sorted(members):
        changed(session, Subject.MEMBER, member, now_ms)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is counted: by which limits, of which machines, in which time."""

    session: Session
    members: Collection[str] | None
    rules: Policies
    limits: list[Limit]
    machines: frozenset[str]
    from_ms: int
    to_ms: int
    now_ms: int
    zone: tzinfo

    @property
    def counts(self) -> frozenset[Counted]:
        """Return what any of the limits counts."""
        return frozenset().union(*(one.counts for one in self.limits))


def counted(
    session: Session, members: Collection[str] | None, machines: Collection[str], now_ms: int
) -> dict[str, tuple[Tally, ...]]:
    """Return what limits on use at these machines count of members (None: of all), by member, the newest."""
    read, zone = policies.read(session, now_ms), zone_of(session)
    found = [(machine, limit) for machine in machines for limit in walk_in.counting(read, machine)]
    if not found:
        return {}
    times = [limits.reach(read, limit, now_ms, HORIZON_MS, zone) for _, limit in found]
    there = {
        other for other in read.kinds if any(read.counted_with(it.over, one, other) for one, it in found)
    }
    asked = _Asked(
        session,
        members,
        read,
        [limit for _, limit in found],
        frozenset(there),
        min(low for low, _ in times),
        max(high for _, high in times),
        now_ms,
        zone,
    )
    rows = _rows(asked)
    made: dict[str, list[Tally]] = {}
    for member, tally in (*_sessions(asked, rows), *_reservations(asked, rows)):
        made.setdefault(member, []).append(tally)
    newest = {member: sorted(found, key=_begin)[-COUNTED_MAX:] for member, found in made.items()}
    return {member: tuple(found) for member, found in newest.items()}


def _begin(tally: Tally) -> int:
    return tally.begins_ms


def _rows(asked: _Asked) -> list[Reserved]:
    """Return the members' reservations of that time; however they stand."""
    query = select(Reserved).where(
        col(Reserved.machine).in_(asked.machines),
        col(Reserved.begins_ms) < asked.to_ms,
        col(Reserved.ends_ms) > asked.from_ms,
        Reserved.kind == Kind.USE,
    )
    if asked.members is not None:
        query = query.where(col(Reserved.member).in_(asked.members))
    return [row for row in asked.session.exec(query) if row.member]


def _sessions(asked: _Asked, rows: Iterable[Reserved]) -> Iterable[tuple[str, Tally]]:
    """Yield the members' sessions; one that touches a reservation of theirs at the machine is no walk-in."""
    if not asked.counts & SESSIONS:
        return
    query = select(
        MachineSession.member, MachineSession.machine, MachineSession.started_ms, MachineSession.ended_ms
    ).where(
        col(MachineSession.machine).in_(asked.machines),
        col(MachineSession.started_ms) < asked.to_ms,
        or_(col(MachineSession.ended_ms).is_(None), col(MachineSession.ended_ms) > asked.from_ms),
    )
    if asked.members is not None:
        query = query.where(col(MachineSession.member).in_(asked.members))
    mine: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in rows:
        if row.standing in HELD and row.member:
            mine.setdefault((row.member, row.machine), []).append((row.begins_ms, row.ends_ms))
    for member, machine, began_ms, ended_ms in asked.session.exec(query):
        until_ms = max(began_ms, asked.now_ms) if ended_ms is None else ended_ms
        reserved = any(
            begins < until_ms and began_ms < ends for begins, ends in mine.get((member or "", machine), ())
        )
        what = Counted.USE if reserved else Counted.WALK_IN
        if member and (Counted.USE in asked.counts or what in asked.counts):
            yield member, Tally(machine, what.value, began_ms, ended_ms or 0)


def _reservations(asked: _Asked, rows: Iterable[Reserved]) -> Iterable[tuple[str, Tally]]:
    """Yield what of the members' reservations a limit counts by itself."""
    if asked.counts <= SESSIONS:
        return
    for row, one in facts.by_now(asked.session, rows, asked.rules, asked.now_ms):
        policy = asked.rules.of(row.machine)
        late = one.standing is Standing.CANCELLED and is_late(one, policy, one.closed_ms, asked.zone)
        what = limits.category(one.standing, late)
        if what in asked.counts and what is not None and row.member:
            at_ms = one.closed_ms if late else 0
            yield row.member, Tally(row.machine, what.value, row.begins_ms, row.ends_ms, at_ms)
