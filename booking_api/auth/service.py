"""Signing in and out, and keys for programs. Secrets are kept as hashes; times are real UTC milliseconds."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlmodel import Session, col, delete, select

from booking_api.audit import notes
from booking_api.auth.models import ApiToken, BrowserSession, Credential
from booking_api.auth.passwords import check_password, hash_password
from booking_api.auth.permissions import GRANTS, Permission
from booking_api.auth.who import Who
from booking_api.clock import make_id
from booking_api.gateways.changes import Subject, changed
from booking_api.members.models import Member
from floor.errors import Refused
from floor.words import Role

TOKEN_PREFIX = "mf_"
SESSION_MS = 14 * 86_400_000
"""How long a browser stays signed in, in milliseconds."""
TOKENS_MAX = 50


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new browser session: `token` goes into the cookie and is kept nowhere else."""

    token: str
    member: str


def digest(secret: str) -> str:
    """Return the SHA-256 by which a random secret is kept and found; too long to be guessed, so unsalted."""
    return hashlib.sha256(secret.encode()).hexdigest()


def folded(login: str) -> str:
    """Return the form of a sign-in name that is compared."""
    return login.strip().casefold()


def credential_of(session: Session, login: str) -> Credential | None:
    """Find how somebody signs in."""
    return session.exec(select(Credential).where(Credential.login == folded(login))).first()


def set_password(session: Session, member: str, login: str, password: str, now_ms: int) -> None:
    """Give a member a sign-in name and a password; what was signed in with the old one is signed out.

    Raises Refused for a poor password, an unknown member or a name that another member has.
    """
    check_password(password)
    name = folded(login)
    if not 1 <= len(name) <= 200:
        raise Refused("login_length", "A sign-in name has 1 to 200 characters.")
    if session.get(Member, member) is None:
        raise Refused("member_not_found", f"There is no member {member}.")
    other = credential_of(session, name)
    if other is not None and other.member != member:
        raise Refused("login_taken", "Another member signs in with this name.")
    kept = session.get(Credential, member) or Credential(
        member=member, login=name, password_hash="", changed_ms=now_ms
    )
    if not kept.password_hash:
        changed(session, Subject.MEMBER, member, now_ms)  # from now on a phone of theirs can tap
    kept.login, kept.password_hash, kept.changed_ms = name, hash_password(password), now_ms
    session.add(kept)
    session.exec(delete(BrowserSession).where(col(BrowserSession.member) == member))


def begin_session(session: Session, member: str, old_token: str | None, now_ms: int) -> SignedIn:
    """Sign a browser in with a new token; the token that it had before is dead, and so are expired ones."""
    if old_token:
        end_session(session, digest(old_token))
    session.exec(delete(BrowserSession).where(col(BrowserSession.expires_ms) < now_ms))
    token = secrets.token_urlsafe(32)
    person = session.get(Member, member)
    if person is not None and person.role is not Role.MEMBER:
        notes.signed_in(session, member, f"{person.first_name} {person.last_name}", now_ms)
    session.add(
        BrowserSession(
            token_hash=digest(token),
            member=member,
            csrf=secrets.token_urlsafe(24),
            created_ms=now_ms,
            expires_ms=now_ms + SESSION_MS,
        )
    )
    return SignedIn(token, member)


def end_session(session: Session, token_hash: str) -> None:
    """Sign a browser out."""
    session.exec(delete(BrowserSession).where(col(BrowserSession.token_hash) == token_hash))


def by_cookie(session: Session, token: str, now_ms: int) -> Who | None:
    """Return who holds a browser's token, None when it is unknown or expired."""
    kept = session.get(BrowserSession, digest(token))
    if kept is None or kept.expires_ms <= now_ms:
        return None
    member = session.get(Member, kept.member)
    return Who(member, GRANTS[member.role], kept.csrf, kept.token_hash) if member else None


def by_token(session: Session, token: str, now_ms: int) -> Who | None:
    """Return whom an API token stands for, None when it is unknown, expired or revoked.

    It may what its scopes say and its owner still may.
    """
    found = select(ApiToken).where(ApiToken.token_hash == digest(token))
    kept = session.exec(found).first()
    if kept is None or kept.revoked_ms is not None or (kept.expires_ms or now_ms + 1) <= now_ms:
        return None
    member = session.get(Member, kept.member)
    if member is None:
        return None
    scopes = frozenset(Permission(scope) for scope in kept.scopes.split() if scope in set(Permission))
    return Who(member, scopes & GRANTS[member.role], token=kept.name)


def issue_token(
    session: Session, who: Who, name: str, scopes: frozenset[Permission], expires_ms: int | None, now_ms: int
) -> tuple[ApiToken, str]:
    """Make a token and return it with its secret, which is shown this once. Refused for foreign rights."""
    beyond = scopes - who.permissions
    if beyond or not scopes:
        raise Refused("scope_refused", f"You cannot give: {', '.join(sorted(beyond)) or 'no scope at all'}.")
    if len([token for token in tokens_of(session, who.id) if token.revoked_ms is None]) >= TOKENS_MAX:
        raise Refused("tokens_many", f"You have {TOKENS_MAX} tokens; revoke one first.")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        id=make_id(now_ms),
        token_hash=digest(secret),
        member=who.id,
        name=name,
        scopes=" ".join(sorted(scopes)),
        created_ms=now_ms,
        expires_ms=expires_ms,
    )
    session.add(token)
    return token, secret


def tokens_of(session: Session, member: str) -> list[ApiToken]:
    """Return a member's tokens, newest first."""
    mine = select(ApiToken).where(ApiToken.member == member)
    return sorted(session.exec(mine), key=lambda token: token.id, reverse=True)


def revoke_token(session: Session, member: str, id: str, now_ms: int) -> None:
    """End one of a member's own tokens. Raises Refused when it is not theirs."""
    token = session.get(ApiToken, id)
    if token is None or token.member != member or token.revoked_ms is not None:
        raise Refused("token_not_found", "You have no such token.")
    token.revoked_ms = now_ms
    session.add(token)
