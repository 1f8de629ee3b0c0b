"""What a policy file says, as values. Lengths are milliseconds, times of day minutes of the space's day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from floor.reservation.terms import Kind
from floor.wire.roster import OnReserved


class Per(StrEnum):
    """Over what a limit counts: a calendar period, a stretch of `window`, or what is still to come."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    TERM = "term"
    ROLLING = "rolling"
    OPEN = "open"


class Counted(StrEnum):
    """What a limit counts. `use` is every session, `walk_in` only one that was not reserved."""

    RESERVATIONS = "reservations"
    NO_SHOWS = "no_shows"
    LATE_CANCELS = "late_cancels"
    WALK_IN = "walk_in"
    USE = "use"


class Then(StrEnum):
    """What a limit does once it is reached: no more is booked; the use ends; it ends if somebody waits."""

    REFUSE = "refuse"
    END = "end"
    CEDE = "cede"


class Within(StrEnum):
    """What of a reservation must lie in the opening hours."""

    WHOLE = "whole"
    BEGIN = "begin"
    NO = "no"


class Ahead(StrEnum):
    """Whether `ahead` is counted to the minute, or to the end of that day."""

    TIME = "time"
    DAY = "day"


class Extend(StrEnum):
    """When a running use may go on behind its end: never, if nobody waits, whenever the machine is free."""

    NEVER = "never"
    NOBODY_WAITS = "nobody_waits"
    FREE = "free"


class Order(StrEnum):
    """Who of those that wait is next: who asked first, or who has priority and then asked first."""

    ASKED = "asked"
    PRIORITY = "priority"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the calendar and of time: months and days on the clock on the wall, then milliseconds."""

    months: int = 0
    days: int = 0
    ms: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """Times of some days (0 is Monday), minutes of the day; into the next day where `to` is not later."""

    days: frozenset[int]
    dates: frozenset[date]
    from_min: int
    to_min: int
    since: date | None = None
    until: date | None = None

    def on(self, day: date) -> bool:
        """Whether they begin on a day."""
        if (self.since and day < self.since) or (self.until and day > self.until):
            return False
        return day.weekday() in self.days or day in self.dates


@dataclass(frozen=True, slots=True)
class Fee:
    """What is charged: by a tariff of the space (its occasion is no_show or late_cancel), or an amount.

    `micro` are micro-units of the space's currency; one of the two is set.
    """

    tariff: str = ""
    micro: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class FeeRule:
    """A fee as it stands in the file: `per_hour` is for each hour that was reserved."""

    tariff: str = ""
    micro: int = 0
    per_hour: bool = False


@dataclass(frozen=True, slots=True)
class Opens:
    """A calendar week is opened for booking on `day` at a minute, `weeks` before the week that is meant."""

    day: int
    at_min: int
    weeks: int = 1


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `number` of what is counted, or `ms` of it. `key` is its place in the file.

    `over` is "machine", "policy", "kind", "all" or a group; `when` a window, and "" always. `bars` is how
    long nothing is booked once a limit that looks back is passed (None: until it is passed no more).
    """

    key: str
    per: Per
    number: int | None = None
    ms: int | None = None
    window: Span = Span()
    over: str = "machine"
    counts: frozenset[Counted] = frozenset({Counted.RESERVATIONS, Counted.NO_SHOWS})
    tiers: frozenset[str] = frozenset()
    except_tiers: frozenset[str] = frozenset()
    when: str = ""
    outside: bool = False
    then: Then = Then.REFUSE
    name: str = ""
    bars: Span | None = None

    def meant_for(self, tier: str) -> bool:
        """Whether it holds for members of a tier."""
        return tier not in self.except_tiers and (not self.tiers or tier in self.tiers)


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one request, once tier and windows are known. The fields are the keys of the file.

    A length of 0 says nothing. `places` says where in the file each key stands.
    """

    reserve: bool = True
    only_tiers: frozenset[str] = frozenset()
    except_tiers: frozenset[str] = frozenset()
    certified: bool = True
    length_min_ms: int = 0
    length_max_ms: int = 0
    lengths_ms: tuple[int, ...] = ()
    step_ms: int = 0
    starts_every_min: int = 0
    starts_at_min: tuple[int, ...] = ()
    over_midnight: bool = True
    ahead: Span | None = None
    ahead_to: Ahead = Ahead.TIME
    ahead_until: date | None = None
    opens: Opens | None = None
    lead: Span | None = None
    lead_by_min: int | None = None
    same_day: bool = True
    one_at_a_time: str = ""
    gap_ms: int = 0
    gap_over: str = "machine"
    buffer_before_ms: int = 0
    buffer_after_ms: int = 0
    within_hours: Within = Within.WHOLE
    on_holidays: bool = False
    hours: tuple[Times, ...] | None = None
    priority: tuple[frozenset[str], ...] = ()
    safe_before: Span | None = None
    walk_in: bool = True
    walk_in_least_ms: int = 0
    walk_in_max_ms: int = 0
    walk_in_ends_before_ms: int = 0
    on_others: OnReserved = OnReserved.REFUSE
    warn_s: int = 600
    no_show_ms: int = 0
    no_show_fee: FeeRule | None = None
    cancel_free: Span | None = None
    late_cancel_fee: FeeRule | None = None
    waiting: bool = True
    waiting_most: int = 0
    waiting_order: Order = Order.ASKED
    offer_ms: int = 1_800_000
    hand_over: bool = True
    hand_over_until: Span | None = None
    recurring: bool = True
    recurring_most: int = 52
    recurring_for: Span | None = None
    extend: Extend = Extend.NEVER
    extend_max_ms: int = 0
    limits: tuple[Limit, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)

    def place(self, key: str) -> str:
        """Return where a key that holds here stands in the file."""
        return self.places.get(key, key)


@dataclass(frozen=True, slots=True)
class Change:
    """Some fields of Rules with other values, and where in the file each key stands."""

    values: Mapping[str, object] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def over(self, rules: Rules) -> Rules:
        """Return the rules with these values in place of theirs."""
        values: dict[str, Any] = {**self.values, "places": {**rules.places, **self.places}}
        return replace(rules, **values)


@dataclass(frozen=True, slots=True)
class WindowRules:
    """Rules that hold where a reservation touches a window, for the tiers that it names."""

    window: str
    change: Change
    tiers: frozenset[str] = frozenset()
    except_tiers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Machines:
    """Some machines, by id or glob and by kind."""

    ids: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()

    def hold(self, machine: str, kind: str) -> int:
        """How closely a machine is meant, 0 not at all: by its id, by a glob, by its kind, by "*"."""
        if machine in self.ids:
            return EXACTLY
        globs = [len(one) for one in self.ids if fnmatchcase(machine, one) and one != "*"]
        if globs:
            return 2 + max(globs)
        if kind and kind in self.kinds:
            return 2
        return 1 if "*" in self.ids else 0


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of some machines. `on_others`, `warn_s` and `buffer_s` go with each booking to a gateway."""

    name: str
    rules: Rules = Rules()
    machines: Machines = Machines()
    tiers: Mapping[str, Change] = field(default_factory=dict)
    windows: tuple[WindowRules, ...] = ()

    @property
    def on_others(self) -> OnReserved:
        """What a tap of somebody else does while the machine is reserved."""
        return self.rules.on_others

    @property
    def warn_s(self) -> int:
        """So many seconds before a reservation begins, a running session of somebody else is told."""
        return self.rules.warn_s

    @property
    def buffer_s(self) -> int:
        """So many seconds lie free between two reservations."""
        return (self.rules.buffer_before_ms + self.rules.buffer_after_ms) // 1000

    def rules_for(self, tier: str, touched: frozenset[str] = frozenset()) -> Rules:
        """Return the rules for a tier, in the windows that a slot touches; windows stand over tiers."""
        made = self.tiers[tier].over(self.rules) if tier in self.tiers else self.rules
        for one in self.windows:
            if (
                one.window in touched
                and tier not in one.except_tiers
                and (not one.tiers or tier in one.tiers)
            ):
                made = one.change.over(made)
        return made


@dataclass(frozen=True, slots=True)
class Holiday:
    """Days from `first` to `last` on which the space is closed, or is open at `hours` only."""

    name: str
    first: date
    last: date
    hours: tuple[tuple[int, int], ...] = ()
    yearly: bool = False
    machines: Machines | None = None

    def on(self, day: date) -> bool:
        """Whether a day is one of its days."""
        if not self.yearly:
            return self.first <= day <= self.last
        first, last, this = ((one.month, one.day) for one in (self.first, self.last, day))
        return first <= this <= last if first <= last else this >= first or this <= last


@dataclass(frozen=True, slots=True)
class Term:
    """A term, semester or quarter: its days, both ends included."""

    name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Block:
    """Machines are taken by a class or maintenance at times of days, or from an instant to another."""

    name: str
    kind: Kind
    machines: Machines
    times: Times | None = None
    begins_ms: int = 0
    ends_ms: int = 0


@dataclass(frozen=True, slots=True)
class Policies:
    """All that a reservations.toml says. `kinds` are the kinds of the space's machines, by id.

    `hours` is None where the space is always open. `week_begins` is a weekday, 0 for Monday.
    """

    policies: tuple[Policy, ...] = ()
    groups: Mapping[str, Machines] = field(default_factory=dict)
    windows: Mapping[str, tuple[Times, ...]] = field(default_factory=dict)
    hours: tuple[Times, ...] | None = None
    holidays: tuple[Holiday, ...] = ()
    openings: tuple[Holiday, ...] = ()
    terms: tuple[Term, ...] = ()
    blocks: tuple[Block, ...] = ()
    limits: tuple[Limit, ...] = ()
    week_begins: int = 0
    kinds: Mapping[str, str] = field(default_factory=dict)

    def over(self, kinds: Mapping[str, str]) -> Policies:
        """Return the same for the machines of a space, given as kinds by id."""
        return replace(self, kinds=dict(kinds))

    def of(self, machine: str, kind: str | None = None) -> Policy:
        """Return the policy that means a machine most closely; one that lets nobody book where none does."""
        known = self.kinds.get(machine, "") if kind is None else kind
        best, closest = NONE, 0
        for one in self.policies:
            if (close := one.machines.hold(machine, known)) > closest:
                best, closest = one, close
        return best

    def holds(self, machines: Machines | None, machine: str) -> bool:
        """Whether a machine is one of some; None are all."""
        return machines is None or machines.hold(machine, self.kinds.get(machine, "")) > 0

    def counted_with(self, over: str, machine: str, other: str) -> bool:
        """Whether a limit over `over` at a machine counts another machine too."""
        if machine == other or over == "all":
            return True
        if over == "policy":
            return self.of(machine).name == self.of(other).name
        if over == "kind":
            return self.kinds.get(machine, "") == self.kinds.get(other, "") != ""
        group = self.groups.get(over)
        return group is not None and self.holds(group, machine) and self.holds(group, other)

    def meant_at(self, over: str, machine: str) -> bool:
        """Whether a limit over `over` says anything of a machine: one over a group only of the group's."""
        return over not in self.groups or self.holds(self.groups[over], machine)


EXACTLY = 1_000_000
NONE = Policy("", Rules(reserve=False))
