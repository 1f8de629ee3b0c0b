"""When the last backup was taken: a file beside the database, so that no backup changes what it is of."""

from __future__ import annotations

import os
from pathlib import Path

FILE = "last-backup"
OLD_MS = 2 * 86_400_000


def note(data: Path, now_ms: int) -> None:
    """Write down that a backup of `now_ms` (UTC) was taken and read again."""
    new = data / f"{FILE}.new"
    new.write_text(f"{now_ms}\n", encoding="ascii")
    os.replace(new, data / FILE)


def taken_ms(data: Path) -> int | None:
    """Return when the last backup was taken (UTC milliseconds), None when there never was one."""
    try:
        return int((data / FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def hint(data: Path, now_ms: int) -> str | None:
    """Say that there is no backup, or none of the last two days; None when all is well."""
    at_ms = taken_ms(data)
    if at_ms is None:
        return "No backup was ever taken by `makerfloor backup`."
    if now_ms - at_ms > OLD_MS:
        return f"The last backup was taken {(now_ms - at_ms) // 86_400_000} days ago."
    return None
