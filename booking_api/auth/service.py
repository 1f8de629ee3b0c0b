"""Signing in and out, and keys for programs. Secrets are kept as hashes; times are real UTC milliseconds."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session, col, delete, or_, select

from booking_api.audit import notes
from booking_api.auth import second
from booking_api.auth.models import (
    ApiToken,
    BrowserSession,
    Ceremony,
    Credential,
    LinkedIdentity,
    MailedLink,
)
from booking_api.auth.passwords import check_password, hash_password
from booking_api.auth.permissions import GRANTS, Permission
from booking_api.auth.settings import DAY_MS, SignInSettings
from booking_api.auth.who import Who
from booking_api.clock import make_id
from booking_api.gateways.changes import Subject, changed
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.members.models import Member
from booking_api.tokens import digest, fresh
from floor.errors import Refused
from floor.words import Role

TOKEN_PREFIX = "mf_"
TOKENS_MAX = 50
SEEN_MS = 300_000
"""Once in so long it is noted that a browser or a program was here."""
RENEWED_MS = DAY_MS
"""So often a browser is given another token."""
OVERLAP_MS = 60_000
"""So long the token before still works: other requests of the same page are under way with it."""
WARNED_MS = 14 * DAY_MS
"""So long before its end the owner of a token that is in use is told."""
DEFAULTS = SignInSettings()


class Way(StrEnum):
    """How somebody signed in."""

    PASSWORD = "password"
    PASSKEY = "passkey"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new browser session: `token` goes into the cookie and is kept nowhere else."""

    token: str
    member: str
    session: str = ""


def folded(login: str) -> str:
    """Return the form of a sign-in name that is compared."""
    return login.strip().casefold()


def credential_of(session: Session, login: str) -> Credential | None:
    """Find how somebody signs in."""
    return session.exec(select(Credential).where(Credential.login == folded(login))).first()


def set_password(
    session: Session, member: str, login: str, password: str, now_ms: int, *, chosen: bool = True
) -> None:
    """Give a member a sign-in name and a password; what was signed in with the old one is signed out.

    Raises Refused for a poor password, an unknown member or a name that another member has. What was not
    `chosen` by anybody, but made at random, is not looked at.
    """
    name = folded(login)
    if not 1 <= len(name) <= 200:
        raise Refused("login_length", "A sign-in name has 1 to 200 characters.")
    person = session.get(Member, member)
    if person is None:
        raise Refused("member_not_found", f"There is no member {member}.")
    if chosen:
        check_password(password, known_of(person, name))
    other = credential_of(session, name)
    if other is not None and other.member != member:
        raise Refused("login_taken", "Another member signs in with this name.")
    kept = session.get(Credential, member)
    if kept is None:
        kept = Credential(member=member, login=name, password_hash="", changed_ms=now_ms)
        changed(session, Subject.MEMBER, member, now_ms)  # from now on a phone of theirs can tap
    else:
        tell(session, member, "password", now_ms)
    kept.login, kept.password_hash, kept.changed_ms = name, hash_password(password), now_ms
    session.add(kept)
    sign_out(session, member)
    end_links(session, member, now_ms)


def end_links(session: Session, member: str, now_ms: int) -> None:
    """Make the links open nothing any more that were sent to a member: what they are for has changed."""
    mine = select(MailedLink).where(MailedLink.member == member, col(MailedLink.used_ms).is_(None))
    for link in session.exec(mine.where(col(MailedLink.expires_ms) > now_ms)):
        link.expires_ms = now_ms
        session.add(link)


def known_of(member: Member, login: str = "") -> Iterable[str]:
    """Return what a guesser may know of a person."""
    names = (member.first_name, member.last_name, member.shown_name, member.number)
    return (*names, f"{member.first_name}{member.last_name}", member.email or "", login)


def tell(session: Session, member: str, change: str, now_ms: int) -> None:
    """Tell that a member's sign-in changed, and what of it."""
    happened(session, Happening.SIGN_IN_CHANGED, member, now_ms, member=member, change=change)


def begin_session(
    session: Session,
    member: str,
    old_token: str | None,
    now_ms: int,
    settings: SignInSettings = DEFAULTS,
    *,
    how: Way = Way.PASSWORD,
    shown_second: bool = False,
    device: str = "",
) -> SignedIn:
    """Sign a browser in with a new token; the token that it had before is dead, and so are expired ones."""
    if old_token:
        session.execute(delete(BrowserSession).where(col(BrowserSession.token_hash) == digest(old_token)))
    session.execute(delete(BrowserSession).where(col(BrowserSession.expires_ms) < now_ms))
    person = session.get(Member, member)
    if person is None:
        raise Refused("member_not_found", f"There is no member {member}.")
    if person.role is not Role.MEMBER:
        notes.signed_in(session, member, person.whole_name, now_ms)
    token, id = fresh(), make_id(now_ms)
    session.add(
        BrowserSession(
            id=id,
            token_hash=digest(token),
            member=member,
            csrf=secrets.token_urlsafe(24),
            role=person.role,
            how=how,
            second=shown_second,
            device=device[:80],
            created_ms=now_ms,
            seen_ms=now_ms,
            renewed_ms=now_ms,
            expires_ms=_end_ms(now_ms, now_ms, settings),
        )
    )
    return SignedIn(token, member, id)


def _end_ms(created_ms: int, now_ms: int, settings: SignInSettings) -> int:
    return min(now_ms + settings.idle_days * DAY_MS, created_ms + settings.longest_days * DAY_MS)


def end_session(session: Session, id: str) -> None:
    """Sign a browser out."""
    session.execute(delete(BrowserSession).where(col(BrowserSession.id) == id))


def end_own(session: Session, member: str, id: str) -> None:
    """Sign out one of a member's browsers; raises Refused when it is not theirs."""
    kept = session.get(BrowserSession, id)
    if kept is None or kept.member != member:
        raise Refused("browser_not_found", "This browser is not signed in as you.")
    session.delete(kept)


def sign_out(session: Session, member: str, but: str = "") -> None:
    """Sign a member out in every browser, `but` one session's."""
    mine = select(BrowserSession).where(BrowserSession.member == member, col(BrowserSession.id) != but)
    for kept in session.exec(mine):
        session.delete(kept)
    session.flush()


def sessions_of(session: Session, member: str, now_ms: int) -> list[BrowserSession]:
    """Return where a member is signed in, the latest seen first."""
    mine = select(BrowserSession).where(BrowserSession.member == member)
    mine = mine.where(col(BrowserSession.expires_ms) > now_ms)
    return list(session.exec(mine.order_by(col(BrowserSession.seen_ms).desc(), col(BrowserSession.id))))


def _session_of(session: Session, token: str, now_ms: int) -> BrowserSession | None:
    """Find a session by its token, or by the one before while that still works."""
    hashed = digest(token)
    recently = col(BrowserSession.renewed_ms) > now_ms - OVERLAP_MS
    before = (col(BrowserSession.previous_hash) == hashed) & recently
    query = select(BrowserSession).where(or_(col(BrowserSession.token_hash) == hashed, before))
    return session.exec(query.where(col(BrowserSession.expires_ms) > now_ms)).first()


def by_cookie(session: Session, token: str, now_ms: int, settings: SignInSettings = DEFAULTS) -> Who | None:
    """Return who holds a browser's token, None when it is unknown or expired, or their role has changed.

    Without the second factor that their role needs, they have the rights of a plain member.
    """
    kept = _session_of(session, token, now_ms)
    member = session.get(Member, kept.member) if kept else None
    if kept is None or member is None or member.role is not kept.role:
        return None
    rights = GRANTS[member.role]
    if not kept.second and second.is_overdue(session, settings, member.id, member.role, now_ms):
        rights = GRANTS[Role.MEMBER]
    return Who(member, rights, kept.csrf, kept.id, kept.created_ms)


def is_unseen(session: Session, secret: str, now_ms: int) -> bool:
    """Whether it is time to note that a browser or a program was here; it only looks."""
    seen = select(BrowserSession.seen_ms).where(BrowserSession.token_hash == digest(secret))
    used = select(ApiToken.used_ms).where(ApiToken.token_hash == digest(secret))
    return any((at_ms or 0) <= now_ms - SEEN_MS for at_ms in (*session.exec(seen), *session.exec(used)))


def note_use(session: Session, secret: str, now_ms: int, settings: SignInSettings) -> str | None:
    """Note that a browser or a program was here; return the token that a browser is given now and then."""
    hashed = digest(secret)
    program = session.exec(select(ApiToken).where(ApiToken.token_hash == hashed)).first()
    if program is not None:
        _note_program(session, program, now_ms)
        return None
    kept = session.exec(
        select(BrowserSession).where(BrowserSession.token_hash == hashed).with_for_update()
    ).first()
    if kept is None or kept.expires_ms <= now_ms:
        return None
    kept.seen_ms, kept.expires_ms = now_ms, _end_ms(kept.created_ms, now_ms, settings)
    session.add(kept)
    if kept.renewed_ms > now_ms - RENEWED_MS:
        return None
    renewed = fresh()
    kept.previous_hash, kept.token_hash, kept.renewed_ms = hashed, digest(renewed), now_ms
    return renewed


def _note_program(session: Session, token: ApiToken, now_ms: int) -> None:
    """Note a program's use, and once tell its owner that its token ends soon."""
    token.used_ms = now_ms
    if ends_soon(token, now_ms) and token.warned_ms is None:
        token.warned_ms = now_ms
        tell(session, token.member, "token_ends_soon", now_ms)
    session.add(token)


def ends_soon(token: ApiToken, now_ms: int) -> bool:
    """Whether a token that works ends within two weeks."""
    end_ms = token.expires_ms
    return token.revoked_ms is None and end_ms is not None and now_ms < end_ms <= now_ms + WARNED_MS


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
    secret = TOKEN_PREFIX + fresh()
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


def forget(session: Session, member: str, now_ms: int) -> None:
    """Take every way to sign in from a member, and their tokens: for one who is erased."""
    second.forget(session, member)
    for table in (Credential, BrowserSession, ApiToken, LinkedIdentity, MailedLink, Ceremony):
        session.execute(delete(table).where(col(table.member) == member))
    changed(session, Subject.MEMBER, member, now_ms)
