"""What a Bambu Lab printer reports on `device/SERIAL/report`, read: JSON in, plain facts out. No I/O.

Sources: OpenBambuAPI (mqtt.md, 2026-08) for shapes; ha-bambulab (pybambu, 2026-07) for `fun`, `gcode_state`,
the codes of a cancelled print and the AMS; bambuddy (bambu_mqtt.py, 2026-08) for `fun` beside `print` and the
health message that follows an unsigned command. Never raises; what is not listed here is not kept, so that
the state of a printer stays as small as it is, whatever is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from firmware_bridge.events import Noise
from firmware_bridge.json_values import load, number, signed, table, words

MAX_TRAYS = 64
MAX_HMS = 16
MAX_MODULES = 64
EXTERNAL_TRAY = 254
SIGNED_ONLY = 0x2000_0000
UNSIGNED_REFUSED = (0x0500_0500, 0x0001_0007)
STATES = frozenset(["IDLE", "INIT", "OFFLINE", "SLICING", "PREPARE", "RUNNING", "PAUSE", "FINISH", "FAILED"])
ORDERS = frozenset(["pause", "resume", "stop"])

_PATH = re.compile(r"ftp://(/[^\x00-\x1f]{1,500})")
_PLATE = re.compile(r"plate_(\d{1,3})\.gcode$")
_HEX = re.compile(r"[0-9A-Fa-f]{1,16}")


@dataclass(frozen=True, slots=True)
class Tray:
    """A place for a spool: what lies in it. `uuid` is that of the maker's own spools, else empty."""

    material: str = ""
    uuid: str = ""
    remain: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a printer, or what one report said of it; None is what was not said.

    `left_min` is the printer's estimate; `error` 0 is none, and goes after a while, `fail_reason` stays;
    `fun` are flags; `trays` are by 4 × AMS + place.
    """

    state: str | None = None
    name: str | None = None
    file: str | None = None
    plate_index: int | None = None
    task: str | None = None
    subtask: str | None = None
    started: str | None = None
    print_type: str | None = None
    percent: int | None = None
    left_min: int | None = None
    layer: int | None = None
    layers: int | None = None
    error: int | None = None
    fail_reason: int | None = None
    hms: tuple[tuple[int, int], ...] | None = None
    fun: int | None = None
    trays: Mapping[int, Mapping[str, object]] | None = None
    tray_now: int | None = None
    nozzle_c: int | None = None
    nozzle_goal_c: int | None = None
    bed_c: int | None = None
    bed_goal_c: int | None = None
    chamber_c: int | None = None

    @property
    def whole(self) -> bool:
        """Whether enough is known to say what the printer does."""
        return None not in (self.state, self.name, self.percent)

    @property
    def plate(self) -> int | None:
        """The number of the plate that is printed, if the printer says it."""
        return _plate(self.file) or self.plate_index or None

    @property
    def signed_only(self) -> bool:
        """Whether the firmware says that it takes no unsigned command, or that it just refused one."""
        return bool((self.fun or 0) & SIGNED_ONLY) or UNSIGNED_REFUSED in (self.hms or ())

    def tray(self, slot: int) -> Tray:
        """Return what is known of a place."""
        said = (self.trays or {}).get(slot, {})
        remain = number(said.get("remain"))
        uuid = words(said.get("tray_uuid"))
        known = uuid if uuid.strip("0") else ""
        return Tray(words(said.get("tray_type")), known, int(remain) if remain is not None else None)

    def merged(self, said: Status) -> Status:
        """Return this state with what a report said laid over it; trays are merged value by value."""
        told = {one.name: getattr(said, one.name) for one in fields(Status)}
        now = {name: value for name, value in told.items() if value is not None}
        if self.trays and said.trays:
            trays = dict(self.trays)
            for slot, tray in said.trays.items():
                if slot in trays or len(trays) < MAX_TRAYS:
                    trays[slot] = {**trays.get(slot, {}), **tray}
            now["trays"] = trays
        return replace(self, **now)


@dataclass(frozen=True, slots=True)
class Versions:
    """The printer's product name, if it says one, and its firmware."""

    product: str
    firmware: str


@dataclass(frozen=True, slots=True)
class Replied:
    """The printer's answer to an order, by the number that the order carried."""

    command: str
    sequence: str
    done: bool
    words: str


@dataclass(frozen=True, slots=True)
class Sent:
    """Somebody sent a print: its name, file, plate, and the tray of each of its filaments (-1 for none)."""

    name: str
    file: str | None
    plate: int | None
    trays: tuple[int, ...]


Fact = Status | Versions | Replied | Sent | Noise


def parse(payload: bytes) -> list[Fact]:
    """Read one report; what cannot be read becomes one Noise, and what is of no use nothing."""
    body = load(payload)
    if not isinstance(body, dict):
        return [Noise(f"no report: {words(payload[:100].decode('utf-8', 'replace'))}")]
    said, info = table(body.get("print")), table(body.get("info"))
    command = said.get("command")
    if info.get("command") == "get_version":
        return _versions(info.get("module"))
    if command == "push_status":
        return [_status(said, said.get("fun", body.get("fun")))]
    if command == "project_file":
        return [_sent(said)]
    if isinstance(command, str) and command in ORDERS:
        return [_replied(command, said)]
    return []


def _status(said: Mapping[str, object], fun: object) -> Fact:
    state = said.get("gcode_state")
    if state == "PAUSED":
        state = "PAUSE"
    if state not in (None, "") and (not isinstance(state, str) or state not in STATES):
        return Noise(f"an unknown state: {words(state)}")
    ams = table(said.get("ams"))
    return Status(
        state=words(state) or None,
        name=_text(said.get("subtask_name")),
        file=_text(said.get("gcode_file")),
        plate_index=_whole(said.get("plate_idx"), 999),
        task=_text(said.get("task_id")),
        subtask=_text(said.get("subtask_id")),
        started=_text(said.get("gcode_start_time")),
        print_type=_text(said.get("print_type")),
        percent=_whole(said.get("mc_percent"), 100),
        left_min=_whole(said.get("mc_remaining_time"), 1_000_000),
        layer=_whole(said.get("layer_num"), 1_000_000),
        layers=_whole(said.get("total_layer_num"), 1_000_000),
        error=_whole(said.get("print_error"), 0xFFFF_FFFF),
        fail_reason=_whole(_digits(said.get("fail_reason")), 0xFFFF_FFFF),
        hms=_hms(said.get("hms")),
        fun=_hex(fun),
        trays=_trays(ams, said.get("vt_tray")),
        tray_now=_whole(_digits(ams.get("tray_now")), 65_535),
        nozzle_c=_whole(said.get("nozzle_temper"), 2_000),
        nozzle_goal_c=_whole(said.get("nozzle_target_temper"), 2_000),
        bed_c=_whole(said.get("bed_temper"), 2_000),
        bed_goal_c=_whole(said.get("bed_target_temper"), 2_000),
        chamber_c=_whole(said.get("chamber_temper"), 2_000),
    )


def _versions(modules: object) -> list[Fact]:
    if not isinstance(modules, list):
        return [Noise(f"versions of nothing: {words(modules)}")]
    for module in map(table, modules[:MAX_MODULES]):
        if module.get("name") == "ota":
            return [Versions(words(module.get("product_name")), words(module.get("sw_ver")))]
    return [Versions("", "")]


def _replied(command: str, said: Mapping[str, object]) -> Fact:
    code = _whole(said.get("err_code"), 0xFFFF_FFFF)
    done = not code and words(said.get("result")).lower() in ("success", "")
    why = " ".join(filter(None, (words(said.get("reason")), f"({error_code(code)})" if code else "")))
    return Replied(command, words(said.get("sequence_id")), done, why)


def _sent(said: Mapping[str, object]) -> Fact:
    mapping = said.get("ams_mapping")
    slots = mapping[:MAX_TRAYS] if isinstance(mapping, list) else []
    trays = tuple(-1 if (slot := _whole(one, 65_535)) is None else slot for one in slots)
    path = _PATH.fullmatch(url) if isinstance(url := said.get("url"), str) else None
    name, plate = words(said.get("subtask_name")), _plate(_text(said.get("param")))
    return Sent(name, path[1] if path else None, plate, trays)


def _trays(ams: Mapping[str, object], external: object) -> dict[int, dict[str, object]] | None:
    found: dict[int, dict[str, object]] = {}
    units = ams.get("ams")
    for unit in map(table, units[:MAX_TRAYS] if isinstance(units, list) else ()):
        base, trays = _whole(_digits(unit.get("id")), 255), unit.get("tray")
        for tray in map(table, trays[:4] if isinstance(trays, list) else ()):
            place = _whole(_digits(tray.get("id")), 3)
            if base is not None and place is not None and len(found) < MAX_TRAYS:
                # an AMS HT has one place, and its own number from 128 on
                found[base * 4 + place if base < 128 else base] = _tray(tray)
    if isinstance(external, dict):
        found[EXTERNAL_TRAY] = _tray(external)
    return found or None


def _tray(tray: Mapping[str, object]) -> dict[str, object]:
    kept = {name: tray[name] for name in ("tray_type", "tray_uuid", "remain") if name in tray}
    return {name: words(one) if isinstance(one, str) else _whole(one, 100) for name, one in kept.items()}


def _hms(value: object) -> tuple[tuple[int, int], ...] | None:
    if not isinstance(value, list):
        return None
    pairs = [
        (_whole(one.get("attr"), 0xFFFF_FFFF), _whole(one.get("code"), 0xFFFF_FFFF))
        for one in map(table, value[:MAX_HMS])
    ]
    return tuple((attr, code) for attr, code in pairs if attr is not None and code is not None)


def error_code(error: int) -> str:
    """Write a print error as the maker does: 0300-400C."""
    return f"{error >> 16:04X}-{error & 0xFFFF:04X}"


def hms_code(attr: int, code: int) -> str:
    """Write a health message as the maker does: HMS_0300-0100-0001-0007."""
    return f"HMS_{error_code(attr)}-{error_code(code)}"


def _plate(path: str | None) -> int | None:
    found = _PLATE.search(path or "")
    return int(found[1]) if found else None


def _text(value: object) -> str | None:
    """Return text, empty too; None for anything else."""
    return words(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _digits(value: object) -> object:
    """Return the number that a text writes, as some fields do; anything else as it is."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value) else value


def _hex(value: object) -> int | None:
    return int(value, 16) if isinstance(value, str) and _HEX.fullmatch(value) else None


def _whole(value: object, most: int) -> int | None:
    found = signed(value)
    return int(found) if found is not None and 0 <= found <= most else None
