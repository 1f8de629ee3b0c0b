"""A session that the process before this one left running: it goes on if that is proven, else it is over.

Nothing here gives power. Until the proof is there nobody may begin; where it fails, the relay opens and the
session ends as `power_lost` at its last proven activity. The machine's power is proven by its contact, which
no process has closed since; where a driver tells, the job that ran must be running still.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from floor import session_events
from floor.access import Lease
from floor.errors import MachineError, MachineFault
from floor.session_states import Free
from floor.words import Activity, Purpose
from gateway.clock import Clock
from gateway.journal_sessions import SessionRecord
from hardware.ports import Keeps

if TYPE_CHECKING:
    from gateway.station import Station

log = logging.getLogger(__name__)
PROOF_MS = 30_000
"""For so long the proof is waited for: a plug has to answer, a driver to find its machine."""


class Adoption:
    """What the process before this one may have left running at one station."""

    def __init__(
        self, station: Station, step: Callable[[session_events.Event, float], Awaitable[None]]
    ) -> None:
        self._station = station
        self._step = step
        self._record: SessionRecord | None = None
        self._until_ms = 0

    @property
    def session_id(self) -> str | None:
        """The session that may go on; None where there is none, or where it is decided."""
        return self._record.lease.session_id if self._record else None

    def offer(self, record: SessionRecord) -> None:
        """Wait for the proof that this session went on."""
        self._record, self._until_ms = record, self._now() + PROOF_MS

    async def look(self, since: float) -> None:
        """Go on with the session or end it, as soon as it is proven or refuted, or the time is over."""
        record = self._record
        if record is None:
            return
        await self._station.inputs.prove(since)
        proven = self._proven(record)
        if proven:
            self._record = None
            await self._go_on(record, since)
        elif proven is False or self._now() >= self._until_ms:
            self.give_up()

    def give_up(self) -> None:
        """Take the power and end the session where it was proven last."""
        record, self._record = self._record, None
        if record is None:
            return
        try:
            self._station.devices.relay.off()
        except MachineError as error:
            self._station.alarm("relay_failed", str(error))
        self._station.tab.restore(record.lease, record.marks)
        self._station.view.refresh()

    def _now(self) -> int:
        return self._station.services.clock.monotonic_ms()

    def _proven(self, record: SessionRecord) -> bool | None:
        """Return whether the session went on, None as long as nobody knows."""
        station = self._station
        if not isinstance(station.state, Free) or station.inputs.latched:
            return False
        try:
            contact = station.devices.relay.feedback()
        except MachineFault:
            return False
        if contact is None:
            return None
        if not (contact and station.devices.relay.is_on):
            return False
        if station.inputs.needs_proof and not station.inputs.proven:
            return None  # not heard yet; one that is heard to have stopped trips
        return self._job_proven(record) if station.devices.driver else True

    def _job_proven(self, record: SessionRecord) -> bool | None:
        side = self._station.side
        if not side.reachable:
            return None
        if side.job is not None:
            return side.job.name[:400] == record.job
        if side.activity is Activity.IDLE:
            return not record.job
        return None

    async def _go_on(self, record: SessionRecord, since: float) -> None:
        station, at_ms = self._station, self._now()
        since_ms = at_ms - elapsed_ms(record, station.services.clock)
        member = station.services.roster.member(record.lease.member)
        lease = replace(record.lease, shown=member.shown if member else "")
        station.tab.resume(lease, record.marks)
        station.side.resume(since_ms, at_ms, record.marks[-1].counters if record.marks else {})
        station.stray.ended()
        busy, job = station.side.activity is Activity.BUSY, station.side.job is not None
        await self._step(session_events.Adopted(lease, since_ms, at_ms, record.held, job, busy), since)
        station.checkpoint()
        log.warning("%s: session %s goes on", station.machine, lease.session_id)


def elapsed_ms(record: SessionRecord, clock: Clock) -> int:
    """Return how long a session has lasted that is proven to have gone on.

    Within a boot the monotonic clock tells. Across one the wall clock does, where it was known then and is
    known now; else the session goes on from where it was proven last.
    """
    last_ms = record.marks[-1].elapsed_ms if record.marks else 0
    if record.boot_id == clock.boot_id:
        return last_ms + max(0, clock.monotonic_ms() - record.seen_monotonic_ms)
    if record.clock_error_ms is None or clock.error_ms() is None:
        return last_ms
    return last_ms + max(0, clock.wall_ms() - record.seen_ms)


def offer(cut_off: Iterable[SessionRecord], stations: dict[str, Station]) -> dict[str, SessionRecord]:
    """Return, by machine, the sessions that may go on: the newest of a machine that keeps its power."""
    found: dict[str, SessionRecord] = {}
    for record in cut_off:
        station = stations.get(record.started.machine)
        if station and station.devices.keeps and station.in_order and record.lease.purpose is Purpose.USE:
            before = found.get(station.machine)
            if before is None or record.started_ms >= before.started_ms:
                found[station.machine] = record
    return found


def leaves(station: Station) -> bool:
    """Whether the relay is left as it is when this process ends: somebody's session has proven power."""
    lease: Lease | None = station.lease
    runs = station.adoption.session_id is not None or (lease is not None and lease.purpose is Purpose.USE)
    relay = station.devices.relay
    if not (station.devices.keeps and runs and isinstance(relay, Keeps)) or station.policy.hazardous:
        return False
    try:
        return station.inputs.latched is None and relay.is_on and relay.feedback() is True
    except MachineFault:
        return False
