"""The gateway's process: stations, journal, roster, link and metrics in one tree of tasks."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import math
import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib.metadata import version

from firmware_bridge.events import Measured
from floor.errors import ConfigError, MachineError
from floor.ids import uuid7
from floor.timescale import TimeScale
from floor.wire.journal import AlarmRaised, GatewayBooted
from floor.wire.messages import Command, Reply, Stations
from gateway import adoption, boxes, devices
from gateway.box_routes import BoxRoutes
from gateway.clock import Clock, SystemClock
from gateway.config import GatewayConfig
from gateway.credit import Credit
from gateway.home_assistant import HomeAssistant
from gateway.house import House
from gateway.http import Http
from gateway.journal import Journal
from gateway.journal_sessions import SessionRecord
from gateway.journal_store import refuse_volatile
from gateway.link import Link, shown
from gateway.metrics import Metrics, free_ratio
from gateway.orders import Orders
from gateway.phone import PhoneCodes
from gateway.prices import Prices
from gateway.print_files import PrintFiles
from gateway.proofs import Proofs
from gateway.recovery import recall
from gateway.roster import RosterStore
from gateway.station import Station
from gateway.station_phone import Phones
from gateway.station_routes import StationPages
from gateway.uses import Uses
from gateway.vitals import Pulse
from gateway.watchdog import Heartbeat, notify
from gateway.wiring import Devices, RosterChanged, Services, Tick
from gateway.wiring_copy import WiringCopy
from hardware.ports import Closes, Keeps
from hardware.readers.keys import TakesKeys

log = logging.getLogger(__name__)
SOFTWARE = f"makerfloor {version('makerfloor')}"
TICK_S = 1.0


class Gateway:
    """Everything that one gateway runs. Build it with `opened`, then `run` it."""

    def __init__(self, config: GatewayConfig, wired: dict[str, Devices], clock: Clock) -> None:
        self.config = config
        self.clock = clock
        keepers = {station.machine for station in config.stations if station.keeps}
        self._not_kept = {name for name in keepers if name in wired and not wired[name].keeps}
        self.metrics = Metrics(SOFTWARE)
        # Asked while the metrics are written, off the event loop: a disk may hang.
        self.metrics.disk_free.set_function(lambda: free_ratio(config.data))
        self.roster = RosterStore(
            config.data / "roster.jsonl", config.name, config.badge_key, config.server_key, clock
        )
        roster_problem = self.roster.load()
        self.journal = Journal(config.data / "journal.db", clock, self._degraded)
        self.journal.append_seconds = self.metrics.journal_append.observe
        self.credit, self.prices, self.uses = Credit(), Prices(self.roster), Uses()
        self._problems = ("", "")
        self.prints = PrintFiles(config.data, config.server, self.roster, self.metrics)
        services = Services(
            clock=clock,
            journal=self.journal,
            roster=self.roster,
            credit=self.credit,
            prices=self.prices,
            prints=self.prints,
            metrics=self.metrics,
            proofs=Proofs(self.journal),
            new_id=self._new_id,
            changed=self._changed,
            checkpoint_ms=config.checkpoint_s * 1000,
            closing_grace_ms=config.closing_grace_s * 1000,
            uses=self.uses,
        )
        self.link = Link(
            config.name,
            config.broker,
            self.journal,
            self.roster,
            self.metrics,
            software=SOFTWARE,
            boot_id=clock.boot_id,
            show=self.shown,
            carry=self.carry,
            roster_changed=self._roster_changed,
            alarm=self._alarm,
            wiring=WiringCopy(config),
        )
        for reader in (device.reader for device in wired.values()):
            if isinstance(reader, TakesKeys):
                reader.trust(self.roster)
        self.stations = {name: Station(name, wired[name], services) for name in wired}
        wanted = config.home_assistant
        self.home = HomeAssistant(wanted, config.name, self.stations.values(), SOFTWARE) if wanted else None
        self.codes = PhoneCodes(config.name, config.server.url, config.badge_key)
        self.http = Http(
            self.metrics, self.shown, self._refresh, self._pages(), BoxRoutes(wired.values(), self.metrics)
        )
        self.house = House(self.stations, self._alarm)
        self._orders = Orders(config.name, config.badge_key, self.house, self.codes, self.link.say)
        self._heart, self._pulse = Heartbeat(), Pulse(config.data)
        self._recover(roster_problem)

    def _recover(self, roster_problem: str | None) -> None:
        """Take up where the last process stopped: locked out stays locked out, cut sessions end."""
        lockouts = self.journal.lockouts()
        cut_off = recall(self.journal, self.roster, self.credit, self.prices, self._booked)
        kept = self._keepers(cut_off, lockouts)
        booted = GatewayBooted(
            boot_id=self.clock.boot_id,
            software=SOFTWARE,
            keeps=[record.lease.session_id for record in kept.values()],
        )
        self.journal.append(booted)
        if self.journal.position.torn:
            self._alarm("journal_torn", f"a broken journal was kept as {self.journal.position.torn}")
        if roster_problem:
            self._alarm("no_roster", roster_problem)
        self._check_roster()
        for record in cut_off:
            station = self.stations.get(record.started.machine)
            if station and kept.get(station.machine) is record:
                station.adoption.offer(record)
            elif station:
                station.tab.restore(record.lease, record.marks)
        for machine, reason in lockouts.items():
            if machine in self.stations:
                self.stations[machine].lock_out(reason)

    def _booked(self, record: SessionRecord) -> None:
        if station := self.stations.get(record.started.machine):
            station.reservations.recall(record)

    def _keepers(self, cut_off: list[SessionRecord], lockouts: dict[str, str]) -> dict[str, SessionRecord]:
        """Return the sessions that may go on; whatever else was found on is off after this."""
        kept = adoption.offer(
            cut_off, {name: one for name, one in self.stations.items() if name not in lockouts}
        )
        others = [one for name, one in self.stations.items() if one.devices.keeps and name not in kept]
        for station in others:
            try:
                station.devices.relay.off()
            except MachineError as error:
                station.alarm("relay_failed", str(error))
        for name in sorted(self._not_kept):
            self.stations[name].alarm("keep_refused", "it is hazardous, or unknown to the roster on disk")
        return kept

    def _pages(self) -> StationPages | None:
        """The stations' pages, for those whom the settings let see them."""
        who, host = self.config.http_stations, self.config.http_host
        if who == "off":
            return None
        phones = Phones(self.codes, lambda: self.link.connected)
        return StationPages(self.stations, host, everybody=who == "network", phones=phones)

    def _check_roster(self) -> None:
        """Tell staff once of a time zone that is not known here, and of rules that are not understood."""
        before, self._problems = self._problems, (self.roster.zone_problem, self.roster.rules.problem)
        zone, rules = self._problems
        if zone and zone != before[0]:
            self._alarm("timezone_unknown", zone)
        if rules and rules != before[1]:
            self._alarm("rules_unknown", rules)

    def _new_id(self) -> str:
        return uuid7(self.clock.wall_ms(), secrets.token_bytes(10))

    def _alarm(self, code: str, words: str) -> None:
        log.warning("alarm %s: %s", code, words)
        self.metrics.alarms.labels("", code).inc()
        self.journal.append(AlarmRaised(machine=None, code=code, words=words[:400]))

    def _degraded(self, why: str) -> None:
        self._alarm("journal_degraded", why)

    def _changed(self) -> None:
        self.link.changed()
        if self.home:
            self.home.changed()

    def _roster_changed(self) -> None:
        journal, known = self.journal, self.journal.known_to(self.roster.journal)
        for counted in (self.credit, self.prices, self.uses):
            counted.roster_came(journal.epoch, known, all_known=known == journal.next_seq - 1)
        if (self.roster.zone_problem, self.roster.rules.problem) != self._problems:
            self._check_roster()
        self.prints.roster_came()
        for station in self.stations.values():
            station.offer(RosterChanged())

    def carry(self, command: Command) -> Reply | None:
        """Carry out what the server orders."""
        return self._orders.carry(command)

    def shown(self) -> Stations:
        """Return what the board is told."""
        stations = [station.view.wire() for station in self.stations.values()]
        vitals = self._pulse.vitals(self.clock.error_ms(), self.link.answer_ms)
        name, now_ms, stuck = self.config.name, self.clock.wall_ms(), self.link.upload.batches.stuck
        return shown(name, now_ms, self.roster, self.journal, stations, vitals, stuck=stuck)

    def _refresh(self) -> None:
        """Bring the gauges up to date before they are read."""
        self.metrics.journal_lag.set(self.journal.lag)
        self.metrics.journal_degraded.set(bool(self.journal.degraded))
        self.metrics.clock_known.set(self.clock.known())
        error_ms = self.clock.error_ms()
        self.metrics.clock_error.set(math.nan if error_ms is None else error_ms / 1000)
        if self.roster.version:
            self.metrics.roster_age.set(self.roster.age_s())

    async def run(self) -> None:
        """Run until cancelled; whatever happens, every relay is off afterwards."""
        config = self.config
        async with AsyncExitStack() as stack:
            for station in self.stations.values():
                stack.push_async_callback(station.devices.reader.aclose)
                for one in station.devices.inputs:
                    stack.push_async_callback(one.aclose)
                if station.devices.driver:
                    stack.push_async_callback(station.devices.driver.aclose)
            await stack.enter_async_context(
                self.http.serving(config.http_host, config.http_port, config.file)
            )
            async with asyncio.TaskGroup() as tasks:
                for station in self.stations.values():
                    tasks.create_task(station.run(), name=station.machine)
                    for one in station.devices.inputs:
                        if not one.role.shared:
                            tasks.create_task(station.inputs.listen(one))
                    tasks.create_task(self._listen(station))
                    tasks.create_task(station.hands.run())
                    tasks.create_task(self._watch(station))
                for one in self.house.inputs:
                    tasks.create_task(self.house.listen(one))
                tasks.create_task(self.link.run())
                tasks.create_task(self.prints.run())
                if self.home:
                    tasks.create_task(self.home.run())
                tasks.create_task(self._tick())
                notify("READY=1")
                try:
                    await asyncio.Event().wait()
                finally:
                    self._make_safe()  # before anything is waited for: tasks, HTTP, readers, drivers

    def _make_safe(self) -> None:
        notify("STOPPING=1")
        left = [station.devices.relay for station in self.stations.values() if adoption.leaves(station)]
        wired = [station.devices for station in self.stations.values()]
        relays = [relay for device in wired for relay in (device.relay, device.extraction) if relay]
        for error in devices.switch_off(relay for relay in relays if relay not in left):
            log.error("a relay could not be switched off: %s", error)
        for station in self.stations.values():
            if isinstance(station.devices.panel, Closes):
                station.devices.panel.close()
            station.checkpoint()  # what runs now was proven until now
        for relay in left:
            if isinstance(relay, Keeps):
                relay.leave()

    async def _listen(self, station: Station) -> None:
        async for event in station.devices.reader.events():
            await station.put(event)

    async def _watch(self, station: Station) -> None:
        if station.devices.driver:
            async for event in station.devices.driver.events():
                if not isinstance(event, Measured):
                    await station.put(event)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._heart.beat([station.beats for station in self.stations.values()])
            for station in self.stations.values():
                station.offer(Tick())


@contextmanager
def locked(config: GatewayConfig) -> Iterator[None]:
    """Hold a gateway's data for this process alone; raises ConfigError while another one does."""
    try:
        config.data.mkdir(parents=True, exist_ok=True)
        lock = (config.data / "gateway.lock").open("a")
    except OSError as error:
        raise ConfigError(config.file, "data", f"{error}", "Name a folder that can be written.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            problem = f"another gateway runs with {config.data.resolve()}"
            raise ConfigError(config.file, "data", problem, "Stop it first.") from error
        yield


@asynccontextmanager
async def opened(config: GatewayConfig, scale: TimeScale | None = None) -> AsyncIterator[Gateway]:
    """Build a gateway and close what it holds; raises ConfigError for what cannot be wired or written."""
    if config.storage == "durable":
        refuse_volatile(config.data)
    with locked(config):
        devices.refuse_shared_pins(config)
        kept, shared = boxes.may_keep(config), devices.shared_inputs(config)
        wired = {
            station.machine: devices.build(config, station, shared, keep=station.machine in kept)
            for station in config.stations
        }
        try:
            gateway = Gateway(config, wired, SystemClock(scale))
        except sqlite3.Error as error:
            problem = f"the journal cannot be written: {error}"
            raise ConfigError(str(config.data), "", problem, "Free some space, or check the card.") from error
        try:
            yield gateway
        finally:
            gateway.journal.close()
