"""What a machine-access-control box (ESPHome, "dm-mac") posts and is answered. Pure: no port, no clock.

Source: the project's esphome-configs (2024.6.4, 2025.11.2) and its server's schema. The box posts its whole
state every 10 s and whenever a card comes or goes; its relay follows the last answer of status 2xx, for ever.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from floor.words import BadgeKind, InputRole, StopType
from hardware.events import (
    BadgeAsked,
    BadgeRemoved,
    ButtonPressed,
    PowerGone,
    ReaderEvent,
    ReaderNoise,
)
from hardware.nodes.question import Question, Verdict
from hardware.ports import Lamp, Screen

MAX_BYTES = 2048
MAX_NAME = 64
MAX_FOB = (1 << 32) - 1
MAX_FOB_DIGITS = 10
ANSWER_S = 1.5
OVERTAKEN_S = 15.0
YOUNG_S = 60.0
COLUMNS = 16
RGB = {
    Lamp.OFF: (0.0, 0.0, 0.0),
    Lamp.GREEN: (0.0, 1.0, 0.0),
    Lamp.AMBER: (1.0, 0.5, 0.0),
    Lamp.RED: (1.0, 0.0, 0.0),
    Lamp.BLUE: (0.0, 0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Update:
    """A box's state. `uid` has four bytes, or none while no card is in it; `uptime_s` is since its start."""

    machine_name: str
    uid: bytes
    oops: bool
    uptime_s: float


def parse(body: bytes) -> Update | ReaderNoise:
    """Read one post; total, and bounded by MAX_BYTES."""
    if len(body) > MAX_BYTES:
        return ReaderNoise("a post is too long")
    try:
        table = json.loads(body)
    except (ValueError, RecursionError):
        return ReaderNoise("a post is not JSON")
    if not isinstance(table, dict):
        return ReaderNoise("a post is not a table")
    name, oops, uptime_s = table.get("machine_name"), table.get("oops", False), table.get("uptime")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        return ReaderNoise("a post names no machine")
    if not isinstance(oops, bool):
        return ReaderNoise("a post's oops is neither true nor false")
    if uptime_s is None:
        uptime_s = 0  # a box that has just begun has not measured it yet
    if not isinstance(uptime_s, int | float) or isinstance(uptime_s, bool) or not 0 <= uptime_s < 1e10:
        return ReaderNoise("a post has an uptime that cannot be")
    uid = _uid(table.get("rfid_value") or "")
    return Update(name, uid, oops, float(uptime_s)) if uid is not None else ReaderNoise("a post has no fob")


def _uid(fob: object) -> bytes | None:
    """Return a fob's bytes, none for no fob, None for what is not 1 to 10 decimal digits of 32 bits."""
    if fob == "":
        return b""
    if not isinstance(fob, str) or len(fob) > MAX_FOB_DIGITS or not (fob.isascii() and fob.isdigit()):
        return None
    return int(fob).to_bytes(4, "big") if 0 < int(fob) <= MAX_FOB else None


def reply(screen: Screen, *, relay: bool) -> dict[str, object]:
    """Answer a post. `relay` is what is decided now; the second relay is never used."""
    first, *rest = screen.english or screen.lines or ("",)
    told = next((line for line in reversed(rest) if line.isascii() and line), "")
    return {
        "relay": relay,
        "display": f"{_plain(first)}\n{_plain(told)}",
        "oops_led": screen.lamp is Lamp.RED,
        "status_led_rgb": list(RGB[screen.lamp]),
        "status_led_brightness": 0.0 if screen.lamp is Lamp.OFF else 0.5,
        "second_relay": False,
    }


def _plain(text: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in text[:COLUMNS])


class MacBox:
    """The life of one box. Times (s, monotonic) come with each call; `act` is told what the station hears.

    A card that lies in the box when it, or the gateway, begins or was lost is no tap: it is to be put in
    anew.
    """

    def __init__(self, act: Callable[[ReaderEvent], None]) -> None:
        self._act = act
        self._lying = b""
        self._oops = False
        self._uptime_s = math.inf
        self.question: Question | None = None

    def heard(self, update: Update, at_s: float, *, found: bool) -> Question | None:
        """Take a post; returns the question that it asks, if it does. `found`: the box was lost until now."""
        fallen_s = self._uptime_s - update.uptime_s
        if 0 < fallen_s <= OVERTAKEN_S and update.uptime_s >= YOUNG_S:
            return None  # an older post that was overtaken on the way
        if found or fallen_s > 0:
            self._resume(update, rebooted=0 < fallen_s < math.inf)
            return None
        self._uptime_s = update.uptime_s
        pressed, self._oops = update.oops and not self._oops, update.oops
        if pressed:
            self._act(ButtonPressed(InputRole.OOPS))
        gone, self._lying = self._lying, update.uid
        if gone == update.uid:
            return None
        if gone:
            self._close()
            self._act(BadgeRemoved(gone))
        return self._ask(update.uid, at_s) if update.uid else None

    def tick(self, at_s: float) -> None:
        """Let time pass: a question that was not answered is refused."""
        if self.question:
            self.question.expire(at_s)

    def _resume(self, update: Update, *, rebooted: bool) -> None:
        self._close()
        if self._lying and self._lying != update.uid:
            self._act(BadgeRemoved(self._lying))
        if rebooted:
            self._act(PowerGone(StopType.POWER_LOST))  # its relay fell open, whatever is decided here
        self._uptime_s, self._oops, self._lying = update.uptime_s, update.oops, update.uid

    def _close(self) -> None:
        """Nobody waits for an answer any more."""
        if self.question:
            self.question.close()

    def _ask(self, uid: bytes, at_s: float) -> Question:
        self.question = Question(uid, at_s + ANSWER_S, self._answered)
        self._act(BadgeAsked(uid, BadgeKind.WIEGAND, question=self.question))
        return self.question

    def _answered(self, question: Question, verdict: Verdict) -> None:
        if verdict.granted and not (question.open and question is self.question):
            self._act(PowerGone(StopType.POWER_LOST))  # too late: the box was told no
