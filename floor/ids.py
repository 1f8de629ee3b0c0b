"""Identifiers. The caller gives the time and the entropy, so the same inputs give the same id."""

import hashlib
import hmac
import re

GATEWAY_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def uuid7(now_ms: int, entropy: bytes) -> str:
    """Return a UUID version 7 (RFC 9562 §5.7): `now_ms` since 1970 (48 bits), then 10 bytes of entropy."""
    if len(entropy) != 10:
        raise ValueError(f"a UUIDv7 takes 10 bytes of entropy, not {len(entropy)}")
    raw = bytearray((now_ms & (1 << 48) - 1).to_bytes(6, "big") + entropy)
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def badge_reference(gateway_key: bytes, uid: bytes) -> str:
    """Return what stands for a badge at one gateway: HMAC-SHA-256 of its UID, the first 16 bytes as hex.

    The key is the gateway's own, so a stolen roster opens nothing elsewhere and lists no UID.
    """
    return hmac.new(gateway_key, uid, hashlib.sha256).hexdigest()[:32]
