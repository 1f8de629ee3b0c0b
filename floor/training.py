"""What training lets somebody do: skills, what a machine asks for, and until when a skill stands. Pure.

Instants are UTC milliseconds. Until when something holds is one of: None (not at all), 0 (without end), or
the first instant at which it holds no more, which may be past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

DEPTH_MAX, NAMES_MAX, NAME_MAX = 4, 50, 64
FORM = 'Write a skill, such as "laser-basic", or { all = [...] } or { any = [...] } of such.'


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of these is asked for."""

    of: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these is enough."""

    of: tuple[Requirement, ...]


Requirement = str | AllOf | AnyOf
"""What is asked for: a skill by its id, or several."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When a skill that somebody holds lapses, beside the end that was written when it was granted.

    `unused_ms` after the last use (or the training) of a machine that asks for it; once it was used for
    `hours_ms`; and where less than `practice_ms` of use lies in the last `period_ms`. 0: no such rule.
    `lasting` skills hold only while their prerequisites `requires` do.
    """

    unused_ms: int = 0
    hours_ms: int = 0
    practice_ms: int = 0
    period_ms: int = 0
    requires: Requirement | None = None
    lasting: bool = False

    @property
    def counts_use(self) -> bool:
        """Whether use of machines moves the end."""
        return bool(self.unused_ms or self.hours_ms or self.practice_ms)


@dataclass(frozen=True, slots=True)
class Held:
    """A skill that was granted. `uses` are (end, length) of the sessions since, in the order of their ends.

    Only what its skill's rules ask for needs to be there: the last use, all since the grant, or those of the
    last period.
    """

    granted_ms: int
    expires_ms: int | None = None
    uses: tuple[tuple[int, int], ...] = ()


def read(value: object, depth: int = 0) -> Requirement:
    """Read a requirement as files and tables write it; raises ValueError that says what would be right."""
    if isinstance(value, str) and 0 < len(value) <= NAME_MAX:
        return value
    if isinstance(value, Mapping) and len(value) == 1 and depth < DEPTH_MAX:
        ((key, inner),) = value.items()
        if key in ("all", "any") and isinstance(inner, list) and 0 < len(inner) <= NAMES_MAX:
            of = tuple(read(one, depth + 1) for one in inner)
            return AllOf(of) if key == "all" else AnyOf(of)
    raise ValueError(FORM)


def table(asked: Requirement) -> object:
    """Write a requirement as `read` reads it."""
    match asked:
        case AllOf(of=of):
            return {"all": [table(one) for one in of]}
        case AnyOf(of=of):
            return {"any": [table(one) for one in of]}
    return asked


def names(asked: Requirement | None) -> Iterator[str]:
    """Yield every skill that a requirement names."""
    match asked:
        case AllOf(of=of) | AnyOf(of=of):
            for one in of:
                yield from names(one)
        case str():
            yield asked


def allowed_until(asked: Requirement | None, until: Callable[[str], int | None]) -> int | None:
    """Return until when what is asked for holds, from until when each skill does. Nothing asked: 0."""
    match asked:
        case None:
            return 0
        case AllOf(of=of):
            ends = [allowed_until(one, until) for one in of]
            return None if None in ends else min((end for end in ends if end), default=0)
        case AnyOf(of=of):
            held = [end for one in of if (end := allowed_until(one, until)) is not None]
            return (0 if 0 in held else max(held)) if held else None
    return until(asked)


def stands_until(rules: Rules, held: Held, until: Callable[[str], int | None]) -> int | None:
    """Return until when a skill stands that somebody holds; `until` says it of its prerequisites."""
    ends = [end for end in _ends(rules, held) if end]
    if rules.lasting and rules.requires is not None:
        asked = allowed_until(rules.requires, until)
        if asked is None:
            return None
        ends += [asked] if asked else []
    return min(ends, default=0)


def _ends(rules: Rules, held: Held) -> Iterator[int]:
    yield held.expires_ms or 0
    if rules.unused_ms:
        last_ms = held.uses[-1][0] if held.uses else 0
        yield max(held.granted_ms, last_ms) + rules.unused_ms
    if rules.hours_ms:
        yield _spent_ms(held, rules.hours_ms)
    if rules.practice_ms:
        yield _practised_until_ms(rules, held)


def _spent_ms(held: Held, hours_ms: int) -> int:
    """Return when the hours were used up, 0 for not yet."""
    used_ms = 0
    for ended_ms, length_ms in held.uses:
        used_ms += length_ms
        if used_ms >= hours_ms:
            return ended_ms
    return 0


def _practised_until_ms(rules: Rules, held: Held) -> int:
    """Return when too little use will lie in a period: once the first that counts lies outside of it."""
    counted_ms = 0
    for ended_ms, length_ms in reversed(held.uses):
        counted_ms += length_ms
        if counted_ms >= rules.practice_ms:
            return max(held.granted_ms, ended_ms) + rules.period_ms
    return held.granted_ms + rules.period_ms


def in_force(until_ms: int | None, now_ms: int) -> bool:
    """Whether something holds now."""
    return until_ms is not None and (until_ms == 0 or until_ms > now_ms)


def missing(asked: Requirement | None, stands: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the skills to get so that a requirement is met, the fewest where one of several will do."""
    match asked:
        case None:
            return ()
        case AllOf(of=of):
            return tuple(dict.fromkeys(name for one in of for name in missing(one, stands)))
        case AnyOf(of=of):
            return min((missing(one, stands) for one in of), key=len)
    return () if stands(asked) else (asked,)


def circle(requires: Mapping[str, Requirement | None]) -> tuple[str, ...]:
    """Return skills that need one another, so that nobody could ever get them; empty where there are none."""
    left = {id: set(names(asked)) & set(requires) for id, asked in requires.items()}
    while ready := [id for id, needs in left.items() if not needs]:
        for id in ready:
            del left[id]
        for needs in left.values():
            needs.difference_update(ready)
    return tuple(sorted(left))
