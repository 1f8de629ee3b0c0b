"""The server's signature: what a gateway obeys is signed with a key that never leaves the data directory.

A key is replaced in two steps. `announce` makes the next one and tells gateways, by a statement that the
present one signs, to accept both; `finish` signs with the next one from then on and tells gateways to drop
the other. The statements are kept, so a gateway that was away is told in order, from the key that it knows.
"""

import base64
import os
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import TypeAdapter, ValidationError

from booking_api.vault import read_or_make
from floor.errors import ConfigError, Refused
from floor.wire.base import Wire
from floor.wire.messages import Command, ServerKeys, Signed
from floor.wire.roster import Roster, RosterDelta

KEY_FILE, NEXT_FILE, STATEMENTS_FILE = "signing.key", "signing-next.key", "signing-keys.json"
Kind = Literal["roster", "roster_delta", "command", "server_keys"]
_KINDS: dict[type, Kind] = {
    Roster: "roster",
    RosterDelta: "roster_delta",
    Command: "command",
    ServerKeys: "server_keys",
}


class Statement(Wire):
    """What gateways were told of the server's keys: `signer` is the public key that it was signed with."""

    signer: str
    n: int
    keys: list[str]
    signed: Signed


_STATEMENTS = TypeAdapter(list[Statement])


class Signer:
    """Signs orders with Ed25519 (RFC 8032) over Signed.signed_bytes(), with the key of a data directory."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._read()

    def _read(self) -> None:
        self._stamp = self._stamped()  # before: what changes meanwhile is read the next time
        self._key = _private(read_or_make(self._data / KEY_FILE, 32))
        self._statements = self._read_statements()

    def _stamped(self) -> tuple[int, ...]:
        files = (self._data / name for name in (KEY_FILE, STATEMENTS_FILE))
        return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)

    @property
    def public_key(self) -> str:
        """The key that gateways verify with: 32 bytes as base64."""
        return _public(self._key)

    @property
    def newest_key(self) -> str:
        """The key that every gateway has to know before a replacement is finished; else the present one."""
        return self._statements[-1].keys[0] if self._statements else self.public_key

    def sign(self, message: Roster | RosterDelta | Command | ServerKeys) -> Signed:
        """Return the message in its signed envelope."""
        return _sign(self._key, message)

    def refresh(self) -> bool:
        """Take up keys that a command has replaced meanwhile; returns whether anything is new."""
        if self._stamped() == self._stamp:
            return False
        self._read()
        return True

    def statements_for(self, known: str | None, n: int) -> list[Signed]:
        """Return what a gateway must be told whose newest key is `known` and whose last statement was `n`."""
        later = [one for one in self._statements if one.n > n]
        first = next((place for place, one in enumerate(later) if one.signer == known), len(later))
        return [one.signed for one in later[first:]]

    def announce(self) -> None:
        """Make the next key and tell gateways of it; raises Refused while that was done already."""
        if self._under_way:
            raise Refused("key_under_way", "The key is being replaced already. End that with --finish.")
        following = _private(read_or_make(self._data / NEXT_FILE, 32))
        self._state(self._key, [_public(following), self.public_key])

    def finish(self) -> None:
        """Sign with the next key from now on, have gateways drop the other; raises Refused without one."""
        if not self._under_way:
            raise Refused("key_not_announced", "No next key was announced. Run it without --finish first.")
        following = self._data / NEXT_FILE
        if following.exists():  # else an earlier try came as far as this
            following.replace(self._data / KEY_FILE)
            self._key = _private(read_or_make(self._data / KEY_FILE, 32))
        self._state(self._key, [self.public_key])

    def replace_at_once(self) -> None:
        """Make another key that no statement vouches for: for one that somebody else has."""
        for name in (STATEMENTS_FILE, NEXT_FILE):
            (self._data / name).unlink(missing_ok=True)
        read_or_make(self._data / NEXT_FILE, 32)
        (self._data / NEXT_FILE).replace(self._data / KEY_FILE)
        self._read()

    @property
    def _under_way(self) -> bool:
        return bool(self._statements) and len(self._statements[-1].keys) > 1

    def _state(self, key: Ed25519PrivateKey, keys: list[str]) -> None:
        n = self._statements[-1].n + 1 if self._statements else 1
        signed = _sign(key, ServerKeys(n=n, keys=keys))
        self._statements.append(Statement(signer=_public(key), n=n, keys=keys, signed=signed))
        file = self._data / STATEMENTS_FILE
        new = file.with_suffix(".new")
        with new.open("wb") as out:
            out.write(_STATEMENTS.dump_json(self._statements))
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
        self._stamp = self._stamped()

    def _read_statements(self) -> list[Statement]:
        file = self._data / STATEMENTS_FILE
        try:
            return _STATEMENTS.validate_json(file.read_bytes())
        except FileNotFoundError:
            return []
        except ValidationError as error:
            raise ConfigError(str(file), "", "is not what was written there", "Restore it.") from error


def open_signer(data: Path) -> Signer:
    """Open the signing key of a data directory; it is made when there is none (mode 0600)."""
    return Signer(data)


def _private(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def _public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def _sign(key: Ed25519PrivateKey, message: Roster | RosterDelta | Command | ServerKeys) -> Signed:
    unsigned = Signed(kind=_KINDS[type(message)], body=message.model_dump_json(), signature="=" * 88)
    signature = base64.b64encode(key.sign(unsigned.signed_bytes())).decode()
    return unsigned.model_copy(update={"signature": signature})
