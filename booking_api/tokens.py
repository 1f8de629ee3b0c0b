"""Random secrets of links, cookies and programs: shown once to who is to have them, kept as their hash."""

from __future__ import annotations

import hashlib
import secrets


def fresh() -> str:
    """Return a new secret: 256 random bits, in letters that may stand in an address."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return the SHA-256 by which a random secret is kept and found; too long to be guessed, so unsalted."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
