"""The file of a badge's keys that the server gave: read only where nobody else can, and never shown."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from floor.badge_keys import DESFIRE_KEYS, NTAG424_KEYS
from floor.errors import ConfigError
from hardware.readers.cards.writing import KeySet

PIPE = "-"
_LONGEST = 16_384
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_COUNTS = {"ntag424": len(NTAG424_KEYS), "desfire": len(DESFIRE_KEYS)}
_REMEDY = "Have it written anew: makerfloor badge keys MEMBER UID --out FILE."
Hex = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{32}$")]


class BadgeKeysFile(BaseModel):
    """What `makerfloor badge keys` writes; see booking_api.badges.writing.BadgeKeys."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    uid: str = Field(pattern=r"^[0-9A-Fa-f]{14}$")
    kind: Literal["ntag424", "desfire"]
    key_version: int = Field(ge=1, le=255)
    keys: dict[int, Hex] = Field(repr=False)
    address: str = ""

    def key_set(self) -> KeySet:
        """Return the keys as the writer takes them."""
        ordered = (bytes.fromhex(self.keys[number]) for number in range(len(self.keys)))
        return KeySet(self.key_version, tuple(ordered))


def read(path: Path) -> BadgeKeysFile:
    """Read such a file, or the standard input for `-`. ConfigError names no key, whatever is wrong."""
    text = sys.stdin.buffer.read(_LONGEST + 1) if str(path) == PIPE else _private(path)
    try:
        found = BadgeKeysFile.model_validate_json(text)
    except ValidationError as error:
        where = error.errors(include_input=False, include_context=False)[0]["loc"][:1]
        key = where[0] if where and where[0] in BadgeKeysFile.model_fields else ""
        raise ConfigError(str(path), str(key), "is not what the server writes", _REMEDY) from None
    if sorted(found.keys) != list(range(_COUNTS[found.kind])):
        raise ConfigError(str(path), "keys", "are not all the keys that such a badge has", _REMEDY)
    return found


def _private(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & _OTHERS:
                problem = f"others than you may read these keys, or write them (mode {mode:04o})"
                remedy = (
                    f"Say: chmod 600 {path}. Who may have read them? If you do not know: badge new-master."
                )
                raise ConfigError(str(path), "", problem, remedy)
            return file.read(_LONGEST + 1)
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read ({error.strerror})", _REMEDY) from None
