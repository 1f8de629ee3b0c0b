"""What is done with badges."""

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, func, select

from booking_api.badges.models import Badge, BadgeEvent, BadgeReading
from booking_api.clock import make_id
from booking_api.gateways.changes import Subject, changed
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.members import service as members
from booking_api.vault import Vault
from floor.badge_keys import UID_BYTES
from floor.errors import Refused
from floor.words import BadgeKind

UID_BYTES_MAX = 32
KINDS = tuple(kind for kind in BadgeKind if kind is not BadgeKind.PHONE)
"""What can be enrolled. A phone is no badge: it shows who is signed in on it."""


def parse_uid(text: str) -> bytes:
    """Read a UID as people write it (04:A2:…, 04a2…); raises Refused for all but 2 to 32 bytes of hex."""
    try:
        uid = bytes.fromhex(text.replace(":", " ").replace("-", " "))
    except ValueError:
        uid = b""
    if not 2 <= len(uid) <= UID_BYTES_MAX:
        raise Refused(
            "uid_malformed", f"{text[:80]!r} is not a badge's UID. Write it as hex, such as 04A2B3C4."
        )
    return uid


def enrol(
    session: Session,
    vault: Vault,
    member: str,
    uid: bytes,
    kind: BadgeKind,
    label: str,
    now_ms: int,
    *,
    by: str = "",
    station: str = "",
) -> Badge:
    """Give a member a badge; `by` and `station` say who did and where, as in BadgeEvent.

    One that can prove itself must be written with the keys that are its own from now on (`keys_for`): until
    then every machine refuses it. Raises Refused when somebody has the badge already, lost ones included, and
    for a kind that is none, or that no badge with this UID can be.
    """
    members.get(session, member)
    if kind not in KINDS:
        raise Refused(
            "badge_kind_invalid", f"A {kind} is not enrolled. Badges are of the kinds {', '.join(KINDS)}."
        )
    if not kind.weak and len(uid) != UID_BYTES:
        raise Refused("uid_malformed", f"A badge of the kind {kind} has a UID of {UID_BYTES} bytes.")
    if by_uid(session, vault, uid) is not None:
        raise _taken()
    badge = Badge(
        id=make_id(now_ms),
        member=member,
        uid_sealed=vault.seal(uid),
        uid_lookup=vault.lookup(uid),
        kind=kind,
        label=label.strip()[:100],
        enrolled_ms=now_ms,
        key_version=0 if kind.weak else vault.masters.newest(newest_version(session)),
    )
    session.add(badge)
    try:
        session.flush()
    except IntegrityError:  # somebody else was as quick
        raise _taken() from None
    _record(session, badge, "enrolled", by, now_ms, station)
    changed(session, Subject.MEMBER, member, now_ms)
    return badge


def _taken() -> Refused:
    return Refused("badge_taken", "This badge is enrolled already. Remove it from its member first.")


def newest_version(session: Session) -> int:
    """Return the greatest version of the master key that a badge has, 0 where none has any."""
    return session.exec(select(func.max(Badge.key_version))).one() or 0


def get(session: Session, id: str) -> Badge:
    """Return a badge; raises Refused when there is none."""
    badge = session.get(Badge, id)
    if badge is None:
        raise Refused("badge_not_found", f"There is no badge {id}.")
    return badge


def by_uid(session: Session, vault: Vault, uid: bytes) -> Badge | None:
    """Find a badge by its UID."""
    return session.exec(select(Badge).where(Badge.uid_lookup == vault.lookup(uid))).first()


def report_lost(session: Session, id: str, now_ms: int, by: str = "") -> Badge:
    """Make a badge useless at every gateway; reporting it again changes nothing."""
    badge = get(session, id)
    if badge.lost_ms is None:
        badge.lost_ms = now_ms
        session.add(badge)
        _record(session, badge, "lost", by, now_ms)
        told = {"member": badge.member, "label": badge.label, "by": by}
        happened(session, Happening.BADGE_LOST, id, now_ms, **told)
        changed(session, Subject.MEMBER, badge.member, now_ms)
    return badge


def report_found(session: Session, id: str, now_ms: int, by: str = "") -> Badge:
    """Take a lost badge into use again."""
    badge = get(session, id)
    if badge.lost_ms is not None:
        badge.lost_ms = None
        session.add(badge)
        _record(session, badge, "found", by, now_ms)
        changed(session, Subject.MEMBER, badge.member, now_ms)
    return badge


def remove(session: Session, id: str, now_ms: int, by: str = "") -> None:
    """Forget a badge, so that it may be enrolled for somebody else."""
    badge = get(session, id)
    session.exec(delete(BadgeReading).where(col(BadgeReading.badge) == id))
    _record(session, badge, "removed", by, now_ms)
    session.delete(badge)
    # A gateway is told which badges a member has; one that left the list is gone.
    changed(session, Subject.FLOOR, badge.member, now_ms)


def of_member(session: Session, member: str) -> list[Badge]:
    """Return a member's badges in the order in which they were enrolled."""
    return list(session.exec(select(Badge).where(Badge.member == member).order_by(Badge.id)))


def events_of(session: Session, member: str) -> list[BadgeEvent]:
    """Return what was done with a member's badges, in order."""
    return list(session.exec(select(BadgeEvent).where(BadgeEvent.member == member).order_by(BadgeEvent.id)))


def _record(session: Session, badge: Badge, what: str, by: str, now_ms: int, station: str = "") -> None:
    session.add(
        BadgeEvent(
            id=make_id(now_ms),
            badge=badge.id,
            member=badge.member,
            what=what,
            by=by,
            station=station,
            at_ms=now_ms,
        )
    )
