"""What a gateway and its server alone know: keys for one purpose each, made from the gateway's badge key."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

KEY_BYTES = 32
_SALT = b"makerfloor gateway keys"
_SIGNATURE_BYTES = 16
CODE_S = 60
"""How long a code that a station shows may be used, in seconds."""


class Purpose(StrEnum):
    """What a key is for; each purpose has another."""

    BADGE_READ = "badge read"
    PHONE_CODE = "phone code"
    PHONE_REFERENCE = "phone reference"
    WIRING = "wiring"


def derived(badge_key: bytes, purpose: Purpose) -> bytes:
    """Return the key of 32 bytes for one purpose (HKDF-SHA-256, RFC 5869, one block).

    The badge key is what is extracted from, never the key of the HMAC: so no badge's reference, which is an
    HMAC under that key and stands in rosters, can be a key that is derived here.
    """
    extracted = hmac.new(_SALT, badge_key, hashlib.sha256).digest()
    return hmac.new(extracted, purpose.encode() + b"\x01", hashlib.sha256).digest()


def phone_reference(badge_key: bytes, member: str) -> str:
    """Return what stands for a member's phone at one gateway, as `badge_reference` does for a badge."""
    key = derived(badge_key, Purpose.PHONE_REFERENCE)
    return hmac.new(key, member.encode(), hashlib.sha256).hexdigest()[:32]


def badge_read_context(gateway: str, machine: str, reading: str) -> bytes:
    """Return what a sealed badge is bound to (associated data of AES-GCM): it opens for one order only."""
    return f"makerfloor badge read\n{gateway}\n{machine}\n{reading}".encode()


def wiring_context(gateway: str, epoch: int, seq: int) -> bytes:
    """Return what a sealed wiring is bound to (associated data of AES-GCM), so that an old one is known."""
    return f"makerfloor wiring\n{gateway}\n{epoch}\n{seq}".encode()


@dataclass(frozen=True, slots=True)
class PhoneCode:
    """A code that a station shows: it stands for having been there until `expires_s` (real UTC seconds)."""

    gateway: str
    machine: str
    nonce: str
    expires_s: int

    def signature(self, badge_key: bytes) -> str:
        """Return the first 16 bytes of HMAC-SHA-256 under the gateway's key for codes, as base64url."""
        said = f"makerfloor tap\n{self.gateway}\n{self.machine}\n{self.nonce}\n{self.expires_s}"
        mac = hmac.new(derived(badge_key, Purpose.PHONE_CODE), said.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mac[:_SIGNATURE_BYTES]).rstrip(b"=").decode()

    def proven_by(self, signature: str, badge_key: bytes) -> bool:
        """Whether the gateway signed this code."""
        return hmac.compare_digest(self.signature(badge_key).encode(), signature.encode())

    def address(self, server: str, badge_key: bytes) -> str:
        """Return the address that the code leads to; `server` is that of the server's pages."""
        asked = {"s": self.machine, "n": self.nonce, "e": self.expires_s, "m": self.signature(badge_key)}
        return f"{server}/tap?{urlencode(asked)}"
