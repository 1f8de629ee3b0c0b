"""What a tap at a station means: who it is by the roster, what the rules say, and who is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from floor import access, session
from floor.access import Denied, Granted, Lease, MemberStanding
from floor.session_states import LockedOut, Running, Waiting
from floor.words import DenialReason, Purpose, Trip
from gateway import boxes
from hardware.events import BadgeRemoved, BadgeTapped

if TYPE_CHECKING:
    from gateway.station import Station

REPAIRABLE = frozenset({None, Trip.REPORTED})
"""What may have taken a machine out of order that a technician repairs; other trips stand above them."""
Step = Callable[[session.Event, float, str], Awaitable[None]]


class Taps:
    """The taps of one station. `step` takes an event, when it came, and the reference of a badge."""

    def __init__(self, station: Station, step: Step) -> None:
        self._station = station
        self._step = step

    async def heard(self, tap: BadgeTapped, since: float) -> None:
        """Decide a tap, alone and in memory, and do what follows from it."""
        if boxes.late(tap):
            return
        station = self._station
        services = station.services
        await station.inputs.prove(since)
        reference, badge, member = services.roster.look_up(tap.uid)
        out_of_order = isinstance(station.state, LockedOut) and station.inputs.latched in REPAIRABLE
        request = access.Request(
            machine=station.machine,
            policy=station.policy,
            badge_reference=reference,
            badge=badge,
            proven=services.proofs.take(tap, station.machine, reference, badge, station.alarm),
            member=station.tab.afford(member) if member else None,
            session_id=services.new_id(),
            now_ms=services.clock.wall_ms(),
            clock_known=services.clock.known(),
            roster_age_s=services.roster.age_s(),
            machine_reachable=station.side.reachable,
            power_proven_off=station.contact.obeys and station.box.fit(station.policy),
            out_of_order=out_of_order,
        )
        supervises = station.policy.needs_supervisor and access.may_supervise(request)
        decision = self._decide(request, member, supervises)
        at_ms, job = services.clock.monotonic_ms(), station.side.job is not None
        who = await station.door.tapped(decision, member.id if member else None, since)
        await self._step(session.Tapped(decision, who, at_ms, job, supervises), since, reference)
        services.journal.flush()
        boxes.answer(tap, reference, station.state)

    def _decide(
        self, request: access.Request, member: MemberStanding | None, supervises: bool
    ) -> access.Decision:
        """Decide what is asked; who stands by another needs no credit of their own."""
        station = self._station
        if supervises and request.member and isinstance(station.state, Waiting):
            request = replace(request, member=replace(request.member, spendable_micro=None))
        decision = station.stray.admit(access.decide(request), member)
        if station.adoption.session_id and isinstance(decision, Granted):
            return Denied(DenialReason.IN_USE, decision.lease.member)
        return decision

    def tell(self, lease: Lease) -> None:
        """Say at the panel what a session is for; staff are told at once when the glass was broken."""
        self._station.view.say("granted" if lease.purpose is Purpose.USE else lease.purpose)
        if lease.purpose is Purpose.BREAK_GLASS:
            roster_s, minutes = self._station.services.roster.age_s(), lease.max_duration_s // 60
            words = f"{lease.shown} ({lease.member}), session {lease.session_id}, for {minutes} min at most"
            self._station.alarm("break_glass", f"{words}; the roster was {roster_s // 3600} h old")

    async def removed(self, event: BadgeRemoved, since: float) -> None:
        """End the session of the badge that left its holder, where the card must stay."""
        state, services = self._station.state, self._station.services
        if isinstance(state, Running) and services.roster.look_up(event.uid)[0] == state.lease.badge:
            await self._step(session.CardRemoved(services.clock.monotonic_ms()), since, "")
