"""What a doctor looks at: is there still every master key that badges were written by?"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel import Session, col, select

from booking_api.badges.models import Badge
from booking_api.db import DATA
from booking_api.vault import Masters
from floor.errors import ConfigError


def check_masters(session: Session) -> Iterator[tuple[str, str]]:
    """Yield (where, words) for each version of the master key that a badge needs and that cannot be read."""
    masters = Masters(session.info[DATA])
    versions = select(Badge.key_version).where(col(Badge.key_version) > 0).distinct()
    for version in sorted(session.exec(versions)):
        try:
            masters.master(version)
        except ConfigError as error:
            yield f"badges with keys of version {version}", str(error)
