"""The server's keys at a gateway: the one of its enrolment, and those that followed it, each vouched for.

On disk they are what the server signed, a line each; what is loaded is verified from the enrolled key on. A
line that does not fit (the enrolled key was replaced by hand) counts for nothing.
"""

from __future__ import annotations

import logging
import os
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from floor.errors import PeerError
from floor.wire.messages import ServerKeys, Signed
from floor.wire.topics import DELIVERY, Channel

log = logging.getLogger(__name__)
LIMIT = DELIVERY[Channel.ROSTER].limit_bytes


class ServerKeyStore:
    """Knows whose signature is the server's. `newest` is what the server says it signs with, or will."""

    def __init__(self, path: Path, enrolled: bytes) -> None:
        self._path = path
        self._accepted = [b64encode(enrolled).decode()]
        self._retired: list[str] = []
        self.n = 0
        self._load()

    @property
    def newest(self) -> str:
        """The newest key that is accepted, as base64."""
        return self._accepted[0]

    def open(self, payload: bytes, *, own: bool = False) -> Signed:
        """Return an envelope whose signature is the server's, else raise PeerError.

        `own`: it comes from this gateway's disk, where it was verified when it came: keys that were dropped
        since are good for it.
        """
        signed = Signed.decode(payload, LIMIT)
        keys = (*self._accepted, *self._retired) if own else self._accepted
        if any(_signed_by(key, signed) for key in keys):
            return signed
        raise PeerError(f"the signature of this {signed.kind} is not the server's")

    def take(self, payload: bytes) -> bool:
        """Accept other keys from now on; returns whether one was dropped.

        Raises PeerError for a wrong signature and for what is not newer than what was taken.
        """
        message = self.open(payload).message()
        if not isinstance(message, ServerKeys):
            raise PeerError("something else came where keys of the server were expected")
        if message.n <= self.n:
            raise PeerError(f"keys {message.n} of the server are not newer than {self.n}, which are held")
        dropped = [key for key in self._accepted if key not in message.keys]
        self._accepted, self.n = list(message.keys), message.n
        self._retired += dropped
        return bool(dropped)

    def save(self, payload: bytes) -> None:
        """Write what was just taken to disk, durably; call it off the event loop."""
        with self._path.open("ab") as file:
            file.write(payload + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _load(self) -> None:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            log.error("the server's newer keys cannot be read: %s", error)
            return
        for line in lines:
            try:
                self.take(line)
            except PeerError as error:
                log.warning("a line of %s counts for nothing: %s", self._path.name, error)


def _signed_by(key: str, signed: Signed) -> bool:
    try:
        public = Ed25519PublicKey.from_public_bytes(b64decode(key))
        public.verify(b64decode(signed.signature), signed.signed_bytes())
    except (InvalidSignature, ValueError):
        return False
    return True
