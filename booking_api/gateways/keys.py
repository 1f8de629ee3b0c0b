"""The server's signature: what a gateway obeys is signed with a key that never leaves the data directory."""

import base64
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from booking_api.vault import read_or_make
from floor.wire.messages import Command, Signed
from floor.wire.roster import Roster, RosterDelta

KEY_FILE = "signing.key"
Kind = Literal["roster", "roster_delta", "command"]
_KINDS: dict[type, Kind] = {Roster: "roster", RosterDelta: "roster_delta", Command: "command"}


class Signer:
    """Signs orders with Ed25519 (RFC 8032) over Signed.signed_bytes()."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> str:
        """The key that gateways verify with: 32 bytes as base64."""
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    def sign(self, message: Roster | RosterDelta | Command) -> Signed:
        """Return the message in its signed envelope."""
        unsigned = Signed(kind=_KINDS[type(message)], body=message.model_dump_json(), signature="=" * 88)
        signature = base64.b64encode(self._key.sign(unsigned.signed_bytes())).decode()
        return unsigned.model_copy(update={"signature": signature})


def open_signer(data: Path) -> Signer:
    """Open the signing key of a data directory; it is made when there is none (mode 0600)."""
    return Signer(read_or_make(data / KEY_FILE, 32))
