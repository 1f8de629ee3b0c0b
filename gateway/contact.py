"""Whether a relay's contact does what the relay was told."""

from __future__ import annotations

from floor.errors import MachineFault
from hardware.ports import Relay

SETTLES_MS = 1000


class Contact:
    """Compares command and feedback; a contact gets a second to move. Without feedback all is believed."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._off_since_ms: int | None = None

    def obeys(self) -> bool:
        """Return whether the contact is where it was told to be, by the last look or one now.

        A look may come while the contact moves, and the next a second later.
        """
        if self._off_since_ms is not None:
            self.disobeys(self._off_since_ms)
        return self._off_since_ms is None

    @property
    def powered(self) -> bool:
        """Whether the machine has power, as far as anything tells."""
        try:
            contact = self._relay.feedback()
        except MachineFault:
            contact = None
        return self._relay.is_on if contact is None else contact

    def disobeys(self, at_ms: int) -> str:
        """Look at the contact; returns what is wrong once it has been wrong for a second, else ""."""
        try:
            contact = self._relay.feedback()
        except MachineFault as error:
            return str(error)
        if contact is None or contact == self._relay.is_on:
            self._off_since_ms = None
            return ""
        if self._off_since_ms is None:
            self._off_since_ms = at_ms
        if at_ms - self._off_since_ms < SETTLES_MS:
            return ""
        return "The relay did not open" if contact else "The relay did not close"
