"""A station's contacts. What must be safe is made safe here, before anything is queued, recorded or sent.

A trip takes the power at once and latches: no relay closes until staff clear the machine, and staff cannot
clear it while a safety contact is not proven to be well.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from floor import session, session_events, texts
from floor.errors import MachineError, MachineFault
from floor.policy import OnOops, OnProofLost
from floor.session_events import ClosingDue
from floor.session_states import LockedOut, Proving
from floor.wire.journal import MachineLockedOut
from floor.words import InputRole, StopType, Trip
from hardware.events import ButtonPressed, InputChanged, InputEvent, InputLost
from hardware.ports import Input

if TYPE_CHECKING:
    from gateway.station import Station

log = logging.getLogger(__name__)
OOPS_AGAIN_MS = 60_000
ORDER_MS = 5_000
OF_ROLE = {
    InputRole.EMERGENCY_STOP: Trip.EMERGENCY_STOP,
    InputRole.INTERLOCK: Trip.INTERLOCK,
    InputRole.FIRE_ALARM: Trip.FIRE_ALARM,
    InputRole.EXTRACTION: Trip.EXTRACTION_LOST,
    InputRole.CHILLER: Trip.CHILLER_LOST,
}
GRAVEST = list(Trip)
STOPS = {
    Trip.EMERGENCY_STOP: StopType.EMERGENCY_STOP,
    Trip.INTERLOCK: StopType.INTERLOCK,
    Trip.INPUT_UNREAD: StopType.FAULT,
    Trip.REPORTED: StopType.LOCKOUT,
    Trip.EXTRACTION_LOST: StopType.INTERLOCK,
    Trip.CHILLER_LOST: StopType.INTERLOCK,
    Trip.FIRE_ALARM: StopType.FIRE_ALARM,
}


class Inputs:
    """The contacts of one station. `latched` is the gravest that tripped and was not cleared since.

    `why` is the reason that staff gave when they cleared the machine last.
    """

    def __init__(
        self, station: Station, step: Callable[[session_events.Event, float], Awaitable[None]]
    ) -> None:
        self._station = station
        self._step = step
        self.latched: Trip | None = None
        self._told: Trip | None = None
        self._because = ""
        self.why = ""
        self._heard: dict[Input, bool | None] = {}
        self._closing: set[Input] = set()
        self._closing_ms = 0
        self._oops_ms: int | None = None
        self._ask_again_ms: int | None = None

    @property
    def blocks(self) -> bool:
        """Whether no relay may close: something tripped, and no technician repairs what was reported."""
        if self.latched is Trip.REPORTED:
            return not self._station.repairs
        return self.latched is not None

    async def listen(self, one: Input) -> None:
        """Hear one contact for ever."""
        async for event in one.events():
            self.take(one, event)

    def take(self, one: Input, event: InputEvent) -> None:
        """Act on what a contact says: power first, then the station's turn."""
        before = self._heard.get(one)
        self._heard[one] = event.active if isinstance(event, InputChanged) else None
        if one.role.safety and (wrong := self._wrong_by(one, event)):
            self._trip(*wrong)
        if one.role.proof and event != InputChanged(one.name, True) and self._has_power:
            self._lose_proof(one)
        if one.role is InputRole.CLOSING:
            self._close(one, event)
        pressed = one.role.button and before is False and event == InputChanged(one.name, True)
        self._station.offer(ButtonPressed(one.role) if pressed else event)  # a tick acts too

    @property
    def _has_power(self) -> bool:
        """Whether the machine has power, also that of a session whose going on is not proven yet."""
        return session.powered(self._station.state) or self._station.adoption.session_id is not None

    @staticmethod
    def _wrong_by(one: Input, event: InputEvent) -> tuple[Trip, str] | None:
        match event:
            case InputLost(reason=reason):
                return Trip.INPUT_UNREAD, f"{one.name}: {reason}"
            case InputChanged(active=True):
                return OF_ROLE[one.role], one.name
        return None

    def _lose_proof(self, one: Input) -> None:
        """Extraction or cooling stopped beside a machine that has power."""
        if self.needs_proof:
            self._trip(OF_ROLE[one.role], one.name)

    @property
    def needs_proof(self) -> bool:
        """Whether a machine with power must have its extraction and cooling proven all the time."""
        policy = self._station.policy
        return policy.on_proof_lost is OnProofLost.LOCK_OUT or policy.hazardous

    def _close(self, one: Input, event: InputEvent) -> None:
        """Take note that the building closes, or does not; what cannot be read says nothing new."""
        if event == InputChanged(one.name, True):
            self._closing_ms = self._closing_ms if self._closing else self._now()
            self._closing.add(one)
        elif isinstance(event, InputChanged):
            self._closing.discard(one)

    @property
    def closing(self) -> bool:
        """Whether the building closes, so that nothing begins."""
        return bool(self._closing)

    def _unproven(self) -> list[Input]:
        return [one for one in self._station.devices.inputs if one.role.proof and not self._runs(one)]

    def _runs(self, one: Input) -> bool:
        try:
            return self._heard.get(one) is True and one.read()
        except MachineFault:
            return False

    @property
    def proven(self) -> bool:
        """Whether all that must run before the machine has power runs: heard to, and read now."""
        return not self._unproven()

    def unproven(self) -> str:
        """Return the names of what is not proven to run."""
        return ", ".join(one.name for one in self._unproven())

    def awaited(self) -> str:
        """Return the role of what a start waits for."""
        roles = {one.role for one in self._unproven()}
        return InputRole.CHILLER if roles == {InputRole.CHILLER} else InputRole.EXTRACTION

    def _trip(self, trip: Trip, because: str) -> None:
        devices = self._station.devices
        for relay in (devices.relay, devices.extraction):
            try:
                if relay:
                    relay.off()
            except MachineError:
                log.exception("%s: a relay did not take its command", self._station.machine)
        if self.latched is None or GRAVEST.index(trip) < GRAVEST.index(self.latched):
            self.latched, self._because = trip, because

    async def prove(self, since: float) -> None:
        """Read every safety contact before a tap is decided: no grant rests on what was heard long ago."""
        self._look()
        await self.act(since)

    def _look(self) -> Trip | None:
        """Read every safety contact now; what is not proven to be well trips. Returns the gravest of it."""
        wrong = [
            found
            for one in self._station.devices.inputs
            if one.role.safety and (found := self._now_wrong(one))
        ]
        for found in wrong:
            self._trip(*found)
        return min((trip for trip, _ in wrong), key=GRAVEST.index, default=None)

    def _now_wrong(self, one: Input) -> tuple[Trip, str] | None:
        """A contact that bounces is well once it was heard to be."""
        try:
            event: InputEvent = InputChanged(one.name, one.read() or self._heard.get(one) is True)
        except MachineFault as error:
            event = InputLost(one.name, str(error))
        if self._heard.get(one, False) is None:
            event = InputLost(one.name, "it could not be read")
        return self._wrong_by(one, event)

    async def act(self, since: float) -> None:
        """Have the session end, the machine locked out and staff told of a trip, once."""
        station, trip = self._station, self.latched
        if trip is None or trip is self._told:
            return
        self._told = trip
        already = isinstance(station.state, LockedOut)
        await self._step(session_events.Faulted(STOPS[trip], texts.say(trip, "en"), self._now()), since)
        if already and trip is not Trip.FIRE_ALARM:  # what staff wrote outlives a fire drill
            self._say_again(trip)
        self._tell(trip)

    def _tell(self, trip: Trip) -> None:
        match trip:
            case Trip.EMERGENCY_STOP:
                self._station.alarm("emergency_stop", self._because)
            case Trip.INTERLOCK:
                self._station.alarm("interlock_opened", self._because)
            case Trip.INPUT_UNREAD:
                self._station.alarm("input_unread", self._because)
            case Trip.REPORTED:
                self._station.alarm("fault_reported", self._because)
            case Trip.EXTRACTION_LOST:
                self._station.alarm("extraction_lost", self._because)
            case Trip.CHILLER_LOST:
                self._station.alarm("chiller_lost", self._because)
            case Trip.FIRE_ALARM:
                pass  # told once for all stations

    def _say_again(self, trip: Trip) -> None:
        """Record that the machine is out of order for this, whatever else it was out of order for."""
        station, reason = self._station, texts.say(trip, "en")
        station.lock_out(reason)
        station.services.journal.append(
            MachineLockedOut(machine=station.machine, reason=reason, by="machine")
        )
        station.view.refresh()

    def recall(self, reason: str) -> None:
        """Take up what tripped before this process began, by the reason of its lockout."""
        self.latched = self._told = texts.trip_of(reason)

    def holds(self) -> Trip | None:
        """Return what keeps the machine out of order although staff clear it; None where they may."""
        return self._look()

    async def clear(self, since: float, why: str) -> None:
        """Put the machine in order as staff order, for a recorded reason, unless a contact holds it."""
        trip, self._ask_again_ms = self.holds(), None
        await self.act(since)
        if trip:
            self._refuse_clear(trip)
            return
        self.latched, self._told, self.why = None, None, why
        await self._step(session_events.ClearOrdered(self._now()), since)

    async def unlisted(self, since: float) -> None:
        """The roster carries a lockout no more. That clears no trip: the order does, with its reason."""
        if self.latched:
            self._ask_again_ms = self._now() + ORDER_MS
        else:
            self.why = ""
            await self._step(session_events.ClearOrdered(self._now()), since)

    async def tick(self, since: float) -> None:
        """Act on what a full queue kept from the station; ask for an order that has not come."""
        await self.act(since)
        await self._station.taps.proceed(since)
        if self._closing and self._now() - self._closing_ms >= self._station.services.closing_grace_ms:
            await self._step(ClosingDue(self._now()), since)
        if self.latched and self._ask_again_ms is not None and self._now() >= self._ask_again_ms:
            self._ask_again_ms = None
            self._refuse_clear(self.latched)

    def _refuse_clear(self, trip: Trip) -> None:
        self._say_again(trip)
        self._station.alarm("clear_refused", texts.say(trip, "en"))

    async def heard(self, event: InputEvent | ButtonPressed, since: float) -> None:
        """Handle a contact's event in the station's turn."""
        await self.act(since)
        await self._station.taps.proceed(since)
        if isinstance(self._station.state, Proving):
            self._station.view.refresh()
        match event:
            case ButtonPressed(InputRole.END):
                await self._step(session_events.EndPressed(self._now()), since)
            case ButtonPressed(InputRole.OOPS):
                await self._oops(since)
            case ButtonPressed():
                await self._pressed(event, since)
            case InputChanged(name, True) if self._role(name) is InputRole.CLOSING:
                self._station.view.say("closing")
                self._station.view.refresh()
            case InputChanged(name) | InputLost(name) if self._role(name).proof:
                self._report(name, event)
            case InputLost(name, reason) if not self._role(name).safety and not self._role(name).shared:
                self._station.alarm("input_lost", f"{name}: {reason}")
            case InputChanged(name, active) if self._role(name) is InputRole.DOOR:
                self._station.door.hear(event)
                if active and not self._station.lease and not self._station.door.pulse_s:
                    self._station.alarm("door_opened", f"{name}: nobody had tapped")

    async def _pressed(self, button: ButtonPressed, since: float) -> None:
        """Begin what the next taps are for: handing over what runs, signing somebody off where nothing does.

        A box in the field gives its power to the badge that it read: nothing is handed over there.
        """
        if button.name == InputRole.HAND_OVER and self._station.devices.node is None:
            await self._step(session_events.HandOverAsked(self._now()), since)
        elif button.name == InputRole.SIGN_OFF:
            self._station.signing.begin()

    def _report(self, name: str, event: InputEvent | ButtonPressed) -> None:
        """Tell staff of a proof that is lost where that locks nothing out."""
        if isinstance(event, InputLost):
            self._station.alarm("input_lost", f"{name}: {event.reason}")
        if self._station.lease and event != InputChanged(name, True):
            self._because = name
            self._tell(OF_ROLE[self._role(name)])

    def _role(self, name: str) -> InputRole:
        return next(one.role for one in self._station.devices.inputs if one.name == name)

    async def _oops(self, since: float) -> None:
        """Lock the machine out where the policy says so, else report alone, at most once a minute."""
        station, at_ms, words = self._station, self._now(), "somebody pressed oops"
        if station.policy.on_oops is OnOops.LOCK_OUT and station.in_order:
            self._trip(Trip.REPORTED, words)
            await self.act(since)
        elif self._oops_ms is None or at_ms - self._oops_ms >= OOPS_AGAIN_MS:
            self._oops_ms = at_ms
            station.alarm("fault_reported", words)
            station.view.say("reported")
            station.view.refresh()

    def _now(self) -> int:
        return self._station.services.clock.monotonic_ms()
