"""What a tap at a station means: who it is by the roster, what the rules say, and who is told."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from floor import access, session
from floor.access import BadgeStanding, MemberStanding
from floor.session import Holding, Running
from floor.words import BadgeKind, DenialReason
from gateway import boxes
from gateway.wiring import PhoneTap, TapAnswer
from hardware.events import BadgeRemoved, BadgeTapped

if TYPE_CHECKING:
    from gateway.station import Station

LATE_S = 3.0
"""A phone's tap that waited longer for its station is none: the member was told that nobody answered."""
Step = Callable[[session.Event, float, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Who taps, and by what."""

    reference: str
    badge: BadgeStanding | None
    proven: BadgeKind
    member: MemberStanding | None


class Taps:
    """The taps of one station. `step` takes an event, when it came, and the reference of a badge."""

    def __init__(self, station: Station, step: Step) -> None:
        self._station = station
        self._step = step
        self.refusal: DenialReason | None = None

    async def heard(self, tap: BadgeTapped | PhoneTap, since: float) -> None:
        """Decide a tap, alone and in memory, and do what follows from it."""
        if isinstance(tap, PhoneTap):
            await self._by_phone(tap, since)
            return
        if boxes.late(tap):
            return
        station = self._station
        if station.reading.takes(tap, since):
            boxes.answer(tap, "", station.state)
            return
        reference, badge, member = station.services.roster.look_up(tap.uid)
        await self._judge(_Seen(reference, badge, tap.kind, member), since)
        boxes.answer(tap, reference, station.state)

    async def _by_phone(self, tap: PhoneTap, since: float) -> None:
        """Take a scanned code for a tap of its member, and say what came of it."""
        station, before = self._station, self._station.session_id
        if time.perf_counter() - since > LATE_S:
            tap.answer("code_over")
            return
        badge = BadgeStanding(tap.member, BadgeKind.PHONE)
        member = station.services.roster.member(tap.member)
        self.refusal = None
        await self._judge(_Seen(tap.reference, badge, BadgeKind.PHONE, member), since)
        tap.answer(self.refusal or self._came(before))

    def _came(self, before: str | None) -> TapAnswer:
        """Say what a tap that was not refused did."""
        state, now = self._station.state, self._station.session_id
        if now is None:
            return "ended"
        if now != before:
            return "began"
        return "held" if isinstance(state, Holding) else "resumed"

    async def _judge(self, seen: _Seen, since: float) -> None:
        station = self._station
        services, member = station.services, seen.member
        await station.inputs.prove(since)
        request = access.Request(
            machine=station.machine,
            policy=station.policy,
            badge_reference=seen.reference,
            badge=seen.badge,
            proven=seen.proven,
            member=station.tab.afford(member) if member else None,
            session_id=services.new_id(),
            now_ms=services.clock.wall_ms(),
            clock_known=services.clock.known(),
            roster_age_s=services.roster.age_s(),
            machine_reachable=station.side.reachable,
            power_proven_off=station.contact.obeys and station.box.fit(station.policy),
        )
        decision = station.stray.admit(access.decide(request), member)
        job = station.side.job is not None
        who = member.id if member else None
        tapped = session.Tapped(decision, who, services.clock.monotonic_ms(), job)
        await self._step(tapped, since, seen.reference)

    async def removed(self, event: BadgeRemoved, since: float) -> None:
        """End the session of the badge that left its holder, where the card must stay."""
        state, services = self._station.state, self._station.services
        if isinstance(state, Running) and services.roster.look_up(event.uid)[0] == state.lease.badge:
            await self._step(session.CardRemoved(services.clock.monotonic_ms()), since, "")
