"""The file of a recording: JSON lines, a header first. Written once, whole; read with bounds."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from firmware_bridge.recordings.redaction import LEAST_SETTING, Redactor, hosts_of, mask_across
from firmware_bridge.recordings.tape import MOST_BYTES, Entry
from firmware_bridge.registry import KINDS
from floor.errors import ConfigError

FORMAT = 1
REMOVED = "removed"
FILES = ("mapping",)
"""Settings that name a file which a driver needs: its text goes with the recording."""

LEFT_OUT = ("ca",)
"""Settings that are of no use in a recording."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that was read: `lines` are the entries of each transport or connection, in order."""

    kind: str
    settings: Mapping[str, object]
    removed: Sequence[str]
    files: Mapping[str, str]
    software: str
    when: str
    lines: Mapping[str, list[Entry]] = field(repr=False)
    events: list[tuple[float, Entry]] = field(repr=False)
    ended_s: float = 0.0
    why: str = ""


def software() -> str:
    """Return the version of this software."""
    try:
        return version("makerfloor")
    except PackageNotFoundError:
        return "unknown"


def save(
    path: Path,
    kind: str,
    settings: Mapping[str, object],
    entries: Sequence[Entry],
    when: str,
    *,
    with_names: bool = False,
) -> int:
    """Write a recording without its secrets; returns its size in bytes. Raises OSError."""
    removed = secret_settings(kind, settings)
    redactor = Redactor(
        [str(settings[key]) for key in removed if settings.get(key)],
        hosts_of(settings),
        with_names=with_names,
    )
    for entry in entries:
        redactor.learn([value for key, value in entry.items() if key not in ("at", "on", "event")])
        event = entry.get("event")
        if isinstance(event, Mapping) and isinstance(name := event.get("user"), str):
            redactor.learn_name(name)
        _learn_login(redactor, entry)
    header = {
        "makerfloor_recording": FORMAT,
        "kind": kind,
        "settings": {key: value for key, value in settings.items() if key not in (*FILES, *LEFT_OUT)},
        "removed": removed,
        "files": {key: _read_text(str(settings[key])) for key in FILES if key in settings},
        "software": software(),
        "when": when,
        "names": "kept" if with_names else "replaced",
    }
    header["settings"] = {
        key: REMOVED if key in removed else redactor.scrub(value)
        for key, value in header["settings"].items()  # type: ignore[attr-defined]
    }
    header["files"] = redactor.scrub(header["files"])
    secrets = [one.encode() for key in removed if len(one := str(settings[key])) >= LEAST_SETTING]
    lines = [header, *(_plain(entry, redactor) for entry in _masked(entries, secrets))]
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    data = text.encode("utf-8", "replace")
    path.write_bytes(data)
    return len(data)


def secret_settings(kind: str, settings: Mapping[str, object]) -> list[str]:
    """Return the keys of the settings that are secret."""
    shape = KINDS[kind]()[0]
    return [one.name for one in fields(shape) if not one.repr and one.name in settings]  # type: ignore[arg-type]


def _learn_login(redactor: Redactor, entry: Entry) -> None:
    """A body that opens a session names whose it is (OctoPrint's POST /api/login)."""
    body = entry.get("body")
    if isinstance(body, bytes) and b'"session"' in body:
        found = _json(body)
        name = found.get("name") if isinstance(found, dict) else None
        if isinstance(name, str):
            redactor.learn_name(name)


def _masked(entries: Sequence[Entry], secrets: Sequence[bytes]) -> list[Entry]:
    """Take secrets out of byte streams in which they may be cut."""
    if not secrets:
        return list(entries)
    masked = [dict(entry) for entry in entries]
    for key in ("read", "wrote", "piece"):
        streams: dict[object, list[Entry]] = defaultdict(list)
        for entry in masked:
            if isinstance(entry.get(key), bytes):
                streams[entry.get("on"), entry.get("topic")].append(entry)
        for stream in streams.values():
            pieces: list[bytes] = [one for entry in stream if isinstance(one := entry[key], bytes)]
            for entry, piece in zip(stream, mask_across(pieces, secrets), strict=True):
                entry[key] = piece
    return masked


def _plain(entry: Entry, redactor: Redactor) -> Entry:
    plain: Entry = {}
    for key, value in entry.items():
        value = value if key in ("at", "on") else redactor.scrub(value)
        plain[key] = packed(value) if isinstance(value, bytes) else value
    return plain


def packed(data: bytes) -> str | dict[str, str]:
    """Return bytes as an entry holds them: as text where they are UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


def unpacked(value: object) -> bytes:
    """Return the bytes that an entry holds; of anything else nothing."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, Mapping) and isinstance(coded := value.get("base64"), str):
        try:
            return b64decode(coded)
        except ValueError:
            return b""
    return b""


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")[:MOST_BYTES]
    except (OSError, UnicodeDecodeError):
        return ""


def _json(text: bytes | str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def load(path: Path) -> Recording:
    """Read a recording. Raises ConfigError that says what is wrong with the file, and in which line."""
    try:
        if path.stat().st_size > 4 * MOST_BYTES:
            raise ConfigError(str(path), "", "is too large for a recording", "Record for a shorter time.")
        texts = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"cannot be read: {error}", "Name a recording.") from error
    found = [_json(text) for text in texts]
    bad = [number for number, line in enumerate(found, 1) if not isinstance(line, dict)]
    header = found[0] if found and not bad else {}
    if not isinstance(header, dict) or header.get("makerfloor_recording") != FORMAT:
        where = f"line {bad[0]}" if bad else "line 1"
        raise ConfigError(str(path), where, "is no recording of this format", "Record it anew.")
    lines: dict[str, list[Entry]] = defaultdict(list)
    events: list[tuple[float, Entry]] = []
    ended_s, why = 0.0, ""
    for number, entry in enumerate(found[1:], 2):
        assert isinstance(entry, dict)
        at = entry.get("at")
        if not isinstance(at, int | float) or isinstance(at, bool) or not ended_s <= at < 1e7:
            raise ConfigError(str(path), f"line {number}", "has no time that follows", "Record it anew.")
        ended_s = float(at)
        if isinstance(event := entry.get("event"), dict):
            events.append((ended_s, event))
        elif isinstance(on := entry.get("on"), str):
            lines[on].append(entry)
        why = str(entry.get("ended", ""))
    return Recording(
        kind=str(header.get("kind")),
        settings=_table(header.get("settings")),
        removed=[str(key) for key in _list(header.get("removed"))],
        files={key: str(text) for key, text in _table(header.get("files")).items()},
        software=str(header.get("software")),
        when=str(header.get("when")),
        lines=dict(lines),
        events=events,
        ended_s=ended_s,
        why=why,
    )


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
