"""An input of kind `simulated`."""

from floor.words import InputRole
from hardware.inputs.settings import InputSettings
from hardware.ports import Input
from hardware.simulated import SimulatedInput


def build_input(given: InputSettings, _: str) -> Input:
    """What must run runs; nothing else is ever active."""
    role = InputRole(given.role)
    return SimulatedInput(given.name, role, role.proof)
