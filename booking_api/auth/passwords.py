"""Passwords as argon2id hashes. Hashing takes some 50 ms and 64 MiB on purpose: call it off the loop."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from floor.errors import Refused

PASSWORD_MIN = 10
PASSWORD_MAX = 200
ESTIMATED = 72
"""So many characters are estimated: the estimate takes longer than in proportion, and more are enough."""
SCORE_MIN = 3
"""zxcvbn's scale of 0 to 4: 3 takes at least 10⁸ guesses."""

BESIDES_MIN = 5
"""So many letters and digits a password has besides what is known of its person."""

_hasher = PasswordHasher()
_estimating = threading.Lock()


@functools.cache
def _nobodys() -> str:
    """Return a hash that takes as long to check as any; made when first needed, for it takes as long."""
    return _hasher.hash("nobody has this password")


def check_password(password: str, about: Iterable[str] = ()) -> None:
    """Refuse a password that guessers try early; `about` is what they may know of the person.

    The lists of common passwords, names and words, and the estimate, are those of zxcvbn.
    """
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise Refused("password_length", f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters.")
    if len(set(password)) < 4:
        raise Refused("password_simple", "This password is too simple.")
    words = {part for text in about for part in (text, *text.replace("@", " ").replace(".", " ").split())}
    known = sorted((word.casefold() for word in words if len(word) > 2), key=len, reverse=True)
    rest = password.casefold()
    for word in known:
        rest = rest.replace(word, "")
    if sum(letter.isalnum() for letter in rest) < BESIDES_MIN:
        raise Refused("password_simple", "This password is made of your name or address. Choose another one.")
    lists, score = _estimate(password[:ESTIMATED], known)
    if score >= SCORE_MIN:
        return
    if "passwords" in lists:
        raise Refused(
            "password_simple",
            "This password, or most of it, stands in lists of leaked passwords. Choose another one.",
        )
    raise Refused("password_simple", "This password is easy to guess. Take a few words more.")


def _estimate(password: str, known: list[str]) -> tuple[set[str], int]:
    """Return the lists that parts of a password stand in, and its score."""
    # Half a megabyte of lists, so only where somebody chooses a password.
    from zxcvbn import zxcvbn

    with _estimating:  # it keeps what it is told of a person in a table of its module
        found = zxcvbn(password, known)
    return {part.get("dictionary_name", "") for part in found["sequence"]}, int(found["score"])


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


def renewed_hash(kept: str, password: str) -> str | None:
    """Return the right password's new hash where the kept one was made with other parameters, else None."""
    return _hasher.hash(password) if _hasher.check_needs_rehash(kept) else None
