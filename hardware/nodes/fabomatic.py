"""What a Fab-O-Matic board says and is told: bytes in, facts out; facts in, bytes out. No port, no clock.

Source: the firmware's MQTTtypes.cpp, FabBackend.cpp, BoardLogic.cpp and BufferedMsg.hpp (2026). A reply has
no request's id; a board receives at most 300 bytes, topic included, and shows ASCII.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from hardware.events import ReaderNoise
from hardware.nodes.question import Verdict

MAX_BYTES = 512
MAX_SHOWN = 32
MAX_LOGOFF_MIN = 65_535
_UID = re.compile(r"[0-9a-fA-F]{8}")
_WITH_UID = frozenset({"checkuser", "startuse", "inuse", "stopuse", "maintenance"})
_WITHOUT_UID = frozenset({"checkmachine", "alive"})
_LONGEST_S = 1 << 31


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a board. `uid` has four bytes, or none where the action has no badge; `duration_s` is 0
    where nothing is told. `replay`: it was kept while the board was offline, and says nothing of now."""

    action: str
    uid: bytes = b""
    duration_s: int = 0
    replay: bool = False


def parse(payload: bytes) -> Said | ReaderNoise:
    """Read one message; total, and bounded by MAX_BYTES."""
    if len(payload) > MAX_BYTES:
        return ReaderNoise("a message is too long")
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return ReaderNoise("a message is not JSON")
    if not isinstance(body, dict):
        return ReaderNoise("a message is not a table")
    action, uid = body.get("action"), body.get("uid")
    if not isinstance(action, str):
        return ReaderNoise("a message has no action")
    if action in _WITHOUT_UID:
        return Said(action)
    if action not in _WITH_UID:
        return ReaderNoise("a message has no action that is known")
    if not isinstance(uid, str) or not _UID.fullmatch(uid):
        return ReaderNoise(f"{action} has no badge of eight hexadecimal digits")
    duration = body.get("duration", 0)
    if not isinstance(duration, int) or isinstance(duration, bool) or not 0 <= duration < _LONGEST_S:
        return ReaderNoise(f"{action} has a duration that cannot be")
    return Said(action, bytes.fromhex(uid), duration, bool(body.get("replay", False)))


def user_reply(verdict: Verdict) -> bytes:
    """Answer `checkuser`. A refusal is a success of the request: else the board would ask its own cache.

    The level is always a plain member's: staff's levels let a board skip its maintenance lock.
    """
    granted = verdict.granted
    return _pack(
        request_ok=True,
        is_valid=granted,
        name=plain(verdict.shown) if granted else "",
        missing_auth=False,
        level=1 if granted else 0,
    )


def machine_reply(name: str, *, allowed: bool, logoff_min: int) -> bytes:
    """Answer `checkmachine`: power off at once at the end (`grace` 0), at the latest after `logoff_min`."""
    return _pack(
        request_ok=True,
        is_valid=True,
        maintenance=False,
        allowed=allowed,
        name=plain(name),
        logoff=min(max(1, logoff_min), MAX_LOGOFF_MIN),
        type=0,
        grace=0,
        description="",
    )


def simple_reply(*, ok: bool) -> bytes:
    """Answer anything else."""
    return _pack(request_ok=ok, message="")


def stop_request() -> bytes:
    """Order the end of whatever runs; the board answers by `stopuse`, also where nothing ran."""
    return _pack(request_type="stop", uid="00000000")


def plain(text: str) -> str:
    """Return what a board can show of a text: ASCII, cut to MAX_SHOWN."""
    return "".join(char if " " <= char <= "~" else "?" for char in text[:MAX_SHOWN])


def _pack(**body: object) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
