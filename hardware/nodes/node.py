"""What a gateway may ask of a box in the field: it is reader, relay and panel of one station."""

from typing import Protocol

from hardware.ports import Panel, Reader, Relay


class Node(Reader, Relay, Panel, Protocol):
    """One object in three places; closing either side leaves it off.

    `fail_safe` says whether the box opens by itself when nobody answers it. One that does not is no relay for
    a hazardous machine.
    """

    name: str
    fail_safe: bool
