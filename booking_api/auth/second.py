"""The second factor: one-time codes (RFC 6238: SHA-1, 6 digits, 30 s), recovery codes, and who must have one.

A passkey is one as well: it shows that its holder has a device and can unlock it.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import CursorResult
from sqlmodel import Session, col, delete, func, select, update

from booking_api.auth.models import Passkey, RecoveryCode, SecondFactor
from booking_api.auth.settings import DAY_MS, SignInSettings
from booking_api.vault import Vault
from floor.errors import Refused
from floor.words import Role

STEP_S = 30
SECRET_BYTES = 20
DIGITS = 6
RECOVERY_CODES = 10
RECOVERY_BYTES = 10


def begin_setup(session: Session, vault: Vault, member: str) -> None:
    """Make a secret that waits to be confirmed; the one in use stays in use until then."""
    kept = session.get(SecondFactor, member) or SecondFactor(member=member)
    kept.pending = vault.seal(os.urandom(SECRET_BYTES))
    session.add(kept)


def pending_secret(session: Session, vault: Vault, member: str) -> bytes | None:
    """Return the secret that waits to be confirmed, None without one."""
    kept = session.get(SecondFactor, member)
    return vault.open(kept.pending) if kept and kept.pending else None


def uri(secret: bytes, name: str, space: str) -> str:
    """Return the `otpauth://` address that an authenticator reads."""
    return _totp(secret).get_provisioning_uri(name, space.replace(":", " "))


def shown(secret: bytes) -> str:
    """Write a secret to be typed: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def confirm_setup(session: Session, vault: Vault, member: str, code: str, now_ms: int) -> list[str]:
    """Begin to use the secret that was set up, and return new recovery codes; Refused for a wrong code."""
    kept = session.get(SecondFactor, member, with_for_update=True, populate_existing=True)
    step = _step_of(vault.open(kept.pending), code, now_ms) if kept and kept.pending else None
    if kept is None or step is None:
        raise Refused("code_invalid", "This code is not right. Look at the clock of your telephone.")
    kept.sealed, kept.pending, kept.last_step = kept.pending, None, step
    session.add(kept)
    return renew_recovery(session, vault, member)


def check_code(session: Session, vault: Vault, member: str, code: str, now_ms: int) -> bool:
    """Use a one-time code or a recovery code up; False when it is neither, or was used before."""
    typed = "".join(code.split())
    if typed.isascii() and typed.isdecimal() and len(typed) == DIGITS:
        return _use_step(session, vault, member, typed, now_ms)
    used = (
        update(RecoveryCode)
        .where(col(RecoveryCode.code_hash) == _recovery_hash(vault, member, code))
        .where(col(RecoveryCode.member) == member, col(RecoveryCode.used_ms).is_(None))
        .values(used_ms=now_ms)
    )
    return _changed_one(session.execute(used))


def _use_step(session: Session, vault: Vault, member: str, code: str, now_ms: int) -> bool:
    kept = session.get(SecondFactor, member)
    step = _step_of(vault.open(kept.sealed), code, now_ms) if kept and kept.sealed else None
    if step is None:
        return False
    mine = (col(SecondFactor.member) == member, col(SecondFactor.last_step) < step)
    return _changed_one(session.execute(update(SecondFactor).where(*mine).values(last_step=step)))


def renew_recovery(session: Session, vault: Vault, member: str) -> list[str]:
    """Make new recovery codes, which are shown this once; the old ones are dead."""
    session.execute(delete(RecoveryCode).where(col(RecoveryCode.member) == member))
    codes = []
    for _ in range(RECOVERY_CODES):
        text = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
        codes.append("-".join(text[at : at + 4] for at in range(0, len(text), 4)))
        session.add(RecoveryCode(code_hash=_recovery_hash(vault, member, codes[-1]), member=member))
    return codes


def recovery_left(session: Session, member: str) -> int:
    """Return how many recovery codes a member has not used."""
    left = select(func.count()).select_from(RecoveryCode)
    return session.exec(left.where(RecoveryCode.member == member, col(RecoveryCode.used_ms).is_(None))).one()


def has_codes(session: Session, member: str) -> bool:
    """Whether a member has set up one-time codes."""
    kept = session.get(SecondFactor, member)
    return kept is not None and kept.sealed is not None


def has_passkey(session: Session, member: str) -> bool:
    """Whether a member has a passkey."""
    return session.exec(select(Passkey.id).where(Passkey.member == member)).first() is not None


def is_asked(session: Session, settings: SignInSettings, member: str, role: Role) -> bool:
    """Whether a sign-in without a passkey takes a second step."""
    return has_codes(session, member) or (settings.must_have_second(role) and has_passkey(session, member))


def remove_codes(session: Session, settings: SignInSettings, member: str, role: Role) -> None:
    """End one-time codes; Refused for whoever must have a second factor and has no other."""
    if settings.must_have_second(role) and not has_passkey(session, member):
        raise Refused("second_factor_needed", "Your role needs a second factor. Add a passkey first.")
    kept = session.get(SecondFactor, member)
    if kept is not None:
        kept.sealed = kept.pending = None
        session.add(kept)
    if not has_passkey(session, member):
        session.execute(delete(RecoveryCode).where(col(RecoveryCode.member) == member))


def forget(session: Session, member: str) -> None:
    """Forget every second factor of a member, passkeys too: for one who lost them, or is erased."""
    for table in (RecoveryCode, SecondFactor, Passkey):
        for kept in session.exec(select(table).where(col(table.member) == member)):
            session.delete(kept)
    session.flush()


def remind(session: Session, settings: SignInSettings, member: str, role: Role, now_ms: int) -> bool:
    """Say at a sign-in whether somebody must set a second factor up; from the first time on, days count."""
    if not settings.must_have_second(role) or has_codes(session, member) or has_passkey(session, member):
        return False
    kept = session.get(SecondFactor, member) or SecondFactor(member=member)
    kept.asked_ms = kept.asked_ms or now_ms
    session.add(kept)
    return True


def due_ms(session: Session, settings: SignInSettings, member: str) -> int | None:
    """Return until when a member may put a second factor off; None when they were never asked."""
    kept = session.get(SecondFactor, member)
    asked_ms = kept.asked_ms if kept else None
    return None if asked_ms is None else asked_ms + settings.second_factor_grace_days * DAY_MS


def is_overdue(session: Session, settings: SignInSettings, member: str, role: Role, now_ms: int) -> bool:
    """Whether a session without a second factor is one of a plain member's rights only."""
    if not settings.must_have_second(role):
        return False
    if has_codes(session, member) or has_passkey(session, member):
        return True
    until_ms = due_ms(session, settings, member)
    return settings.second_factor_grace_days == 0 if until_ms is None else now_ms >= until_ms


def _step_of(secret: bytes, code: str, now_ms: int) -> int | None:
    """Return the step whose code this is: the present one, or the one before or after it."""
    totp, typed = _totp(secret), "".join(code.split()).encode(errors="replace")
    now = now_ms // 1000 // STEP_S
    for step in (now, now - 1, now + 1):
        if hmac.compare_digest(totp.generate(step * STEP_S), typed):
            return step
    return None


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_S)  # what every authenticator speaks


def _recovery_hash(vault: Vault, member: str, code: str) -> str:
    """Keyed by what lies outside of the database, so that a copied database does not help a guesser."""
    typed = "".join(letter for letter in code.lower() if letter.isalnum())
    return vault.lookup(f"recovery {member} {typed}".encode(errors="replace"))


def _changed_one(done: object) -> bool:
    assert isinstance(done, CursorResult)
    return done.rowcount == 1
