"""What sign-in keeps: a credential a person, browser sessions and tokens by the hash of their secret.

Times are real UTC milliseconds, also in a demonstration whose floor runs faster.
"""

from __future__ import annotations

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel


class Credential(SQLModel, table=True):
    """How a member signs in: a name (case-folded) and a password's argon2id hash."""

    __tablename__ = "credential"

    member: str = Field(primary_key=True, foreign_key="member.id", max_length=64)
    login: str = Field(unique=True, index=True, max_length=200)
    password_hash: str = Field(max_length=400)
    changed_ms: int = Field(sa_type=BigInteger)


class BrowserSession(SQLModel, table=True):
    """One signed-in browser. `token_hash` is the SHA-256 of its cookie, `csrf` what its forms carry."""

    __tablename__ = "browser_session"

    token_hash: str = Field(primary_key=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    csrf: str = Field(max_length=64)
    created_ms: int = Field(sa_type=BigInteger)
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


class IdempotentAnswer(SQLModel, table=True):
    """What a write that posts money answered: the same request again answers this, and posts nothing."""

    __tablename__ = "idempotent_answer"

    author: str = Field(primary_key=True, max_length=64)
    key: str = Field(primary_key=True, max_length=100)
    request_hash: str = Field(max_length=64)
    body: str
    created_ms: int = Field(sa_type=BigInteger, index=True)
