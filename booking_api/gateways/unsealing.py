"""Opens what a gateway sealed for this server (gateway.sealing)."""

from __future__ import annotations

from base64 import b64decode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from booking_api.gateways.models import Gateway
from booking_api.vault import NONCE_BYTES, Vault
from floor.errors import PeerError
from floor.gateway_keys import Purpose, derived


def unsealed(vault: Vault, gateway: Gateway, purpose: Purpose, sealed: str, bound: bytes) -> bytes:
    """Return the text; raises PeerError unless this gateway sealed it for this purpose, beside `bound`."""
    key = AESGCM(derived(vault.open(gateway.badge_key_sealed), purpose))
    try:
        raw = b64decode(sealed, validate=True)
        return key.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], bound)
    except (InvalidTag, ValueError) as error:
        raise PeerError(f"the {purpose} of {gateway.name} was not sealed with its key") from error
