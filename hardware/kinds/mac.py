"""A box of kind `mac`."""

from pydantic import Field

from hardware.nodes.mac_node import MacNode
from hardware.nodes.node import Node
from hardware.settings import Settings


class MacSettings(Settings):
    """A box of kind `mac`."""

    machine_name: str = Field(min_length=1, max_length=64, description="what the box calls itself")
    address: str = Field("", max_length=45, description="the address that it posts from, as 192.168.1.30")
    silent_s: int = Field(
        30, ge=25, le=600, description="the seconds of silence, 25 to 600, after which the box is lost"
    )


def build_mac(given: MacSettings, _: str) -> Node:
    """Build it; its box posts to the gateway's own pages."""
    return MacNode(given.name, given.machine_name, given.address, given.silent_s)
