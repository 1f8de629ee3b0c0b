"""What machines cannot do: orders are refused in words, and nothing is pretended."""

from __future__ import annotations

from floor.errors import MachineFault


class NoGate:
    """For a machine whose jobs start without asking: whoever watches it holds or cancels them."""

    def authorise(self, allowed: bool) -> None:
        """Do nothing: there is no gate."""


class NoOrders(NoGate):
    """The orders of a Driver, for a machine that takes none. Its relay is what stops it."""

    name: str

    async def hold(self) -> None:
        """Raise MachineFault: nothing can pause it."""
        raise MachineFault(f"{self.name} cannot be told to pause")

    async def resume(self) -> None:
        """Raise MachineFault: nothing can pause it."""
        raise MachineFault(f"{self.name} cannot be told to go on")

    async def cancel(self) -> None:
        """Raise MachineFault: only its relay stops it."""
        raise MachineFault(f"{self.name} cannot be told to cancel: its relay takes its power")

    async def message(self, text: str) -> None:
        """Do nothing: there is no display."""

    async def aclose(self) -> None:
        """Do nothing: a connection closes with its events."""
