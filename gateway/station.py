"""One station: what happens at a machine goes through floor.session, and what that asks for is done here.

A station's events are handled one after another, by one task; no station waits for another's.
"""

from __future__ import annotations

import asyncio
import logging
import time

from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobProgressed,
    JobStarted,
    Noise,
    ReadingTaken,
)
from floor import access, session
from floor.errors import MachineError
from floor.meter import Quantity, difference
from floor.policy import MachinePolicy
from floor.session import Holding, LockedOut, Running, State
from floor.wire.journal import (
    AlarmRaised,
    Fact,
    JobFinished,
    MachineCleared,
    MachineLockedOut,
    SessionEnded,
    SessionHeld,
    SessionMetered,
    SessionStarted,
    TapRefused,
)
from floor.wire.messages import Clear, Identify, LockOut, Order, Stop
from floor.words import Activity, DenialReason, StopType
from gateway.contact import Contact
from gateway.journal_store import OpenSession
from gateway.metering import SessionMeter
from gateway.view import View
from gateway.wiring import Devices, Ordered, RosterChanged, Services, StationEvent, Tick
from hardware.events import (
    BadgeRemoved,
    BadgeTapped,
    ButtonPressed,
    InputChanged,
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
        self.state: State = session.Free()
        self.activity = Activity.IDLE if devices.driver is None else Activity.UNREACHABLE
        self.meter: SessionMeter | None = None
        self.counters: dict[Quantity, int] = {}
        self.job: JobStarted | None = None
        self.view = View(self)
        self.contact = Contact(devices.relay)
        self._at_job_start: dict[Quantity, int] = {}
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
        return machine.entry.policy if machine else MachinePolicy()

    @property
    def reachable(self) -> bool:
        """Whether the machine answers, where something can tell."""
        return self.activity is not Activity.UNREACHABLE

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
                await self._step(session.Faulted(StopType.FAULT, "The station failed", self._now()), since)

    async def handle(self, event: StationEvent, since: float) -> None:
        """Handle one event that came at `since` (time.perf_counter)."""
        match event:
            case Tick():
                await self._tick(since)
            case BadgeTapped(uid):
                await self._tapped(uid, event, since)
            case BadgeRemoved(uid) if isinstance(self.state, Running):
                reference, *_ = self.services.roster.look_up(uid)
                if reference == self.state.lease.badge:
                    await self._step(session.CardRemoved(self._now()), since)
            case ButtonPressed("end"):
                await self._step(session.EndPressed(self._now()), since)
            case InputChanged("emergency_stop", True):
                stop = session.Faulted(StopType.EMERGENCY_STOP, "Emergency stop", self._now())
                await self._step(stop, since)
            case ReaderLost(reason):
                self.alarm("reader_lost", reason)
            case ReaderNoise() | Noise():
                self.services.metrics.peer_errors.labels(type(event).__name__).inc()
            case RosterChanged():
                await self._roster_changed(since)
            case Ordered(order, by):
                await self._ordered(order, by, since)
            case ReaderFound() | BadgeRemoved() | ButtonPressed() | InputChanged():
                pass
            case _:
                await self._machine_says(event, since)
        self.beats += 1

    def restore(self, found: OpenSession) -> None:
        """End a session that a stop of this process cut off, at its last proven activity."""
        ended = SessionEnded(
            session_id=found.started.session_id,
            stop_type=StopType.POWER_LOST,
            elapsed_ms=found.elapsed_ms,
            counters=found.counters,
        )
        self._journal(ended)
        self.services.metrics.sessions.labels(self.machine, StopType.POWER_LOST).inc()

    def lock_out(self, reason: str) -> None:
        """Begin locked out, as the machine was when this process stopped."""
        self.state = LockedOut(reason)

    def alarm(self, code: str, words: str = "") -> None:
        """Tell staff; recorded, counted and shown."""
        log.warning("%s: alarm %s: %s", self.machine, code, words)
        self.services.metrics.alarms.labels(self.machine, code).inc()
        self._journal(AlarmRaised(machine=self.machine, code=code, words=words[:400]))

    def _journal(self, fact: Fact) -> None:
        self.services.journal.append(fact)

    def _now(self) -> int:
        return self.services.clock.monotonic_ms()

    async def _tapped(self, uid: bytes, tap: BadgeTapped, since: float) -> None:
        services = self.services
        reference, badge, member = services.roster.look_up(uid)
        machine = services.roster.machines.get(self.machine)
        costs = machine is None or bool(machine.tariffs)
        request = access.Request(
            machine=self.machine,
            policy=self.policy,
            badge_reference=reference,
            badge=badge,
            member=services.credit.left(member, costs=costs) if member else None,
            session_id=services.new_id(),
            now_ms=services.clock.wall_ms(),
            clock_known=services.clock.known(),
            roster_age_s=services.roster.age_s(),
            machine_reachable=self.reachable,
            power_proven_off=self.contact.obeys,
        )
        decision = access.decide(request)
        await self._step(
            session.Tapped(decision, member.id if member else None, self._now()), since, reference
        )

    async def _ordered(self, order: Order, by: str, since: float) -> None:
        self._by = by
        match order:
            case LockOut(reason=reason):
                await self._step(session.LockOutOrdered(reason, self._now()), since)
            case Clear():
                await self._step(session.ClearOrdered(self._now()), since)
            case Stop(session_id=session_id) if self.session_id == session_id:
                await self._step(session.Stopped(StopType.REMOTE_STOP, self._now()), since)
            case Identify():
                self.view.identify()
        self._by = "machine"

    @property
    def session_id(self) -> str | None:
        """The session that runs here."""
        return self.state.lease.session_id if isinstance(self.state, Running | Holding) else None

    def _take_roster(self) -> str | None:
        machine = self.services.roster.machines.get(self.machine)
        before, self._server_lockout = self._server_lockout, machine.entry.lockout if machine else None
        return before

    async def _roster_changed(self, since: float) -> None:
        before = self._take_roster()
        if self._server_lockout and not isinstance(self.state, LockedOut):
            await self._step(session.LockOutOrdered(self._server_lockout, self._now()), since)
        elif before and not self._server_lockout:
            await self._step(session.ClearOrdered(self._now()), since)

    async def _machine_says(self, event: object, since: float) -> None:
        at_ms = self._now()
        match event:
            case ActivityChanged(activity, words):
                await self._activity_changed(activity, words, at_ms, since)
            case JobStarted():
                self.job, self._at_job_start = event, dict(self.counters)
                if not isinstance(self.state, Running | Holding):
                    self.alarm("job_without_session", event.name)
                await self._step(session.JobChanged(True, at_ms), since)
            case JobEnded():
                self._job_ended(event)
                await self._step(session.JobChanged(False, at_ms), since)
            case JobProgressed(_, fraction, left_s):
                self.view.progress(fraction, left_s)
            case ReadingTaken(counters):
                self.counters = {**self.counters, **counters}
                if self.meter:
                    self.meter.reading(self.counters)
            case Identified(name, firmware):
                log.info("%s is %s, %s", self.machine, name, firmware)

    async def _activity_changed(self, activity: Activity, words: str, at_ms: int, since: float) -> None:
        before, self.activity = self.activity, activity
        self.view.words = words
        if self.meter:
            self.meter.activity(activity, at_ms)
        if activity is Activity.UNREACHABLE and before is not activity:
            self.alarm("machine_unreachable", words)
        if activity is Activity.FAULTED:
            await self._step(
                session.Faulted(StopType.FAULT, words or "The machine reports a fault", at_ms), since
            )
        else:
            await self._step(session.BusyChanged(activity is Activity.BUSY, at_ms), since)
        self.services.changed()

    def _job_ended(self, ended: JobEnded) -> None:
        job, self.job = self.job, None
        self.view.progress(None, None)
        self._journal(
            JobFinished(
                session_id=self.session_id,
                machine=self.machine,
                name=(job.name if job else "")[:400],
                outcome=ended.outcome,
                job_time_ms=max(0, ended.job_time_ms),
                counters=difference(self._at_job_start, self.counters),
                user=((job.user if job else None) or "")[:400],
            )
        )

    async def _tick(self, since: float) -> None:
        at_ms = self._now()
        elapsed_s = (at_ms - self._ticked_ms) / 1000
        self._ticked_ms = at_ms
        await self._check_relay(at_ms, since)
        self.view.count(elapsed_s)
        if isinstance(self.state, Running | Holding) and self.meter:
            if at_ms - self._checkpoint_ms >= self.services.checkpoint_ms:
                self.checkpoint()
            charge = self.view.price(at_ms)
            limit = self.state.lease.limit_micro
            if charge and limit is not None and charge.total_micro >= limit:
                await self._step(session.CreditSpent(at_ms), since)
        await self._step(session.Ticked(at_ms), since)

    def checkpoint(self) -> None:
        """Record what the session that runs has used until now."""
        if isinstance(self.state, Running | Holding) and self.meter:
            self._checkpoint_ms = at_ms = self._now()
            lease, since_ms = self.state.lease, self.state.since_ms
            self._journal(
                SessionMetered(
                    session_id=lease.session_id,
                    elapsed_ms=at_ms - since_ms,
                    counters=self.meter.counters(at_ms),
                )
            )

    async def _check_relay(self, at_ms: int, since: float) -> None:
        words = self.contact.disobeys(at_ms)
        self.services.metrics.mismatch.labels(self.machine).set(bool(words))
        if words and not isinstance(self.state, LockedOut):
            self.alarm("relay_mismatch", words)
            await self._step(session.Faulted(StopType.FAULT, words, at_ms), since)

    async def _step(self, event: session.Event, since: float, reference: str = "") -> None:
        before = self.state
        self.state, effects = session.step(before, event, self.policy)
        for effect in effects:
            await self._perform(effect, before, since, reference)
        if effects or self.state is not before:
            self.view.refresh()
            self.services.changed()

    async def _perform(self, effect: session.Effect, before: State, since: float, reference: str) -> None:
        match effect:
            case session.OpenRelay():
                self._switch(self.devices.relay, False)
            case session.CloseRelay():
                self._switch(self.devices.relay, True)
                self.services.metrics.tap_to_relay.observe(time.perf_counter() - since)
                self.services.metrics.taps.labels(self.machine, "granted").inc()
            case session.Extraction(on):
                if self.devices.extraction:
                    self._switch(self.devices.extraction, on)
            case session.StartSession(lease):
                await self._start(lease)
            case session.HoldSession(lease):
                elapsed_ms = self._elapsed(before)
                self._journal(SessionHeld(session_id=lease.session_id, elapsed_ms=elapsed_ms))
                self.view.say("held")
            case session.EndSession(lease, stop_type):
                self._end(lease, stop_type, before)
            case session.Refuse(reason, member):
                self._refuse(reason, member, reference)
            case session.Warn(code):
                self.view.say(code)
            case session.RecordLockout(reason):
                self._journal(MachineLockedOut(machine=self.machine, reason=reason[:400], by=self._by))
            case session.RecordClear():
                self._journal(MachineCleared(machine=self.machine, reason="", by=self._by))

    def _switch(self, relay: Relay, on: bool) -> None:
        try:
            if on:
                relay.on()
            else:
                relay.off()
        except MachineError as error:
            self.alarm("relay_failed", str(error))

    async def _start(self, lease: access.Lease) -> None:
        at_ms = self._now()
        self.meter = SessionMeter(at_ms, self.counters, self.activity)
        self._checkpoint_ms = at_ms
        journal = self.services.journal
        started = SessionStarted.of(lease, late_journal=bool(journal.degraded))
        self.services.credit.began(started, journal.epoch, journal.next_seq)
        if not await journal.append_durably(started) and not started.late_journal:
            self.alarm("journal_late", f"session {lease.session_id} began before the disk had it")
        self.view.say("granted")

    def _elapsed(self, state: State) -> int:
        return self._now() - state.since_ms if isinstance(state, Running | Holding) else 0

    def _end(self, lease: access.Lease, stop_type: StopType, before: State) -> None:
        at_ms = self._now()
        counters = self.meter.counters(at_ms) if self.meter else {}
        charge = self.view.price_of(lease, self._elapsed(before), counters)
        self.view.ended(stop_type, charge)
        if charge:
            self.services.credit.ended(lease.session_id, charge.total_micro)
        self.meter = None
        self._journal(
            SessionEnded(
                session_id=lease.session_id,
                stop_type=stop_type,
                elapsed_ms=self._elapsed(before),
                counters=counters,
                words=self.view.words[:400],
            )
        )
        metrics = self.services.metrics
        metrics.sessions.labels(self.machine, stop_type).inc()
        for quantity, amount in counters.items():
            metrics.metered.labels(self.machine, quantity).inc(amount)

    def _refuse(self, reason: DenialReason, member: str | None, reference: str) -> None:
        self.services.metrics.taps.labels(self.machine, reason).inc()
        self._journal(TapRefused(machine=self.machine, reason=reason, badge=reference, member=member))
        self.view.refused(reason, member)
