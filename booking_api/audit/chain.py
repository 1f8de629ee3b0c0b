"""The hash chain of the audit log, and its heads, which are kept in a file outside of the database too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

GENESIS = "0" * 64
FILE = "audit-heads.log"
_ACT = ("seq", "at_ms", "floor_ms", "via", "member", "act")
_PART = ("n", "kind", "object", "change", "about", "body_hash")


def body_hash(salt: str, body: str) -> str:
    """Return the hash that stands in for values: salted, so that erased ones cannot be found by trying."""
    return hashlib.sha256(f"{salt}\n{body}".encode()).hexdigest()


def act_hash(previous: str, act: Mapping[str, Any], parts: Iterable[Mapping[str, Any]]) -> str:
    """Return the hash of an act and its parts, in order, after the act before."""
    words: list[object] = [previous, [str(act[name]) for name in _ACT]]
    words.append([[str(part[name]) for name in _PART] for part in parts])
    text = json.dumps(words, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def publish(data: Path, seq: int, hash: str) -> None:
    """Append the newest head to the file."""
    with data.joinpath(FILE).open("a", encoding="ascii") as log:
        log.write(f"{seq} {hash}\n")


def published(data: Path) -> Iterator[tuple[int, str]]:
    """Yield the heads that were published, in order; a line that a power cut tore is left out."""
    try:
        lines = data.joinpath(FILE).read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        seq, _, hash = line.partition(" ")
        if seq.isdecimal() and len(hash) == len(GENESIS):
            yield int(seq), hash
