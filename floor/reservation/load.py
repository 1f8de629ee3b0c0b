"""A reservations.toml becomes Policies; every error names file, key, problem and remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import tzinfo
from decimal import Decimal

from floor import toml
from floor.errors import ConfigError
from floor.reader import Table
from floor.reservation import load_space
from floor.reservation.load_limits import limits
from floor.reservation.load_rules import (
    IN_WINDOWS,
    OF_MACHINE,
    RULE_KEYS,
    Names,
    change,
    flat,
    hours,
)
from floor.reservation.model import Change, Machines, Policies, Policy, Rules, WindowRules
from floor.reservation.reader import PLAIN, In, spelled

FILE_KEYS = frozenset(
    {"policy", "defaults", "groups", "windows", "hours", "holidays", "openings", "terms", "blocks", "limits"}
    | {"week_begins"}
)
MACHINE_KEYS = frozenset({"machines", "kinds", "groups"})
POLICY_KEYS = RULE_KEYS | MACHINE_KEYS | {"tiers", "windows"}
WINDOW_RULE_KEYS = IN_WINDOWS | {"tiers", "except_tiers"}
TEXT_MAX = 262_144
POLICIES_MAX = 200
LINE = re.compile(r"at line (\d+)")


def read_policies(text: str, file: str, zone: tzinfo, kinds: Mapping[str, str] | None = None) -> Policies:
    """Read a policy file for a space whose machines have these kinds, by id; raises ConfigError.

    `zone` is the space's, for blocks that begin at an instant.
    """
    if len(text) > TEXT_MAX:
        raise ConfigError(file, "", f"is longer than {TEXT_MAX} characters", "Shorten it.")
    try:
        table = toml.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = LINE.search(str(error))
        line = int(found[1]) if found else None
        raise ConfigError(file, "", f"is not TOML ({error})", "Correct that line.", line) from error
    return load(table, file, zone, kinds or {})


def load(table: Mapping[str, object], file: str, zone: tzinfo, kinds: Mapping[str, str]) -> Policies:
    """Build policies from a table that was read; raises ConfigError."""
    at = In(file, "")
    said = at.table_of(table, "", FILE_KEYS)
    groups = load_space.groups(at, said.get("groups", {}))
    windows = load_space.windows(at, said.get("windows", {}))
    terms = load_space.terms(at, said.get("terms", []))
    names = Names(frozenset(groups), frozenset(windows), bool(terms))
    defaults = _defaults(at, said.get("defaults", {}), names)
    found = said.get("policy", {})
    if not isinstance(found, Mapping):
        raise at.error("policy", "is not a table", "Write [policy.NAME] and its keys below.")
    if len(found) > POLICIES_MAX:
        raise at.error("policy", f"has more than {POLICIES_MAX} policies", "Join those that are alike.")
    read = _Policies(at.below("policy"), names, defaults, groups)
    policies = tuple(read.policy(name, value) for name, value in found.items())
    _apart(at, policies)
    return Policies(
        policies=policies,
        groups=groups,
        windows=windows,
        hours=hours(at, "hours", said["hours"]) if "hours" in said else None,
        holidays=load_space.holidays(at, "holidays", said.get("holidays", []), groups),
        openings=load_space.holidays(at, "openings", said.get("openings", []), groups),
        terms=terms,
        blocks=load_space.blocks(at, said.get("blocks", []), groups, zone),
        limits=limits(at, "limits", said.get("limits", []), names.scopes, names.windows, names.terms, "all"),
        week_begins=_week(at, said.get("week_begins", "mon")),
        kinds=dict(kinds),
    )


def _week(at: In, value: object) -> int:
    days = at.weekdays(value, "week_begins")
    if len(days) != 1:
        raise at.error("week_begins", f"is {value!r}", 'Write week_begins = "mon" or "sun".')
    return min(days)


def _defaults(at: In, value: object, names: Names) -> Change:
    if not isinstance(value, Mapping):
        raise at.error("defaults", "is not a table", "Write [defaults] and below it keys of policies.")
    here = at.below("defaults")
    table = here.table_of(flat(value), "", RULE_KEYS)
    made = change(here, table, RULE_KEYS, names)
    return made


class _Policies:
    """Reads one [policy.NAME] after another."""

    def __init__(self, at: In, names: Names, defaults: Change, groups: Mapping[str, Machines]) -> None:
        self.at, self.names, self.defaults, self.groups = at, names, defaults, groups

    def policy(self, name: str, value: object) -> Policy:
        """Read a policy."""
        at = self.at
        if not isinstance(value, Mapping):
            problem = f"is {value!r} and not a table"
            raise at.error(name, problem, f"Write [policy.NAME] above it: {name} is a key of a policy.")
        if not PLAIN.fullmatch(name):
            raise at.error(name, "is no plain name", "Name it by letters, digits and hyphens.")
        here = at.below(name)
        table = here.table_of(flat(value), "", POLICY_KEYS)
        base = change(here, table, RULE_KEYS, self.names)
        rules = base.over(self.defaults.over(Rules()))
        machines = here.machines(table, self.groups)
        if not machines.ids and not machines.kinds:
            machines = Machines(("*",))
        made = Policy(name, rules, machines, self._tiers(here, table), self._windows(here, table))
        _sound(here, made)
        return made

    def _tiers(self, at: In, table: Table) -> dict[str, Change]:
        here, made = at.below("tiers"), dict[str, Change]()
        for tier, value in _inner(at, table, "tiers", "TIER").items():
            inner = here.below(tier)
            if not isinstance(value, Mapping):
                raise here.error(tier, "is not a table", f"Write [{here.place(tier)}] and its keys below.")
            said = flat(value)
            for key in said:
                if spelled(key) in OF_MACHINE:
                    problem = "holds for the machine and everybody alike"
                    raise inner.error(key, problem, f"Write it below [{at.prefix.rstrip('.')}].")
            found = inner.table_of(said, "", RULE_KEYS - OF_MACHINE)
            made[tier] = change(inner, found, RULE_KEYS, self.names)
        return made

    def _windows(self, at: In, table: Table) -> tuple[WindowRules, ...]:
        here, made = at.below("windows"), []
        for name, value in _inner(at, table, "windows", "WINDOW").items():
            if name not in self.names.windows:
                remedy = f"Add [windows.{name}] with days, from and to at the file's top level."
                raise here.error(name, "is no window of this file", remedy)
            if not isinstance(value, Mapping):
                raise here.error(name, "is not a table", f"Write [{here.place(name)}] and its keys below.")
            inner, said = here.below(name), flat(value)
            if "limits" in said:
                remedy = f'Write [[{at.place("limits")}]] with when = "{name}".'
                raise inner.error("limits", "stand in the policy itself", remedy)
            found = inner.table_of(said, "", WINDOW_RULE_KEYS)
            made.append(
                WindowRules(
                    name,
                    change(inner, found, IN_WINDOWS, self.names),
                    inner.words(found, "tiers"),
                    inner.words(found, "except_tiers"),
                )
            )
        return tuple(made)


def _inner(at: In, table: Table, key: str, what: str) -> Mapping[str, object]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        remedy = f"Write [{at.place(key)}.{what}] and its keys below."
        if key == "tiers":
            remedy += " Who may book at all is only_tiers."
        raise at.error(key, f"is {value!r} and not a table", remedy)
    return value


def _sound(at: In, policy: Policy) -> None:
    """Refuse rules that no reservation could keep, or that say nothing."""
    for tier in ("", *policy.tiers):
        where = at.below("tiers").below(tier) if tier else at
        rules = policy.rules_for(tier)
        if rules.length_max_ms and rules.length_min_ms > rules.length_max_ms:
            raise where.error("length_min", "is more than length_max", "Swap them, or take one away.")
        if rules.late_cancel_fee is not None and rules.cancel_free is None:
            remedy = 'Write cancel_free = "24 h": until when to cancel is free.'
            raise where.error("late_cancel_fee", "is charged never, as nothing is late", remedy)
        if rules.no_show_fee is not None and not rules.no_show_ms:
            remedy = 'Write no_show = "15 min": after which time nobody has come.'
            raise where.error("no_show_fee", "is charged never, as nobody is missed", remedy)
        if rules.safe_before is not None and not rules.priority:
            remedy = 'Write priority = ["staff", "member"]: the first displaces those behind it.'
            raise where.error("safe_before", "says nothing without priority", remedy)
        lengths = (rules.length_min_ms, rules.length_max_ms)
        odd = [one for one in lengths if rules.step_ms and one % rules.step_ms]
        if odd:
            key = "length_min" if odd[0] == rules.length_min_ms else "length_max"
            raise where.error(key, "is not a multiple of step", "Write lengths that the step divides.")


def _apart(at: In, policies: tuple[Policy, ...]) -> None:
    """Refuse two policies that mean the same machines by the same words."""
    seen: dict[str, str] = {}
    for policy in policies:
        for word in (*policy.machines.ids, *(f"kind:{kind}" for kind in sorted(policy.machines.kinds))):
            if word in seen:
                meant = "every other machine" if word == "*" else word
                problem = f"is for {meant}, and so is policy {seen[word]}"
                raise at.error(f"policy.{policy.name}", problem, "Name its machines, kinds or groups apart.")
            seen[word] = policy.name
