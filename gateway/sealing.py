"""What a gateway seals for the server alone: the broker between them reads and changes nothing of it."""

from __future__ import annotations

import os
from base64 import b64encode

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from floor.gateway_keys import Purpose, derived

NONCE_BYTES = 12


class Sealing:
    """Seals with AES-256-GCM, by a key that is made of the gateway's for this purpose alone."""

    def __init__(self, badge_key: bytes, purpose: Purpose) -> None:
        self._key = AESGCM(derived(badge_key, purpose))

    def seal(self, text: bytes, bound: bytes) -> str:
        """Return nonce and sealed text as base64; it opens beside the same `bound` only."""
        nonce = os.urandom(NONCE_BYTES)
        return b64encode(nonce + self._key.encrypt(nonce, text, bound)).decode()
