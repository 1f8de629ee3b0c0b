"""Who pays for the session that runs at a station: by the member's choice, or by the name of their job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from floor import session_events
from gateway.wiring import AccountWanted, Choice

if TYPE_CHECKING:
    from gateway.station import Station


class Paying:
    """Moves the session of one station to another account."""

    def __init__(
        self, station: Station, step: Callable[[session_events.Event, float], Awaitable[None]]
    ) -> None:
        self._station = station
        self._step = step

    async def wanted(self, wanted: AccountWanted, since: float) -> None:
        """Do what a member asked for, and tell them what came of it."""
        answer = Choice.OVER
        if self._station.session_id == wanted.session_id:
            answer = await self.charge(wanted.account, since)
        if not wanted.answer.done():
            wanted.answer.set_result(answer)

    async def by_code(self, since: float) -> None:
        """Let the account pay that the running job's name names, where the member may charge it."""
        station = self._station
        if station.lease is None or station.side.job is None:
            return
        if account := station.tab.coded(station.lease, station.side.job.name):
            await self.charge(account, since)

    async def charge(self, account: str, since: float) -> Choice:
        """Have another account pay for the session that runs; returns what came of it."""
        station = self._station
        if station.lease is None:
            return Choice.OVER
        at_ms = station.services.clock.monotonic_ms()
        chosen = station.tab.choose(station.lease, account, station.mark(at_ms), station.policy)
        if isinstance(chosen, Choice):
            station.view.say(chosen)
            station.view.refresh()
            return chosen
        await self._step(session_events.AccountPicked(chosen, at_ms), since)
        return Choice.CHOSEN
