"""Until when members may use machines: for a whole roster in few queries, or for one member."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlmodel import Session, col, func, select

from booking_api.certifications.models import Certification, Skill
from booking_api.certifications.skills import rules_of
from booking_api.machines.models import Asking, Machine
from booking_api.machines.service import requirement_of
from booking_api.sessions.models import MachineSession
from floor import training
from floor.training import Held, Requirement, Rules

_PLAIN = Rules()
_Uses = dict[tuple[str, str], list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Standings:
    """Until when each member's skills hold (floor.training): None not at all, 0 without end."""

    rules: Mapping[str, Rules]
    held: Mapping[str, Mapping[str, Held]] = field(default_factory=dict)

    def skill(self, member: str, skill: str) -> int | None:
        """Say it of one skill; it may have lapsed."""
        held = self.held.get(member, {}).get(skill)
        if held is None:
            return None
        rules = self.rules.get(skill, _PLAIN)
        if rules == _PLAIN:
            return held.expires_ms or 0
        return training.stands_until(rules, held, lambda other: self.skill(member, other))

    def asked(self, member: str, asked: Requirement | None) -> int | None:
        """Say it of what is asked for."""
        return training.allowed_until(asked, lambda skill: self.skill(member, skill))


def read(
    session: Session, members: Collection[str] | None, wanted: Iterable[str] | None, now_ms: int
) -> Standings:
    """Read where members stand in skills; None stands for all of them."""
    rules = {skill.id: rules_of(skill) for skill in session.exec(select(Skill))}
    needed = _with_lasting(rules, rules if wanted is None else wanted)
    query = select(
        Certification.member, Certification.skill, Certification.granted_ms, Certification.expires_ms
    ).where(col(Certification.revoked_ms).is_(None))
    if wanted is not None:
        query = query.where(col(Certification.skill).in_(needed))
    if members is not None:
        query = query.where(col(Certification.member).in_(members))
    rows = session.exec(query).all()
    counted = {skill: rules[skill] for skill in needed if skill in rules and rules[skill].counts_use}
    counted = {skill: one for skill, one in counted.items() if any(row[1] == skill for row in rows)}
    uses = _uses(session, members, counted, min((row[2] for row in rows), default=0), now_ms)
    held: dict[str, dict[str, Held]] = defaultdict(dict)
    for member, skill, granted_ms, expires_ms in rows:
        mine = tuple(use for use in uses.get((member, skill), ()) if use[0] > granted_ms)
        held[member][skill] = Held(granted_ms, expires_ms, mine)
    return Standings({skill: one for skill, one in rules.items() if one != _PLAIN}, held)


def allowed(
    session: Session, members: Collection[str] | None, machines: Collection[Machine | Asking], now_ms: int
) -> dict[str, dict[str, int]]:
    """Return until when members may use machines that ask for training: by member, by machine."""
    asks = {one.id: asked for one in machines if (asked := requirement_of(one)) is not None}
    standings = read(
        session, members, {name for asked in asks.values() for name in training.names(asked)}, now_ms
    )
    having: dict[str, set[str]] = defaultdict(set)
    for member, mine in standings.held.items():
        for skill in mine:
            having[skill].add(member)
    alike: dict[Requirement, list[str]] = defaultdict(list)
    for machine, asked in asks.items():
        alike[asked].append(machine)
    found: dict[str, dict[str, int]] = {}
    for asked, there in alike.items():
        for member in set().union(*(having[name] for name in training.names(asked) if name in having)):
            until_ms = standings.asked(member, asked)
            if until_ms is not None:
                found.setdefault(member, {}).update(dict.fromkeys(there, until_ms))
    return found


def counting_use(session: Session, used: Collection[str]) -> bool:
    """Whether use of one of these machines moves the end of somebody's skill."""
    counts = {skill.id for skill in session.exec(select(Skill)) if rules_of(skill).counts_use}
    if not counts:
        return False
    found = session.exec(select(Machine).where(col(Machine.id).in_(used)))
    return any(counts & set(training.names(requirement_of(one))) for one in found)


def _with_lasting(rules: Mapping[str, Rules], wanted: Iterable[str]) -> set[str]:
    """Return skills and those whose lapse ends them."""
    needed, left = set[str](), list(wanted)
    while left:
        skill = left.pop()
        if skill not in needed:
            needed.add(skill)
            one = rules.get(skill, _PLAIN)
            left += training.names(one.requires) if one.lasting else ()
    return needed


def _uses(
    session: Session,
    members: Collection[str] | None,
    counted: Mapping[str, Rules],
    since_ms: int,
    now_ms: int,
) -> _Uses:
    """Return what was used of the machines that ask for each skill, by (member, skill), in order of time.

    Where only the last use counts the database finds it; where hours do, it gives each session.
    """
    if not counted:
        return {}
    asking: dict[str, set[str]] = defaultdict(set)
    for machine in session.exec(select(Machine)):
        for skill in counted.keys() & set(training.names(requirement_of(machine))):
            asking[machine.id].add(skill)
    hours = {machine for machine, skills in asking.items() if any(_adds(counted[one]) for one in skills)}
    if not any(counted[skill].hours_ms for skills in asking.values() for skill in skills):
        since_ms = max(since_ms, now_ms - max(rules.period_ms for rules in counted.values()))
    table = MachineSession
    each = select(table.member, table.machine, table.ended_ms, table.elapsed_ms).where(
        col(table.machine).in_(hours), col(table.ended_ms) > since_ms
    )
    last = (
        select(table.member, table.machine, func.max(table.ended_ms), 0)
        .where(col(table.machine).in_(asking.keys()), col(table.ended_ms).is_not(None))
        .group_by(table.member, table.machine)
    )
    found: _Uses = defaultdict(list)
    for query, of in ((each, True), (last, False)):
        asked = query if members is None else query.where(col(table.member).in_(members))
        for member, used, ended_ms, elapsed_ms in session.exec(asked) if hours or not of else ():
            for skill in asking[used]:
                if _adds(counted[skill]) == of or not of:
                    found[member, skill].append((ended_ms or 0, elapsed_ms))
    return {key: sorted(uses) for key, uses in found.items()}


def _adds(rules: Rules) -> bool:
    return bool(rules.hours_ms or rules.practice_ms)
