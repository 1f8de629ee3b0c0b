"""What a tap at a station means: who it is by the roster, what the rules say, and who is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from floor import access, session
from floor.session import Running
from floor.session_proof import Proven, Proving
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
        self._waiting: BadgeTapped | None = None

    async def heard(self, tap: BadgeTapped, since: float) -> None:
        """Decide a tap, alone and in memory, and do what follows from it."""
        if boxes.late(tap):
            return
        station = self._station
        await station.inputs.prove(since)
        decision, who, reference = self._decide(tap)
        at_ms, job = station.services.clock.monotonic_ms(), station.side.job is not None
        if not isinstance(station.state, Proving):
            self._waiting = tap
        tapped = session.Tapped(decision, who, at_ms, job, station.inputs.proven)
        await self._step(tapped, since, reference)
        boxes.answer(tap, reference, station.state)

    async def proceed(self, since: float) -> None:
        """Give power to whoever waits for it, once extraction and cooling are proven; decided anew."""
        station, tap = self._station, self._waiting
        if tap is None or not isinstance(station.state, Proving) or not station.inputs.proven:
            return
        await station.inputs.prove(since)
        decision, _, reference = self._decide(tap)
        at_ms, job = station.services.clock.monotonic_ms(), station.side.job is not None
        await self._step(Proven(decision, at_ms, job), since, reference)

    def _decide(self, tap: BadgeTapped) -> tuple[access.Decision, str | None, str]:
        """Return what the rules say of a tap now, whose badge it is, and the badge's reference."""
        station = self._station
        services = station.services
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
            closing=station.inputs.closing,
        )
        decision = station.stray.admit(access.decide(request), member)
        return decision, member.id if member else None, reference

    async def removed(self, event: BadgeRemoved, since: float) -> None:
        """End the session of the badge that left its holder, where the card must stay."""
        state, services = self._station.state, self._station.services
        if (
            isinstance(state, Running | Proving)
            and services.roster.look_up(event.uid)[0] == state.lease.badge
        ):
            await self._step(session.CardRemoved(services.clock.monotonic_ms()), since, "")
