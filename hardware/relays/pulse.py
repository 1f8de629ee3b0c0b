"""A relay that opens by itself some seconds after it closed: a door's strike.

The time is kept by a thread, not by the event loop: a loop that hangs keeps no door open. A relay that can
time itself is told to, so that not even this process is needed. A process that is stopped as a whole is the
watchdog's.
"""

from __future__ import annotations

import logging
import threading

from floor.errors import MachineError
from hardware.ports import Relay, TimesItself

log = logging.getLogger(__name__)
AGAIN_S = 1.0


class PulseRelay:
    """A relay that each `on` closes for `pulse_s` seconds (1 to 30), also when it is on. Implements Relay."""

    def __init__(self, relay: Relay, pulse_s: int) -> None:
        self.name = relay.name
        self._relay = relay
        self._pulse_s = pulse_s
        self._changing = threading.Lock()
        self._timer: threading.Timer | None = None
        if isinstance(relay, TimesItself):
            relay.limit(pulse_s)

    @property
    def is_on(self) -> bool:
        """What was commanded last, by the gateway or by the end of the pulse."""
        return self._relay.is_on

    def on(self) -> None:
        """Close for one pulse; the pulse begins anew when it is on."""
        with self._changing:
            self._relay.on()
            self._wait(self._pulse_s)

    def off(self) -> None:
        """Open at once; where that fails, the pulse still ends."""
        with self._changing:
            self._relay.off()
            self._stop()

    def feedback(self) -> bool | None:
        """See Relay."""
        return self._relay.feedback()

    def close(self) -> None:
        """Open for good."""
        with self._changing:
            self._stop()
            self._relay.close()

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def _wait(self, seconds: float) -> None:
        self._stop()
        timer = threading.Timer(seconds, lambda: self._end(timer))
        timer.daemon = True
        self._timer = timer
        timer.start()

    def _end(self, timer: threading.Timer) -> None:
        with self._changing:
            if timer is not self._timer:
                return  # another pulse began meanwhile
            self._timer = None
            try:
                self._relay.off()
            except MachineError as error:
                log.error("the pulse of %s did not end: %s", self.name, error)
                self._wait(AGAIN_S)
