"""What a tap at a station means: who it is by the roster, what the rules say, and who is told."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from floor import access, session_events
from floor.access import BadgeStanding, Denied, Granted, Lease, MemberStanding
from floor.session_states import Holding, LockedOut, Proving, Running, Waiting
from floor.words import BadgeKind, DenialReason, Purpose, Trip
from gateway import boxes
from gateway.wiring import PhoneTap, TapAnswer
from hardware.events import BadgeRemoved, BadgeTapped
from hardware.ports import Sound

if TYPE_CHECKING:
    from gateway.station import Station

REPAIRABLE = frozenset({None, Trip.REPORTED})
"""What may have taken a machine out of order that a technician repairs; other trips stand above them."""
LATE_S = 3.0
"""A phone's tap that waited longer for its station is none: the member was told that nobody answered."""
REFUSALS_MOST = 30
"""So many refused taps a minute a station writes down: somebody who taps on and on fills no journal."""
Step = Callable[[session_events.Event, float, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Who taps, by what, and what it proved, as the roster has them now."""

    reference: str
    badge: BadgeStanding | None
    proven: BadgeKind
    member: MemberStanding | None


class Taps:
    """The taps of one station. `step` takes an event, when it came, and the reference of a badge."""

    def __init__(self, station: Station, step: Step) -> None:
        self._station = station
        self._step = step
        self._look_again: Callable[[], _Seen] | None = None
        self.refusal: DenialReason | None = None
        self._refusals, self._window_ms = 0, 0

    def refused(self, reason: DenialReason) -> bool:
        """Take note of a refusal; returns whether it is written down: the first `REFUSALS_MOST` of a minute.

        The others are counted by the metric alone, and staff are told once.
        """
        self.refusal = reason
        now_ms = self._station.services.clock.monotonic_ms()
        if now_ms - self._window_ms >= 60_000:
            self._refusals, self._window_ms = 0, now_ms
        self._refusals += 1
        if self._refusals == REFUSALS_MOST + 1:
            self._station.alarm("taps_flooded", f"more than {REFUSALS_MOST} refused in a minute")
        return self._refusals <= REFUSALS_MOST

    async def heard(self, tap: BadgeTapped | PhoneTap, since: float) -> None:
        """Decide a tap, alone and in memory, and do what follows from it."""
        if isinstance(tap, PhoneTap):
            await self._by_phone(tap, since)
            return
        if boxes.late(tap):
            return
        station = self._station
        reference, badge, _ = station.services.roster.look_up(tap.uid)
        proven = station.services.proofs.take(tap, station.machine, reference, badge, station.alarm)
        if station.reading.takes(tap, since):
            station.services.journal.flush()
            boxes.answer(tap, "", station.state)
            return
        await self._judge(lambda: self._seen(reference, proven), since)
        boxes.answer(tap, reference, station.state)

    async def _by_phone(self, tap: PhoneTap, since: float) -> None:
        """Take a scanned code for a tap of its member, and say what came of it."""
        station, before = self._station, self._station.session_id
        if time.perf_counter() - since > LATE_S:
            tap.answer("code_over")
            return
        if station.signing.waits():  # it may be anywhere: it signs nobody off
            tap.answer("code_over")
            return
        badge = BadgeStanding(tap.member, BadgeKind.PHONE)
        member = station.services.roster.member
        self.refusal = None
        await self._judge(lambda: _Seen(tap.reference, badge, BadgeKind.PHONE, member(tap.member)), since)
        tap.answer(self.refusal or self._came(before))

    def _came(self, before: str | None) -> TapAnswer:
        """Say what a tap that was not refused did."""
        state, now = self._station.state, self._station.session_id
        if isinstance(state, Proving | Waiting):
            return "waits"
        if now is None:
            return "ended"
        if now != before:
            return "began"
        return "held" if isinstance(state, Holding) else "resumed"

    def _seen(self, reference: str, proven: BadgeKind) -> _Seen:
        badge, member = self._station.services.roster.standing(reference)
        return _Seen(reference, badge, proven, member)

    async def _judge(self, look: Callable[[], _Seen], since: float) -> None:
        station = self._station
        await station.inputs.prove(since)
        seen = look()
        request = self._request(seen)
        if station.signing.takes(request):
            station.services.journal.flush()
            return
        supervises = self._asked_for_supervisor(seen.member) and access.may_supervise(request)
        who = seen.member.id if seen.member else None
        if supervises and not await self._still_waits(who, since):
            return
        if supervises and who and station.reservations.opened_by(who):
            station.services.journal.flush()
            return
        decision = self._decide(request, supervises)
        supervised = seen.member is not None and seen.member.supervised
        alone = supervises or not (station.policy.needs_supervisor or supervised)
        who = await station.door.tapped(decision, who, alone, since)
        at_ms, job = station.services.clock.monotonic_ms(), station.side.job is not None
        proven = station.inputs.proven
        tapped = session_events.Tapped(decision, who, at_ms, job, supervises, proven, supervised)
        await self._step(tapped, since, seen.reference)
        if isinstance(station.state, Proving | Waiting) and station.state.lease.badge == seen.reference:
            self._look_again = look
        station.services.journal.flush()

    def _asked_for_supervisor(self, member: MemberStanding | None) -> bool:
        """Whether it matters of a tap that whoever taps may stand by another: few machines ask at all."""
        station = self._station
        if station.policy.needs_supervisor or isinstance(station.state, Waiting):
            return True
        return member is not None and member.supervisor and station.reservations.class_runs is not None

    async def _still_waits(self, supervisor: str | None, since: float) -> bool:
        """Decide anew of the member who waits for this supervisor, if one does; False: they are refused."""
        station, state = self._station, self._station.state
        if self._look_again is None or not isinstance(state, Waiting) or state.lease.member == supervisor:
            return True
        seen = self._look_again()
        decision = self._decide(self._request(seen), supervises=False)
        at_ms = station.services.clock.monotonic_ms()
        await self._step(session_events.DecidedAnew(decision, at_ms), since, seen.reference)
        station.services.journal.flush()
        return isinstance(station.state, Waiting)

    async def proceed(self, since: float) -> None:
        """Give power to whoever waits for it, once extraction and cooling are proven; decided anew."""
        station = self._station
        if self._look_again is None or not isinstance(station.state, Proving) or not station.inputs.proven:
            return
        await station.inputs.prove(since)
        seen = self._look_again()
        decision = self._decide(self._request(seen), supervises=False)
        at_ms, job = station.services.clock.monotonic_ms(), station.side.job is not None
        await self._step(session_events.Proven(decision, at_ms, job), since, seen.reference)

    def _request(self, seen: _Seen) -> access.Request:
        station = self._station
        services, state = station.services, station.state
        terms = station.reservations.terms(seen.member)
        repairs = isinstance(state, LockedOut) or (isinstance(state, Proving) and bool(state.out_of_order))
        return access.Request(
            machine=station.machine,
            policy=station.policy,
            badge_reference=seen.reference,
            badge=seen.badge,
            proven=seen.proven,
            member=station.tab.afford(seen.member) if seen.member else None,
            session_id=services.new_id(),
            now_ms=services.clock.wall_ms(),
            clock_known=services.clock.known(),
            roster_age_s=services.roster.age_s(),
            machine_reachable=station.side.reachable,
            power_proven_off=station.contact.obeys() and station.box.fit(station.policy),
            out_of_order=repairs and station.inputs.latched in REPAIRABLE,
            closing=station.inputs.closing,
            reserved=terms.refuses,
            not_walk_in=terms.not_walk_in,
            class_ends_ms=terms.class_ends_ms,
            class_opener=terms.class_opener,
        )

    def _decide(self, request: access.Request, supervises: bool) -> access.Decision:
        """Decide what is asked; who stands by another needs no credit and no job of their own."""
        station, member = self._station, request.member
        if supervises and member and isinstance(station.state, Waiting):
            stands_by = replace(member, spendable_micro=None)
            return access.decide(replace(request, member=stands_by, reserved=False, not_walk_in=False))
        decision = station.stray.admit(access.decide(request), member)
        if station.adoption.session_id and isinstance(decision, Granted):
            return Denied(DenialReason.IN_USE, decision.lease.member)
        return decision

    def tell(self, lease: Lease) -> None:
        """Say at the panel what a session is for; staff are told at once when the glass was broken."""
        self._station.services.metrics.taps.labels(lease.machine, "granted").inc()
        booked = self._station.reservations.began(lease)
        if booked and lease.purpose is Purpose.USE:
            self._station.view.put(booked, lease.member, Sound.WARN)
        else:
            self._station.view.say("granted" if lease.purpose is Purpose.USE else lease.purpose)
        if lease.purpose is Purpose.BREAK_GLASS:
            roster_s, minutes = self._station.services.roster.age_s(), lease.max_duration_s // 60
            words = f"{lease.shown} ({lease.member}), session {lease.session_id}, for {minutes} min at most"
            self._station.alarm("break_glass", f"{words}; the roster was {roster_s // 3600} h old")

    async def removed(self, event: BadgeRemoved, since: float) -> None:
        """End the session of the badge that left its holder, where the card must stay."""
        state, services = self._station.state, self._station.services
        if not isinstance(state, Running | Proving):
            return
        if services.roster.look_up(event.uid)[0] == state.lease.badge:
            await self._step(session_events.CardRemoved(services.clock.monotonic_ms()), since, "")
