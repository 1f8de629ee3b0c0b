"""What a delivery carries so that its reader knows it is ours: HMAC-SHA256 over "timestamp.body"."""

from __future__ import annotations

import hashlib
import hmac
import secrets

ID, TIMESTAMP, SIGNATURE = "Makerfloor-Id", "Makerfloor-Timestamp", "Makerfloor-Signature"
PREFIX = "mfw_"


def new_secret() -> str:
    """Return a new secret."""
    return PREFIX + secrets.token_urlsafe(32)


def headers(secret: str, id: str, timestamp_s: int, body: str) -> dict[str, str]:
    """Return the headers of a delivery; `timestamp_s` is real UTC seconds of this try."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "makerfloor-webhook",
        ID: id,
        TIMESTAMP: str(timestamp_s),
        SIGNATURE: "v1=" + signature(secret, timestamp_s, body),
    }


def signature(secret: str, timestamp_s: int, body: str) -> str:
    """Return the signature as hex."""
    return hmac.new(secret.encode(), f"{timestamp_s}.{body}".encode(), hashlib.sha256).hexdigest()
