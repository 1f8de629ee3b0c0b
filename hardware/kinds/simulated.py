"""Readers, relays and panels of kind `simulated`."""

from pydantic import Field

from hardware.ports import Panel, Reader, Relay
from hardware.settings import Settings
from hardware.simulated import SimulatedPanel, SimulatedReader, SimulatedRelay


class SimulatedRelaySettings(Settings):
    """A relay of kind `simulated`."""

    feedback: bool = Field(True, description="true or false: whether the contact is read back")


def build_reader(given: Settings, _: str) -> Reader:
    """Build a reader that reads what it is told."""
    return SimulatedReader(given.name)


def build_relay(given: SimulatedRelaySettings, _: str) -> Relay:
    """Build a relay that switches nothing."""
    return SimulatedRelay(given.name, given.feedback)


def build_panel(given: Settings, _: str) -> Panel:
    """Build a panel that keeps what it was shown."""
    return SimulatedPanel(given.name)
