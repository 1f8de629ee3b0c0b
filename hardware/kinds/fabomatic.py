"""A box of kind `fabomatic`."""

from pydantic import Field

from hardware.kinds.behind_broker import BrokerSettings, broker_address
from hardware.nodes.fabomatic_node import FabomaticNode
from hardware.nodes.node import Node


class FabomaticSettings(BrokerSettings):
    """A box of kind `fabomatic`."""

    id: int = Field(ge=1, le=65_535, description="the machine's id, 1 to 65535, as in the board's settings")
    silent_s: int = Field(
        90, ge=60, le=600, description="the seconds of silence, 60 to 600, after which the box is lost"
    )


def build_fabomatic(given: FabomaticSettings, where: str) -> Node:
    """Build it, off; raises ConfigError for what is said of the broker."""
    return FabomaticNode(given.name, broker_address(given, where), given.id, given.silent_s)
