"""`network.toml`: the sites of an installation, who may travel where, and the rates by which they settle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

from booking_api.settings import Settings, Table, load, read_settings
from booking_api.sites.apart import clash
from booking_api.sites.models import Way
from floor.errors import ConfigError
from floor.money import parse

FILE = "network.toml"
HOUR_MS = 3_600_000
_NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_KEYS: dict[str, frozenset[str]] = {
    "": frozenset({"name", "language", "host", "port", "site", "roaming", "rate"}),
    "site": frozenset({"id", "settings", "board"}),
    "roaming": frozenset({"home", "host", "tier", "limit", "hours", "passes", "fee_percent", "skills"}),
    "rate": frozenset({"day", "of", "in", "rate"}),
}


@dataclass(frozen=True, slots=True)
class Site:
    """A space of the network. `board`: whether the network's board shows it."""

    id: str
    settings: Settings
    board: bool = True


@dataclass(frozen=True, slots=True)
class Agreement:
    """Members of `home` may use `host` in a tier of the host's, each spending at most `limit_micro` of its
    currency before home has charged it, for `lease_ms` after home was last heard from.

    `skills` maps home's skills to the host's that they stand for; `fee` is the part that home adds; `way`
    is how a member comes by a pass.
    """

    home: str
    host: str
    tier: str
    limit_micro: int
    lease_ms: int
    fee: Fraction
    skills: Mapping[str, str]
    way: Way = Way.STAFF


@dataclass(frozen=True, slots=True)
class Rate:
    """From a day on, one of `of` is worth `value` of `into`."""

    day: date
    of: str
    into: str
    value: Fraction


@dataclass(frozen=True, slots=True)
class Network:
    """The whole file. `host` and `port` are where the network's board is served."""

    file: Path
    name: str
    language: str
    host: str
    port: int
    sites: Mapping[str, Site]
    agreements: tuple[Agreement, ...]
    rates: tuple[Rate, ...]

    def agreement(self, home: str, host: str) -> Agreement | None:
        """Return what two sites agreed on, None where nothing."""
        return next((one for one in self.agreements if (one.home, one.host) == (home, host)), None)

    def site(self, id: str) -> Site:
        """Return a site; raises ConfigError for a name that is none."""
        if id not in self.sites:
            remedy = f"Use one of: {', '.join(self.sites)}."
            raise ConfigError(str(self.file), "site", f"there is no site {id!r}", remedy)
        return self.sites[id]

    def rate(self, of: str, into: str, day: date) -> Fraction | None:
        """Return what one of a currency is worth in another on a day, by the newest rate until then, in
        either direction. None where none is written: then nothing is guessed.
        """
        if of == into:
            return Fraction(1)
        known = [one for one in self.rates if {one.of, one.into} == {of, into} and one.day <= day]
        if not known:
            return None
        newest = max(known, key=lambda one: (one.day, one.of == of))
        return newest.value if newest.of == of else 1 / newest.value


def read_network(file: Path) -> Network:
    """Read a network's file and the settings of its sites; raises ConfigError with file, key and remedy."""
    if not file.exists():
        remedy = "Begin one with `makerfloor network add`, or name it with --file."
        raise ConfigError(str(file), "", "there is no such file", remedy)
    return network_of(file, load(file))


def network_of(file: Path, root: Table) -> Network:
    """Return what a network's file says with these tables; raises ConfigError as `read_network`."""
    tables = _Tables(file, root)
    tables.check("", tables.root)
    sites = {}
    for one in tables.each("site"):
        id = tables.word("site.id", one.get("id"))
        if id in sites:
            raise tables.wrong("site.id", f"is {id!r} twice", "Give each site a name of its own.")
        where = file.parent / tables.text("site.settings", one.get("settings"))
        sites[id] = Site(id, read_settings(where, {}), one.get("board", True) is True)
    port = tables.root.get("port", 8070)
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise tables.wrong("port", f"is {port!r}", "Write a whole number from 0 to 65535.")
    host = tables.text("host", tables.root.get("host", "127.0.0.1"))
    if shared := clash({id: site.settings for id, site in sites.items()}, (host, port)):
        raise tables.wrong(*shared)
    return Network(
        file=file,
        name=tables.text("name", tables.root.get("name", "Network")),
        language=tables.text("language", tables.root.get("language", "en")),
        host=host,
        port=port,
        sites=sites,
        agreements=tuple(_agreement(tables, one, sites) for one in tables.each("roaming")),
        rates=tuple(_rate(tables, one) for one in tables.each("rate")),
    )


def _agreement(tables: _Tables, one: Mapping[str, Any], sites: Mapping[str, Site]) -> Agreement:
    home, host = (tables.text(f"roaming.{key}", one.get(key)) for key in ("home", "host"))
    if home not in sites or host not in sites or home == host:
        problem = f"is from {home!r} to {host!r}"
        raise tables.wrong("roaming.host", problem, f"Name two sites of: {', '.join(sites)}.")
    hours, skills = one.get("hours", 24), one.get("skills", {})
    if not isinstance(hours, int) or not 1 <= hours <= 720:
        raise tables.wrong("roaming.hours", f"is {hours!r}", "Write a whole number from 1 to 720.")
    if not isinstance(skills, Mapping) or not all(isinstance(name, str) for name in skills.values()):
        raise tables.wrong("roaming.skills", f"is {skills!r}", 'Write skills = { theirs = "ours" }.')
    if one.get("passes", Way.STAFF) not in list(Way):
        remedy = f"Write one of: {', '.join(Way)}."
        raise tables.wrong("roaming.passes", f"is {one.get('passes')!r}", remedy)
    way = Way(one.get("passes", Way.STAFF))
    try:
        limit = parse(str(one.get("limit", "")))
    except ValueError as error:
        raise tables.wrong("roaming.limit", str(error), 'Write an amount such as "50.00".') from None
    fee = tables.fraction("roaming.fee_percent", one.get("fee_percent", "0")) / 100
    tier = tables.text("roaming.tier", one.get("tier", "visitor"))
    return Agreement(home, host, tier, limit, hours * HOUR_MS, fee, dict(skills), way)


def _rate(tables: _Tables, one: Mapping[str, Any]) -> Rate:
    day = one.get("day")
    if type(day) is not date:
        raise tables.wrong("rate.day", f"is {day!r}", "Write a day such as 2026-11-01, without quotes.")
    value = tables.fraction("rate.rate", one.get("rate"))
    if not value:
        raise tables.wrong("rate.rate", "is 0", 'Write what one is worth, such as "0.1281".')
    of, into = (tables.text(f"rate.{key}", one.get(key)) for key in ("of", "in"))
    return Rate(day, of, into, value)


class _Tables:
    """The file's tables, with errors that say where."""

    def __init__(self, file: Path, root: Table) -> None:
        self.file, self.root = file, root

    def wrong(self, key: str, problem: str, remedy: str) -> ConfigError:
        return ConfigError(str(self.file), key, problem, remedy)

    def check(self, name: str, table: Table) -> None:
        for key in table:
            if key not in _KEYS[name]:
                remedy = f"Use one of: {', '.join(sorted(_KEYS[name]))}."
                raise self.wrong(f"{name}.{key}".lstrip("."), "is not a key here", remedy)

    def each(self, name: str) -> list[Mapping[str, Any]]:
        found = self.root.get(name, [])
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            raise self.wrong(name, "is not a list of tables", f"Write [[{name}]] and its keys below.")
        for one in found:
            self.check(name, one)
        return found

    def text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, f"is {value!r}, which is not a text", "Write a text in quotes.")
        return value

    def word(self, key: str, value: object) -> str:
        text = self.text(key, value)
        if not _NAME.fullmatch(text):
            remedy = "Write at most 16 small letters, digits and hyphens, a letter first."
            raise self.wrong(key, f"is {text!r}", remedy)
        return text

    def fraction(self, key: str, value: object) -> Fraction:
        if not isinstance(value, str) or not _RATE.fullmatch(value):
            raise self.wrong(key, f"is {value!r}", 'Write a decimal number in quotes, such as "0.1281".')
        return Fraction(value)
