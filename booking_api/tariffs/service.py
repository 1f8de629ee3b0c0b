"""Tariff versions: added as they were written, never edited."""

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlmodel import Session, col, select

from booking_api.db import zone_of
from booking_api.gateways.changes import Subject, changed
from booking_api.machines.models import Machine
from booking_api.tariffs.models import TariffVersion
from booking_api.tariffs.source import TEXT_MAX, parse, read
from floor.errors import Refused
from floor.tariff import Tariff

__all__ = ["TEXT_MAX", "add", "listed", "parsed", "read", "table", "versions"]


def add(session: Session, text: str, author: str, now_ms: int, file: str = "tariff") -> TariffVersion:
    """Keep a new version; the same text again is the same version.

    Raises ConfigError for a text that is no tariff, Refused when another text has its id and its begin.
    """
    tariff = read(text, file, zone_of(session))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    kept = session.get(TariffVersion, tariff.version)
    if kept is not None:
        if kept.sha256 == sha256:
            return kept
        words = (
            f"There is a version of {tariff.id} from that time already. Give the new one a later valid_from."
        )
        raise Refused("tariff_version_exists", words)
    version = TariffVersion(
        id=tariff.version,
        tariff=tariff.id,
        valid_from_ms=tariff.valid_from_ms,
        text=text,
        sha256=sha256,
        author=author,
        created_ms=now_ms,
    )
    session.add(version)
    for machine in session.exec(select(Machine.id).where(Machine.tariff == tariff.id)):
        changed(session, Subject.MACHINE, machine, now_ms)
    return version


def versions(session: Session, tariffs: Iterable[str]) -> dict[str, list[TariffVersion]]:
    """Return the versions of these tariffs, by tariff, oldest first."""
    found: dict[str, list[TariffVersion]] = {}
    query = select(TariffVersion).where(col(TariffVersion.tariff).in_(set(tariffs)))
    for version in session.exec(query.order_by(col(TariffVersion.valid_from_ms))):
        found.setdefault(version.tariff, []).append(version)
    return found


def listed(session: Session) -> list[TariffVersion]:
    """Return every version of every tariff, by tariff, newest first."""
    order = (col(TariffVersion.tariff), col(TariffVersion.valid_from_ms).desc())
    return list(session.exec(select(TariffVersion).order_by(*order)))


@functools.lru_cache(maxsize=256)
def parsed(text: str, id: str) -> Tariff:
    """Return what a kept version says, in force from when its id says: the space's clock may be set anew."""
    return replace(read(text, id), valid_from_ms=int(id.rpartition("@")[2]))


def table(version: TariffVersion) -> dict[str, Any]:
    """Return a kept version as the table that a roster carries: plain JSON, numbers with decimals as text."""
    plain: dict[str, Any] = _plain(parse(version.text, version.id))
    begin = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=version.valid_from_ms)
    return plain | {"valid_from": begin.isoformat()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, datetime | date | time) else value
