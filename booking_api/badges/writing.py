"""The keys by which a new badge is written: given to whoever may, and never without saying who had them."""

from __future__ import annotations

from pydantic import BaseModel
from sqlmodel import Session, col, select

from booking_api.badges import service
from booking_api.badges.models import BadgeKeysGiven
from booking_api.clock import make_id
from booking_api.vault import Vault
from floor.badge_keys import DESFIRE_AID, DESFIRE_KEYS, NTAG424_KEYS
from floor.errors import Refused
from floor.words import BadgeKind

ADDRESS = "/b?u=00000000000000&c=000000&m=0000000000000000"
"""The path of an NTAG 424's address: it writes its UID, count of readings and signature over the zeros."""


class BadgeKeys(BaseModel):
    """All that a writer needs to personalise one badge; `keys` are secret, 32 hex digits by key number.

    `address` is what an NTAG 424 shows a phone (docs/wiring/badges.md says where it writes what);
    `application` is a DESFire's, as it is sent. "" for the other kind.
    """

    badge: str
    uid: str
    kind: BadgeKind
    key_version: int
    keys: dict[int, str]
    address: str = ""
    application: str = ""


def give(session: Session, vault: Vault, id: str, server: str, by: str, now_ms: int) -> BadgeKeys:
    """Return the keys of a badge and record who was given them; `server` is the address of its pages.

    Raises Refused for a badge that has none, and for one that is lost.
    """
    badge = service.get(session, id)
    if badge.kind.weak:
        raise Refused("badge_keyless", "This badge is as weak as its UID: it has no keys to be written with.")
    if not badge.key_version:
        sentence = "This badge was enrolled before badges had keys. Remove it, and enrol it again."
        raise Refused("badge_keyless", sentence)
    if badge.lost_ms is not None:
        raise Refused("badge_lost", "This badge is reported lost. Take it into use again first.")
    uid, ntag = vault.open(badge.uid_sealed), badge.kind is BadgeKind.NTAG424
    keys = {
        number: vault.masters.key_of(badge.kind, uid, number, badge.key_version).hex()
        for number in (NTAG424_KEYS if ntag else DESFIRE_KEYS)
    }
    session.add(BadgeKeysGiven(id=make_id(now_ms), badge=badge.id, member=badge.member, by=by, at_ms=now_ms))
    return BadgeKeys(
        badge=badge.id,
        uid=uid.hex().upper(),
        kind=badge.kind,
        key_version=badge.key_version,
        keys=keys,
        address=server.rstrip("/") + ADDRESS if ntag else "",
        application="" if ntag else DESFIRE_AID.hex().upper(),
    )


def given(session: Session, badge: str) -> list[BadgeKeysGiven]:
    """Return who was given the keys of a badge, the first one first; also of one that was removed."""
    rows = select(BadgeKeysGiven).where(col(BadgeKeysGiven.badge) == badge)
    return list(session.exec(rows.order_by(col(BadgeKeysGiven.id))))
