"""Carries between the sites of an installation: people to hosts, charges to homes, settlements to both.

Each site has a database of its own, and nothing is written in two at once. A step reads one and writes the
other in one transaction, and can be taken again: whoever stops half-way goes on where the databases stand.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from functools import partial

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from booking_api.db import Database, check_reachable
from booking_api.gateways.changes import newest_change
from booking_api.members import service as members
from booking_api.periods.calendar import bounds
from booking_api.quiet import Quiet
from booking_api.settings import Settings
from booking_api.sites import asking, checks, inbox, known, outbox, passes, settlement, slices, visitors
from booking_api.sites.inbox import Taken, Terms, Worth
from booking_api.sites.models import SiteCharge, SitePass, SiteSettlement
from booking_api.sites.network import Agreement, Network, Site
from booking_api.sites.settlement import Cleared
from booking_api.start import database_of, open_database
from booking_api.vault import Vault, open_vault
from floor.errors import ConfigError, FloorError

log = logging.getLogger(__name__)
AGAIN_MS = 60_000
"""So often everybody who travels is looked at, whether something changed or not: leases, ends that came."""
AT_ONCE = 500
Work = Callable[[int], None]
"""A step that may be taken at any time (UTC milliseconds), and again."""


@dataclass(frozen=True, slots=True)
class Open:
    """A site whose database is open."""

    id: str
    settings: Settings
    db: Database
    vault: Vault

    @property
    def code(self) -> str:
        """What it bills in."""
        return self.settings.currency.code

    def day(self, at_ms: int) -> date:
        """Return the day of an instant on its clock."""
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.db.zone).date()


@dataclass(slots=True)
class _Looked:
    """How far a pair was looked at: home's last change, when everybody was, whose bills came since."""

    change: int = -1
    at_ms: int = 0
    again: set[str] = field(default_factory=set)


@contextlib.contextmanager
def opened(network: Network, *, migrate: bool = False, absent: bool = False) -> Iterator[Courier]:
    """Open the databases of all sites; raises ConfigError for one that cannot be opened.

    `absent`: one that cannot be opened now is logged, and may come later; the others need not wait for it.
    """
    with contextlib.ExitStack() as stack:
        sites: dict[str, Open] = {}
        # Who does not answer is waited for some seconds: for all at once, and not one after another.
        with ThreadPoolExecutor(max(1, len(network.sites))) as side_by_side:
            away = list(side_by_side.map(_away, network.sites.values()))
        for (id, site), error in zip(network.sites.items(), away, strict=True):
            database = _database(site, error, migrate, absent)
            stack.callback(database.close)
            sites[id] = Open(id, site.settings, database, open_vault(site.settings.data))
        yield Courier(network, sites)


def _away(site: Site) -> ConfigError | None:
    """Return why a site's database cannot be reached, None where it can."""
    try:
        with contextlib.closing(database_of(site.settings)) as database:
            check_reachable(database)
    except ConfigError as error:
        return error
    return None


def _database(site: Site, away: ConfigError | None, migrate: bool, absent: bool) -> Database:
    try:
        if away is not None:
            raise away
        return open_database(site.settings, migrate=migrate)
    except ConfigError as error:
        # It says "makerfloor.toml", and each site has one.
        named = ConfigError(str(site.settings.file), error.key, error.problem, error.remedy)
        if not absent:
            raise named from error
        log.error("%s", named)
        return database_of(site.settings)


class Courier:
    """Carries for one network. `sites` are open; one that refuses or fails holds up no other pair."""

    def __init__(self, network: Network, sites: Mapping[str, Open]) -> None:
        self.network, self.sites = network, sites
        self.waiting: dict[str, Taken] = {}
        self._looked = {(one.home, one.host): _Looked() for one in network.agreements}
        self._quiet = Quiet(log)
        self._told: set[str] = set()

    def works(self) -> dict[str, Work]:
        """Return all that is to be carried, by what it is called: a work a site, and one a pair.

        None holds one database while it waits for another, and what two of them write at a site they write
        while they hold its book: so they may run side by side, and one that waits for ever holds up no other.
        """
        found: dict[str, Work] = {id: partial(self.sweep, site) for id, site in self.sites.items()}
        for terms in self.network.agreements:
            found[f"{terms.home} at {terms.host}"] = partial(self.pair, terms)
        return found

    def look(self, now_ms: int) -> None:
        """Carry all that waits, once; `now_ms` is UTC milliseconds. What fails is logged and tried again."""
        for name, work in self.works().items():
            try:
                work(now_ms)
            except (FloorError, SQLAlchemyError) as error:
                self._quiet.warn(name, error)

    def pair(self, terms: Agreement, now_ms: int) -> None:
        """Carry between two sites: charges home, and people to the host."""
        self.deliver(terms, now_ms)
        self.travel(terms, now_ms)

    def sweep(self, site: Open, now_ms: int) -> None:
        """Tell a site of the others, once; move what its visitors were charged to their homes' accounts."""
        if site.id not in self._told:
            with site.db.write() as session:
                known.keep(session, known.others(self.network, site.id))
            self._told.add(site.id)
        with site.db.read() as session:
            behind = outbox.is_behind(session)
        if behind:
            with site.db.write() as session:
                outbox.sweep(session, site.code, now_ms)

    def deliver(self, terms: Agreement, now_ms: int) -> None:
        """Have home charge what its members used at a host, in the order in which it was used."""
        host, home = self.sites[terms.host], self.sites[terms.home]
        waiting = select(SiteCharge).where(
            SiteCharge.site == terms.home, col(SiteCharge.delivered_ms).is_(None)
        )
        with host.db.read() as session:
            rows = list(session.exec(waiting.order_by(col(SiteCharge.seq)).limit(AT_ONCE)))
        if not rows:
            return
        done: dict[str, Worth] = {}
        with home.db.write() as session:
            for row in rows:
                taken = inbox.take(session, host.id, row, self._terms(terms, row.occurred_ms), now_ms)
                if taken.done:
                    done[row.id] = inbox.worth(session, host.id, row.id)
                    self.waiting.pop(row.id, None)
                else:
                    self.waiting[row.id] = taken
                    self._quiet.warn(f"charge {row.id} of {host.id}", taken)
            self._again(terms).again |= {row.ref for row in rows if row.id in done}
        if done:
            with host.db.write() as session:
                for row in session.exec(select(SiteCharge).where(col(SiteCharge.id).in_(done))):
                    worth, row.delivered_ms = done[row.id], now_ms
                    row.rate, row.home_commodity, row.home_micro = (
                        worth.rate,
                        worth.commodity,
                        worth.amount_micro,
                    )
                    session.add(row)

    def travel(self, terms: Agreement, now_ms: int) -> None:
        """Tell a host of those who may use it, as far as something of them may have changed."""
        home, looked = self.sites[terms.home], self._again(terms)
        with home.db.read() as session:
            change = newest_change(session)
            whole = now_ms - looked.at_ms >= AGAIN_MS
            who = None if whole or looked.change < 0 else passes.touched(session, looked.change)
            who = None if who is None else who | looked.again
            given = [one.member for one in passes.of_site(session, terms.host, who)]
        for member in given:
            self._tell(terms, member, now_ms)
        looked.change, looked.again = change, set()
        looked.at_ms = now_ms if who is None else looked.at_ms

    def _tell(self, terms: Agreement, member: str, now_ms: int) -> None:
        """Allot, tell, and hear back: home first takes what it promises, and frees it last."""
        home, host = self.sites[terms.home], self.sites[terms.host]
        rate = self._rate(terms, now_ms)

        def promised(session: Session) -> SitePass:
            given = session.get_one(SitePass, (member, terms.host))
            active = passes.is_active(session, given, now_ms)
            slices.allot(session, given, rate, home.code, now_ms, active=active)
            return given

        with home.db.write() as session:
            given = promised(session)
            person = passes.tell(session, home.vault, given, terms.skills, now_ms)
        with host.db.write() as session:
            exposure = visitors.welcome(session, host.vault, person, terms, host.code, now_ms)
        if max(given.allowed_micro, exposure or 0) < given.ceiling_micro:
            with home.db.write() as session:
                given = session.get_one(SitePass, (member, terms.host))
                if slices.heard(session, given, exposure or 0):
                    promised(session)

    def _again(self, terms: Agreement) -> _Looked:
        return self._looked.setdefault((terms.home, terms.host), _Looked())

    def _rate(self, terms: Agreement, at_ms: int) -> Fraction | None:
        """Return home's money for one of the host's, on home's day of an instant."""
        home, host = self.sites[terms.home], self.sites[terms.host]
        return self.network.rate(host.code, home.code, home.day(at_ms))

    def _terms(self, terms: Agreement, at_ms: int) -> Terms:
        return Terms(self.sites[terms.home].settings.currency, self._rate(terms, at_ms), terms.fee)

    def give(self, site: str, member: str, host: str, limit_micro: int | None, now_ms: int) -> SitePass:
        """Give a member of a site (by id, number or email) a pass to another.

        Raises ConfigError where the sites agreed on nothing, and Refused for a member that there is not.
        """
        self.network.site(site), self.network.site(host)
        terms = self.network.agreement(site, host)
        if terms is None:
            remedy = f'Write [[roaming]] with home = "{site}" and host = "{host}".'
            problem = f"members of {site} may not use {host}"
            raise ConfigError(str(self.network.file), "roaming", problem, remedy)
        most = min(terms.limit_micro, terms.limit_micro if limit_micro is None else limit_micro)
        with self.sites[site].db.write() as session:
            found = members.find(session, member)
            asking.check_traveller(session, found, now_ms)
            given = passes.give(session, found, host, self.sites[host].code, most, "", now_ms)
        self._tell(terms, given.member, now_ms)
        return given

    def end(self, site: str, member: str, host: str, now_ms: int) -> None:
        """End a member's pass; raises Refused where there is none."""
        self.network.site(site)
        with self.sites[site].db.write() as session:
            found = members.find(session, member)
            passes.end(session, found.id, host, "", now_ms)
        if terms := self.network.agreement(site, host):
            self._tell(terms, found.id, now_ms)

    def settle(self, month: str, now_ms: int) -> list[tuple[str, str, SiteSettlement]]:
        """Clear what all pairs of sites owe each other until the end of a month (YYYY-MM), in both books.

        Returns (site, other, what stands at the site) of each settlement, from the first side. A month that
        is settled again takes what came late.
        """
        done = []
        ids = sorted(self.sites)
        for n, one in enumerate(ids):
            for other in ids[n + 1 :]:
                self.complete(one, other, now_ms)
                for cleared in self.cleared(one, other, month):
                    with self.sites[one].db.write() as session:
                        row = settlement.write(session, other, cleared, now_ms)
                    done.append((one, other, row))
                self.complete(one, other, now_ms)
        return done

    def complete(self, one: str, other: str, now_ms: int) -> None:
        """Write settlements that stand at one side alone at the other as well."""
        for here, there in ((one, other), (other, one)):
            with self.sites[here].db.read() as mine, self.sites[there].db.read() as theirs:
                missing = settlement.unmatched(mine, theirs, here, there)
            for cleared in missing:
                with self.sites[there].db.write() as session:
                    settlement.write(session, here, cleared, now_ms)

    def cleared(self, one: str, other: str, month: str) -> list[Cleared]:
        """Return what `one` is to clear with `other`, a settlement a currency."""
        sides: dict[str, list[tuple[str, ...]]] = {}
        for n, (host, home) in enumerate(((one, other), (other, one))):
            site = self.sites[host]
            with site.db.read() as session:
                rows = settlement.ready(session, home, bounds(month, site.db.zone)[1])
            for code in dict.fromkeys(row.commodity for row in rows):
                pair = sides.setdefault(code, [(), ()])
                pair[n] = tuple(row.id for row in rows if row.commodity == code)
        found = []
        with self.sites[one].db.read() as session:
            for code, (charges, bills) in sorted(sides.items()):
                id = settlement.next_id(session, month, (one, other), code)
                found.append(Cleared(id, code, charges, bills))
        return found

    def paid(self, id: str, author: str, now_ms: int) -> list[tuple[str, SiteSettlement]]:
        """Post at both sites that a settlement was paid; raises Refused for none that is to be."""
        known = []
        for site in self.sites.values():
            with site.db.read() as session:
                row = session.get(SiteSettlement, id)
            if row is not None:
                known.append((site, row))
        if not known:
            remedy = "`makerfloor network settle MONTH` prints their names."
            raise ConfigError("makerfloor network paid", id, "there is no such settlement", remedy)
        done = []
        for site, row in known:
            rate = self.network.rate(row.commodity, site.code, site.day(now_ms))
            with site.db.write() as session:
                row = settlement.pay(session, id, site.settings.currency, rate, author, now_ms)
            done.append((site.id, row))
        return done

    def compare(self) -> list[tuple[str, str]]:
        """Name each charge and settlement of which two sites do not say the same."""
        found: list[tuple[str, str]] = []
        for host in self.sites.values():
            for home in self.sites.values():
                if host.id != home.id:
                    with host.db.read() as here, home.db.read() as there:
                        found += checks.compare(here, there, host.id, home.id)
        for site in self.sites.values():
            with site.db.read() as session:
                found += [(f"{site.id}, {where}", words) for where, words in checks.check_clearing(session)]
        return list(dict.fromkeys(found))
