"""What GRBL says, read: bytes in, lines with their facts out. No port, no clock, never raises.

Source: gnea/grbl v1.1 doc/markdown/interface.md ("Grbl Response Messages", "Grbl Push Messages", "Real-time
Status reports"). A line keeps its bytes, because a proxy hands them on as they came.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from firmware_bridge.events import Noise

MAX_LINE = 1024
MAX_WORDS = 500
MAX_NOISE = 120
MAX_AXES = 9
STATES = frozenset(
    {"Idle", "Run", "Hold", "Jog", "Alarm", "Door", "Check", "Home", "Sleep", "Tool"}
)  # Tool is grblHAL's: a manual change of the tool

Axes = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One status report. Positions and feed (per minute) are in mm, or in inches where `$13=1`.

    `card` is what grblHAL and FluidNC say of a job from their own card: percent done and file.
    """

    state: str
    sub: int | None = None
    machine: Axes | None = None
    work: Axes | None = None
    offset: Axes | None = None
    feed: float | None = None
    speed: float | None = None
    overrides: Axes | None = None
    accessories: str = ""
    pins: str = ""
    buffers: Axes | None = None
    line: int | None = None
    card: tuple[float, str] | None = None


@dataclass(frozen=True, slots=True)
class Greeting:
    """The machine started, or was reset."""

    text: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """`ok`, or `error:n` with its number (0 when the error has only words); one for each line."""

    error: int | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """`ALARM:n`; 0 when it has only words."""

    code: int


@dataclass(frozen=True, slots=True)
class Message:
    """`[MSG:…]`."""

    text: str


@dataclass(frozen=True, slots=True)
class Setting:
    """`$n=value`, an answer to `$$`."""

    number: int
    value: str


@dataclass(frozen=True, slots=True)
class Build:
    """`[VER:…]` or `[OPT:…]`, answers to `$I`."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """Any other line that is well formed: `[GC:…]`, `[G54:…]`, a startup line, an empty one."""

    text: str


Fact = Report | Greeting | Acknowledged | Alarm | Message | Setting | Build | Said | Noise


@dataclass(frozen=True, slots=True)
class Heard:
    """One line as it came, line end included, and what it says."""

    raw: bytes
    fact: Fact


class GrblParser:
    """Cuts what comes into lines, however it is sliced. A line over MAX_LINE bytes is cut, and is noise."""

    def __init__(self) -> None:
        self._rest = b""
        self._overlong = False

    def receive_data(self, data: bytes) -> list[Heard]:
        """Take the next bytes and return the lines that they end."""
        heard: list[Heard] = []
        rest, begin = self._rest + data, 0
        while True:
            end = rest.find(b"\n", begin, begin + MAX_LINE) + 1
            ended = end > 0
            if not ended:
                end = begin + MAX_LINE
                if end > len(rest):
                    break
            raw = rest[begin:end]
            whole = ended and not self._overlong
            self._overlong = not ended
            heard.append(Heard(raw, parse_line(raw) if whole else Noise("a line is too long")))
            begin = end
        self._rest = rest[begin:]
        return heard


_NUMBERED = re.compile(r"(error|ALARM):\s*(\d{1,5})?", re.IGNORECASE)
_SETTING = re.compile(r"\$(\d{1,5})=([^ (]*)")
_BRACKET = re.compile(r"\[([A-Za-z0-9]{1,12})[:\s]?(.*)\]")


def parse_line(raw: bytes) -> Fact:
    """Read one line; what cannot be read becomes Noise."""
    text = _words(raw.decode("utf-8", "replace").rstrip("\r\n"))
    if text == "ok":
        return Acknowledged()
    if text.startswith("<"):
        return _report(text) if text.endswith(">") else Noise(f"half a report: {text[:MAX_NOISE]}")
    if text.startswith("Grbl"):  # also GrblHAL, and FluidNC's `Grbl 3.7 [FluidNC v3.7.8 …]`
        return Greeting(text)
    if numbered := _NUMBERED.match(text):
        code = int(numbered[2] or 0)
        return Alarm(code) if numbered[1].upper() == "ALARM" else Acknowledged(code)
    if setting := _SETTING.match(text):
        return Setting(int(setting[1]), setting[2])
    if bracket := _BRACKET.fullmatch(text):
        kind, rest = bracket[1].upper(), bracket[2].strip()
        if kind == "MSG":
            return Message(rest)
        return Build(kind, rest) if kind in ("VER", "OPT") else Said(text)
    if not text or text.startswith((">", "$")):
        return Said(text)
    return Noise(f"no line of GRBL: {text[:MAX_NOISE]}")


def _report(text: str) -> Fact:
    fields = text[1:-1].split("|")
    state, _, sub = fields[0].partition(":")
    if state not in STATES:
        return Noise(f"no report of GRBL 1.1: {text[:MAX_NOISE]}")
    found: dict[str, str] = {}
    for field in fields[1:]:
        name, _, value = field.partition(":")
        found.setdefault(name, value)  # of two fields of one name the first holds
    speeds = _numbers(found.get("FS", found.get("F")))
    line = _numbers(found.get("Ln"))
    return Report(
        state=state,
        sub=int(sub) if sub.isdecimal() and len(sub) < 6 else None,
        machine=_numbers(found.get("MPos")),
        work=_numbers(found.get("WPos")),
        offset=_numbers(found.get("WCO")),
        feed=speeds[0] if speeds else None,
        speed=speeds[1] if speeds and len(speeds) > 1 and "FS" in found else None,
        overrides=_numbers(found.get("Ov")),
        accessories=found.get("A", ""),
        pins=found.get("Pn", ""),
        buffers=_numbers(found.get("Bf")),
        line=int(line[0]) if line else None,
        card=_card(found.get("SD")),
    )


def _card(text: str | None) -> tuple[float, str] | None:
    percent, _, name = (text or "").partition(",")
    done = _numbers(percent)
    return (min(100.0, max(0.0, done[0])), name) if done and name else None


def _numbers(text: str | None) -> Axes | None:
    if not text:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        return None
    within = len(values) <= MAX_AXES and all(math.isfinite(value) and abs(value) < 1e9 for value in values)
    return values if within else None


def _words(text: str) -> str:
    """Return a short printable line; a report or a greeting is well below the bound."""
    short = text[:MAX_WORDS]
    if not short.isprintable():  # looked at as a whole first: nearly all that comes is printable
        short = "".join(letter if letter.isprintable() else " " for letter in short)
    return short.strip()
