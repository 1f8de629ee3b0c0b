"""The keys of a policy: how each is read, and which fields of Rules it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from floor.errors import ConfigError
from floor.reader import Table
from floor.reservation.calendar import DAY_MIN, MINUTE_MS
from floor.reservation.load_limits import limits
from floor.reservation.model import Ahead, Change, Extend, FeeRule, Opens, Order, Times, Within
from floor.reservation.reader import DAYS, In, spelled
from floor.wire.roster import OnReserved

OFF = (False, "none", "never", "no")
FEE_KEYS = ("amount", "tariff", "per")
OPENS_KEYS = ("day", "at", "weeks")


@dataclass(frozen=True, slots=True)
class Names:
    """Names that a file declares, which keys may use."""

    groups: frozenset[str] = frozenset()
    windows: frozenset[str] = frozenset()
    terms: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """What a limit may count over."""
        return ("machine", "policy", "kind", "all", *sorted(self.groups))


Fields = dict[str, object]
Read = Callable[[In, str, object, Names], Fields]


def _yes(field: str) -> Read:
    def read(at: In, key: str, value: object, _: Names) -> Fields:
        if not isinstance(value, bool):
            word = spelled(value) if isinstance(value, str) else ""
            if word not in ("yes", "no"):
                raise at.error(key, f"is {value!r}", f"Write {key} = true or {key} = false.")
            return {field: word == "yes"}
        return {field: value}

    return read


def _length(field: str, example: str, unit: int = 1, most: int = 0) -> Read:
    def read(at: In, key: str, value: object, _: Names) -> Fields:
        ms = 0 if value is False else at.length(value, key, example)
        if ms % unit or (most and ms > most * unit):
            raise at.error(key, f"is {value!r}", f"Write such as {key} = {example}.")
        return {field: ms // unit}

    return read


def _span(field: str, example: str) -> Read:
    def read(at: In, key: str, value: object, _: Names) -> Fields:
        is_off = value is False or (isinstance(value, str) and spelled(value) in OFF)
        return {field: None if is_off else at.span(value, key, example)}

    return read


def _word(field: str, enum: type[StrEnum], *, yes: StrEnum | None = None, no: StrEnum | None = None) -> Read:
    def read(at: In, key: str, value: object, _: Names) -> Fields:
        if value is True and yes is not None:
            return {field: yes}
        if value is False and no is not None:
            return {field: no}
        return {field: enum(at.one_of(value, key, list(enum)))}

    return read


def _words(field: str) -> Read:
    def read(at: In, key: str, value: object, _: Names) -> Fields:
        return {field: frozenset(at.listed(value, key))}

    return read


def _whole(field: str, low: int, high: int) -> Read:
    def read(at: In, key: str, value: object, _: Names) -> Fields:
        return {field: at.whole({key: value}, key, low, low, high)}

    return read


def _scope(field: str, *, true: str = "") -> Read:
    def read(at: In, key: str, value: object, names: Names) -> Fields:
        if true and isinstance(value, bool):
            return {field: true if value else ""}
        return {field: at.name_of(value, key, names.scopes)}

    return read


def _date(at: In, key: str, value: object, _: Names) -> Fields:
    return {key: None if value is False else at.date(value, key)}


def _lengths(at: In, key: str, value: object, _: Names) -> Fields:
    items = value if isinstance(value, list) else [value]
    return {"lengths_ms": tuple(sorted(at.length(item, key, '["1 h", "2 h"]', least_ms=1) for item in items))}


def _starts_at(at: In, key: str, value: object, _: Names) -> Fields:
    items = value if isinstance(value, list) else [value]
    return {"starts_at_min": tuple(sorted(at.minute(item, key) for item in items))}


def _lead_by(at: In, key: str, value: object, _: Names) -> Fields:
    return {"lead_by_min": None if value is False else at.minute(value, key)}


def _buffer(at: In, key: str, value: object, _: Names) -> Fields:
    return {"buffer_before_ms": 0, "buffer_after_ms": at.length(value, key, '"15 min"')}


def _priority(at: In, key: str, value: object, _: Names) -> Fields:
    items = value if isinstance(value, list) else [value]
    order = tuple(frozenset(at.listed(item, key)) for item in items)
    seen: set[str] = set()
    for tiers in order:
        if seen & tiers:
            remedy = "Name each tier once, whose right is first in front."
            raise at.error(key, f"has {min(seen & tiers)!r} twice", remedy)
        seen |= tiers
    return {"priority": order}


def _warn(at: In, key: str, value: object, _: Names) -> Fields:
    seconds = 0 if value is False else at.length(value, key, '"10 min"') // 1000
    if seconds > 86_400:
        raise at.error(key, f"is {value!r}", "Write at most a day.")
    return {"warn_s": seconds}


def _opens(at: In, key: str, value: object, _: Names) -> Fields:
    if value is False:
        return {"opens": None}
    table, here = at.table_of(value, key, OPENS_KEYS), at.below(key)
    days = here.weekdays(table.get("day", ""), "day")
    if len(days) != 1:
        raise here.error("day", "is not one day", 'Write day = "fri".')
    minute = here.minute(table.get("at", "00:00"), "at")
    return {"opens": Opens(min(days), minute, here.whole(table, "weeks", 1, 0, 52))}


def _fee(field: str) -> Read:
    def read(at: In, key: str, value: object, _: Names) -> Fields:
        if value is False:
            return {field: None}
        if not isinstance(value, Mapping):
            try:
                return {field: FeeRule(micro=at.price({key: value}, key))}
            except ConfigError:
                if not isinstance(value, str):
                    raise
            return {field: FeeRule(tariff=at.text({key: value}, key))}
        table, here = at.table_of(value, key, FEE_KEYS), at.below(key)
        if ("amount" in table) == ("tariff" in table):
            remedy = f'Write {key} = 5.00, or {key} = {{ tariff = "fees" }}.'
            raise here.error("amount", "stands with a tariff, or neither is there", remedy)
        if "tariff" in table:
            if "per" in table:
                remedy = "Take it away: the tariff says what is paid."
                raise here.error("per", "says nothing beside a tariff", remedy)
            return {field: FeeRule(tariff=here.text(table, "tariff"))}
        per = here.one_of(table.get("per", "reservation"), "per", ("reservation", "h", "hour"))
        return {field: FeeRule(micro=here.price(table, "amount"), per_hour=per != "reservation")}

    return read


def hours(at: In, key: str, value: object) -> tuple[Times, ...]:
    """Read opening hours: days, each with its times; a day that is not named is closed."""
    if value is True or (isinstance(value, str) and spelled(value) == "always"):
        return (Times(frozenset(range(7)), frozenset(), 0, DAY_MIN),)
    if not isinstance(value, Mapping):
        raise at.error(key, f"is {value!r}", f'Write [{at.place(key)}] and below it mon-fri = "09:00-17:00".')
    here, made, named = at.below(key), [], set[int]()
    for days, times in value.items():
        meant = here.weekdays(days, days)
        if twice := meant & named:
            raise here.error(days, f"names {DAYS[min(twice)]} once more", "Name each day once.")
        named |= meant
        found = here.hours(times, days)
        for (_, ends), (begins, _) in pairwise(found):
            if begins < ends:
                remedy = 'Write such as ["09:00-12:00", "13:00-17:00"].'
                raise here.error(days, "has times that overlap", remedy)
        for begins, ends in found:
            made.append(Times(meant, frozenset(), begins, ends - DAY_MIN if ends > DAY_MIN else ends))
    return tuple(made)


def _hours(at: In, key: str, value: object, _: Names) -> Fields:
    return {"hours": hours(at, key, value)}


def _limits(at: In, key: str, value: object, names: Names) -> Fields:
    return {"limits": limits(at, key, value, names.scopes, names.windows, names.terms, "machine")}


READERS: Mapping[str, Read] = {
    "reserve": _yes("reserve"),
    "only_tiers": _words("only_tiers"),
    "except_tiers": _words("except_tiers"),
    "certified": _yes("certified"),
    "length_min": _length("length_min_ms", '"1 h"'),
    "length_max": _length("length_max_ms", '"2 h"'),
    "lengths": _lengths,
    "step": _length("step_ms", '"30 min"'),
    "starts_every": _length("starts_every_min", '"30 min"', MINUTE_MS, DAY_MIN),
    "starts_at": _starts_at,
    "over_midnight": _yes("over_midnight"),
    "ahead": _span("ahead", '"2 weeks"'),
    "ahead_to": _word("ahead_to", Ahead),
    "ahead_until": _date,
    "opens": _opens,
    "lead": _span("lead", '"1 h"'),
    "lead_by": _lead_by,
    "same_day": _yes("same_day"),
    "one_at_a_time": _scope("one_at_a_time", true="all"),
    "gap": _length("gap_ms", '"1 h"'),
    "gap_over": _scope("gap_over"),
    "buffer": _buffer,
    "buffer_before": _length("buffer_before_ms", '"10 min"'),
    "buffer_after": _length("buffer_after_ms", '"10 min"'),
    "within_hours": _word("within_hours", Within, yes=Within.WHOLE, no=Within.NO),
    "on_holidays": _yes("on_holidays"),
    "hours": _hours,
    "priority": _priority,
    "safe_before": _span("safe_before", '"1 day"'),
    "walk_in": _yes("walk_in"),
    "walk_in_least": _length("walk_in_least_ms", '"15 min"'),
    "walk_in_max": _length("walk_in_max_ms", '"2 h"'),
    "walk_in_ends_before": _length("walk_in_ends_before_ms", '"10 min"'),
    "on_others": _word("on_others", OnReserved),
    "warn": _warn,
    "no_show": _length("no_show_ms", '"15 min"'),
    "no_show_fee": _fee("no_show_fee"),
    "cancel_free": _span("cancel_free", '"24 h"'),
    "late_cancel_fee": _fee("late_cancel_fee"),
    "waiting": _yes("waiting"),
    "waiting_most": _whole("waiting_most", 0, 10_000),
    "waiting_order": _word("waiting_order", Order),
    "offer": _length("offer_ms", '"30 min"'),
    "hand_over": _yes("hand_over"),
    "hand_over_until": _span("hand_over_until", '"1 h"'),
    "recurring": _yes("recurring"),
    "recurring_most": _whole("recurring_most", 1, 400),
    "recurring_for": _span("recurring_for", '"4 weeks"'),
    "extend": _word("extend", Extend, yes=Extend.FREE, no=Extend.NEVER),
    "extend_max": _length("extend_max_ms", '"2 h"'),
    "limits": _limits,
}  # fmt: skip
RULE_KEYS = frozenset(READERS)
OF_MACHINE = frozenset(
    {"buffer", "buffer_before", "buffer_after", "on_others", "warn", "priority", "waiting_order"}
)
"""Keys that hold for a machine and everybody alike."""
IN_WINDOWS = frozenset(
    {"reserve", "only_tiers", "length_min", "length_max", "lengths", "step", "starts_every", "starts_at"}
    | {"over_midnight", "ahead", "ahead_to", "ahead_until", "opens", "lead", "lead_by", "same_day", "gap"}
    | {"one_at_a_time", "walk_in", "walk_in_least", "walk_in_max", "walk_in_ends_before"}
    | {"extend", "extend_max"}
)
"""Keys that may differ with the time of day: those that decide on a request."""
TABLES = frozenset({"hours", "opens", "no_show_fee", "late_cancel_fee", "limits", "tiers", "windows"})
"""Keys whose value is a table."""
SHORT = {"length_step": "step", "no_show_after": "no_show", "buffer_between": "buffer"}


def flat(table: Mapping[str, object]) -> dict[str, object]:
    """Return a table with `length = { min = …, max = … }` written as `length_min`, `length_max`."""
    made: dict[str, object] = {}
    for key, value in table.items():
        parts: dict[str, object] = {}
        if isinstance(value, Mapping) and spelled(key) not in TABLES:
            joined = {one: f"{spelled(key)}_{spelled(one)}" for one in value}
            parts = {SHORT.get(word, word): value[one] for one, word in joined.items()}
        made |= parts if parts and set(parts) <= RULE_KEYS else {key: value}
    return made


def change(at: In, table: Table, keys: Iterable[str], names: Names) -> Change:
    """Read those of these keys that a table says."""
    values: dict[str, object] = {}
    for key in READERS:
        if key in table and key in keys:
            values |= READERS[key](at, key, table[key], names)
    return Change(values, {key: at.place(key) for key in table if key in keys})
