"""What sign-in keeps: a credential a person, browser sessions and tokens by the hash of their secret.

Times are real UTC milliseconds, also in a demonstration whose floor runs faster.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from booking_api.happenings.words import LetterKind
from floor.words import Role


class Credential(SQLModel, table=True):
    """How a member signs in: a name (case-folded) and a password's argon2id hash."""

    __tablename__ = "credential"

    member: str = Field(primary_key=True, foreign_key="member.id", max_length=64)
    login: str = Field(unique=True, index=True, max_length=200)
    password_hash: str = Field(max_length=400)
    changed_ms: int = Field(sa_type=BigInteger)


class BrowserSession(SQLModel, table=True):
    """One signed-in browser. `token_hash` is the SHA-256 of its cookie, `csrf` what its forms carry.

    `role` is the member's at sign-in: another one ends it. `how` is a word of `Way`; `second` says that a
    second factor was shown. `previous_hash` is the token before the last renewal, good for a moment after it.
    """

    __tablename__ = "browser_session"

    id: str = Field(primary_key=True, max_length=64)
    token_hash: str = Field(unique=True, index=True, max_length=64)
    previous_hash: str | None = Field(default=None, index=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    csrf: str = Field(max_length=64)
    role: Role = Field(sa_type=word_column(Role))
    how: str = Field(max_length=16)
    second: bool = False
    device: str = Field(default="", max_length=80)
    created_ms: int = Field(sa_type=BigInteger)
    seen_ms: int = Field(sa_type=BigInteger)
    renewed_ms: int = Field(sa_type=BigInteger)
    expires_ms: int = Field(sa_type=BigInteger, index=True)


class ApiToken(SQLModel, table=True):
    """A program's key. `scopes` are permissions, separated by spaces; `expires_ms` None: until revoked."""

    __tablename__ = "api_token"

    id: str = Field(primary_key=True, max_length=64)
    token_hash: str = Field(unique=True, index=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    name: str = Field(max_length=100)
    scopes: str = Field(max_length=1000)
    created_ms: int = Field(sa_type=BigInteger)
    expires_ms: int | None = Field(default=None, sa_type=BigInteger)
    revoked_ms: int | None = Field(default=None, sa_type=BigInteger)
    used_ms: int | None = Field(default=None, sa_type=BigInteger)
    warned_ms: int | None = Field(default=None, sa_type=BigInteger)


class Passkey(SQLModel, table=True):
    """A member's WebAuthn credential: its id and public key as base64url, and its greatest counter so far."""

    __tablename__ = "passkey"

    id: str = Field(primary_key=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    credential: str = Field(unique=True, index=True, max_length=1400)
    public_key: str = Field(max_length=2000)
    sign_count: int = Field(sa_type=BigInteger)
    name: str = Field(max_length=100)
    created_ms: int = Field(sa_type=BigInteger)
    used_ms: int | None = Field(default=None, sa_type=BigInteger)


class SecondFactor(SQLModel, table=True):
    """A member's secret for one-time codes, sealed; `pending` is one that is being set up.

    `last_step` is the last 30 s step whose code was used. `asked_ms` is when they were first asked to set a
    second factor up, None for never.
    """

    __tablename__ = "second_factor"

    member: str = Field(primary_key=True, foreign_key="member.id", max_length=64)
    sealed: str | None = Field(default=None, max_length=200)
    pending: str | None = Field(default=None, max_length=200)
    last_step: int = Field(default=0, sa_type=BigInteger)
    asked_ms: int | None = Field(default=None, sa_type=BigInteger)


class RecoveryCode(SQLModel, table=True):
    """A code that stands for a lost second factor once, kept as a keyed hash."""

    __tablename__ = "recovery_code"

    code_hash: str = Field(primary_key=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    used_ms: int | None = Field(default=None, sa_type=BigInteger)


class LinkedIdentity(SQLModel, table=True):
    """Who a member is at a provider of single sign-on: the provider's name here, and its `sub` claim."""

    __tablename__ = "linked_identity"

    provider: str = Field(primary_key=True, max_length=32)
    subject: str = Field(primary_key=True, max_length=255)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    email: str = Field(default="", max_length=254)
    created_ms: int = Field(sa_type=BigInteger)


class MailedLink(SQLModel, table=True):
    """A link that goes out by letter and opens once: `member` is None for an invitation of somebody new.

    `team` is the account of the team that it invites into, None where that was withdrawn.
    """

    __tablename__ = "mailed_link"

    id: str = Field(primary_key=True, max_length=64)
    token_hash: str = Field(unique=True, index=True, max_length=64)
    kind: LetterKind = Field(sa_type=word_column(LetterKind))
    member: str | None = Field(default=None, foreign_key="member.id", index=True, max_length=64)
    email: str = Field(max_length=254)
    role: Role = Field(default=Role.MEMBER, sa_type=word_column(Role))
    author: str = Field(max_length=64)
    created_ms: int = Field(sa_type=BigInteger)
    expires_ms: int = Field(sa_type=BigInteger)
    used_ms: int | None = Field(default=None, sa_type=BigInteger)
    team: str | None = Field(default=None, index=True, max_length=64)


class Ceremony(SQLModel, table=True):
    """A step of a sign-in that waits for its other half, held by the browser whose cookie has this hash."""

    __tablename__ = "ceremony"

    token_hash: str = Field(primary_key=True, max_length=64)
    kind: str = Field(max_length=16)
    member: str | None = Field(default=None, foreign_key="member.id", index=True, max_length=64)
    data: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    tries: int = 0
    expires_ms: int = Field(sa_type=BigInteger, index=True)


class Throttled(SQLModel, table=True):
    """How often something was tried since `begun_ms`; `key` is a hash of what was tried, and by whom."""

    __tablename__ = "throttled"

    key: str = Field(primary_key=True, max_length=64)
    begun_ms: int = Field(sa_type=BigInteger, index=True)
    tries: int


class IdempotentAnswer(SQLModel, table=True):
    """What a write that posts money answered: the same request again answers this, and posts nothing."""

    __tablename__ = "idempotent_answer"

    author: str = Field(primary_key=True, max_length=64)
    key: str = Field(primary_key=True, max_length=100)
    request_hash: str = Field(max_length=64)
    body: str
    created_ms: int = Field(sa_type=BigInteger, index=True)
