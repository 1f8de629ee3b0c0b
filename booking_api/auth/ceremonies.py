"""Steps of a sign-in that wait for their other half: bound to one browser by a cookie, used once, short."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import CursorResult
from sqlmodel import Session, col, delete, select

from booking_api.auth.models import Ceremony
from booking_api.tokens import digest, fresh

LIFETIME_MS = 600_000


class Step(StrEnum):
    """What a browser is in the middle of."""

    SECOND = "second"
    PASSKEY = "passkey"
    NEW_PASSKEY = "new-passkey"
    PROVIDER = "provider"


def begin(session: Session, step: Step, now_ms: int, member: str | None = None, **data: str) -> str:
    """Begin a step, and return the token for the browser's cookie; steps that are over are forgotten."""
    session.execute(delete(Ceremony).where(col(Ceremony.expires_ms) <= now_ms))
    token = fresh()
    session.add(
        Ceremony(
            token_hash=digest(token),
            kind=step,
            member=member,
            data=data,
            expires_ms=now_ms + LIFETIME_MS,
        )
    )
    return token


def look(session: Session, step: Step, token: str | None, now_ms: int) -> Ceremony | None:
    """Return a step that is still open; it stays open."""
    if not token:
        return None
    query = select(Ceremony).where(Ceremony.token_hash == digest(token), Ceremony.kind == step)
    return session.exec(query.where(col(Ceremony.expires_ms) > now_ms)).first()


def take(session: Session, step: Step, token: str | None, now_ms: int) -> Ceremony | None:
    """Return a step and use it up: of several who take it at once, one has it."""
    found = look(session, step, token, now_ms)
    if found is None:
        return None
    session.expunge(found)
    done = session.execute(delete(Ceremony).where(col(Ceremony.token_hash) == found.token_hash))
    assert isinstance(done, CursorResult)
    return found if done.rowcount == 1 else None
