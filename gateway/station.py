"""One station: what happens at a machine goes through floor.session, and what that asks for is done here.

A station's events are handled one after another, by one task; no station waits for another's.
"""

from __future__ import annotations

import asyncio
import logging
import time

from firmware_bridge.events import JobEnded, JobStarted, Noise
from floor import access, session, session_events
from floor import session_effects as effects
from floor.errors import MachineError
from floor.policy import MachinePolicy
from floor.session_states import Free, Holding, LockedOut, Proving, Running, State, Waiting
from floor.wire.journal import (
    AlarmRaised,
    Fact,
    MachineCleared,
    MachineLockedOut,
    SessionHeld,
    TapRefused,
)
from floor.wire.messages import Clear, Identify, LockOut, Order, Stop
from floor.words import DenialReason, StopType
from gateway import boxes
from gateway.adoption import Adoption
from gateway.contact import Contact
from gateway.door import Door
from gateway.hands import Hands
from gateway.inputs import Inputs
from gateway.machine import MachineSide
from gateway.metering import Mark
from gateway.paying import Paying
from gateway.prints import Prints
from gateway.reading import Reading
from gateway.reservations import Reservations
from gateway.roster_age import RosterAge
from gateway.signing_off import SigningOff
from gateway.stray import Stray
from gateway.tab import Tab
from gateway.taps import Taps
from gateway.view import View
from gateway.wiring import (
    AccountWanted,
    Choice,
    Devices,
    Ordered,
    PhoneTap,
    RosterChanged,
    Services,
    StationEvent,
    Tick,
)
from hardware.events import (
    BadgeRemoved,
    BadgeTapped,
    ButtonPressed,
    InputChanged,
    InputLost,
    PowerTaken,
    ReaderFound,
    ReaderLost,
    ReaderNoise,
)
from hardware.ports import Relay

log = logging.getLogger(__name__)
QUEUE_LIMIT = 256


class Station:
    """The state of one machine and the hands that carry out what its session asks for."""

    def __init__(self, machine: str, devices: Devices, services: Services) -> None:
        self.machine = machine
        self.devices = devices
        self.services = services
        self.state: State = Free()
        self.side = MachineSide(machine, has_driver=devices.driver is not None)
        self.hands = Hands(devices.driver, lambda what, why: self.alarm("order_failed", f"{what}: {why}"))
        self.stray = Stray(self.hands)
        self.tab = Tab(machine, services)
        self.view = View(self)
        self.prints = Prints(self)
        self.contact = Contact(devices.relay)
        self.box = boxes.Box(devices.node, self.alarm)
        self.inputs = Inputs(self, self._step)
        self.taps = Taps(self, self._step)
        self.paying = Paying(self, self._step)
        self.door = Door(self, self._step)
        self.adoption = Adoption(self, self._step)
        self.roster_age = RosterAge(self)
        self.reading = Reading(self)
        self.signing = SigningOff(self)
        self.reservations = Reservations(self, self._step)
        self._server_lockout: str | None = None
        self._by = "machine"
        self._checkpoint_ms = 0
        self._ticked_ms = services.clock.monotonic_ms()
        self._queue: asyncio.Queue[tuple[float, StationEvent]] = asyncio.Queue(QUEUE_LIMIT)
        self.beats = 0
        services.metrics.begin(machine)
        self._take_roster()

    @property
    def policy(self) -> MachinePolicy:
        """The machine's policy by the roster; a cautious one until there is a roster."""
        machine = self.services.roster.machines.get(self.machine)
        return self.door.policy(machine.entry.policy if machine else MachinePolicy())

    async def put(self, event: StationEvent) -> None:
        """Queue an event; waits when the station is that far behind."""
        await self._queue.put((time.perf_counter(), event))

    def offer(self, event: StationEvent) -> bool:
        """Queue an event unless the station is far behind; returns whether it was queued."""
        if self._queue.full():
            return False
        self._queue.put_nowait((time.perf_counter(), event))
        return True

    async def run(self) -> None:
        """Handle events for ever; whatever goes wrong leaves the machine without power and locked out."""
        while True:
            since, event = await self._queue.get()
            try:
                await self.handle(event, since)
            except Exception:  # the supervisor's place: make safe, say so, go on
                log.exception("station %s failed on %s", self.machine, type(event).__name__)
                self.devices.relay.off()
                self.alarm("station_failed", f"while handling {type(event).__name__}")
                await self._step(
                    session_events.Faulted(StopType.FAULT, "The station failed", self._now()), since
                )

    async def handle(self, event: StationEvent, since: float) -> None:
        """Handle one event that came at `since` (time.perf_counter)."""
        match event:
            case Tick():
                await self._tick(since)
            case BadgeTapped() | PhoneTap():
                await self.taps.heard(event, since)
                await self.paying.by_code(since)
            case BadgeRemoved():
                await self.taps.removed(event, since)
            case ButtonPressed() | InputChanged() | InputLost():
                await self.inputs.heard(event, since)
            case ReaderLost() | ReaderNoise() | Noise() | PowerTaken():
                self._hear_reader(event)
            case RosterChanged():
                await self._roster_changed(since)
            case Ordered(order, by):
                await self._ordered(order, by, since)
            case AccountWanted():
                await self.paying.wanted(event, since)
            case ReaderFound():
                pass
            case _:
                await self._machine_says(event, since)
        self.beats += 1

    def _hear_reader(self, event: ReaderLost | ReaderNoise | Noise | PowerTaken) -> None:
        if isinstance(event, ReaderLost):
            self.alarm("reader_lost", event.reason)
        elif isinstance(event, PowerTaken):
            self.alarm("power_not_granted", event.words)
        else:
            self.services.metrics.peer_errors.labels(type(event).__name__).inc()

    def lock_out(self, reason: str) -> None:
        """Begin locked out, as the machine was when this process stopped."""
        self.state = LockedOut(reason)
        self.inputs.recall(reason)

    def alarm(self, code: str, words: str = "") -> None:
        """Tell staff; recorded, counted and shown."""
        self._note(AlarmRaised(machine=self.machine, code=code, words=words[:400]))

    def _note(self, fact: Fact) -> None:
        if isinstance(fact, AlarmRaised):
            log.warning("%s: alarm %s: %s", self.machine, fact.code, fact.words)
            self.services.metrics.alarms.labels(self.machine, fact.code).inc()
        self.services.journal.append(fact)

    def _now(self) -> int:
        return self.services.clock.monotonic_ms()

    async def _ordered(self, order: Order, by: str, since: float) -> None:
        self._by = by
        match order:
            case LockOut(reason=reason):
                await self._step(session_events.LockOutOrdered(reason, self._now()), since)
            case Clear(reason=reason):
                await self.inputs.clear(since, reason)
            case Stop(session_id=session_id) if self.adoption.session_id == session_id:
                self.adoption.give_up()
            case Stop(session_id=session_id) if self.session_id == session_id:
                await self._step(session_events.Stopped(StopType.REMOTE_STOP, self._now()), since)
            case Identify():
                self.view.identify()
        self._by = "machine"

    @property
    def lease(self) -> access.Lease | None:
        """The lease of the session that runs here."""
        return self.state.lease if isinstance(self.state, Running | Holding) else None

    @property
    def repairs(self) -> bool:
        """Whether a technician repairs the machine, which is out of order, or waits to."""
        return isinstance(self.state, Running | Proving) and bool(self.state.out_of_order)

    @property
    def in_order(self) -> bool:
        """Whether nobody has taken the machine out of order."""
        return not (isinstance(self.state, LockedOut) or self.repairs or self._server_lockout)

    @property
    def session_id(self) -> str | None:
        """The session that runs here."""
        return self.lease.session_id if self.lease else None

    def _take_roster(self) -> str | None:
        machine = self.services.roster.machines.get(self.machine)
        before, self._server_lockout = self._server_lockout, machine.entry.lockout if machine else None
        return before

    async def _roster_changed(self, since: float) -> None:
        before = self._take_roster()
        if self._server_lockout and not (isinstance(self.state, LockedOut) or self.repairs):
            await self._step(session_events.LockOutOrdered(self._server_lockout, self._now()), since)
        elif before and not self._server_lockout:
            await self.inputs.unlisted(since)

    async def _machine_says(self, event: object, since: float) -> None:
        ours = self.session_id or self.adoption.session_id
        facts, told = self.side.hear(event, self._now(), ours)
        for fact in facts:
            self._note(fact)
        if told:
            await self._step(told, since)
        await self.adoption.look(since)
        if self.devices.keeps and isinstance(event, JobStarted | JobEnded):
            self.checkpoint()
        if isinstance(event, JobStarted) and ours is None:
            self.stray.began(event, self._now(), self.policy, ran_before=not self.side.known)
            self.view.refresh()
        elif isinstance(event, JobStarted):
            await self.paying.by_code(since)
        elif isinstance(event, JobEnded):
            self.stray.ended()
        self.services.changed()

    async def _tick(self, since: float) -> None:
        at_ms = self._now()
        elapsed_s = (at_ms - self._ticked_ms) / 1000
        self._ticked_ms = at_ms
        self.view.count(elapsed_s)  # as it was until now: what ends in this turn had its power until now
        await self.inputs.tick(since)
        await self._check_relay(at_ms, since)
        await self.adoption.look(since)
        self.roster_age.look(at_ms)
        self.box.look(self.policy)
        self.door.tick(at_ms)
        self.reading.tick()
        self.signing.tick()
        await self.reservations.tick(since)
        self.view.follow(at_ms)
        if isinstance(self.state, Running | Holding):
            if at_ms - self._checkpoint_ms >= self.services.checkpoint_ms:
                self.checkpoint()
            if told := self.tab.watch(self.state.lease, self.mark(at_ms), self.policy, at_ms):
                await self._step(told, since)
        waits = self.state.lease.badge if isinstance(self.state, Proving) else ""
        await self._step(session_events.Ticked(at_ms), since, waits)
        await self.prints.tick(at_ms, since)

    def mark(self, at_ms: int) -> Mark:
        """Return what the running session has used until an instant (monotonic milliseconds)."""
        return Mark(self._elapsed(self.state, at_ms), self.side.used(at_ms))

    def checkpoint(self) -> None:
        """Record what the session that runs has used until now."""
        if isinstance(self.state, Running | Holding):
            self._checkpoint_ms = self._now()
            job = self.side.job.name if self.devices.keeps and self.side.job else ""
            self.tab.mark(self.state.lease, self.mark(self._checkpoint_ms), job)

    async def _check_relay(self, at_ms: int, since: float) -> None:
        words = self.contact.disobeys(at_ms)
        self.view.gauges.mismatch.set(bool(words))
        if words and not isinstance(self.state, LockedOut):
            self.alarm("relay_mismatch", words)
            await self._step(session_events.Faulted(StopType.FAULT, words, at_ms), since)

    async def _step(self, event: session_events.Event, since: float, reference: str = "") -> None:
        before = self.state
        self.state, asked = session.step(before, event, self.policy)
        for effect in asked:
            await self._perform(effect, before, since, reference)
        if session.powered(before) is not session.powered(self.state):
            self.hands.authorise(session.powered(self.state))
        if asked or self.state is not before:
            self.view.refresh()
            self.services.changed()

    async def _perform(self, effect: effects.Effect, before: State, since: float, reference: str) -> None:
        match effect:
            case effects.OpenRelay():
                self._switch(self.devices.relay, False)
            case effects.CloseRelay():
                self._power_on(since)
            case effects.Extraction(on) if self.devices.extraction:
                self._switch(self.devices.extraction, on)
            case effects.StartSession(lease):
                await self._start(lease, self._now())
            case effects.EndSession(lease, stop_type):
                self._end(lease, stop_type, before, self._now())
            case effects.HandOver(ended, begun, at_ms):
                self._end(ended, StopType.TAKEOVER, before, at_ms)
                await self._start(begun, at_ms)
                self.taps.tell(begun)
                self.prints.handed(ended, begun)
            case effects.Refuse(reason, member):
                badge = before.lease.badge if isinstance(before, Waiting) and not reference else reference
                self._refuse(reason, member, badge)
            case effects.Warn(code):
                self.view.say(code)
            case effects.RecordLockout(reason):
                self._note(MachineLockedOut(machine=self.machine, reason=reason[:400], by=self._by))
            case effects.RecordClear():
                self._note(MachineCleared(machine=self.machine, reason=self.inputs.why, by=self._by))
            case _:
                self._go_on(effect, before)

    def _go_on(self, effect: effects.Effect, before: State) -> None:
        """Record what changed about a session that goes on."""
        match effect:
            case effects.KeepRelay() if self.devices.relay.is_on:
                self._switch(self.devices.relay, True)
            case effects.AdoptSession():
                self.view.say("adopted")
            case _ if not isinstance(before, Running | Holding):
                return
            case effects.HoldSession(lease):
                elapsed_ms = self._elapsed(before, self._now())
                self._note(SessionHeld(session_id=lease.session_id, elapsed_ms=elapsed_ms))
                self.view.say("held")
            case effects.RecordAccount(lease):
                self.tab.move(before.lease, lease)
                self.view.say(Choice.CHOSEN)
            case effects.RecordHold(lease):
                self.tab.grow(before.lease, lease)

    def _switch(self, relay: Relay, on: bool) -> None:
        try:
            if on and not self.inputs.blocks:
                relay.on()
            else:
                relay.off()
        except MachineError as error:
            self.alarm("relay_failed", str(error))

    async def _start(self, lease: access.Lease, at_ms: int) -> None:
        self._checkpoint_ms = at_ms
        self.side.measure(at_ms, whole_job=self.stray.claim(at_ms, self.policy))
        if not await self.tab.open(lease):
            self.alarm("journal_late", f"session {lease.session_id} began before the disk had it")

    def _power_on(self, since: float) -> None:
        self._switch(self.devices.relay, True)
        self.services.metrics.tap_to_relay.observe(time.perf_counter() - since)
        if isinstance(self.state, Running):  # what the panel says keeps no power waiting
            self.taps.tell(self.state.lease)
        self.prints.begin(self._now())
        self.door.again()

    @staticmethod
    def _elapsed(state: State, at_ms: int) -> int:
        return at_ms - state.since_ms if isinstance(state, Running | Holding) else 0

    def _end(self, lease: access.Lease, stop_type: StopType, before: State, at_ms: int) -> None:
        mark = Mark(self._elapsed(before, at_ms), self.side.used(at_ms))
        price = self.tab.close(lease, mark, stop_type, self.side.words)
        if not self.door.pulse_s:
            self.view.ended(stop_type, price, lease.member)
        self.side.meter = None
        for quantity, amount in mark.counters.items():
            self.services.metrics.metered.labels(self.machine, quantity).inc(amount)

    def _refuse(self, reason: DenialReason, member: str | None, reference: str) -> None:
        if reason is DenialReason.PROOF_MISSING:
            self.alarm("proof_missing", self.inputs.unproven())
        self.services.metrics.taps.labels(self.machine, reason).inc()
        if self.taps.refused(reason):
            self._note(TapRefused(machine=self.machine, reason=reason, badge=reference, member=member))
        self.view.refused(reason, member)
