"""What a tap at a station means: who it is by the roster, what the rules say, and who is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from floor import access, session
from floor.session_states import Running
from gateway import boxes
from hardware.events import BadgeRemoved, BadgeTapped

if TYPE_CHECKING:
    from gateway.station import Station

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
        request = access.Request(
            machine=station.machine,
            policy=station.policy,
            badge_reference=reference,
            badge=badge,
            proven=tap.kind,
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
        await self._step(session.Tapped(decision, who, services.clock.monotonic_ms(), job), since, reference)
        boxes.answer(tap, reference, station.state)

    async def removed(self, event: BadgeRemoved, since: float) -> None:
        """End the session of the badge that left its holder, where the card must stay."""
        state, services = self._station.state, self._station.services
        if isinstance(state, Running) and services.roster.look_up(event.uid)[0] == state.lease.badge:
            await self._step(session.CardRemoved(services.clock.monotonic_ms()), since, "")
