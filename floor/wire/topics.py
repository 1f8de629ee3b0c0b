"""The topics. A gateway writes below `mf/NAME/up/` only, the server below `mf/NAME/down/` only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from floor.errors import PeerError
from floor.ids import GATEWAY_NAME

ROOT = "mf"


class Channel(StrEnum):
    """What a topic carries; the part after the gateway's name."""

    ALIVE = "up/alive"
    HELLO = "up/hello"
    JOURNAL = "up/journal"
    STATIONS = "up/stations"
    REPLY = "up/reply"
    BADGE = "up/badge"
    WIRING = "up/wiring"
    ACK = "down/ack"
    ROSTER = "down/roster"
    COMMAND = "down/command"
    KEYS = "down/keys"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a channel's messages travel. Nothing that could grant power is retained."""

    qos: int
    retained: bool
    limit_bytes: int


DELIVERY: dict[Channel, Delivery] = {
    Channel.ALIVE: Delivery(1, True, 1_024),
    Channel.HELLO: Delivery(1, False, 1_024),
    Channel.JOURNAL: Delivery(1, False, 262_144),
    Channel.STATIONS: Delivery(0, False, 65_536),
    Channel.REPLY: Delivery(1, False, 4_096),
    Channel.BADGE: Delivery(1, False, 1_024),
    Channel.WIRING: Delivery(1, False, 65_536),
    Channel.ACK: Delivery(1, False, 1_024),
    Channel.ROSTER: Delivery(1, False, 8_388_608),
    Channel.COMMAND: Delivery(1, False, 4_096),
    Channel.KEYS: Delivery(1, False, 1_024),
}


def topic(gateway: str, channel: Channel) -> str:
    """Return the topic of one gateway's channel; "+" stands for any gateway in a subscription."""
    return f"{ROOT}/{gateway}/{channel}"


def parse(text: str) -> tuple[str, Channel]:
    """Return the gateway and the channel of a topic; raises PeerError for any other topic."""
    root, _, rest = text.partition("/")
    gateway, _, tail = rest.partition("/")
    if root != ROOT or not GATEWAY_NAME.fullmatch(gateway) or tail not in set(Channel):
        raise PeerError(f"not a topic of ours: {text[:80]!r}")
    return gateway, Channel(tail)
