"""Signed readings of NTAG 424 badges: each is taken once, by a gateway or by its address.

A gateway refuses by itself what it has taken before. What was recorded at one gateway and shown at another,
only the server can see: when both journals are here, the same count stands twice, or counts go back in time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from sqlalchemy import and_, or_
from sqlmodel import Session, col, delete, select, update

from booking_api.badges.models import Badge, BadgeReading
from booking_api.badges.service import by_uid
from booking_api.db import DATA
from booking_api.gateways.models import Gateway
from booking_api.vault import Masters, Vault, open_vault
from floor.badge_keys import KEY_BYTES, PROOF_KEY, ntag424_meta_key
from floor.errors import ConfigError, PeerError
from floor.ids import badge_reference
from floor.sun import PiccData, read_picc, sun_proves
from floor.wire.journal import BadgeProven, JournalEntry
from floor.words import BadgeKind

KEPT_MS = 90 * 86_400_000
"""Readings older than this are forgotten; the newest of each badge stands in its row for ever."""
ORDER_SLACK_MS = 60_000
"""So much nearer in time, beyond what clocks admit to be wrong, two readings say nothing of their order."""
NOBODY = PiccData(bytes(7), 0)
_UID = re.compile(r"[0-9A-Fa-f]{14}")
_COUNTER = re.compile(r"[0-9A-Fa-f]{6}")
_MAC = re.compile(r"[0-9A-Fa-f]{16}")
_PICC = re.compile(r"[0-9A-Fa-f]{32}")


class Outcome(StrEnum):
    """What came of an address that a badge, or somebody, showed."""

    GENUINE = "genuine"
    UNKNOWN = "unknown"
    FORGED = "forged"
    REPLAYED = "replayed"
    MALFORMED = "malformed"
    TOO_OFTEN = "too_often"


@dataclass(frozen=True, slots=True)
class Address:
    """What an address says: whose it may be (several, where the key of encrypted PICC data is not known)."""

    said: tuple[PiccData, ...]
    mac: bytes


@dataclass(frozen=True, slots=True)
class Judged:
    """What an address proves. `badge` is the one that signed it, None for any outcome but genuine."""

    outcome: Outcome
    badge: Badge | None
    counter: int


def parse(masters: Masters, uid: str, counter: str, encrypted: str, mac: str) -> Address | None:
    """Read the parts of an address: UID and counter in plain, or encrypted PICC data; None for neither."""
    if not _MAC.fullmatch(mac):
        return None
    if _UID.fullmatch(uid) and _COUNTER.fullmatch(counter):
        return Address((PiccData(bytes.fromhex(uid), int(counter, 16)),), bytes.fromhex(mac))
    if not _PICC.fullmatch(encrypted):
        return None
    return Address(tuple(_opened(masters, bytes.fromhex(encrypted))) or (NOBODY,), bytes.fromhex(mac))


def _opened(masters: Masters, encrypted: bytes) -> list[PiccData]:
    found = []
    for version in masters.versions():
        try:
            found.append(read_picc(ntag424_meta_key(masters.master(version), version), encrypted))
        except (PeerError, ConfigError):  # one master that cannot be read is no reason to read no badge
            continue
    return found


def judge(session: Session, vault: Vault, address: Address) -> Judged:
    """Say what an address proves now. Whatever is wrong with it, the same is done to find out."""
    badges = [by_uid(session, vault, said.uid) for said in address.said]
    at = next((n for n, badge in enumerate(badges) if badge is not None), 0)
    said, badge = address.said[at], badges[at]
    signs = badge is not None and badge.kind is BadgeKind.NTAG424
    key = _key(vault.masters, said.uid, badge.key_version if badge is not None and signs else None)
    right = sun_proves(key, said, address.mac)
    if badge is None or not signs:
        return Judged(Outcome.UNKNOWN, None, said.counter)
    if not right:
        return Judged(Outcome.FORGED, None, said.counter)
    if badge.counter is not None and said.counter <= badge.counter:
        return Judged(Outcome.REPLAYED, None, said.counter)
    return Judged(Outcome.GENUINE, badge, said.counter)


def _key(masters: Masters, uid: bytes, version: int | None) -> bytes:
    """Return the key of a badge; for one that is not known, a key that takes as long to make."""
    wanted = version or max(masters.versions(), default=0)
    try:
        return masters.key_of(BadgeKind.NTAG424, uid, PROOF_KEY, wanted)
    except ConfigError:  # the master is gone: nothing can be proven, by anybody
        return bytes(KEY_BYTES)


def take(session: Session, badge: str, counter: int, now_ms: int) -> bool:
    """Take a reading that an address showed; False when it was taken meanwhile."""
    if not _raise(session, badge, counter):
        return False
    _keep(
        session,
        BadgeReading(badge=badge, counter=counter, gateway="", at_ms=now_ms, clock_error_ms=0),
        now_ms,
    )
    return True


def _raise(session: Session, badge: str, counter: int) -> bool:
    """Raise a badge's count of readings; returns whether it was smaller. The database decides."""
    smaller = or_(col(Badge.counter).is_(None), col(Badge.counter) < counter)
    raised = session.exec(update(Badge).where(col(Badge.id) == badge, smaller).values(counter=counter))
    return raised.rowcount == 1


def _keep(session: Session, reading: BadgeReading, now_ms: int) -> None:
    """Keep a reading. What is old is so by the server's clock: no gateway ends the memory of another's."""
    old = col(BadgeReading.at_ms) < now_ms - KEPT_MS
    session.exec(delete(BadgeReading).where(col(BadgeReading.badge) == reading.badge, old))
    session.add(reading)
    session.flush()


class Replays:
    """Compares the readings that one gateway's journal tells of with all that were taken."""

    def __init__(self, session: Session, gateway: str, now_ms: int) -> None:
        self._session = session
        self._gateway = gateway
        self._now_ms = now_ms
        self._known: dict[tuple[str, str], Badge | None] = {}

    def take(self, entry: JournalEntry, fact: BadgeProven) -> str:
        """Take a reading; returns what is wrong with it, "" when nothing is.

        It is compared by the gateways' own times, however late a journal comes. What is told again, by a
        journal that began anew, is no second reading.
        """
        badge = self._badge(fact.member, fact.badge)
        if badge is None:  # it was removed meanwhile
            return ""
        same = self._session.get(BadgeReading, (badge.id, fact.counter))
        if same is not None:
            told_again = (same.gateway, same.at_ms) == (self._gateway, entry.recorded_ms)
            return "" if told_again else f"{_words(badge, fact)} was taken before, {_where(same)}"
        other = self._contradicts(badge.id, entry, fact.counter)
        _raise(self._session, badge.id, fact.counter)
        error_ms = entry.clock_error_ms
        reading = BadgeReading(
            badge=badge.id,
            counter=fact.counter,
            gateway=self._gateway,
            at_ms=entry.recorded_ms,
            clock_error_ms=error_ms,
        )
        _keep(self._session, reading, self._now_ms)
        if other is None:
            return ""
        order = "after" if other.counter > fact.counter else "before"
        return f"{_words(badge, fact)} came {order} reading {other.counter}, {_where(other)}"

    def _contradicts(self, badge: str, entry: JournalEntry, counter: int) -> BadgeReading | None:
        """Return a reading that was before this one with a greater count, or after it with a smaller."""
        if entry.clock_error_ms is None:
            return None
        slack_ms = ORDER_SLACK_MS + entry.clock_error_ms
        at_ms, error_ms = col(BadgeReading.at_ms), col(BadgeReading.clock_error_ms)
        greater = and_(col(BadgeReading.counter) > counter, at_ms + error_ms + slack_ms < entry.recorded_ms)
        smaller = and_(col(BadgeReading.counter) < counter, at_ms - error_ms - slack_ms > entry.recorded_ms)
        query = select(BadgeReading).where(col(BadgeReading.badge) == badge, or_(greater, smaller))
        return self._session.exec(query.order_by(col(BadgeReading.counter)).limit(1)).first()

    def _badge(self, member: str, reference: str) -> Badge | None:
        """Return the badge that a gateway calls by a reference."""
        if (member, reference) not in self._known:
            self._known[member, reference] = next(
                (badge for badge in self._signing(member) if self._reference(badge) == reference), None
            )
        return self._known[member, reference]

    def _signing(self, member: str) -> Sequence[Badge]:
        mine = select(Badge).where(col(Badge.member) == member, col(Badge.kind) == BadgeKind.NTAG424)
        return self._session.exec(mine).all()

    def _reference(self, badge: Badge) -> str:
        return badge_reference(self._badge_key, self._vault.open(badge.uid_sealed))

    @cached_property
    def _vault(self) -> Vault:
        return open_vault(self._session.info[DATA])

    @cached_property
    def _badge_key(self) -> bytes:
        gateway = self._session.get(Gateway, self._gateway)
        return self._vault.open(gateway.badge_key_sealed) if gateway else b""


def _words(badge: Badge, fact: BadgeProven) -> str:
    return f"reading {fact.counter} of a badge of {badge.member}"


def _where(reading: BadgeReading) -> str:
    return f"at gateway {reading.gateway}" if reading.gateway else "by its address"
