"""A station whose machine is a door: a granted tap opens it for some seconds, and nobody has to tap out.

The pulse is the longest time of its session, so that it is a lease like any other, with who and when.
A tap meanwhile begins another one. What ends it on time is, in this order: the relay's own timer where it has
one, a thread beside the event loop (hardware.relays.pulse), the session's end, the watchdog.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from floor import session_events
from floor.access import Decision, Granted
from floor.policy import MachinePolicy, OnLeave
from floor.session_states import Running
from floor.words import StopType
from gateway.wiring import Tick
from hardware.events import InputChanged

if TYPE_CHECKING:
    from gateway.station import Station

HELD_MS = 60_000


class Door:
    """What is different at a station that is a door; it does nothing at a machine."""

    def __init__(
        self, station: Station, step: Callable[[session_events.Event, float], Awaitable[None]]
    ) -> None:
        self._station = station
        self._step = step
        self._open_since_ms: dict[str, int] = {}

    @property
    def pulse_s(self) -> int:
        """The seconds of a pulse, 0 at a machine."""
        return self._station.devices.pulse_s

    def policy(self, policy: MachinePolicy) -> MachinePolicy:
        """Return the policy with what a door must have of it."""
        if not self.pulse_s:
            return policy
        return replace(
            policy,
            max_duration_s=self.pulse_s,
            on_leave=OnLeave.OPEN,
            card_must_stay=False,
            takeover=True,
            idle_after_s=0,
        )

    async def tapped(self, decision: Decision, who: str | None, alone: bool, since: float) -> str | None:
        """Return who taps. No tap at a door is a tap-out: a granted one ends what still runs first.

        It does not where it opens nothing by itself: somebody has to stand by whoever taps (they may not
        be `alone`), or the door is repaired.
        """
        state = self._station.state
        if not self.pulse_s or not isinstance(state, Running) or state.out_of_order:
            return who
        if isinstance(decision, Granted) and alone:
            at_ms = self._station.services.clock.monotonic_ms()
            await self._step(session_events.Stopped(StopType.TAKEOVER, at_ms), since)
            return who
        return None if who == state.lease.member else who  # refused, and the pulse goes on

    def again(self) -> None:
        """Look at the session once more when the pulse is over, rather than at the next second."""
        if self.pulse_s and self._station.lease:
            loop = asyncio.get_running_loop()
            loop.call_later(self.pulse_s, self._station.offer, Tick())

    def hear(self, event: InputChanged) -> None:
        """Take what a contact of role `door` says."""
        self._open_since_ms.pop(event.name, None)
        if self.pulse_s and event.active:
            self._open_since_ms[event.name] = self._station.services.clock.monotonic_ms()

    def tick(self, at_ms: int) -> None:
        """Tell staff, once, of a door that somebody holds open."""
        for name, since_ms in list(self._open_since_ms.items()):
            if at_ms - since_ms >= HELD_MS:
                del self._open_since_ms[name]
                self._station.alarm("door_held_open", f"{name}: open for a minute")
