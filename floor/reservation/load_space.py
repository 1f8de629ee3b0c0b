"""What a policy file says of the space: groups, windows, holidays, exceptional opening, terms, blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, tzinfo

from floor.reader import Table
from floor.reservation.model import Block, Holiday, Machines, Term, Times
from floor.reservation.reader import In
from floor.reservation.terms import Kind
from floor.tariff.calendar import instant, local

WINDOW_KEYS = frozenset({"days", "dates", "from", "to", "since", "until"})
HOLIDAY_KEYS = frozenset({"name", "date", "dates", "from", "to", "yearly", "hours"})
MACHINE_KEYS = frozenset({"machines", "kinds", "groups"})
TERM_KEYS = frozenset({"name", "from", "to"})
BLOCK_KEYS = WINDOW_KEYS | MACHINE_KEYS | {"name", "kind", "begins", "ends"}
MOST = 1_000
YEARLY = re.compile(r"(\d{2})-(\d{2})")
LEAP = 2000


def groups(at: In, value: object) -> dict[str, Machines]:
    """Read [groups]: each a list of machines that are counted together."""
    if not isinstance(value, Mapping):
        remedy = 'Write [groups] and below it lasers = ["laser-1", "laser-2"].'
        raise at.error("groups", "is not a table", remedy)
    here, made = at.below("groups"), dict[str, Machines]()
    for name, inside in value.items():
        if name in ("machine", "policy", "kind", "all"):
            raise here.error(name, "is a word that limits use", "Call the group something else.")
        table: Table = inside if isinstance(inside, Mapping) else {"machines": inside}
        found = here.below(name) if isinstance(inside, Mapping) else In(at.file, f"groups.{name}.")
        table = found.table_of(table, "", ("machines", "kinds"))
        made[name] = found.machines(table, {})
        if not made[name].ids and not made[name].kinds:
            raise here.error(name, "is empty", f'Write {name} = ["laser-1", "laser-2"].')
    return made


def windows(at: In, value: object) -> dict[str, tuple[Times, ...]]:
    """Read [windows.NAME]: times of the week; a list of tables where one has several."""
    if not isinstance(value, Mapping):
        raise at.error("windows", "is not a table", "Write [windows.peak] with days, from and to.")
    here, made = at.below("windows"), dict[str, tuple[Times, ...]]()
    for name, inside in value.items():
        items = inside if isinstance(inside, list) else [inside]
        keys = [f"{name}[{n}]" for n in range(1, len(items) + 1)] if isinstance(inside, list) else [name]
        made[name] = tuple(
            times(here, key, here.table_of(item, key, WINDOW_KEYS))
            for key, item in zip(keys, items, strict=True)
        )
    return made


def times(at: In, key: str, table: Table) -> Times:
    """Read days and times; every day where none is named, the whole day where no time is."""
    here = at.below(key)
    days = here.weekdays(table["days"], "days") if "days" in table else frozenset[int]()
    dates = frozenset(_dates(here, table.get("dates", []), "dates"))
    begin = here.minute(table.get("from", "00:00"), "from")
    end = here.minute(table.get("to", "24:00"), "to")
    since = here.date(table["since"], "since") if "since" in table else None
    until = here.date(table["until"], "until") if "until" in table else None
    if since and until and until < since:
        raise here.error("until", "is before since", "Swap them.")
    if begin == end:
        raise here.error("to", "is the same as from", 'Write from = "16:00" and to = "20:00".')
    every = days if days or dates else frozenset(range(7))
    return Times(every, dates, begin, end, since, until)


def _dates(at: In, value: object, key: str) -> list[date]:
    items = value if isinstance(value, list) else [value]
    return [at.date(item, key) for item in items]


def holidays(at: In, key: str, value: object, known: Mapping[str, Machines]) -> tuple[Holiday, ...]:
    """Read [[holidays]] (closed, or open at `hours`) or [[openings]] (open at `hours`)."""
    items = _items(at, key, value, 'name = "Christmas" and date = 2026-12-25')
    made: list[Holiday] = []
    for n, item in enumerate(items, 1):
        if not isinstance(item, Mapping):
            made.append(_single(at, key, item))
            continue
        here = at.below(f"{key}[{n}]")
        table = at.table_of(item, f"{key}[{n}]", HOLIDAY_KEYS | MACHINE_KEYS)
        if key == "openings" and "hours" not in table:
            raise here.error("hours", "is missing", 'Write hours = "10:00-14:00".')
        name = here.text(table, "name") if "name" in table else ""
        open_ = here.hours(table["hours"], "hours") if "hours" in table else ()
        where = here.machines(table, known) if MACHINE_KEYS & set(table) else None
        yearly = here.yes(table, "yearly", default=False)
        made += [
            Holiday(name, first, last, open_, repeats or yearly, where)
            for first, last, repeats in _ranges(here, table)
        ]
    return tuple(made)


def _single(at: In, key: str, value: object) -> Holiday:
    if key == "openings":
        raise at.error(key, f"has {value!r}", "Write [[openings]] with date and hours.")
    day, yearly = _day(at, key, value)
    return Holiday("", day, day, (), yearly)


def _day(at: In, key: str, value: object) -> tuple[date, bool]:
    """Read a date, or a day of every year such as "12-25"."""
    found = YEARLY.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return at.date(value, key), False
    try:
        return date(LEAP, int(found[1]), int(found[2])), True
    except ValueError:
        remedy = 'Write a date such as 2026-12-25, or "12-25" for every year.'
        raise at.error(key, f"is {value!r}", remedy) from None


def _ranges(at: In, table: Table) -> list[tuple[date, date, bool]]:
    said = [key for key in ("date", "dates", "from") if key in table]
    if len(said) != 1 or ("to" in table) != (said == ["from"]):
        remedy = "Write date, or dates, or from and to."
        raise at.error("date", "is missing, or there are several kinds", remedy)
    if said == ["from"]:
        (first, repeats), (last, also) = _day(at, "from", table["from"]), _day(at, "to", table["to"])
        if repeats != also:
            raise at.error("to", "has a year and from has none, or the other way", "Write both alike.")
        if last < first and not repeats:
            raise at.error("to", "is before from", "Swap them.")
        return [(first, last, repeats)]
    value = table[said[0]]
    items = value if isinstance(value, list) else [value]
    return [(day, day, yearly) for day, yearly in (_day(at, said[0], item) for item in items)]


def terms(at: In, value: object) -> tuple[Term, ...]:
    """Read [[terms]], in order; none may overlap."""
    made: list[Term] = []
    for n, item in enumerate(_items(at, "terms", value, 'name = "Spring", from and to'), 1):
        here = at.below(f"terms[{n}]")
        table = at.table_of(item, f"terms[{n}]", TERM_KEYS)
        first, last = (here.date(table.get(key), key) for key in ("from", "to"))
        if last < first:
            raise here.error("to", "is before from", "Swap them.")
        if any(first <= other.last and other.first <= last for other in made):
            raise here.error("from", "lies in another term", "Let each day be of one term.")
        made.append(Term(here.text(table, "name"), first, last))
    return tuple(made)


def blocks(at: In, value: object, known: Mapping[str, Machines], zone: tzinfo) -> tuple[Block, ...]:
    """Read [[blocks]]: classes and maintenance, at times of the week or once."""
    made: list[Block] = []
    for n, item in enumerate(_items(at, "blocks", value, "name, machines, days, from and to"), 1):
        key = f"blocks[{n}]"
        here, table = at.below(key), at.table_of(item, key, BLOCK_KEYS)
        machines = here.machines(table, known)
        if not machines.ids and not machines.kinds:
            raise here.error("machines", "is missing", 'Write machines = ["laser-1"], or ["*"] for all.')
        kind = Kind(here.one_of(table.get("kind", "maintenance"), "kind", ("class", "maintenance")))
        name = here.text(table, "name")
        if "begins" in table or "ends" in table:
            if set(table) & WINDOW_KEYS:
                remedy = "Write begins and ends, or days, from and to."
                raise here.error("begins", "stands beside days and times", remedy)
            begins, ends = (moment(here, table.get(one), one, zone) for one in ("begins", "ends"))
            if ends <= begins:
                raise here.error("ends", "is not after begins", "Swap them.")
            made.append(Block(name, kind, machines, None, begins, ends))
        else:
            if not {"days", "dates", "from"} & set(table):
                raise here.error("days", "is missing", 'Write days = "tue", from and to; or begins and ends.')
            made.append(Block(name, kind, machines, times(at, key, table)))
    return tuple(made)


def moment(at: In, value: object, key: str, zone: tzinfo) -> int:
    """Read an instant; without an offset it is on the space's clock, and must be a time that it shows."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime):
        raise at.error(key, "is missing or no date with a time", f"Write {key} = 2026-03-02T14:00:00.")
    shown = value if value.tzinfo else value.replace(tzinfo=zone)
    if not 1970 <= shown.year <= 9998:
        raise at.error(key, f"is {value}", "Write a year from 1970 to 9998.")
    made = instant(shown)
    if value.tzinfo is None and local(made, zone).replace(tzinfo=None, fold=0) != value:
        raise at.error(key, f"is {value}, which the clock skips on that day", "Write a time that it shows.")
    return made


def _items(at: In, key: str, value: object, example: str) -> list[object]:
    if not isinstance(value, list):
        raise at.error(key, "is not a list of tables", f"Write [[{key}]] before each, with {example}.")
    if len(value) > MOST:
        raise at.error(key, f"has more than {MOST}", "Join those that are alike.")
    return value
