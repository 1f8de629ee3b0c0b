"""A form of a page that posts money, sent twice, posts once: its key finds the first answer again.

The API's writes have it from what is around every endpoint (api/common.py); `IdempotencyKey` requires one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Header
from pydantic import BaseModel
from sqlmodel import Session, col, delete

from booking_api.auth.models import IdempotentAnswer
from floor.errors import Refused

KEPT_MS = 30 * 86_400_000
"""How long an answer is kept: the time in which a caller may ask again, in milliseconds."""
A = TypeVar("A", bound=BaseModel)

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=100,
        description="Chosen by the caller, new for each payment; the same again returns the first answer.",
    ),
]


def once(
    session: Session, author: str, key: str, request: str, now_ms: int, answer: type[A], work: Callable[[], A]
) -> A:
    """Do the work, or return what it answered to the same author's same key.

    `request` is the whole content; raises Refused when the key came with another content before. The caller's
    transaction keeps work and answer together. `now_ms` is real time.
    """
    request_hash = hashlib.sha256(request.encode()).hexdigest()
    kept = session.get(IdempotentAnswer, (author, key))
    if kept is not None:
        if kept.request_hash != request_hash:
            raise Refused("key_reused", "This Idempotency-Key came with another request. Choose a new one.")
        return answer.model_validate_json(kept.body)
    done = work()
    session.exec(delete(IdempotentAnswer).where(col(IdempotentAnswer.created_ms) < now_ms - KEPT_MS))
    session.add(
        IdempotentAnswer(
            author=author,
            key=key,
            request_hash=request_hash,
            body=done.model_dump_json(),
            created_ms=now_ms,
        )
    )
    return done
