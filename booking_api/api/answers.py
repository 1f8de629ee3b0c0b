"""A write that is sent twice is done once: the caller's key finds the first answer again.

The answer lies sealed, because it may hold a secret that is shown once, in the transaction of the work: a
crash leaves both or none. Refusals are not kept: who mends the request may send it with the same key.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from sqlmodel import Session, col, delete
from starlette.responses import Response

from booking_api.auth.models import IdempotentAnswer
from booking_api.auth.who import Who
from booking_api.idempotency import KEPT_MS
from booking_api.vault import Vault
from floor.errors import Refused

ANSWER_MAX = 1 << 20
"""The longest answer that is kept, in bytes; of a longer one only that it was given."""
UNFINISHED_MS = 120_000
"""How long a write that asks a machine or a payment provider may take; then its key is free again."""
UPLOADING_MS = 720_000
"""How long an upload may take: longer than the server waits for its body (web/limits.py)."""
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{8,100}")
_KEPT_HEADERS = ("content-type", "location")


class Replay(Exception):  # no error: the answer that was given before
    """Raised where the work would begin: its answer is there already."""

    def __init__(self, response: Response) -> None:
        self.response = response


@dataclass(frozen=True, slots=True)
class Keyed:
    """One write with a key: whose, which, and the hash of all that was asked. `now_ms` is real time.

    `takes_ms` is how long the write may take that is not one transaction.
    """

    author: str
    key: str
    request_hash: str
    now_ms: int
    takes_ms: int = UNFINISHED_MS

    def find(self, session: Session, vault: Vault) -> None:
        """Raise Replay for what was answered, Refused for what is asked otherwise, or is being done."""
        kept = self._kept(session)
        if kept is None:
            return
        if kept.request_hash != self.request_hash:
            raise Refused("key_reused", "This Idempotency-Key came with another request. Choose a new one.")
        if not kept.body:
            raise Refused("key_in_use", "The first request with this Idempotency-Key is still being done.")
        raise Replay(_opened(vault, kept.body))

    def begin(self, session: Session, vault: Vault) -> None:
        """Take the key before work that is not one transaction; raises as `find` does."""
        self.find(session, vault)
        self._put(session, "")

    def keep(self, session: Session, vault: Vault, response: Response) -> None:
        """Keep the answer of work that was done, and forget what is older than 30 days."""
        session.exec(delete(IdempotentAnswer).where(col(IdempotentAnswer.created_ms) < self.now_ms - KEPT_MS))
        self._put(session, _sealed(vault, response))

    def give_up(self, session: Session) -> None:
        """Free the key after work that was refused."""
        kept = session.get(IdempotentAnswer, (self.author, self.key))
        if kept is not None and not kept.body:
            session.delete(kept)

    def _kept(self, session: Session) -> IdempotentAnswer | None:
        kept = session.get(IdempotentAnswer, (self.author, self.key))
        if kept is None:
            return None
        held_ms = KEPT_MS if kept.body else self.takes_ms
        if kept.created_ms < self.now_ms - held_ms:
            session.delete(kept)
            session.flush()
            return None
        return kept

    def _put(self, session: Session, body: str) -> None:
        session.merge(
            IdempotentAnswer(
                author=self.author,
                key=self.key,
                request_hash=self.request_hash,
                body=body,
                created_ms=self.now_ms,
            )
        )


def check_key(key: str) -> None:
    """Raise Refused for what cannot be an Idempotency-Key."""
    if not _KEY.fullmatch(key):
        raise Refused("key_malformed", "An Idempotency-Key has 8 to 100 visible ASCII characters.")


def hash_of(method: str, address: str, content_type: str, body: bytes, who: Who) -> str:
    """Return the hash of a request by which it is known again.

    Who asks with other rights asks something else: an answer may hold what those may not see.
    """
    rights = ["browser" if who.session else "program", *sorted(who.permissions)]
    asked = json.dumps([method, address, content_type, rights]).encode()
    return hashlib.sha256(asked + b"\n" + body).hexdigest()


def _sealed(vault: Vault, response: Response) -> str:
    body = bytes(response.body)
    fits = len(body) <= ANSWER_MAX
    kept = {
        "status": response.status_code,
        "headers": {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
        "body": body.decode() if fits else None,
    }
    return vault.seal(json.dumps(kept).encode())


def _opened(vault: Vault, sealed: str) -> Response:
    kept = json.loads(vault.open(sealed))
    if kept["body"] is None:
        raise Refused("answer_not_kept", "This was done; its answer was too long to be kept.")
    return Response(kept["body"].encode(), kept["status"], kept["headers"] | {REPLAYED: "true"})
