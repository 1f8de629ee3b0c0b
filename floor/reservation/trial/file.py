"""A requests file: members, machines, and steps in order of time, each with what is expected of it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from fnmatch import fnmatchcase

from floor import toml
from floor.errors import ConfigError
from floor.reader import Table
from floor.reservation.load_space import moment
from floor.reservation.reader import In, nearest, spelled
from floor.reservation.recurring import TIMES_MAX, Recurring, Unit
from floor.reservation.terms import Kind

FILE_KEYS = frozenset({"timezone", "zone", "members", "machines", "step", "steps", "request"})
MEMBER_KEYS = frozenset({"tier", "certified", "certified_until", "member_until", "suspended", "number"})
STEP_KEYS = frozenset(
    {"at", "do", "member", "machine", "begins", "ends", "length", "name", "of", "to", "kind", "repeat"}
    | {"expect", "expect_until", "expect_fee", "expect_offer"}
)
REPEAT_KEYS = frozenset({"every", "days", "until", "times"})
DOINGS = ("request", "cancel", "check_in", "use", "leave", "wait", "hand_over", "extend", "offered")
TEXT_MAX, STEPS_MAX, NUMBER_MAX = 1_048_576, 10_000, 1_000
LINE = re.compile(r"at line (\d+)")
EVERY = {"d": Unit.DAY, "day": Unit.DAY, "days": Unit.DAY, "daily": Unit.DAY}
EVERY |= {"w": Unit.WEEK, "week": Unit.WEEK, "weeks": Unit.WEEK, "weekly": Unit.WEEK}
EVERY |= {"month": Unit.MONTH, "months": Unit.MONTH, "monthly": Unit.MONTH}


@dataclass(frozen=True, slots=True)
class Member:
    """One who asks. `certified` are ids and globs of machines."""

    name: str
    tier: str = ""
    certified: tuple[str, ...] = ("*",)
    certified_until_ms: int = 0
    member_until_ms: int | None = None
    suspended: bool = False

    def certified_for(self, machine: str) -> int | None:
        """Return until when they may use a machine, 0 without end, None if they may not."""
        may = any(fnmatchcase(machine, one) for one in self.certified)
        return self.certified_until_ms if may else None


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is asked for at an instant, and what is expected of it ("" where nothing is)."""

    number: int
    at_ms: int
    do: str
    member: str
    machine: str = ""
    begins_ms: int = 0
    ends_ms: int = 0
    length_ms: int = 0
    name: str = ""
    of: str = ""
    to: str = ""
    kind: Kind = Kind.USE
    repeat: Recurring | None = None
    expect: str = ""
    expect_until_ms: int = 0
    expect_fee: str = ""
    expect_offer: str = ""


@dataclass(frozen=True, slots=True)
class Requests:
    """All of a requests file. `machines` are kinds by id."""

    zone: tzinfo
    members: Mapping[str, Member] = field(default_factory=dict)
    machines: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


def read_requests(text: str, file: str, zones: Callable[[str], tzinfo]) -> Requests:
    """Read a requests file; `zones` finds a time zone by its name.

    Raises ConfigError that names file, key, problem and remedy.
    """
    if len(text) > TEXT_MAX:
        raise ConfigError(file, "", f"is longer than {TEXT_MAX} characters", "Shorten it.")
    try:
        whole = toml.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = LINE.search(str(error))
        line = int(found[1]) if found else None
        raise ConfigError(file, "", f"is not TOML ({error})", "Correct that line.", line) from error
    at = In(file, "")
    table = at.table_of(whole, "", FILE_KEYS)
    zone = _zone(at, table, zones)
    members = _members(at, table.get("members", {}), zone)
    machines = _machines(at, table.get("machines", {}))
    key, items = _steps(at, table)
    steps: list[Step] = []
    reader = _Steps(members, machines, zone)
    for n, item in enumerate(items, 1):
        step = reader.step(at, f"{key}[{n}]", n, item)
        if steps and step.at_ms < steps[-1].at_ms:
            raise at.error(
                f"{key}[{n}].at", "is before the step above it", "Write the steps in order of time."
            )
        steps.append(step)
    return Requests(zone, members, machines, tuple(steps))


def _zone(at: In, table: Table, zones: Callable[[str], tzinfo]) -> tzinfo:
    key = "zone" if "zone" in table else "timezone"
    name = at.text(table, key) if key in table else "UTC"
    try:
        return zones(name)
    except (KeyError, ValueError, OSError):
        raise at.error(
            key, f"is {name!r}, which is no time zone", 'Write timezone = "Europe/Berlin".'
        ) from None


def _steps(at: In, table: Table) -> tuple[str, list[object]]:
    found = [key for key in ("step", "steps", "request") if key in table]
    if len(found) != 1:
        raise at.error("step", "is missing, or is there by two names", "Write [[step]] before each step.")
    items = table[found[0]]
    if not isinstance(items, list):
        raise at.error(found[0], "is not a list of tables", f"Write [[{found[0]}]] before each step.")
    if len(items) > STEPS_MAX:
        raise at.error(found[0], f"has more than {STEPS_MAX} steps", "Write several files.")
    return found[0], items


def _members(at: In, value: object, zone: tzinfo) -> dict[str, Member]:
    """Read [members.NAME]; NAME = "tier" will do, and `number = 3` makes NAME-1 to NAME-3."""
    if isinstance(value, list):
        value = {name: {} for name in at.listed(value, "members")}
    if not isinstance(value, Mapping):
        raise at.error("members", "is not a table", 'Write [members.ada] and tier = "student" below it.')
    here, made = at.below("members"), dict[str, Member]()
    for name, inside in value.items():
        table = here.table_of({"tier": inside} if isinstance(inside, str) else inside, name, MEMBER_KEYS)
        inner = here.below(name)
        number = inner.whole(table, "number", 1, 1, NUMBER_MAX)
        names = [f"{name}-{n}" for n in range(1, number + 1)] if "number" in table else [name]
        certified = table.get("certified", True)
        if not isinstance(certified, bool):
            may = tuple(inner.listed(certified, "certified"))
        else:
            may = ("*",) if certified else ()
        until = _optional(inner, table, "member_until", zone)
        for one in names:
            made[one] = Member(
                one,
                inner.text(table, "tier") if table.get("tier") else "",
                may,
                _optional(inner, table, "certified_until", zone) or 0,
                until,
                inner.yes(table, "suspended", default=False),
            )
    return made


def _optional(at: In, table: Table, key: str, zone: tzinfo) -> int | None:
    return _moment(at, table, key, zone) if key in table else None


def _moment(at: In, table: Table, key: str, zone: tzinfo) -> int:
    value = table.get(key)
    if value is not None and not isinstance(value, datetime | str):
        return at.instant(table, key, zone)
    return moment(at, value, key, zone)


def _machines(at: In, value: object) -> dict[str, str]:
    """Read machines: a list of ids, or a table of kinds by id."""
    if isinstance(value, list):
        return dict.fromkeys(at.listed(value, "machines"), "")
    if not isinstance(value, Mapping):
        raise at.error("machines", "is neither a list nor a table", 'Write machines = ["laser-1"].')
    here, made = at.below("machines"), dict[str, str]()
    for id, inside in value.items():
        table = here.table_of({"kind": inside} if isinstance(inside, str) else inside, id, ("kind",))
        made[id] = here.below(id).text(table, "kind") if table.get("kind") else ""
    return made


@dataclass(frozen=True, slots=True)
class _Steps:
    """Reads one step after another."""

    members: Mapping[str, Member]
    machines: Mapping[str, str]
    zone: tzinfo

    def step(self, at: In, key: str, number: int, item: object) -> Step:
        table, here = at.table_of(item, key, STEP_KEYS), at.below(key)
        do = here.one_of(table.get("do", "request"), "do", DOINGS)
        begins = _optional(here, table, "begins", self.zone) or 0
        length = here.length(table["length"], "length", '"2 h"') if "length" in table else 0
        ends = _optional(here, table, "ends", self.zone) or 0
        if length and ends and do != "wait":
            raise here.error("length", "stands beside ends", "Keep one of the two.")
        if length and not ends:
            ends = begins + length if begins else 0
        kind = Kind(here.one_of(table.get("kind", "use"), "kind", list(Kind)))
        self._needs(here, table, do, kind, has_end=bool(ends))
        return Step(
            number=number,
            at_ms=_moment(here, table, "at", self.zone),
            do=do,
            member=self._name(here, table, "member", self.members)
            if kind is Kind.USE and do != "offered"
            else "",
            machine=self._name(here, table, "machine", self.machines) if "machine" in table else "",
            begins_ms=begins,
            ends_ms=ends,
            length_ms=length,
            name=here.text(table, "name") if "name" in table else "",
            of=here.text(table, "of") if "of" in table else "",
            to=self._name(here, table, "to", self.members) if "to" in table else "",
            kind=kind,
            repeat=self._repeat(here, table["repeat"]) if "repeat" in table else None,
            expect=spelled(here.text(table, "expect")) if "expect" in table else "",
            expect_until_ms=_optional(here, table, "expect_until", self.zone) or 0,
            expect_fee=_fee(here, table),
            expect_offer=here.text(table, "expect_offer") if "expect_offer" in table else "",
        )

    def _needs(self, here: In, table: Table, do: str, kind: Kind, *, has_end: bool) -> None:
        """Refuse a step that does not say enough."""
        wanted = {"request": ("machine", "begins"), "wait": ("machine", "begins"), "use": ("machine",)}
        wanted |= {"hand_over": ("to",), "offered": ("machine",)}
        for key in wanted.get(do, ()):
            if key not in table:
                raise here.error(key, f"is missing, and {do} needs it", f"Write {key} = … below this step.")
        if not has_end and do in ("request", "wait"):
            raise here.error("ends", "is missing", 'Write ends = 2026-03-02T16:00:00, or length = "2 h".')
        if do == "extend" and not has_end and "length" not in table:
            raise here.error("ends", "is missing", 'Write ends = 2026-03-02T16:00:00, or length = "1 h".')
        if kind is not Kind.USE and do != "request":
            raise here.error("kind", "says nothing here", 'Only do = "request" has a kind.')

    def _name(self, here: In, table: Table, key: str, known: Mapping[str, object]) -> str:
        name = here.text(table, key)
        if name not in known:
            close = nearest(name, known)
            where = "machines" if key == "machine" else "members"
            remedy = f"Did you mean {close}?" if close else f"Write it below [{where}]."
            raise here.error(key, f"is {name!r}, which {where} do not have", remedy)
        return name

    def _repeat(self, here: In, value: object) -> Recurring:
        table, inner = here.table_of(value, "repeat", REPEAT_KEYS), here.below("repeat")
        words = str(table.get("every", "1 week")).split()
        number, unit = (words[0], words[-1]) if len(words) == 2 else ("1", words[-1] if words else "")
        if unit not in EVERY or not number.isdecimal() or not 0 < int(number) < 400:
            raise inner.error("every", f"is {table.get('every')!r}", 'Write every = "2 weeks".')
        return Recurring(
            EVERY[unit],
            int(number),
            inner.weekdays(table["days"], "days") if "days" in table else frozenset(),
            inner.date(table["until"], "until") if "until" in table else None,
            inner.whole(table, "times", TIMES_MAX, 1, TIMES_MAX),
        )


def _fee(here: In, table: Table) -> str:
    """Return what an expected fee is: "none", an amount in micro-units, or a tariff."""
    value = table.get("expect_fee")
    if value is None or (isinstance(value, str) and not value.replace(".", "").isdecimal()):
        return spelled(value) if isinstance(value, str) and spelled(value) == "none" else str(value or "")
    return str(here.amount(table, "expect_fee"))
