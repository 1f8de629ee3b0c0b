"""What every driver of a machine offers to the gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from firmware_bridge.events import MachineEvent


class Driver(Protocol):
    """One machine. A driver reports and asks; it decides nothing and stores nothing."""

    name: str

    def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever: a lost machine is UNREACHABLE, and is tried again with backoff.

        One reader at a time; a reader that stops closes the iterator (`contextlib.aclosing`).
        """
        ...

    async def hold(self) -> None:
        """Pause the job. Raises MachineUnreachable without an answer, MachineFault when it refuses."""
        ...

    async def resume(self) -> None:
        """Go on with a job on hold. Raises as `hold` does."""
        ...

    async def cancel(self) -> None:
        """End the job now, as the machine does it. Raises as `hold` does."""
        ...

    async def message(self, text: str) -> None:
        """Show one line at the machine; a machine without a display ignores it. Raises as `hold` does."""
        ...

    async def aclose(self) -> None:
        """Let go of the machine's connections; the machine itself goes on with what it does."""
        ...
