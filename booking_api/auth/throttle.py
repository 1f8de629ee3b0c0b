"""Slows down whoever guesses. Counters are rows that all server processes share, short and pruned."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass

from sqlalchemy import case, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, delete, select

from booking_api.auth.models import Throttled

WINDOW_MS = 300_000
LONGEST_MS = 3_600_000
"""No throttle has a longer window."""
REMEMBERED = 20_000
"""So many keys are kept; beyond, the oldest are forgotten."""
PRUNED_EVERY = 50


@dataclass(frozen=True, slots=True)
class Throttle:
    """At most `tries` of one key in a window of `window_ms`; a window begins with the first try in it."""

    kind: str
    tries: int = 8
    window_ms: int = WINDOW_MS

    def waits(self, session: Session, key: str, now_ms: int) -> bool:
        """Whether the key has had its tries; changes nothing."""
        kept = session.get(Throttled, self._row(key))
        return kept is not None and kept.tries >= self.tries and kept.begun_ms > now_ms - self.window_ms

    def count(self, session: Session, key: str, now_ms: int) -> bool:
        """Count a try, and say whether it was still allowed; exact also when many come at once."""
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        over = col(Throttled.begun_ms) <= now_ms - self.window_ms
        upsert = (
            insert(Throttled)
            .values(key=self._row(key), begun_ms=now_ms, tries=1)
            .on_conflict_do_update(
                index_elements=["key"],
                set_={
                    "tries": case((over, 1), else_=col(Throttled.tries) + 1),
                    "begun_ms": case((over, now_ms), else_=col(Throttled.begun_ms)),
                },
            )
            .returning(col(Throttled.tries))
        )
        tries: int = session.execute(upsert).scalar_one()
        if tries == 1 and now_ms % PRUNED_EVERY == 0:
            prune(session, now_ms - LONGEST_MS)
        return tries <= self.tries

    def forgive(self, session: Session, key: str) -> None:
        """Forget the tries of a key."""
        session.execute(delete(Throttled).where(col(Throttled.key) == self._row(key)))

    def take_back(self, session: Session, key: str) -> None:
        """Take one try back: it was none of a guesser's."""
        kept = session.get(Throttled, self._row(key), with_for_update=True, populate_existing=True)
        if kept is not None and kept.tries > 0:
            kept.tries -= 1

    def _row(self, key: str) -> str:
        """Hashed, for people type passwords where a name belongs."""
        return hashlib.sha256(f"{self.kind}\0{key}".encode(errors="replace")).hexdigest()


def prune(session: Session, before_ms: int, remembered: int = REMEMBERED) -> None:
    """Forget windows that began before an instant, and the oldest beyond a number."""
    session.execute(delete(Throttled).where(col(Throttled.begun_ms) <= before_ms))
    if session.exec(select(func.count()).select_from(Throttled)).one() > remembered:
        newest = select(Throttled.key).order_by(col(Throttled.begun_ms).desc()).limit(remembered // 2)
        session.execute(delete(Throttled).where(col(Throttled.key).not_in(newest)))


def place_of(address: str) -> str:
    """Return what tries of a network address are counted by: an IPv6 address by its /64, one household."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)
