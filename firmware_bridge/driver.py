"""What every driver of a machine offers to the gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol, runtime_checkable

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

    def authorise(self, allowed: bool) -> None:
        """Let jobs start, or not, from now on; what runs goes on. A machine without a gate ignores it."""
        ...

    async def message(self, text: str) -> None:
        """Show one line at the machine; a machine without a display ignores it. Raises as `hold` does."""
        ...

    async def aclose(self) -> None:
        """Let go of the machine's connections; the machine itself goes on with what it does."""
        ...


@runtime_checkable
class TakesFiles(Protocol):
    """A driver of a machine that can be handed a file and told to run it."""

    async def print_file(self, name: str, file: Path) -> None:
        """Send a file, and start it. `name` ends in `.gcode` and has no path in it.

        Raises MachineUnreachable without an answer, MachineFault when the machine refuses or is at work.
        """
        ...
