"""What a doctor looks at: can every badge that is to prove itself do so?"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel import Session, col, select

from booking_api.badges.models import Badge
from booking_api.db import DATA
from booking_api.vault import Masters
from floor.errors import ConfigError
from floor.words import BadgeKind


def check_masters(session: Session) -> Iterator[tuple[str, str]]:
    """Yield (where, words) for each badge without keys, and each master key that is needed and not there."""
    proving = col(Badge.kind).in_([kind for kind in BadgeKind if not kind.weak])
    for badge in session.exec(select(Badge.id).where(proving, col(Badge.key_version) == 0)):
        yield f"badge {badge}", "it has no keys, and is refused everywhere: remove it, and enrol it again"
    masters = Masters(session.info[DATA])
    versions = select(Badge.key_version).where(col(Badge.key_version) > 0).distinct()
    for version in sorted(session.exec(versions)):
        try:
            masters.master(version)
        except ConfigError as error:
            yield f"badges with keys of version {version}", str(error)
