"""What OctoPrint says, read: SockJS frames and REST bodies in, plain facts out. No I/O, never raises.

Source: OctoPrint 1.11.8, recorded from the running program and read beside docs.octoprint.org, "Push updates"
and "REST API". A frame is one letter: `o` open, `h` heartbeat, `c[code,"why"]` closing, `a[…]` messages.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from firmware_bridge.events import Noise
from firmware_bridge.gauges import Gauge, heaters
from firmware_bridge.transports import MAX_FRAME_BYTES
from floor.words import Activity

MAX_WORDS = 200
MAX_PATH = 1024
MAX_MESSAGES = 256


class PrintStage(StrEnum):
    """The events of a print that are of use here; each value is OctoPrint's own name."""

    STARTED = "PrintStarted"
    DONE = "PrintDone"
    FAILED = "PrintFailed"
    CANCELLED = "PrintCancelled"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One `current` or `history` message; `fresh` marks history, the first of a connection.

    `at_ms` is OctoPrint's clock (UTC milliseconds, 0 if not said), `filepos` and `size` are bytes.
    `heat` is None where the message says nothing of temperatures.
    """

    activity: Activity
    words: str
    fresh: bool
    at_ms: int
    path: str | None
    origin: str | None
    user: str | None
    size: int | None
    filepos: int | None
    time_s: float | None
    left_s: int | None
    completion: float | None
    heat: tuple[Gauge, ...] | None = None

    @property
    def printing(self) -> bool:
        """Whether a job runs or is on hold."""
        return self.activity in (Activity.BUSY, Activity.HELD) and self.path is not None


@dataclass(frozen=True, slots=True)
class PrintEvent:
    """A print began or ended. `filepos` is where the file was sent to, or else `progress` (0 to 1)."""

    stage: PrintStage
    path: str
    origin: str | None
    user: str | None
    size: int | None
    time_s: float | None
    filepos: int | None
    progress: float | None
    words: str


@dataclass(frozen=True, slots=True)
class ServerNamed:
    """The server's version, first on every connection."""

    version: str


@dataclass(frozen=True, slots=True)
class FirmwareNamed:
    """The printer's firmware, after OctoPrint connected to it."""

    name: str


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """OctoPrint wants a new login, or closes the socket."""

    why: str


Fact = Snapshot | PrintEvent | ServerNamed | FirmwareNamed | SessionEnded | Noise


def parse_frame(frame: str) -> list[Fact]:
    """Read one SockJS frame; what cannot be read becomes one Noise."""
    if len(frame) > MAX_FRAME_BYTES:
        return [Noise(f"a frame of {len(frame)} characters")]
    if frame in ("o", "h"):
        return []
    body = _load(frame[1:])
    if frame[:1] == "c":
        return [SessionEnded(f"OctoPrint closes the socket: {_words(frame[1:])}")]
    if frame[:1] != "a" or not isinstance(body, list) or len(body) > MAX_MESSAGES:
        return [Noise(f"no SockJS frame: {_words(frame)}")]
    return [fact for message in body for fact in _message(message)]


def _message(message: object) -> list[Fact]:
    if not isinstance(message, dict):
        return [Noise(f"no message: {_words(message)}")]
    facts: list[Fact] = []
    for kind, payload in message.items():
        if kind in ("current", "history"):
            facts.append(_snapshot(payload, fresh=kind == "history"))
        elif kind == "event":
            facts.extend(_event(_table(payload)))
        elif kind == "connected":
            facts.append(ServerNamed(_words(_table(payload).get("version"))))
        elif kind == "reauthRequired":
            facts.append(
                SessionEnded(f"OctoPrint wants a new login: {_words(_table(payload).get('reason'))}")
            )
    return facts


def _snapshot(payload: object, fresh: bool) -> Fact:
    table = _table(payload)
    state, job, progress = (_table(table.get(name)) for name in ("state", "job", "progress"))
    flags = state.get("flags")
    if not isinstance(flags, dict):
        return Noise(f"a state without flags: {_words(payload)}")
    file = _table(job.get("file"))
    words = " - ".join(filter(None, (_words(state.get("text")), _words(state.get("error")))))
    return Snapshot(
        activity=_activity(flags, bool(state.get("error"))),
        words=words,
        fresh=fresh,
        at_ms=round((_number(table.get("serverTime")) or 0) * 1000),
        path=_path(file.get("path")),
        origin=_text(file.get("origin")),
        user=_text(job.get("user")),
        size=_whole(file.get("size")),
        filepos=_whole(progress.get("filepos")),
        time_s=_number(progress.get("printTime")),
        left_s=_whole(progress.get("printTimeLeft")),
        completion=_number(progress.get("completion")),
        heat=_heat(table.get("temps")),
    )


def _heat(temps: object) -> tuple[Gauge, ...] | None:
    """Read the newest of a list of temperatures, which holds minutes of them on a new connection."""
    if not isinstance(temps, list) or not temps:
        return None
    newest = [(name, _table(one)) for name, one in _table(temps[-1]).items() if isinstance(one, dict)]
    heat = {name: (_number(one.get("actual")), _number(one.get("target"))) for name, one in newest}
    return heaters(heat)


def _activity(flags: Mapping[str, object], error: bool) -> Activity:
    def any_of(*names: str) -> bool:
        return any(flags.get(name) is True for name in names)

    if any_of("error") or (any_of("closedOrError") and error):
        return Activity.FAULTED
    if any_of("paused"):
        return Activity.HELD
    # while it is pausing it still moves, and it takes no order to resume
    if any_of("printing", "pausing", "cancelling", "finishing", "resuming"):
        return Activity.BUSY
    return Activity.IDLE if any_of("operational") else Activity.UNREACHABLE


def _event(event: Mapping[str, object]) -> list[Fact]:
    kind, payload = event.get("type"), _table(event.get("payload"))
    if kind == "FirmwareData":
        return [FirmwareNamed(_words(payload.get("name")))]
    if kind not in list(PrintStage):
        return []
    path = _path(payload.get("path"))
    if path is None:
        return [Noise(f"{kind} without a path: {_words(payload)}")]
    said = (_words(payload.get(name)) for name in ("reason", "error"))
    progress = _number(payload.get("progress"))
    return [
        PrintEvent(
            stage=PrintStage(str(kind)),
            path=path,
            origin=_text(payload.get("origin")),
            user=_text(payload.get("user")),
            size=_whole(payload.get("size")),
            time_s=_number(payload.get("time")),
            filepos=_whole(payload.get("fileposition")),
            progress=progress if progress is not None and progress <= 1 else None,
            words=": ".join(filter(None, said)),
        )
    ]


@dataclass(frozen=True, slots=True)
class Login:
    """A session for the push socket."""

    user: str
    session: str


def parse_login(body: bytes) -> Login | None:
    """Read the answer to a passive login; None when it names no session (the key is of no user)."""
    table = _table(_load(body))
    user, session = _text(table.get("name")), _text(table.get("session"))
    return Login(user, session) if user and session else None


def parse_flags(body: bytes) -> frozenset[str]:
    """Read the flags that are set in an answer of /api/printer; empty when there are none."""
    flags = _table(_table(_table(_load(body)).get("state")).get("flags"))
    return frozenset(name for name, value in flags.items() if value is True)


def parse_prints(body: bytes) -> bool:
    """Read from the answer to an upload whether the file is printed now (`effectivePrint`)."""
    return _table(_load(body)).get("effectivePrint") is True


def parse_error(body: bytes) -> str:
    """Read OctoPrint's own words in a refusal; empty when there are none."""
    return _words(_table(_load(body)).get("error"))


def _load(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _words(value: object) -> str:
    """Return a short printable line of anything."""
    if value is None:
        return ""
    text = (value if isinstance(value, str) else repr(value))[:MAX_WORDS]
    if not text.isprintable():  # looked at as a whole first: nearly all that comes is printable
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text.strip()


def _text(value: object) -> str | None:
    return _words(value) or None if isinstance(value, str) else None


def _path(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_PATH else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e13:
        return None
    return float(value) if math.isfinite(value) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
