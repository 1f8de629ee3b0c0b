"""The wire between gateway and server: each message, both topics' readers, signatures, and what chains do."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from floor.errors import PeerError
from floor.wire.base import Message
from floor.wire.examples import ALL, DELTA, ROSTER
from floor.wire.journal import JournalBatch
from floor.wire.messages import Signed
from floor.wire.roster import Roster, RosterDelta, apply
from floor.wire.topics import Channel, parse, topic
from tests.fuzz.engine import Target
from tests.fuzz.ways import noted, text

LIMIT = 1 << 20
FREE = (JournalBatch, Roster, RosterDelta)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def _message(shape: type[Message]) -> Target:
    def run(data: bytes) -> None:
        found = shape.decode(data, LIMIT)
        again = shape.decode(found.encode(), 8 * LIMIT)
        if isinstance(found, FREE):  # a number without end, where anything may stand, becomes null
            found, again = again, shape.decode(again.encode(), 8 * LIMIT)
        assert again == found, "what was taken cannot be passed on"
        if isinstance(found, Signed):
            found.signed_bytes()
        if isinstance(found, RosterDelta):
            same = {"base": ROSTER.version, "gateway": ROSTER.gateway}
            noted(lambda: apply(ROSTER, found.model_copy(update=same)), ValueError)
        if isinstance(found, Roster):
            same = {"base": found.version, "version": found.version, "gateway": found.gateway}
            apply(found, DELTA.model_copy(update=same))

    seeds = tuple(one.encode() for one in ALL if type(one) is shape)
    name = f"{shape.__module__}:{shape.__name__}"
    return Target(f"wire {shape.__name__}", "wire", run, seeds, (PeerError,), (name, "floor.wire.base"))


def _topic(data: bytes) -> None:
    name, channel = parse(text(data))
    assert topic(name, channel) == text(data)


SHAPES = sorted({type(message) for message in ALL}, key=lambda shape: shape.__name__)
TARGETS = [
    *(_message(shape) for shape in SHAPES),
    Target(
        "wire topics",
        "wire",
        _topic,
        tuple(topic("gw-a", one).encode() for one in Channel),
        (PeerError,),
        ("floor.wire.topics",),
    ),
]
