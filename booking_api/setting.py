"""What a room asks of makerfloor.toml; in its settings.py are its table's `KEYS`, dataclass and `read`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from floor.errors import ConfigError


class Tables(Protocol):
    """The file, as `booking_api.settings` reads it. A key is `table.name`; what is wrong is a ConfigError."""

    @property
    def file(self) -> Path:
        """Where it is: paths in it are relative to its folder."""
        ...

    def error(self, key: str, problem: str, remedy: str) -> ConfigError:
        """Return an error about a key."""
        ...

    def table(self, key: str) -> Mapping[str, object]:
        """Return a table within a table."""
        ...

    def environment(self, name: str) -> str | None:
        """Return a variable, which stands over the file."""
        ...

    def text(self, key: str, default: str) -> str:
        """Return a text."""
        ...

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        ...

    def matching(self, key: str, default: str, pattern: str, right: str) -> str:
        """Return a text of a form; `right` says what would be."""
        ...

    def choice(self, key: str, default: str, words: tuple[str, ...]) -> str:
        """Return one of some words."""
        ...

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number within bounds."""
        ...

    def number(self, key: str, low: float, high: float) -> float | None:
        """Return a number within bounds, None without one."""
        ...

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        ...
