"""Starts a member's first queued print after their tap: the machine may need time to boot, the tap does not.

A print waits for its file and for a machine that answers and is idle, as long as its session runs and at most
START_S. What went wrong is said at the panel, to staff and to the server; the print waits for another tap.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from firmware_bridge.driver import Driver, TakesFiles
from floor.access import Lease
from floor.errors import MachineError, MachineUnreachable
from floor.wire.journal import PrintFailed, PrintSent
from floor.wire.roster import QueuedPrint
from floor.words import Activity

if TYPE_CHECKING:
    from gateway.station import Station

START_S = 120
AGAIN_S = 5
AT_MACHINE = "queue-"
"""Before the name of a print at its machine: no file of anybody else there is overwritten."""


@dataclass(slots=True)
class _Start:
    """A print that is to begin in a session, at the latest at `until_ms`; `given` while its file is sent."""

    print: QueuedPrint
    session_id: str
    until_ms: int
    why: str = "its file has not come from the server"
    given: bool = False
    again_ms: int = 0


class Prints:
    """The start of prints at one station."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._start: _Start | None = None
        self._runs: tuple[str, str] = ("", "")
        self._takes_files = isinstance(station.devices.driver, TakesFiles)

    @property
    def reach(self) -> Literal["none", "no_server", "ready"]:
        """Whether files can be handed to the machine: `none`, `no_server` or `ready`."""
        if not self._takes_files:
            return "none"
        return "ready" if self._station.services.prints.has_server else "no_server"

    @property
    def begins(self) -> bool:
        """Whether a print is on its way to the machine."""
        return self._start is not None and self._start.session_id == self._station.session_id

    def begin(self, at_ms: int) -> None:
        """Take note that a session has begun and the machine has power."""
        station, self._start = self._station, None
        lease = station.lease
        if self.reach != "ready" or lease is None or station.side.job is not None:
            return
        if first := station.services.prints.first(station.machine, lease.member):
            self._start = _Start(first, lease.session_id, at_ms + START_S * 1000)
            station.view.say("print_begins", job=first.name)

    async def tick(self, at_ms: int, since: float) -> None:
        """Go on with a print that is to begin; called about once a second by the station's own task."""
        start, station = self._start, self._station
        if start is None or start.given:
            return
        if station.session_id != start.session_id or station.side.job is not None:
            self._start = None  # whoever taps out, or starts another job, does not want it now
        elif at_ms > start.until_ms:
            self._failed(start, f"not within {START_S} s: {start.why}")
        elif at_ms >= start.again_ms and (path := self._due(start)):
            start.given = True
            if station.lease and station.lease.account != start.print.account:
                await station.paying.charge(start.print.account, since)
            station.hands.give("print", lambda driver: self._send(driver, start, path))

    def _due(self, start: _Start) -> Path | None:
        """Return the file once all is there that it takes."""
        side = self._station.side
        path = self._station.services.prints.path(start.print)
        if path is not None and side.activity is not Activity.IDLE:
            start.why = f"the machine is {side.activity}" + (f" ({side.words})" if side.words else "")
        return path if side.activity is Activity.IDLE else None

    async def _send(self, driver: Driver, start: _Start, path: Path) -> None:
        """Hand the file over, in the hands' own task."""
        station = self._station
        if not isinstance(driver, TakesFiles) or station.session_id != start.session_id:
            return
        try:
            await driver.print_file(AT_MACHINE + start.print.name, path)
        except MachineUnreachable as error:
            start.why, start.given = str(error), False  # it is tried again while there is time
            start.again_ms = station.services.clock.monotonic_ms() + AGAIN_S * 1000
            return
        except MachineError as error:
            self._failed(start, str(error))
            return
        if station.session_id != start.session_id:
            with contextlib.suppress(MachineError):
                await driver.cancel()
            self._failed(start, "the session ended while its file was on the way")
            return
        self._start = None
        self._runs = (start.session_id, start.print.id)
        station.services.journal.append(PrintSent(print_id=start.print.id, session_id=start.session_id))
        await station.services.prints.sent(start.print)

    def handed(self, ended: Lease, begun: Lease) -> None:
        """Take note that a session was handed over: a print that runs goes on in the other's."""
        session_id, print_id = self._runs
        if session_id == ended.session_id and self._station.side.job is not None:
            self._runs = (begun.session_id, print_id)
            sent = PrintSent(print_id=print_id, session_id=begun.session_id)
            self._station.services.journal.append(sent)

    def _failed(self, start: _Start, why: str) -> None:
        station, self._start = self._station, None
        words = f"{start.print.name}: {why}"[:400]
        station.services.journal.append(
            PrintFailed(print_id=start.print.id, session_id=start.session_id, words=why[:400])
        )
        station.alarm("print_not_started", words)
        station.view.say("print_failed", job=start.print.name)
        station.view.refresh()
