"""What the commands share: where the settings are, the open database, dates and files."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import typer
from pydantic import BaseModel, ValidationError
from sqlmodel import Session

from booking_api.audit import acting
from booking_api.cli.root import app as app
from booking_api.clock import Clock
from booking_api.db import Database
from booking_api.memberships.days import begin_ms, may_be
from booking_api.settings import Settings, read_settings
from booking_api.start import open_database
from booking_api.vault import Vault, open_vault
from floor import toml
from floor.errors import ConfigError, Refused

M = TypeVar("M", bound=BaseModel)


def settings_of(ctx: typer.Context) -> Settings:
    """Read the settings that the command line names; raises ConfigError."""
    return read_settings(Path(ctx.obj))


class Desk:
    """A command's transaction and what it works with."""

    def __init__(self, settings: Settings, session: Session, vault: Vault) -> None:
        self.settings = settings
        self.session = session
        self.vault = vault
        self.now_ms = Clock().now_ms()


@contextmanager
def desk(ctx: typer.Context) -> Iterator[Desk]:
    """Open the database for one command; what it did is committed when the block ends without an error."""
    settings = settings_of(ctx)
    database = open_database(settings)
    try:
        actor = acting.command(ctx.command_path, ctx.params.get("reason"), Clock().now_ms())
        with acting.scope(actor), database.write() as session:
            yield Desk(settings, session, open_vault(settings.data))
    finally:
        database.close()


class _Rehearsed(Exception):
    """The end of a rehearsal: what was done is undone."""


@contextmanager
def rehearsal(ctx: typer.Context, dry_run: bool) -> Iterator[Desk]:
    """Open the database as `desk` does; with `dry_run` nothing of what was done is kept."""
    try:
        with desk(ctx) as at:
            yield at
            if dry_run:
                raise _Rehearsed
    except _Rehearsed:
        pass


@contextmanager
def reading(ctx: typer.Context) -> Iterator[tuple[Settings, Database]]:
    """Open the database for a command that only looks."""
    settings = settings_of(ctx)
    database = open_database(settings)
    try:
        yield settings, database
    finally:
        database.close()


def validated(kind: type[M], values: Mapping[str, Any]) -> M:
    """Build a checked model from what was typed; raises Refused that names the field."""
    try:
        return kind(**{key: value for key, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused("input_invalid", f"{where}: {first['msg']} (it is {first['input']!r}).") from None


def day_ms(text: str | None, timezone: str) -> int | None:
    """Return the begin of a day (2026-12-31) in the space's time zone, in UTC milliseconds; None for None."""
    return None if text is None else begin_ms(read_date(text), ZoneInfo(timezone))


def read_date(text: str) -> date:
    """Read a day like 2026-12-31; raises Refused."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not may_be(day):
        raise Refused("date_malformed", f"{text!r} is not a date. Write it like 2026-12-31.")
    return day


def instant(text: str, timezone: str) -> int:
    """Read a day and time like 2026-12-31T18:00 (UTC milliseconds), on the space's clock where it names no
    other; raises Refused.
    """
    wrong = Refused("date_malformed", f"{text!r} is not a time. Write it like 2026-12-31T18:00.")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise wrong from None
    if not may_be(moment.date()):
        raise wrong
    return round(moment.replace(tzinfo=moment.tzinfo or ZoneInfo(timezone)).timestamp() * 1000)


def shown_day(at_ms: int, timezone: str) -> str:
    """Write an instant for people."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(timezone))
    return moment.strftime("%Y-%m-%d %H:%M")


def read_text(file: Path) -> str:
    """Read a file that the command line names; raises ConfigError."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            str(file), "", f"cannot be read ({error.strerror})", "Name another file."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(file), "", "is not UTF-8 text", "Save it as UTF-8.") from error


def write_secret(file: Path, text: str) -> None:
    """Write a new file that its owner alone may read; raises ConfigError when it exists or cannot be."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        remedy = "Name another file, or move that one away."
        raise ConfigError(str(file), "", f"cannot be written ({error.strerror})", remedy) from error
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)


def typed_policy(pairs: list[str]) -> dict[str, Any]:
    """Read policy values as they are typed: key=value, where a value is written as in TOML or is a word."""
    table: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Refused("policy_malformed", f"{pair!r} is not key=value, such as idle_after_s=600.")
        try:
            table[key.strip()] = toml.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            table[key.strip()] = value.strip()
    return table
