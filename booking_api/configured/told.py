"""The settings as they are: each key's value, where it comes from, what is wrong; and changing some of them.

A change is checked as the whole file that it makes, written beside it and put in its place at once; the file
as it was stays beside it as `makerfloor.toml.before`. It holds when the server is started again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from booking_api.settings import KEYS, SECRETS, FileTables, Settings, load, read_settings, settings_of
from booking_api.toml_text import changed, line_of
from floor.errors import ConfigError, Refused

WRITABLE = frozenset(
    {"space.name", "space.timezone", "space.language", "server.address", "prometheus.url"}
    | {f"invoice.{key}" for key in KEYS["invoice"] if key not in ("prefix", "credit_prefix")}
    | {f"prints.{key}" for key in KEYS["prints"]}
    | {"payments.creditor_id", "payments.block_after_days"}
    | {"notices.from", "notices.quiet", "notices.remind_min"}
)
"""What a page may change: no secret, no path, not where the database and the broker are."""
HIDDEN = frozenset(SECRETS) | {"sign_in.oidc"}
BEFORE = ".before"


class Source(StrEnum):
    """Where a value comes from."""

    FILE = "file"
    ENVIRONMENT = "environment"
    USUAL = "usual"


@dataclass(frozen=True, slots=True)
class Told:
    """A key: `value` as it is written ("" for none, and for a secret), `low` and `high` of a whole number."""

    key: str
    value: str
    source: Source
    usual: str = ""
    is_secret: bool = False
    is_set: bool = False
    kind: str = "text"
    low: int = 0
    high: int = 0
    words: tuple[str, ...] = ()
    line: int | None = None
    problem: ConfigError | None = None

    @property
    def writable(self) -> bool:
        """Whether a page may change it."""
        return self.key in WRITABLE and self.source is not Source.ENVIRONMENT


@dataclass(frozen=True, slots=True)
class Explained:
    """Every key that was asked for, and what is wrong with the file beside them."""

    told: tuple[Told, ...]
    problems: tuple[ConfigError, ...]


@dataclass(slots=True)
class _Noted:
    default: object
    kind: str
    low: int = 0
    high: int = 0
    words: tuple[str, ...] = ()
    problem: ConfigError | None = None


class _Listening(FileTables):
    """Tables that note what is asked of them, and go on after a wrong value with the usual one."""

    def __init__(self, file: Path, tables: Mapping[str, object], environment: Mapping[str, str]) -> None:
        super().__init__(file, tables, environment)
        self.noted: dict[str, _Noted] = {}

    def text(self, key: str, default: str) -> str:
        noted = self.noted.setdefault(key, _Noted(default, "text"))
        try:
            return super().text(key, default)
        except ConfigError as error:
            noted.problem = error
            return default

    def matching(self, key: str, default: str, pattern: str, right: str) -> str:
        try:
            return super().matching(key, default, pattern, right)
        except ConfigError as error:
            self.noted[key].problem = error
            return default

    def choice(self, key: str, default: str, words: tuple[str, ...]) -> str:
        try:
            return super().choice(key, default, words)
        except ConfigError as error:
            self.noted[key].problem = error
            return default
        finally:
            self.noted[key].kind, self.noted[key].words = "choice", words

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        noted = self.noted[key] = _Noted(default, "whole", low, high)
        try:
            return super().whole(key, default, low, high)
        except ConfigError as error:
            noted.problem = error
            return default

    def number(self, key: str, low: float, high: float) -> float | None:
        noted = self.noted[key] = _Noted(None, "number")
        try:
            return super().number(key, low, high)
        except ConfigError as error:
            noted.problem = error
            return None

    def flag(self, key: str, default: bool) -> bool:
        noted = self.noted[key] = _Noted(default, "flag", words=("true", "false"))
        try:
            return super().flag(key, default)
        except ConfigError as error:
            noted.problem = error
            return default

    def texts(self, key: str) -> tuple[str, ...]:
        noted = self.noted[key] = _Noted((), "texts")
        try:
            return super().texts(key)
        except ConfigError as error:
            noted.problem = error
            return ()


def explain(file: Path, environment: Mapping[str, str] | None = None) -> Explained:
    """Read a settings file and say all of it; what is wrong is said, never raised."""
    environment = os.environ if environment is None else environment
    try:
        tables, text = load(file), file.read_text(encoding="utf-8")
    except ConfigError as error:
        return Explained((), (error,))
    listening, problems = _Listening(file, tables, environment), list[ConfigError]()
    try:
        settings_of(listening)
    except ConfigError as error:
        problems.append(error)
    told = [
        _told(f"{name}.{key}", listening.noted.get(f"{name}.{key}"), tables, text, environment)
        for name, keys in KEYS.items()
        for key in keys
    ]
    problems += [one.problem for one in told if one.problem is not None]
    return Explained(tuple(told), tuple(map(_without_secret, problems)))


def _without_secret(error: ConfigError) -> ConfigError:
    """An error of a secret does not repeat it."""
    if not any(error.key == key or error.key.startswith(f"{key}.") for key in HIDDEN):
        return error
    return ConfigError(error.file, error.key, "is not of the right form", error.remedy, error.line)


def _told(
    key: str, noted: _Noted | None, tables: Mapping[str, Any], text: str, environment: Mapping[str, str]
) -> Told:
    noted = noted or _Noted("", "table")
    name, _, inner = key.partition(".")
    table = tables.get(name, {})
    in_file = isinstance(table, Mapping) and inner in table
    source = Source.FILE if in_file else Source.USUAL
    if key in SECRETS and SECRETS[key] in environment:
        source = Source.ENVIRONMENT
    is_secret = key in HIDDEN or noted.kind == "table"
    value = table[inner] if in_file else noted.default
    return Told(
        key=key,
        value="" if is_secret else _written(value),
        source=source,
        usual="" if is_secret else _written(noted.default),
        is_secret=is_secret,
        is_set=source is not Source.USUAL,
        kind=noted.kind,
        low=noted.low,
        high=noted.high,
        words=noted.words,
        line=line_of(text, (name, inner)) if in_file else None,
        problem=noted.problem and _without_secret(noted.problem),
    )


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def is_newer(settings: Settings, environment: Mapping[str, str] | None = None) -> bool:
    """Whether the file says something else than the server was started with."""
    try:
        return read_settings(settings.file, environment) != settings
    except ConfigError:
        return True


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be changed: each key before and after, and the text that the file becomes."""

    text: str
    keys: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def read_changes(
    file: Path, typed: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> Changes:
    """Read keys as they were typed; an empty one goes back to what is usual.

    Raises Refused for a key that no page changes, ConfigError for a file that is wrong already.
    """
    explained = explain(file, environment)
    if not explained.told:
        raise explained.problems[0]
    text, known = file.read_text(encoding="utf-8"), {one.key: one for one in explained.told}
    edits: list[tuple[tuple[str | int, ...], Any]] = []
    done: dict[str, tuple[str, str]] = {}
    for key, value in typed.items():
        one = known.get(key)
        if one is None or not one.writable:
            raise Refused("setting_not_here", "This setting is changed in the file on the server.")
        new = "\n".join(value.strip().splitlines())
        if new == one.value.strip() or (not new and one.source is Source.USUAL):
            continue
        whole = one.kind == "whole" and new.lstrip("-").isdecimal()
        edits.append((tuple(key.split(".", 1)), (int(new) if whole else new) if new else None))
        done[key] = (one.value, new)
    return Changes(changed(text, edits), done)


def write_changes(file: Path, changes: Changes, environment: Mapping[str, str] | None = None) -> None:
    """Write changes, all of them or none; raises ConfigError for what makes no right file."""
    if changes.keys:
        _replace(file, changes.text, environment)


def _replace(file: Path, text: str, environment: Mapping[str, str] | None) -> None:
    """Put a checked text in a file's place: a reader sees the old or the new one, also after a power cut."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.", suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
        try:
            read_settings(Path(name), environment)
        except ConfigError as error:
            raise ConfigError(str(file), error.key, error.problem, error.remedy, error.line) from error
        Path(name).chmod(file.stat().st_mode & 0o777)
        before = file.with_name(file.name + BEFORE)
        before.unlink(missing_ok=True)
        os.link(file, before)
        os.replace(name, file)
    except OSError as error:
        words = "The server may not write its settings file. Change it there by hand."
        raise Refused("settings_not_writable", words) from error
    finally:
        Path(name).unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
