"""Passwords as argon2id hashes. Hashing takes some 50 ms and 64 MiB on purpose: call it off the loop."""

from __future__ import annotations

import functools

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from floor.errors import Refused

PASSWORD_MIN = 10
PASSWORD_MAX = 200

_hasher = PasswordHasher()


@functools.cache
def _nobodys() -> str:
    """Return a hash that takes as long to check as any; made when first needed, for it takes as long."""
    return _hasher.hash("nobody has this password")


def check_password(password: str) -> None:
    """Refuse a password that is too short or too long, or one character said again and again."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise Refused("password_length", f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters.")
    if len(set(password)) < 4:
        raise Refused("password_simple", "This password is too simple.")


def hash_password(password: str) -> str:
    """Return the argon2id hash that is kept."""
    return _hasher.hash(password)


def verify_password(kept: str | None, password: str) -> bool:
    """Say whether the password is the one; takes as long when there is no such person (`kept` None)."""
    if len(password) > PASSWORD_MAX:
        return False
    try:
        return _hasher.verify(kept or _nobodys(), password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False
