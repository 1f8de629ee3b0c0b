"""What Moonraker says, read: JSON-RPC frames and HTTP bodies in, plain facts out. No I/O, never raises.

Source: Moonraker 0.11.0 and Klipper 0.12, recorded from the running programs and read beside Moonraker's
documents "External API" (Server Administration, Printer Administration, Job History, JSON-RPC
Notifications) and Klipper's "Status reference" (print_stats, virtual_sdcard, display_status, webhooks).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from firmware_bridge.events import Noise
from firmware_bridge.json_values import load, number, signed, table, words
from firmware_bridge.transports import MAX_FRAME_BYTES

MAX_ROWS = 64
MAX_SECONDS = Decimal(10) ** 8
MAX_MM = Decimal(10) ** 8
MAX_PATH = 1024
# the accounts that stand for "somebody who did not log in" (authorization.py, history.py)
NOBODY = frozenset({"", "_TRUSTED_USER_", "_API_KEY_USER_", "No User"})


HEATERS = (
    "extruder", "extruder1", "heater_bed", "heater_generic chamber", "temperature_sensor chamber"
)  # fmt: skip
HEAT = ("temperature", "target")


class Klippy(StrEnum):
    """The state of Klipper's host; each value is Moonraker's own name."""

    READY = "ready"
    STARTUP = "startup"
    ERROR = "error"
    SHUTDOWN = "shutdown"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class KlippyState:
    """What state Klipper is in, with the first line of its own message."""

    state: Klippy
    words: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What changed of the printer since the last one, None for what did not; all of it when `fresh`.

    `state` is print_stats' own word; `print_ms` leaves out pauses, and what was before the first extrusion;
    `total_ms` leaves out nothing; `used_um` is net, and may fall; `progress` goes from 0 to 1.
    `heat` has `temperature` and `target` by heater, as far as they changed.
    """

    fresh: bool
    klippy: Klippy | None = None
    klippy_words: str | None = None
    state: str | None = None
    words: str | None = None
    path: str | None = None
    print_ms: int | None = None
    total_ms: int | None = None
    used_um: int | None = None
    progress: Decimal | None = None
    layer: int | None = None
    layers: int | None = None
    heat: Mapping[str, Mapping[str, float]] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A job of Moonraker's history. `started_ms` is its wall clock: part of the job's name, never a time.

    The slicer's words, 0 where it said none: seconds, and mg for each µm of filament.
    """

    uid: str
    started_ms: int
    path: str
    user: str | None
    status: str
    print_ms: int
    total_ms: int
    used_um: int
    estimated_s: int = 0
    mg_per_um: Decimal = Decimal(0)

    @property
    def job_id(self) -> str:
        """Unique to one start: Moonraker counts from 1 again when its database is made anew."""
        return f"{self.uid}@{self.started_ms}"


@dataclass(frozen=True, slots=True)
class Replied:
    """The answer to request `number`: its result, or the code and words of its error."""

    number: int
    result: object = None
    code: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that is of no use here, but says that Moonraker lives."""


Fact = Status | Row | KlippyState | Replied | Heard | Noise

_STATES = {
    "notify_klippy_ready": Klippy.READY,
    "notify_klippy_shutdown": Klippy.SHUTDOWN,
    "notify_klippy_disconnected": Klippy.DISCONNECTED,
}


def parse_frame(frame: str) -> Fact:
    """Read one frame of the websocket."""
    if len(frame) > MAX_FRAME_BYTES:
        return Noise(f"a frame of {len(frame)} characters")
    said = table(load(frame))
    if said.get("jsonrpc") != "2.0":
        return Noise(f"no JSON-RPC: {words(frame)}")
    method, params = said.get("method"), said.get("params")
    if not isinstance(method, str):
        return _replied(said)
    first = params[0] if isinstance(params, list) and params else None
    if method == "notify_status_update":
        return parse_status({"status": first}, fresh=False) or Noise(f"no status: {words(frame)}")
    if method == "notify_history_changed":
        return _row(table(first).get("job")) or Noise(f"no job: {words(frame)}")
    return KlippyState(_STATES[method]) if method in _STATES else Heard()


def _replied(said: Mapping[str, object]) -> Fact:
    asked = said.get("id")
    if isinstance(asked, bool) or not isinstance(asked, int):
        return Noise(f"an answer to nothing: {words(dict(said))}")
    if "error" not in said:
        return Replied(asked, result=said.get("result"))
    error = table(said["error"])
    code = error.get("code")
    return Replied(
        asked, code=code if isinstance(code, int) and code else -1, words=line(error.get("message"))
    )


def parse_status(result: object, fresh: bool = True) -> Status | None:
    """Read an answer to `printer.objects.subscribe` or `query`; None when it holds no status."""
    status = table(result).get("status")
    if not isinstance(status, dict):
        return None
    stats, webhooks = table(status.get("print_stats")), table(status.get("webhooks"))
    # M73 where the file has it, else the part of the file that was read
    progress = number(table(status.get("display_status")).get("progress"))
    return Status(
        fresh=fresh,
        klippy=_klippy(webhooks.get("state")) or (Klippy.READY if fresh else None),
        klippy_words=line(webhooks["state_message"]) if "state_message" in webhooks else None,
        state=words(stats["state"]) if isinstance(stats.get("state"), str) else None,
        words=line(stats["message"]) if "message" in stats else None,
        path=_path(stats.get("filename")),
        print_ms=_thousandths(stats.get("print_duration"), MAX_SECONDS),
        total_ms=_thousandths(stats.get("total_duration"), MAX_SECONDS),
        used_um=_thousandths(stats.get("filament_used"), MAX_MM),
        progress=min(progress, Decimal(1)) if progress is not None else None,
        layer=_whole(table(stats.get("info")).get("current_layer")),
        layers=_whole(table(stats.get("info")).get("total_layer")),
        heat=_heat(status),
    )


def _heat(status: Mapping[str, object]) -> dict[str, dict[str, float]] | None:
    said = {name: table(status.get(name)) for name in HEATERS if name in status}
    heat = {
        name: {key: float(now) for key in HEAT if (now := signed(one.get(key))) is not None}
        for name, one in said.items()
    }
    return heat or None


def _whole(value: object) -> int | None:
    found = number(value)
    return int(found) if found is not None and found < MAX_SECONDS else None


def parse_rows(result: object) -> list[Row]:
    """Read an answer to `server.history.list`, in its order; what is no job is passed over."""
    jobs = table(result).get("jobs")
    rows = (_row(job) for job in jobs[:MAX_ROWS]) if isinstance(jobs, list) else ()
    return [row for row in rows if row is not None]


def _row(value: object) -> Row | None:
    job = table(value)
    uid, path, status, user = (job.get(name) for name in ("job_id", "filename", "status", "user"))
    started_ms = _thousandths(job.get("start_time"), Decimal(10) ** 11)
    if not (isinstance(uid, str) and 0 < len(uid) <= 64 and isinstance(status, str)) or started_ms is None:
        return None
    slicer = table(job.get("metadata"))
    length_mm, weight_g = number(slicer.get("filament_total")), number(slicer.get("filament_weight_total"))
    estimated_s = number(slicer.get("estimated_time"))
    return Row(
        uid=words(uid),
        started_ms=started_ms,
        path=_path(path) or "",
        user=words(user) if isinstance(user, str) and user not in NOBODY else None,
        status=words(status),
        print_ms=_thousandths(job.get("print_duration"), MAX_SECONDS) or 0,
        total_ms=_thousandths(job.get("total_duration"), MAX_SECONDS) or 0,
        used_um=_thousandths(job.get("filament_used"), MAX_MM) or 0,
        estimated_s=int(estimated_s) if estimated_s is not None and estimated_s < MAX_SECONDS else 0,
        # g for each mm is mg for each µm
        mg_per_um=min(weight_g / length_mm, Decimal(1)) if length_mm and weight_g else Decimal(0),
    )


def parse_version(result: object) -> str:
    """Read Moonraker's version in an answer to `server.info`."""
    return line(table(result).get("moonraker_version"))


def parse_klippy(result: object) -> KlippyState:
    """Read Klipper's state in an answer to `server.info`."""
    return KlippyState(_klippy(table(result).get("klippy_state")) or Klippy.DISCONNECTED)


def parse_printer(result: object) -> tuple[KlippyState, str]:
    """Read Klipper's state and version in an answer to `printer.info`."""
    info = table(result)
    state = KlippyState(_klippy(info.get("state")) or Klippy.STARTUP, line(info.get("state_message")))
    return state, line(info.get("software_version"))


def parse_body(body: bytes) -> Mapping[str, object]:
    """Read an HTTP body: its `result` where it has one, else the whole."""
    whole = table(load(body))
    return table(whole["result"]) if "result" in whole else whole


def parse_error(body: bytes) -> str:
    """Read the words of a refusal in an HTTP body; empty when there are none."""
    return line(table(table(load(body)).get("error")).get("message"))


def line(value: object) -> str:
    """Return the first line of a text that may have several; Klipper's advice stands below its reason."""
    return words(value.strip().split("\n", 1)[0] if isinstance(value, str) else value)


def _klippy(value: object) -> Klippy | None:
    return Klippy(value) if isinstance(value, str) and value in list(Klippy) else None


def _path(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= MAX_PATH else None


def _thousandths(value: object, most: Decimal) -> int | None:
    # net filament is below nothing after a retraction
    found = signed(value)
    return max(0, int(found * 1000)) if found is not None and found < most else None
